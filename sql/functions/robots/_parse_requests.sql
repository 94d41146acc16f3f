-- capataz_ops._parse_requests(p_robots) -> robot_request[]
--
-- Types and checks the elements of submit_robots. Where an element cannot be typed, it is looked up and named.
-- Times may carry a zone, which is honoured.
-- Locks: none. Writes: nothing. Raises: RB400 naming index and field.
create or replace function capataz_ops._parse_requests(p_robots jsonb)
  returns capataz_ops.robot_request[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, YMD'
as $$
declare
  v_requests capataz_ops.robot_request[];
  v_bad record;
  v_message text;
begin
  select b.place, b.element into v_bad
  from jsonb_array_elements(p_robots) with ordinality as b (element, place)
  where jsonb_typeof(b.element) <> 'object'
  order by b.place
  limit 1;
  if found then
    raise exception using
      errcode = 'RB400',
      message = format('robots[%s] must be a JSON object', v_bad.place - 1),
      detail = format('robots[%s] is of type %s.', v_bad.place - 1, jsonb_typeof(v_bad.element)),
      hint = 'Give an object such as {"robot_type": "INVOICE"}.';
  end if;

  select b.place, k.key as element into v_bad
  from jsonb_array_elements(p_robots) with ordinality as b (element, place)
  cross join lateral jsonb_object_keys(b.element) as k (key)
  where k.key not in (
    'robot_type', 'input_data', 'module_name', 'priority', 'available_at', 'cache_key', 'correlation_id',
    'source_reference', 'retry_limit', 'estimated_duration_minutes', 'complexity_score', 'processing_tier',
    'security_classification', 'compliance_tags', 'metadata', 'robot_id'
  )
  order by b.place
  limit 1;
  if found then
    raise exception using
      errcode = 'RB400',
      message = format('robots[%s] has an unknown key', v_bad.place - 1),
      detail = format('The key is "%s".', left(v_bad.element, 60)),
      hint = 'Keys are the arguments of submit_robot less p_.';
  end if;

  begin
    select array_agg(
      capataz_ops._check_request(
        row(
          q.robot_type, q.input_data, q.module_name, q.priority, q.available_at::timestamp, q.cache_key, q.correlation_id,
          q.source_reference, q.retry_limit, q.estimated_duration_minutes, q.complexity_score, q.processing_tier,
          q.security_classification, q.compliance_tags, q.metadata, q.robot_id
        )::capataz_ops.robot_request,
        q.place - 1
      )
      order by q.place
    )
    into v_requests
    from rows from (
      jsonb_to_recordset(p_robots) as (
        robot_type text, input_data jsonb, module_name text, priority text, available_at timestamptz, cache_key text,
        correlation_id text, source_reference text, retry_limit bigint, estimated_duration_minutes bigint,
        complexity_score double precision, processing_tier text, security_classification text, compliance_tags text[],
        metadata jsonb, robot_id text
      )
    ) with ordinality as q (
      robot_type, input_data, module_name, priority, available_at, cache_key, correlation_id, source_reference,
      retry_limit, estimated_duration_minutes, complexity_score, processing_tier, security_classification,
      compliance_tags, metadata, robot_id, place
    );
    return v_requests;
  exception
    when data_exception then
      v_message := sqlerrm;
  end;

  -- which element, which field
  for v_bad in
    select b.place - 1 as place, f.field, b.element -> f.field as given, f.kind
    from jsonb_array_elements(p_robots) with ordinality as b (element, place)
    cross join (
      values
        ('available_at', 'timestamp with time zone'), ('retry_limit', 'bigint'),
        ('estimated_duration_minutes', 'bigint'), ('complexity_score', 'double precision'), ('compliance_tags', 'text[]')
    ) as f (field, kind)
    where b.element -> f.field <> 'null'::jsonb
    order by b.place
  loop
    begin
      case v_bad.kind
        when 'timestamp with time zone' then perform (v_bad.given #>> '{}')::timestamptz;
        when 'bigint' then perform (v_bad.given #>> '{}')::bigint;
        when 'double precision' then perform (v_bad.given #>> '{}')::double precision;
        else
          if jsonb_typeof(v_bad.given) <> 'array'
             or jsonb_path_exists(v_bad.given, 'strict $[*] ? (@.type() == "array" || @.type() == "object")')
          then
            raise invalid_text_representation;
          end if;
      end case;
    exception
      when data_exception then
        raise exception using
          errcode = 'RB400',
          message = format('robots[%s].%s is not usable', v_bad.place, v_bad.field),
          detail = format('%s is %s.', v_bad.field, left(v_bad.given::text, 60)),
          hint = format('Give a value of type %s.', v_bad.kind);
    end;
  end loop;
  raise exception using
    errcode = 'RB400',
    message = 'robots has an element that is not usable',
    detail = v_message,
    hint = 'Give the types of the arguments of submit_robot.';
end
$$;

comment on function capataz_ops._parse_requests(jsonb) is
  'Types and checks the elements of submit_robots. RB400 names index and field.';

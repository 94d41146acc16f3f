-- capataz.submit_robots(p_robots) -> rows (robot_id, module_name, status, cache_hit, deduplicated), in element order
--
-- Submits many robots: a JSON array of objects with the arguments of submit_robot, less p_. All or nothing.
-- Of two elements with one cache key the second is deduplicated (RB409 where its type or module is another); keys are taken in
-- order of key. Up to 100,000 elements.
-- Locks:  robots rows whose keys move, in order of key. Writes: robots.
-- Raises: as submit_robot; RB400 names the index of the element, from 0.
create or replace function capataz.submit_robots(p_robots jsonb)
  returns table (
    robot_id varchar(50),
    module_name varchar(100),
    status capataz.robot_status_enum,
    cache_hit boolean,
    deduplicated boolean
  )
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
  v_reachable constant text[] := capataz_ops._scope('submit');
  v_requests capataz_ops.robot_request[];
  v_given capataz_ops.robot_request[];
  v_modules text[];
  v_contexts jsonb[];
  v_type record;
  v_inserted text[];
  v_wanted integer;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  if p_robots is null or jsonb_typeof(p_robots) <> 'array' then
    raise exception using
      errcode = 'RB400',
      message = 'robots must be a JSON array',
      detail = format('robots is %s.', coalesce('of type ' || jsonb_typeof(p_robots), 'null')),
      hint = 'Give an array of objects such as [{"robot_type": "INVOICE"}].';
  end if;
  if jsonb_array_length(p_robots) > 100000 then
    raise exception using
      errcode = 'RB400',
      message = 'robots has too many elements',
      detail = format('robots has %s elements.', jsonb_array_length(p_robots)),
      hint = 'Submit up to 100000 robots a call.';
  end if;
  v_requests := capataz_ops._parse_requests(p_robots);
  v_wanted := coalesce(cardinality(v_requests), 0);
  if v_wanted = 0 then
    return;
  end if;

  if v_reachable is not null then
    v_given := v_requests;
    v_requests := capataz_ops._tie_requests(v_requests, v_reachable);
  end if;

  -- modules: each pinned pair is checked once, each type is routed as a set
  v_modules := array_fill(null::text, array[v_wanted]);
  for v_type in
    select q.robot_type, q.module_name, array_agg(q.place order by q.place) as places, count(*)::integer as wanted
    from unnest(v_requests) with ordinality as q (
      robot_type, input_data, module_name, priority, available_at, cache_key, correlation_id, source_reference,
      retry_limit, estimated_duration_minutes, complexity_score, processing_tier, security_classification,
      compliance_tags, metadata, robot_id, place
    )
    group by q.robot_type, q.module_name
  loop
    if v_type.module_name is not null then
      begin
        perform capataz_ops._check_pinned(v_type.module_name, v_type.robot_type);
      exception
        when sqlstate 'RB400' then
          raise exception using
            errcode = 'RB400',
            message = format('robots[%s].robot_type: %s', v_type.places[1] - 1, sqlerrm),
            detail = format('Element %s asks for it.', v_type.places[1] - 1),
            hint = 'Give a type that the module supports, or name no module.';
      end;
    end if;
    if v_type.wanted = v_wanted then
      v_modules := case
        when v_type.module_name is not null then array_fill(v_type.module_name, array[v_type.wanted])
        else capataz_ops._route(v_type.robot_type, v_type.wanted)
      end;
    else
      select array_agg(coalesce(c.module_name, m.module_name) order by m.place) into v_modules
      from unnest(v_modules) with ordinality as m (module_name, place)
      left join unnest(
        v_type.places,
        case
          when v_type.module_name is not null then array_fill(v_type.module_name, array[v_type.wanted])
          else capataz_ops._route(v_type.robot_type, v_type.wanted)
        end
      ) as c (place, module_name) on c.place = m.place;
    end if;
  end loop;

  if exists (
    select
    from capataz_ops.module_settings as s
    where s.module_name = any (v_modules)
      and (s.sensitive_paths is not null or s.input_schemas is not null)
  ) then
    select array_agg(
      capataz_ops._inspect_input(
        v_modules[q.place], q.robot_type, q.input_data, format('robots[%s].input_data', q.place - 1)
      )
      order by q.place
    )
    into v_contexts
    from unnest(v_requests) with ordinality as q (
      robot_type, input_data, module_name, priority, available_at, cache_key, correlation_id, source_reference,
      retry_limit, estimated_duration_minutes, complexity_score, processing_tier, security_classification,
      compliance_tags, metadata, robot_id, place
    );
  end if;

  if not exists (select from unnest(v_requests) as q where q.cache_key is not null) then
    return query
    with wanted as materialized (
      select
        q.*,
        v_modules[q.place] as chosen,
        coalesce(
          q.robot_id, t.prefix || nextval('capataz.robots_seq'::regclass)
        ) as new_robot_id,
        nextval('capataz.robots_arrival_seq'::regclass) as arrival
      from unnest(v_requests) with ordinality as q (
        robot_type, input_data, module_name, priority, available_at, cache_key, correlation_id, source_reference,
        retry_limit, estimated_duration_minutes, complexity_score, processing_tier, security_classification,
        compliance_tags, metadata, robot_id, place
      )
      join (
        select u.robot_type, capataz_ops._robot_id_prefix(u.robot_type, v_now) as prefix
        from (select distinct d.robot_type from unnest(v_requests) as d) as u
      ) as t on t.robot_type = q.robot_type
    ), inserted as (
      insert into capataz.robots (
        robot_id, robot_type, module_name, input_data, priority, processing_tier, retry_limit,
        source_reference, correlation_id, estimated_duration_minutes, complexity_score, security_classification,
        compliance_tags, enterprise_metadata, created_at, available_at, is_routed, arrival,
        compliance_context
      )
      overriding system value
      select
        w.new_robot_id, w.robot_type, w.chosen, w.input_data, w.priority::capataz.priority_enum,
        coalesce(w.processing_tier, 'STANDARD')::capataz.processing_tier_enum, w.retry_limit, w.source_reference, w.correlation_id,
        w.estimated_duration_minutes, round(coalesce(w.complexity_score, 1.0)::numeric, 1),
        coalesce(w.security_classification, 'STANDARD'), w.compliance_tags, coalesce(w.metadata, '{}'),
        v_now, greatest(w.available_at, v_now), w.module_name is null, w.arrival,
        v_contexts[w.place]
      from wanted as w
      -- ids that callers bring are locked in their order, so that two calls never wait for each other in a circle
      order by w.robot_id collate "C" nulls first, w.place
      on conflict do nothing
      returning robot_id
    )
    select
      w.new_robot_id::varchar(50), w.chosen::varchar(100), 'PENDING'::capataz.robot_status_enum, false, false
    from wanted as w
    cross join (select count(*) as done from inserted) as i
    where i.done = v_wanted
    order by w.place;
    if not found then
      select array_agg(q.robot_id) into v_inserted
      from unnest(v_requests) as q
      where q.robot_id is not null;
      perform capataz_ops._raise_robot_id_taken((
        select d.robot_id
        from (
          select r.robot_id from capataz.robots as r where r.robot_id = any (v_inserted)
          union all
          select u.robot_id from unnest(v_inserted) as u (robot_id)
        ) as d
        group by d.robot_id
        having count(*) > 1
        order by d.robot_id
        limit 1
      ));
    end if;
    return;
  end if;

  -- with cache keys: one by one, in order of key, so that two calls never wait for each other in a circle
  return query
  select a.robot_id, a.module_name, a.status, a.cache_hit, a.deduplicated
  from capataz_ops._submit_ordered(coalesce(v_given, v_requests), v_modules) as a
  order by a.place;
end
$$;

comment on function capataz.submit_robots(jsonb) is
  'Submits many robots at once, all or nothing; answers come in the order of the elements. RB400, RB401, RB403, RB404, RB409, RB503.';

-- capataz.submit_robot(...) -> one row (robot_id, module_name, status, cache_hit, deduplicated)
--
-- Hands one robot to a module (specification 3.2). null for p_module_name: routed. A due time in the past counts as now.
-- p_estimated_duration_minutes: minutes; p_complexity_score: 0.0 to 9.9; p_retry_limit: 0 to 1000, 3 = at most 4 attempts.
-- With p_cache_key, a robot in progress with that key is returned (deduplicated), and a COMPLETED one answers at once
-- (cache_hit) while its module's cache_ttl_seconds lasts; only where it has the same type and, where a module is named, is in
-- that one. p_metadata is stored in enterprise_metadata; its key traceparent, where it has one, must be a W3C trace context:
-- workers go on with it (trace_contexts).
-- A caller who may not reach every module submits to its own; null chooses among them.
-- Locks:  module_registry row (key share, by the foreign key). Writes: robots.
-- Raises: RB400 bad argument, type not supported, or input that does not fit the module's schema, RB401, RB403 not your module,
--         RB404 unknown module, RB409 robot_id taken, or cache_key held by a robot in progress of another type or module,
--         RB503 module inactive or no module for the type.
create or replace function capataz.submit_robot(
  p_robot_type text,
  p_input_data jsonb default '{}',
  p_module_name text default null,
  p_priority text default 'NORMAL',
  p_available_at timestamp default null,
  p_cache_key text default null,
  p_correlation_id text default null,
  p_source_reference text default null,
  p_retry_limit bigint default 3,
  p_estimated_duration_minutes bigint default null,
  p_complexity_score double precision default null,
  p_processing_tier text default null,
  p_security_classification text default null,
  p_compliance_tags text[] default null,
  p_metadata jsonb default '{}',
  p_robot_id text default null
)
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
  rows 1
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  c_control constant text := e'[\\u0001-\\u001F\\u007F-\\u009F\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]';  -- as in _check_text
  v_now constant timestamp := capataz.utc_now();
  v_request capataz_ops.robot_request;
  v_context jsonb;
  v_module_name text := p_module_name;
  v_modules constant text[] := capataz_ops._scope('submit', p_module_name);
  v_is_routed constant boolean := p_module_name is null and v_modules is null;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  -- one expression for the usual call; which rule is broken is looked up only where one is
  if (
    p_robot_type <> '' and length(p_robot_type) <= 50 and p_robot_type !~ c_control
    and (p_input_data = '{}' or capataz_ops._json_fault(p_input_data) is null)
    and p_priority in ('LOW', 'NORMAL', 'HIGH', 'CRITICAL')
    and p_retry_limit between 0 and 1000
    and p_metadata = '{}'
    and num_nonnulls(
      p_cache_key, p_available_at, p_correlation_id, p_source_reference, p_estimated_duration_minutes, p_complexity_score,
      p_processing_tier, p_security_classification, p_compliance_tags, p_robot_id
    ) = 0
  ) is not true then
    v_request := capataz_ops._check_request(
      row(
        p_robot_type, p_input_data, p_module_name, p_priority, p_available_at, p_cache_key, p_correlation_id,
        p_source_reference, p_retry_limit, p_estimated_duration_minutes, p_complexity_score, p_processing_tier,
        p_security_classification, p_compliance_tags, p_metadata, p_robot_id
      )::capataz_ops.robot_request,
      null
    );
  end if;

  if p_module_name is not null then
    if v_modules is not null then
      perform capataz_ops._require_access(v_modules, p_module_name);
    end if;
    perform capataz_ops._check_pinned(p_module_name, p_robot_type);
  elsif v_modules is not null then
    v_module_name := (capataz_ops._route_within(p_robot_type, 1, v_modules))[1];
  else
    v_module_name := (capataz_ops._route(p_robot_type, 1))[1];
  end if;

  -- a schema for the input, or paths that are sensitive: few modules have them
  if exists (
    select
    from capataz_ops.module_settings as s
    where s.module_name = v_module_name
      and (s.sensitive_paths is not null or s.input_schemas is not null)
  ) then
    v_context := capataz_ops._inspect_input(v_module_name, p_robot_type, coalesce(p_input_data, '{}'), 'input_data');
  end if;

  if v_request is null then
    return query
    insert into capataz.robots (
      robot_id, robot_type, module_name, input_data, priority, retry_limit, created_at, updated_at, available_at, is_routed,
      compliance_context
    )
    values (
      capataz_ops._robot_id_prefix(p_robot_type, v_now) || nextval('capataz.robots_seq'::regclass),
      p_robot_type, v_module_name, p_input_data, p_priority::capataz.priority_enum, p_retry_limit, v_now, v_now, v_now,
      v_is_routed, v_context
    )
    returning robot_id, module_name, status, false, false;
    return;
  end if;

  if p_cache_key is not null then
    return query
    select k.robot_id, k.module_name, k.status, k.cache_hit, k.deduplicated
    from capataz_ops._submit_keyed(v_request, v_module_name, v_is_routed) as k;
    return;
  end if;

  robot_id := capataz_ops._insert_robot(v_request, v_module_name, v_is_routed);
  if robot_id is null then
    perform capataz_ops._raise_robot_id_taken(p_robot_id);
  end if;
  module_name := v_module_name;
  status := 'PENDING';
  cache_hit := false;
  deduplicated := false;
  return next;
end
$$;

comment on function capataz.submit_robot(
  text, jsonb, text, text, timestamp, text, text, text, bigint, bigint, double precision, text, text, text[], jsonb, text
) is
  'Hands one robot to a module, or to the module that the router chooses. RB400, RB401, RB403, RB404, RB409, RB503.';

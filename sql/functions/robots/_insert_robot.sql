-- capataz_ops._insert_robot(p_request, p_module_name, p_is_routed) -> text
--
-- Inserts one checked request as a PENDING robot and returns its id; null where its id or its cache key is taken.
-- Locks: none. Writes: robots. Raises: RB400 as _inspect_input.
create or replace function capataz_ops._insert_robot(
  p_request capataz_ops.robot_request,
  p_module_name text,
  p_is_routed boolean
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_robot_id text;
begin
  insert into capataz.robots (
    robot_id, robot_type, module_name, input_data, priority, processing_tier, cache_key, retry_limit,
    source_reference, correlation_id, estimated_duration_minutes, complexity_score, security_classification,
    compliance_tags, enterprise_metadata, created_at, updated_at, available_at, is_routed,
    compliance_context
  )
  values (
    coalesce(
      p_request.robot_id,
      capataz_ops._robot_id_prefix(p_request.robot_type, v_now) || nextval('capataz.robots_seq'::regclass)
    ),
    p_request.robot_type, p_module_name, p_request.input_data, p_request.priority::capataz.priority_enum,
    coalesce(p_request.processing_tier, 'STANDARD')::capataz.processing_tier_enum, p_request.cache_key, p_request.retry_limit,
    p_request.source_reference, p_request.correlation_id, p_request.estimated_duration_minutes,
    round(coalesce(p_request.complexity_score, 1.0)::numeric, 1), coalesce(p_request.security_classification, 'STANDARD'),
    p_request.compliance_tags, coalesce(p_request.metadata, '{}'), v_now, v_now,
    greatest(p_request.available_at, v_now),
    p_is_routed,
    case
      when exists (
        select
        from capataz_ops.module_settings as s
        where s.module_name = p_module_name
          and s.sensitive_paths is not null
      )
        then capataz_ops._inspect_input(p_module_name, p_request.robot_type, p_request.input_data, 'input_data')
    end
  )
  on conflict do nothing
  returning robot_id::text into v_robot_id;
  return v_robot_id;
end
$$;

comment on function capataz_ops._insert_robot(capataz_ops.robot_request, text, boolean) is
  'Inserts one checked request as a PENDING robot; null where its id or cache key is taken.';

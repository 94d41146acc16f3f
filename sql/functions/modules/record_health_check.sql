-- capataz.record_health_check(p_module_name, p_healthy, p_response_time_ms, p_error_message) -> module_health_enum
--
-- Stores the result of a health check (specification 5.2). A good check makes the module HEALTHY, a failed one DEGRADED;
-- neither touches a module that failing work made UNHEALTHY: a page that answers must not hide work that fails.
-- p_response_time_ms: milliseconds, 0 or more.
-- Locks:  module_registry row. Writes: module_registry.
-- Raises: RB400 bad argument, RB404 unknown module.
create or replace function capataz.record_health_check(
  p_module_name text,
  p_healthy boolean,
  p_response_time_ms bigint default null,
  p_error_message text default null
)
  returns capataz.module_health_enum
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_status capataz.module_health_enum;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._check_number('response_time_ms', p_response_time_ms, 0, 2147483647);
  if p_healthy is null then
    raise exception using
      errcode = 'RB400',
      message = 'healthy is required',
      detail = 'healthy is null.',
      hint = 'Give true or false.';
  end if;

  update capataz.module_registry as m
  set last_health_check = capataz.utc_now(),
      health_status = case
        when m.health_status = 'UNHEALTHY' then 'UNHEALTHY'
        when p_healthy then 'HEALTHY'
        else 'DEGRADED'
      end::capataz.module_health_enum,
      last_error_message = case
        when p_healthy then m.last_error_message
        else coalesce(left(p_error_message, 10000), 'health check failed')
      end
  where m.module_name = p_module_name
  returning m.health_status into v_status;
  if not found then
    raise exception using
      errcode = 'RB404',
      message = format('no module "%s"', p_module_name),
      detail = format('module_name is "%s".', p_module_name),
      hint = 'Register it with register_module.';
  end if;
  return v_status;
end
$$;

comment on function capataz.record_health_check(text, boolean, bigint, text) is
  'Stores the result of a health check of a module and returns its health. RB400, RB404.';

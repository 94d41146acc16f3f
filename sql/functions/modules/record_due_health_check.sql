-- capataz.record_due_health_check(p_module_name, p_healthy, p_response_time_ms, p_error_message) -> module_health_enum
--
-- As record_health_check, for whoever asks the modules that due_health_checks names: recorded only where the module's check
-- is still due, so that several probers count one answer (specification 5.2, ADR 0016). Null: somebody else was quicker.
-- p_response_time_ms: milliseconds, 0 or more.
-- Locks:  module_registry row. Writes: as record_health_check.
-- Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.record_due_health_check(
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
begin
  return capataz_ops._record_health_check(p_module_name, p_healthy, p_response_time_ms, p_error_message, true);
end
$$;

comment on function capataz.record_due_health_check(text, boolean, bigint, text) is
  'Records a health check where the module''s check is still due; null where it is not. RB400, RB401, RB403, RB404.';

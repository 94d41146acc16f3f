-- capataz.record_health_check(p_module_name, p_healthy, p_response_time_ms, p_error_message) -> module_health_enum
--
-- Records a health check (specification 3.1, 5.2; ADR 0016): the history of 48 hours, failed checks in a row,
-- uptime_percentage_24h, last_health_check; returns the health that follows. At health_failure_threshold failed checks the
-- module becomes UNHEALTHY; a good one closes only a circuit breaker that checks opened: a page that answers must not hide
-- work that fails.
-- p_response_time_ms: milliseconds, 0 or more.
-- Locks:  module_registry row. Writes: health_checks, module_minutes, module_state, module_registry; by trigger health_changes.
-- Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
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
begin
  return capataz_ops._record_health_check(p_module_name, p_healthy, p_response_time_ms, p_error_message, false);
end
$$;

comment on function capataz.record_health_check(text, boolean, bigint, text) is
  'Stores the result of a health check of a module and returns its health. RB400, RB401, RB403, RB404.';

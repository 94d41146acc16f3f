-- capataz_ops._is_check_due(p_module_name, p_last_health_check) -> boolean
--
-- Whether health_check_interval_seconds have passed since the last health check of a module; true where there was none, or
-- where it lies in the future (the clock was set back).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._is_check_due(p_module_name text, p_last_health_check timestamp)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
begin
  return coalesce(
    p_last_health_check > v_now
    or p_last_health_check <= v_now - (
      select make_interval(secs => s.health_check_interval_seconds)
      from capataz_ops.module_settings as s
      where s.module_name = p_module_name
    ),
    true
  );
end
$$;

comment on function capataz_ops._is_check_due(text, timestamp) is 'Whether a module''s health check is due.';

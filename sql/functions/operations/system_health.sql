-- capataz.system_health() -> rows (check_name, status, detail)
--
-- The system's own health, one row per check; status is OK, WARNING or CRITICAL (specification 4.2: health monitoring).
-- Reads heads of indexes and small tables only: it costs the same at any number of robots. With more than 250 modules the
-- check queue may be up to two minutes old: it comes from the cache system_health (ADR 0018), if that was refreshed by then.
-- Locks: none. Writes: nothing. Raises: RB401, RB403 you may not reach every module.
create or replace function capataz.system_health()
  returns table (check_name text, status text, detail text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._require_fleet();
  return query
  select h.check_name, h.status, h.detail
  from capataz_ops._system_health(false) as h;
end
$$;

comment on function capataz.system_health() is
  'The system''s own health, one row per check: OK, WARNING or CRITICAL. RB401, RB403.';

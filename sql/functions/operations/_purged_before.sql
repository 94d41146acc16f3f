-- capataz_ops._purged_before(p_retention_days, p_now) -> timestamp
--
-- What ended before it is purged: p_retention_days before p_now, 26 hours at least (the windows of 24 hours and their margin
-- stay whole); '-infinity' without retention_days: nothing is.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._purged_before(p_retention_days integer, p_now timestamp)
  returns timestamp
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_retention_days is null then
    return '-infinity'::timestamp;
  end if;
  return p_now - greatest(make_interval(days => p_retention_days), interval '26 hours');
end
$$;

comment on function capataz_ops._purged_before(integer, timestamp) is
  'What ended before it is purged; -infinity: nothing is.';

-- capataz_ops._milliseconds(p_from, p_to) -> integer
--
-- Whole milliseconds between two times, never negative, clamped to the range of integer (24.8 days).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._milliseconds(p_from timestamp, p_to timestamp)
  returns integer
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return least(greatest(round(extract(epoch from p_to - p_from) * 1000), 0), 2147483647)::integer;
end
$$;

comment on function capataz_ops._milliseconds(timestamp, timestamp) is
  'Milliseconds from one time to another, 0 to 2147483647.';

-- capataz_ops._hours_between(p_hours, p_day, p_from, p_to) -> bigint
--
-- Adds up the hours of a day (24 values) that begin in [p_from, p_to).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._hours_between(p_hours bigint[], p_day date, p_from timestamp, p_to timestamp)
  returns bigint
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_first constant integer := greatest(ceil(extract(epoch from p_from - p_day) / 3600), 0)::integer + 1;
  v_last constant integer := least(ceil(extract(epoch from p_to - p_day) / 3600), 24)::integer;
  v_sum bigint := 0::bigint;
begin
  for i in v_first..v_last loop
    v_sum := v_sum + p_hours[i];
  end loop;
  return v_sum;
end
$$;

comment on function capataz_ops._hours_between(bigint[], date, timestamp, timestamp) is
  'Adds up the hours of a day that begin in a range.';

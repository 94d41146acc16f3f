-- capataz_ops._by_hour(p_hours, p_values) -> bigint[]: 24 values
--
-- Spreads values over the hours of a day (0 to 23) that stand beside them; values of the same hour are added up, an hour
-- without one is 0.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._by_hour(p_hours integer[], p_values bigint[])
  returns bigint[]
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_day bigint[] := array_fill(0::bigint, array[24]);
begin
  for i in 1..cardinality(p_hours) loop
    v_day[p_hours[i] + 1] := v_day[p_hours[i] + 1] + p_values[i];
  end loop;
  return v_day;
end
$$;

comment on function capataz_ops._by_hour(integer[], bigint[]) is 'Spreads values over the 24 hours of a day.';

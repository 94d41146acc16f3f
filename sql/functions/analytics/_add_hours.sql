-- capataz_ops._add_hours(p_first, p_second) -> bigint[]
--
-- Adds up two arrays of the 24 hours of a day, hour by hour.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._add_hours(p_first bigint[], p_second bigint[])
  returns bigint[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array_agg(u.first + u.second order by u.place)
  from unnest(p_first, p_second) with ordinality as u (first, second, place)
$$;

comment on function capataz_ops._add_hours(bigint[], bigint[]) is 'Adds up two arrays of the hours of a day.';

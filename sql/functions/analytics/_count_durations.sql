-- capataz_ops._count_durations(p_known, p_durations) -> bigint[]
--
-- p_known (buckets of _duration_limits; null: all zero) with the durations (milliseconds) counted into it.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._count_durations(p_known bigint[], p_durations integer[])
  returns bigint[]
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_limits constant integer[] := capataz_ops._duration_limits();
begin
  return (
    select array_agg(coalesce(p_known[b.place], 0) + coalesce(d.n, 0) order by b.place)
    from generate_series(1, cardinality(c_limits) + 1) as b (place)
    left join (
      -- width_bucket counts a limit to the bucket above it: whole milliseconds, so one less does it
      select width_bucket(u.duration - 1, c_limits) + 1 as place, count(*) as n
      from unnest(p_durations) as u (duration)
      where u.duration >= 0
      group by 1
    ) as d on d.place = b.place
  );
end
$$;

comment on function capataz_ops._count_durations(bigint[], integer[]) is
  'Counts durations into the buckets of metrics.';

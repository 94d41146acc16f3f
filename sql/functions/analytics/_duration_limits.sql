-- capataz_ops._duration_limits() -> integer[]: upper limits of the buckets of module_totals.duration_counts, milliseconds
--
-- 10 ms to two hours, for histograms of metrics: a limit belongs to its bucket. Never change them: module_totals counts by
-- them since a module was registered.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._duration_limits()
  returns integer[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array[
    10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000, 7200000
  ]
$$;

comment on function capataz_ops._duration_limits() is
  'Upper limits of the buckets of durations in metrics, milliseconds.';

-- capataz_ops._report_durations(p_from, p_to) -> rows (module_name, bucket, bucket_count)
--
-- Histogram of the durations of executions that COMPLETED from p_from until before p_to (whole days, UTC), per module
-- (buckets of ADR 0017). Days that have a daily report are read from it, so that a month can be told long after the
-- histograms, which are kept for 8 days; a day that has neither is missing. A daily report of a
-- clock that was ahead counts as none.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._report_durations(p_from timestamp, p_to timestamp)
  returns table (module_name text, bucket smallint, bucket_count bigint)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
#variable_conflict use_column
begin
  return query
  select u.module_name, u.bucket, sum(u.bucket_count)::bigint
  from (
    select h.module_name::text, h.bucket, h.bucket_count
    from capataz.module_registry as m
    join capataz_ops.module_histograms as h
      on h.module_name = m.module_name
      and h.measure = 'duration'
      and h.period_start >= p_from
      and h.period_start < p_to
    where p_to - p_from <= interval '1 day'
      or not exists (
        select
        from capataz_ops.reports as r
        where r.report_kind = 'daily'
          and r.period_start = h.period_start::date
          and not capataz_ops._is_ahead(r.built_at)
      )
    union all
    select e.module ->> 'module', (d.pair ->> 0)::smallint, (d.pair ->> 1)::bigint
    from capataz_ops.reports as r
    cross join lateral jsonb_array_elements(r.document -> 'modules') as e (module)
    cross join lateral jsonb_array_elements(e.module -> 'durations') as d (pair)
    where p_to - p_from > interval '1 day'
      and r.report_kind = 'daily'
      and r.period_start >= p_from
      and r.period_start < p_to
      and not capataz_ops._is_ahead(r.built_at)
  ) as u
  group by u.module_name, u.bucket
  having sum(u.bucket_count) > 0;
end
$$;

comment on function capataz_ops._report_durations(timestamp, timestamp) is
  'Histogram of durations per module over whole days.';

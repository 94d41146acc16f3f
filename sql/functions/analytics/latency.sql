-- capataz.latency(p_module_name, p_hours) -> rows, one per hour in which something COMPLETED, the earliest first
--
-- How long COMPLETED executions took, by hour of completed_at (UTC): median, 95th and 99th percentile, within 5 %, from the
-- histograms of ADR 0017. No execution is read; what is not folded yet is missing (a minute at most).
-- p_module_name: null for all modules that the caller may reach. p_hours: the last 1 to 48 with the one under way.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.latency(p_module_name text default null, p_hours bigint default 24)
  returns table (
    hour timestamp,
    completed_count bigint,
    p50_ms bigint,
    p95_ms bigint,
    p99_ms bigint
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_from timestamp;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('hours', p_hours, 1, 48);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
  v_from := date_trunc('hour', capataz.utc_now()) - make_interval(hours => coalesce(p_hours, 24)::integer - 1);

  return query
  select
    b.period_start,
    sum(b.bucket_count)::bigint,
    round(capataz_ops._percentile(array_agg(b.bucket), array_agg(b.bucket_count), 0.50))::bigint,
    round(capataz_ops._percentile(array_agg(b.bucket), array_agg(b.bucket_count), 0.95))::bigint,
    round(capataz_ops._percentile(array_agg(b.bucket), array_agg(b.bucket_count), 0.99))::bigint
  from (
    select h.period_start, h.bucket, sum(h.bucket_count)::bigint as bucket_count
    from capataz.module_registry as m
    join capataz_ops.module_histograms as h
      on h.module_name = m.module_name
      and h.measure = 'duration'
      and h.period = 'hour'
      and h.period_start >= v_from
    where (p_module_name is null or m.module_name = p_module_name)
      and (v_modules is null or m.module_name = any (v_modules))
    group by h.period_start, h.bucket
    having sum(h.bucket_count) > 0
  ) as b
  group by b.period_start
  order by b.period_start;
end
$$;

comment on function capataz.latency(text, bigint) is
  'Durations of COMPLETED executions per hour: p50, p95, p99. RB400, RB401, RB403, RB404.';

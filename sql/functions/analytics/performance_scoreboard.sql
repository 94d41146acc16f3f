-- capataz.performance_scoreboard() -> rows, one per active module, the best first
--
-- The modules side by side (specification 4.2: performance scoreboard): score and tier as last computed (score_modules), and
-- of the last 24 hours of the clock, the one under way included: what ended, success and error rate in percent (100.00 and 0.00
-- where nothing ended), percentiles of COMPLETED executions (within 5 %), COMPLETED an hour, efficiency (estimated / actual
-- duration where there was an estimate), retries in percent of what ended, mean time from due to begun. What is not folded
-- yet is counted, but for percentiles. Equal scores share a rank. The view of this name has less and is older.
-- Locks: none. Writes: nothing. Raises: RB401, RB403.
create or replace function capataz.performance_scoreboard()
  returns table (
    rank bigint,
    module_name varchar(100),
    performance_score numeric,
    performance_tier capataz.performance_tier_enum,
    health_status capataz.module_health_enum,
    completed_count bigint,
    failed_count bigint,
    success_rate numeric,
    error_rate numeric,
    p50_ms bigint,
    p95_ms bigint,
    p99_ms bigint,
    throughput_per_hour numeric,
    efficiency numeric,
    retry_rate numeric,
    avg_wait_ms bigint,
    capacity_utilization numeric
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_now constant timestamp := capataz.utc_now();
  v_from constant timestamp := date_trunc('hour', v_now) - interval '23 hours';
begin
  return query
  with sums as materialized (
    select
      s.module_name,
      sum(s.completed_count) as completed, sum(s.failed_count) as failed, sum(s.retried_count) as retried,
      sum(s.estimated_ms) as estimated_ms, sum(s.estimated_actual_ms) as estimated_actual_ms,
      sum(s.waited_count) as waited, sum(s.waited_ms) as waited_ms
    from capataz_ops._type_sums(v_modules, v_from, v_now) as s
    group by s.module_name
  )
  select
    rank() over (order by m.performance_score desc nulls last),
    m.module_name, m.performance_score, m.performance_tier, m.health_status,
    coalesce(s.completed, 0)::bigint, coalesce(s.failed, 0)::bigint,
    capataz_ops._percentage(coalesce(s.completed, 0), coalesce(s.failed, 0)),
    100 - capataz_ops._percentage(coalesce(s.completed, 0), coalesce(s.failed, 0)),
    round(capataz_ops._percentile(b.buckets, b.counts, 0.50))::bigint,
    round(capataz_ops._percentile(b.buckets, b.counts, 0.95))::bigint,
    round(capataz_ops._percentile(b.buckets, b.counts, 0.99))::bigint,
    round(coalesce(s.completed, 0) * 3600 / extract(epoch from v_now - v_from + interval '1 millisecond'), 2),
    round(s.estimated_ms / nullif(s.estimated_actual_ms, 0), 3),
    round(100 * s.retried / nullif(s.completed + s.failed, 0), 2),
    round(s.waited_ms / nullif(s.waited, 0))::bigint,
    m.capacity_utilization
  from capataz.module_registry as m
  left join sums as s on s.module_name = m.module_name
  left join lateral (
    select array_agg(g.bucket) as buckets, array_agg(g.n) as counts
    from (
      select h.bucket, sum(h.bucket_count)::bigint as n
      from capataz_ops.module_histograms as h
      where h.module_name = m.module_name
        and h.measure = 'duration'
        and h.period = 'hour'
        and h.period_start >= v_from
      group by h.bucket
    ) as g
  ) as b on true
  where m.is_active
    and (v_modules is null or m.module_name = any (v_modules))
  order by 1, m.module_name;
end
$$;

comment on function capataz.performance_scoreboard() is
  'The active modules side by side: score, rates, percentiles, throughput, efficiency. RB401, RB403.';

-- capataz_ops._report_modules(p_from, p_to) -> jsonb: array, one object per module that was registered before p_to, by name
--
-- What ended, with the period of the same length before (*_before; null where there is none, _has_before); percentiles from the
-- histograms (within 5 %, ADR 0017); queue and executions from the samples; health from its history: status at the end, seconds spent UNHEALTHY or DEGRADED;
-- score and limit as they are at the time of building. busy_seconds: of completed and failed executions.
-- durations: the histogram itself, pairs of bucket and count: weeks and months are made of it.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._report_modules(p_from timestamp, p_to timestamp)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_until constant timestamp := least(p_to, v_now);
  v_has_before constant boolean := capataz_ops._has_before(p_from, p_to);
  v_modules jsonb;
begin
  with ended as materialized (
    select
      h.module_name,
      coalesce(sum(h.completed_count) filter (where h.hour >= p_from), 0)::bigint as completed,
      coalesce(sum(h.completed_ms) filter (where h.hour >= p_from), 0)::bigint as completed_ms,
      coalesce(sum(h.failed_count) filter (where h.hour >= p_from), 0)::bigint as failed,
      coalesce(sum(h.failed_ms) filter (where h.hour >= p_from), 0)::bigint as failed_ms,
      coalesce(sum(h.retried_count) filter (where h.hour >= p_from), 0)::bigint as retried,
      coalesce(sum(h.completed_count) filter (where h.hour < p_from), 0)::bigint as completed_before,
      coalesce(sum(h.failed_count) filter (where h.hour < p_from), 0)::bigint as failed_before
    from capataz_ops._ended_hours(p_from - (p_to - p_from), p_to) as h
    group by h.module_name
  ), histogram as materialized (
    select
      d.module_name,
      array_agg(d.bucket order by d.bucket) as buckets,
      array_agg(d.bucket_count order by d.bucket) as counts,
      jsonb_agg(jsonb_build_array(d.bucket, d.bucket_count) order by d.bucket) as pairs
    from capataz_ops._report_durations(p_from, p_to) as d
    group by d.module_name
  ), health as materialized (
    select
      s.module_name,
      (array_agg(s.to_status order by s.changed_at desc, s.change_id desc))[1] as status,
      coalesce(sum(s.seconds) filter (where s.to_status = 'UNHEALTHY'), 0) as unhealthy_seconds,
      coalesce(sum(s.seconds) filter (where s.to_status = 'DEGRADED'), 0) as degraded_seconds
    from (
      select
        c.module_name, c.to_status, c.changed_at, c.change_id,
        greatest(
          extract(
            epoch from
            coalesce(
              least(lead(c.changed_at) over (partition by c.module_name order by c.changed_at, c.change_id), v_until), v_until
            ) - greatest(c.changed_at, p_from)
          ), 0
        )::bigint as seconds
      from capataz_ops.health_changes as c
      where c.changed_at < v_until
    ) as s
    group by s.module_name
  )
  select
    jsonb_agg(
      jsonb_build_object(
        'module', m.module_name,
        'version', m.module_version,
        'is_active', m.is_active,
        'completed', coalesce(e.completed, 0),
        'failed', coalesce(e.failed, 0),
        'retried', coalesce(e.retried, 0),
        'error_rate', round(100.0 * e.failed / nullif(e.completed + e.failed, 0), 2),
        'completed_before', case when v_has_before then coalesce(e.completed_before, 0) end,
        'failed_before', case when v_has_before then coalesce(e.failed_before, 0) end,
        'error_rate_before', case
          when v_has_before then round(100.0 * e.failed_before / nullif(e.completed_before + e.failed_before, 0), 2)
        end,
        'avg_ms', e.completed_ms / nullif(e.completed, 0),
        'busy_seconds', coalesce(e.completed_ms + e.failed_ms, 0) / 1000,
        'p50_ms', round(capataz_ops._percentile(g.buckets, g.counts, 0.50)),
        'p95_ms', round(capataz_ops._percentile(g.buckets, g.counts, 0.95)),
        'p99_ms', round(capataz_ops._percentile(g.buckets, g.counts, 0.99)),
        'waiting_max', w.waiting_max,
        'oldest_due_seconds', w.oldest_due_seconds,
        'in_flight', w.in_flight,
        'in_flight_max', w.in_flight_max,
        'capacity', m.max_concurrency,
        'health', coalesce(h.status, 'UNKNOWN'),
        'unhealthy_seconds', coalesce(h.unhealthy_seconds, 0),
        'degraded_seconds', coalesce(h.degraded_seconds, 0),
        'score', m.performance_score,
        'tier', m.performance_tier,
        'durations', coalesce(g.pairs, '[]'::jsonb)
      )
      order by m.module_name
    )
  into v_modules
  from capataz.module_registry as m
  left join ended as e on e.module_name = m.module_name
  left join histogram as g on g.module_name = m.module_name
  left join health as h on h.module_name = m.module_name
  cross join lateral (
    select
      max(r.waiting_max) as waiting_max,
      max(r.oldest_due_seconds) as oldest_due_seconds,
      round(sum(r.in_flight * r.sample_count) / nullif(sum(r.sample_count), 0), 2) as in_flight,
      max(r.in_flight_max) as in_flight_max
    from capataz.resource_trend(
      m.module_name, p_from, p_to, case when p_to - p_from > interval '1 day' then 86400 else 3600 end
    ) as r
  ) as w
  where m.registered_at < p_to;
  return coalesce(v_modules, '[]'::jsonb);
end
$$;

comment on function capataz_ops._report_modules(timestamp, timestamp) is
  'The modules of a report.';

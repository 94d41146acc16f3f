-- capataz_ops._report_steps(p_from, p_to, p_step) -> jsonb: array, one object per step (an hour, or a day), the earliest first
--
-- What ended in it, and what the samples of the minutes tell: sample_count 0 and nulls are a gap.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._report_steps(p_from timestamp, p_to timestamp, p_step interval)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
begin
  return (
    select
      jsonb_agg(
        jsonb_build_object(
          'at', g.at,
          'completed', coalesce(e.completed, 0),
          'failed', coalesce(e.failed, 0),
          'avg_ms', e.avg_ms,
          'sample_count', coalesce(t.sample_count, 0),
          'waiting_critical', t.waiting_critical,
          'waiting_high', t.waiting_high,
          'waiting_normal', t.waiting_normal,
          'waiting_low', t.waiting_low,
          'waiting_max', t.waiting_max,
          'oldest_due_seconds', t.oldest_due_seconds,
          'in_flight', t.in_flight,
          'in_flight_max', t.in_flight_max,
          'capacity', t.capacity,
          'cpu_percent', t.cpu_percent,
          'memory_mb', t.memory_mb,
          'database_bytes', d.database_bytes,
          'cache_hit_percent', d.cache_hit_percent
        )
        order by g.at
      )
    from generate_series(p_from, p_to - p_step, p_step) as g (at)
    left join (
      select
        date_bin(p_step, h.hour, p_from) as at,
        sum(h.completed_count) as completed,
        sum(h.failed_count) as failed,
        round(sum(h.completed_ms) / nullif(sum(h.completed_count), 0)) as avg_ms
      from capataz_ops._ended_hours(p_from, p_to) as h
      group by 1
    ) as e on e.at = g.at
    left join capataz.resource_trend(null, p_from, p_to, extract(epoch from p_step)::bigint) as t on t.step_at = g.at
    left join capataz.fleet_trend(p_from, p_to, extract(epoch from p_step)::bigint) as d on d.step_at = g.at
  );
end
$$;

comment on function capataz_ops._report_steps(timestamp, timestamp, interval) is
  'The course of a report: what ended and what waited, step by step.';

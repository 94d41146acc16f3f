-- capataz_ops._report_document(p_kind, p_from, p_to) -> jsonb: object
--
-- Builds a report from derived state: hours per type, histograms, trends, health history, jobs, and failed executions by
-- category (docs/reports.md describes the document). No payload, no error message. Times UTC.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._report_document(p_kind text, p_from timestamp, p_to timestamp)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_step constant interval := case p_kind when 'monthly' then interval '1 day' else interval '1 hour' end;
  v_modules constant jsonb := capataz_ops._report_modules(p_from, p_to);
  v_steps constant jsonb := capataz_ops._report_steps(p_from, p_to, v_step);
  v_since timestamp;
  v_report jsonb;
begin
  -- samples are expected since there is a module, and until now
  select greatest(min(m.registered_at), p_from) into v_since
  from capataz.module_registry as m
  having count(*) > 0;

  select jsonb_build_object(
    'format', 1,
    'kind', p_kind,
    'period', jsonb_build_object('from', p_from, 'to', p_to),
    'built_at', v_now,
    'is_final', p_to <= v_now,
    'step_seconds', extract(epoch from v_step)::integer,
    'summary', (
      select jsonb_build_object(
        'modules', count(*),
        'completed', coalesce(sum(s.completed), 0),
        'failed', coalesce(sum(s.failed), 0),
        'retried', sum(s.retried),
        'error_rate', round(100.0 * sum(s.failed) / nullif(sum(s.completed) + sum(s.failed), 0), 2),
        'completed_before', sum(s.completed_before),
        'failed_before', sum(s.failed_before),
        'error_rate_before', round(
          100.0 * sum(s.failed_before) / nullif(sum(s.completed_before) + sum(s.failed_before), 0), 2
        ),
        'avg_ms', round(sum(s.completed * s.avg_ms) / nullif(sum(s.completed), 0)),
        'busy_seconds', coalesce(sum(s.busy_seconds), 0)
      )
      from jsonb_to_recordset(v_modules) as s (
        completed bigint, failed bigint, retried bigint, completed_before bigint, failed_before bigint, avg_ms numeric,
        busy_seconds bigint
      )
    ) || (
      select jsonb_build_object(
        'p50_ms', round(capataz_ops._percentile(array_agg(d.bucket), array_agg(d.bucket_count), 0.50)),
        'p95_ms', round(capataz_ops._percentile(array_agg(d.bucket), array_agg(d.bucket_count), 0.95)),
        'p99_ms', round(capataz_ops._percentile(array_agg(d.bucket), array_agg(d.bucket_count), 0.99))
      )
      from capataz_ops._report_durations(p_from, p_to) as d
    ) || (
      select jsonb_build_object(
        'waiting_max', max(t.waiting_max),
        'oldest_due_seconds', max(t.oldest_due_seconds),
        'in_flight', round(sum(t.in_flight * t.sample_count) / nullif(sum(t.sample_count), 0), 2),
        'in_flight_max', max(t.in_flight_max),
        'sample_count', sum(t.sample_count),
        'samples_expected', coalesce(greatest(floor(extract(epoch from least(p_to, v_now) - v_since) / 60)::bigint, 0), 0)
      )
      from jsonb_to_recordset(v_steps) as t (
        waiting_max bigint, oldest_due_seconds bigint, in_flight numeric, in_flight_max bigint, sample_count bigint
      )
    ),
    'steps', v_steps,
    'modules', v_modules,
    'types', coalesce((
      select
        jsonb_agg(
          jsonb_build_object(
            'module', y.module_name, 'type', y.robot_type, 'completed', y.completed, 'failed', y.failed,
            'error_rate', round(100.0 * y.failed / nullif(y.completed + y.failed, 0), 2),
            'avg_ms', y.completed_ms / nullif(y.completed, 0)
          )
          order by y.completed + y.failed desc, y.module_name, y.robot_type
        )
      from (
        select
          h.module_name, h.robot_type, sum(h.completed_count)::bigint as completed, sum(h.failed_count)::bigint as failed,
          sum(h.completed_ms)::bigint as completed_ms
        from capataz_ops._ended_hours(p_from, p_to) as h
        group by h.module_name, h.robot_type
        having sum(h.completed_count + h.failed_count) > 0
        order by sum(h.completed_count + h.failed_count) desc, h.module_name, h.robot_type
        limit 100
      ) as y
    ), '[]'::jsonb),
    'health_changes', coalesce((
      select
        jsonb_agg(
          jsonb_build_object('at', c.changed_at, 'module', c.module_name, 'from', c.from_status, 'to', c.to_status)
          order by c.changed_at, c.change_id
        )
      from (
        select c.*
        from capataz_ops.health_changes as c
        where c.changed_at >= p_from
          and c.changed_at < p_to
        order by c.changed_at, c.change_id
        limit 200
      ) as c
    ), '[]'::jsonb),
    -- the catalogue knows the last run and the latest gap of each job
    'jobs', coalesce((
      select
        jsonb_agg(
          jsonb_strip_nulls(jsonb_build_object(
            'job', j.job_name,
            'outcome', j.last_outcome,
            'gap_from', case when j.gap_until >= p_from and j.gap_from < p_to then j.gap_from end,
            'gap_until', case when j.gap_until >= p_from and j.gap_from < p_to then j.gap_until end
          ))
          order by j.job_name
        )
      from capataz_ops.jobs as j
      where j.gap_until >= p_from and j.gap_from < p_to and j.gap_until - j.gap_from > interval '5 minutes'
        or j.last_start_at >= p_from and j.last_start_at < p_to and j.last_outcome like 'failed%'
    ), '[]'::jsonb),
    'errors', capataz_ops._report_errors(p_from, p_to)
  )
  into v_report;

  if p_kind = 'monthly' then
    v_report := v_report || jsonb_build_object('capacity', capataz_ops._report_capacity(p_from, p_to, v_steps));
  end if;
  return v_report || jsonb_build_object('findings', capataz_ops._report_findings(v_report));
end
$$;

comment on function capataz_ops._report_document(text, timestamp, timestamp) is
  'Builds a report from derived state.';

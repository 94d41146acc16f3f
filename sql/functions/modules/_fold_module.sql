-- capataz_ops._fold_module(p_module_name, p_wait) -> boolean
--
-- Moves the committed deltas of a module into its minutes, histograms (of hours, ADR 0017), minutes and hours per robot type
-- (ADR 0024) and totals, and writes the module row: windows of 24 h, totals, consecutive failures, uptime (ADR 0006); health follows by trigger (ADR 0016). Returns false
-- where the row is locked (p_wait false) or missing.
-- Locks:  module_registry row (for no key update; it makes this the only fold of the module).
-- Writes: module_deltas, type_deltas, module_minutes, type_minutes, type_hours, module_histograms, module_state,
--         module_registry (only where a value changes).
-- Raises: nothing.
create or replace function capataz_ops._fold_module(p_module_name text, p_wait boolean)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_started constant timestamptz := clock_timestamp();
  v_now constant timestamp := capataz.utc_now();
  v_from constant timestamp := date_trunc('minute', v_now) - interval '24 hours';
  v_is_unhealthy boolean;
  v_moved record;
  v_state record;
  v_window record;
begin
  if p_wait then
    select m.health_status = 'UNHEALTHY' into v_is_unhealthy
    from capataz.module_registry as m
    where m.module_name = p_module_name
    for no key update;
  else
    select m.health_status = 'UNHEALTHY' into v_is_unhealthy
    from capataz.module_registry as m
    where m.module_name = p_module_name
    for no key update skip locked;
  end if;
  if not found then
    return false;
  end if;

  with moved as (
    delete from capataz_ops.module_deltas as d
    where d.module_name = p_module_name
    returning d.*
  ), folded as (
    insert into capataz_ops.module_minutes as f (
      module_name, minute, completed_count, completed_ms, failed_count, retried_count
    )
    select
      p_module_name, d.minute, sum(d.completed_count), sum(d.completed_ms), sum(d.failed_count), sum(d.retried_count)
    from moved as d
    group by d.minute
    on conflict (module_name, minute) do update set
      completed_count = f.completed_count + excluded.completed_count,
      completed_ms = f.completed_ms + excluded.completed_ms,
      failed_count = f.failed_count + excluded.failed_count,
      -- a deleted execution may no longer say that it was retried
      retried_count = least(
        f.retried_count + excluded.retried_count, greatest(f.failed_count + excluded.failed_count, 0)
      )
  ), marks as (  -- x: one more of value x; ~x: one less
    select 'duration' as measure, date_trunc('hour', d.minute) as hour, v.mark
    from moved as d
    cross join unnest(d.durations) as v (mark)
    where d.minute > v_now - interval '8 days'
    union all
    select 'efficiency', date_trunc('hour', d.minute), v.mark
    from moved as d
    cross join unnest(d.efficiencies) as v (mark)
    where d.minute > v_now - interval '8 days'
  ), counted as (
    insert into capataz_ops.module_histograms as h (module_name, measure, period, period_start, bucket, bucket_count)
    select p_module_name, g.measure, 'hour', g.hour, capataz_ops._bucket(g.value), sum(g.value_count)
    from (
      select
        k.measure, k.hour,
        greatest(k.mark, ~ k.mark) as value,
        sum(case when k.mark >= 0 then 1 else -1 end) as value_count
      from marks as k
      group by k.measure, k.hour, greatest(k.mark, ~ k.mark)
    ) as g
    group by g.measure, g.hour, capataz_ops._bucket(g.value)
    having sum(g.value_count) <> 0
    on conflict (module_name, measure, period, period_start, bucket) do update set
      bucket_count = h.bucket_count + excluded.bucket_count
  ), last_success as (
    select max(d.delta_id) as delta_id
    from moved as d
    where d.succeeded
  )
  select
    coalesce(sum(d.processed_count), 0) as processed_count,
    coalesce(sum(d.processed_ms), 0) as processed_ms,
    bool_or(d.succeeded) as succeeded,
    coalesce(sum(d.failures_in_row) filter (where d.delta_id >= coalesce(s.delta_id, 0)), 0) as failures_in_row,
    (array_agg(d.error_message order by d.delta_id desc) filter (where d.error_message is not null))[1] as error_message
  into v_moved
  from moved as d
  cross join last_success as s;

  with moved as (
    delete from capataz_ops.type_deltas as d
    where d.module_name = p_module_name
    returning d.robot_type, d.minute, d.completed_count, d.completed_ms, d.failed_count
  ), minutes as (
    insert into capataz_ops.type_minutes as f (
      module_name, robot_type, minute, completed_count, completed_ms, failed_count
    )
    select p_module_name, d.robot_type, d.minute, sum(d.completed_count), sum(d.completed_ms), sum(d.failed_count)
    from moved as d
    where d.minute > v_now - interval '48 hours'
    group by d.robot_type, d.minute
    on conflict (module_name, minute, robot_type) do update set
      completed_count = f.completed_count + excluded.completed_count,
      completed_ms = f.completed_ms + excluded.completed_ms,
      failed_count = f.failed_count + excluded.failed_count
  )
  insert into capataz_ops.type_hours as f (module_name, robot_type, hour, completed_count, completed_ms, failed_count)
  select
    p_module_name, d.robot_type, date_trunc('hour', d.minute), sum(d.completed_count), sum(d.completed_ms),
    sum(d.failed_count)
  from moved as d
  where d.minute > v_now - interval '366 days'
  group by d.robot_type, date_trunc('hour', d.minute)
  on conflict (module_name, hour, robot_type) do update set
    completed_count = f.completed_count + excluded.completed_count,
    completed_ms = f.completed_ms + excluded.completed_ms,
    failed_count = f.failed_count + excluded.failed_count;

  select
    coalesce(sum(f.completed_count), 0) as completed_count,
    coalesce(sum(f.completed_ms), 0) as completed_ms,
    coalesce(sum(f.failed_count), 0) as failed_count,
    coalesce(sum(f.good_checks), 0) as good_checks,
    coalesce(sum(f.failed_checks), 0) as failed_checks
  into v_window
  from capataz_ops.module_minutes as f
  where f.module_name = p_module_name
    and f.minute > v_from;

  update capataz_ops.module_state as s
  set processed_count = s.processed_count + v_moved.processed_count,
      processed_ms = s.processed_ms + v_moved.processed_ms,
      window_from = v_from,
      -- a fold that takes long (many dead deltas under an old snapshot) is done more seldom
      next_write_at = clock_timestamp() + interval '1 second' + 20 * (clock_timestamp() - v_started),
      -- a success closes the circuit breaker, unless a new run of failures came after it; what checks opened is closed by
      -- its probe alone: what was in flight says nothing about the time since (ADR 0016)
      opened_by = case when v_moved.succeeded and s.opened_by = 'hand' then 'work' else s.opened_by end,
      failed_checks = case
        when v_moved.succeeded
          and s.opened_by = 'checks'
          and exists (
            select
            from capataz_ops.module_probes as p
            join capataz.robot_execute as e on e.execute_id = p.probe_execute_id
            where p.module_name = p_module_name
              and e.execution_state = 'COMPLETED'
              and e.started_at >= s.probe_after
          )
          then 0
        else s.failed_checks
      end
  where s.module_name = p_module_name
  returning s.processed_count, s.processed_ms, coalesce(v_moved.succeeded, false) and v_is_unhealthy as is_closing
  into v_state;

  update capataz.module_registry as m
  set error_count_24h = n.error_count_24h,
      success_rate_24h = n.success_rate_24h,
      avg_processing_time_ms = n.avg_processing_time_ms,
      total_robots_processed = n.total_robots_processed,
      total_processing_time_hours = n.total_processing_time_hours,
      consecutive_failures = n.consecutive_failures,
      uptime_percentage_24h = n.uptime_percentage_24h,
      last_error_message = n.last_error_message
  from (
    select
      least(greatest(v_window.failed_count, 0), 2147483647)::integer as error_count_24h,
      capataz_ops._percentage(v_window.completed_count, v_window.failed_count) as success_rate_24h,
      case
        when v_window.completed_count > 0
          then least(round(v_window.completed_ms / v_window.completed_count), 2147483647)::integer
        else 0
      end as avg_processing_time_ms,
      capataz_ops._percentage(v_window.good_checks, v_window.failed_checks) as uptime_percentage_24h,
      least(greatest(v_state.processed_count, 0), 2147483647)::integer as total_robots_processed,
      least(round(greatest(v_state.processed_ms, 0) / 3600000.0, 2), 999999.99) as total_processing_time_hours,
      least(
        case when v_moved.succeeded then 0 else coalesce(o.consecutive_failures, 0) end + v_moved.failures_in_row,
        2147483647
      )::integer as consecutive_failures,
      coalesce(v_moved.error_message, o.last_error_message) as last_error_message
    from capataz.module_registry as o
    where o.module_name = p_module_name
  ) as n
  where m.module_name = p_module_name
    and (
      v_state.is_closing
      or (
        m.error_count_24h, m.success_rate_24h, m.avg_processing_time_ms, m.total_robots_processed,
        m.total_processing_time_hours, m.consecutive_failures, m.uptime_percentage_24h, m.last_error_message
      ) is distinct from (
        n.error_count_24h, n.success_rate_24h, n.avg_processing_time_ms, n.total_robots_processed,
        n.total_processing_time_hours, n.consecutive_failures, n.uptime_percentage_24h, n.last_error_message
      )
    );
  return true;
end
$$;

comment on function capataz_ops._fold_module(text, boolean) is
  'Folds the committed deltas of a module and writes its row; false where the row is locked or missing.';

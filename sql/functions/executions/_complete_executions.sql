-- capataz_ops._complete_executions(p_completions) -> rows (place, execute_id)
--
-- Records completed attempts, one row per active execution within its timeout. The robots are locked already.
-- Locks:  robot_execute; by trigger module_permits rows, module_registry rows (skip locked). Writes: robot_execute, robots.
-- Raises: nothing.
create or replace function capataz_ops._complete_executions(p_completions capataz_ops.completion[])
  returns table (place bigint, execute_id text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
begin
  -- see the triggers robots__executions and robots__normalize: this statement changes both tables, derived columns too
  perform
    set_config('capataz.paired', pg_current_xact_id_if_assigned()::text, true),
    set_config('capataz.derived', pg_current_xact_id_if_assigned()::text, true);
  return query
  with ended as (
    update capataz.robot_execute as e
    set execution_state = 'COMPLETED',
        completed_at = greatest(v_now, e.started_at),
        duration_ms = least(greatest(round(extract(epoch from v_now - e.started_at) * 1000), 0), 2147483647),
        progress_percentage = 100,
        has_permit = false,
        answered_status = 'COMPLETED',
        step_duration_ms = case
          when e.step_start_time is null then e.step_duration_ms
          else capataz_ops._milliseconds(e.step_start_time, v_now)
        end,
        throughput_items_per_sec = case
          when e.items_processed is null or capataz_ops._milliseconds(e.started_at, v_now) = 0
            then e.throughput_items_per_sec
          else least(round(e.items_processed * 1000.0 / capataz_ops._milliseconds(e.started_at, v_now), 2), 999999.99)
        end,
        efficiency_score = case
          when r.estimated_duration_minutes is null then 1
          else least(
            1,
            coalesce(
              r.estimated_duration_minutes * 60000.0 / nullif(capataz_ops._milliseconds(e.started_at, v_now), 0), 1
            )
          )
        end
    from unnest(p_completions) with ordinality as g (
      execute_id, output_data, performance_metrics, confidence_score, completeness_score, resource_usage_mb, place
    )
    cross join capataz.robots as r
    where e.execute_id = g.execute_id
      and r.robot_id = e.robot_id
      and e.completed_at is null
      and e.execution_state <> 'PENDING'
      and e.started_at + e.timeout_seconds * interval '1 second' >= v_now
    returning
      g.place, e.execute_id, g.output_data, g.performance_metrics, g.confidence_score, g.completeness_score,
      g.resource_usage_mb, (e.resource_peak_usage ->> 'max_memory')::integer as peak_memory_mb,
      r.ctid as robot_row, e.started_at, e.duration_ms
  ), done as (
    update capataz.robots as r
    set status = 'COMPLETED',
        updated_at = greatest(r.created_at, v_now),
        completed_at = greatest(v_now, r.started_at),
        processing_time_ms = case
          when r.started_at = d.started_at then d.duration_ms
          else capataz_ops._milliseconds(r.started_at, v_now)
        end,
        actual_duration_minutes = (
          case
            when r.started_at = d.started_at then d.duration_ms
            else capataz_ops._milliseconds(r.started_at, v_now)
          end::bigint + 30000
        ) / 60000,
        output_data = coalesce(d.output_data, '{}'),
        performance_metrics = coalesce(r.performance_metrics, '{}') || coalesce(d.performance_metrics, '{}'),
        confidence_score = coalesce(d.confidence_score, r.confidence_score),
        completeness_score = coalesce(d.completeness_score, r.completeness_score),
        resource_usage_mb = coalesce(d.resource_usage_mb, d.peak_memory_mb, r.resource_usage_mb)
    from ended as d
    where r.ctid = d.robot_row  -- locked before: it has not moved
  )
  select d.place, d.execute_id::text
  from ended as d;
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);
end
$$;

comment on function capataz_ops._complete_executions(capataz_ops.completion[]) is
  'Records completed attempts and their robots.';

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
  perform set_config('capataz.paired', pg_current_xact_id_if_assigned()::text, true);  -- see the triggers robots__executions
  return query
  with ended as (
    update capataz.robot_execute as e
    set execution_state = 'COMPLETED',
        completed_at = v_now,
        answered_status = 'COMPLETED',
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
      and e.started_at + e.timeout_seconds * interval '1 second' >= v_now
    returning
      g.place, e.execute_id, e.robot_id, g.output_data, g.performance_metrics, g.confidence_score, g.completeness_score,
      g.resource_usage_mb, (e.resource_peak_usage ->> 'max_memory')::integer as peak_memory_mb
  ), done as (
    update capataz.robots as r
    set status = 'COMPLETED',
        output_data = coalesce(d.output_data, '{}'),
        performance_metrics = coalesce(r.performance_metrics, '{}') || coalesce(d.performance_metrics, '{}'),
        confidence_score = coalesce(d.confidence_score, r.confidence_score),
        completeness_score = coalesce(d.completeness_score, r.completeness_score),
        resource_usage_mb = coalesce(d.resource_usage_mb, d.peak_memory_mb, r.resource_usage_mb)
    from ended as d
    where r.robot_id = d.robot_id
  )
  select d.place, d.execute_id::text
  from ended as d;
  perform set_config('capataz.paired', '', true);
end
$$;

comment on function capataz_ops._complete_executions(capataz_ops.completion[]) is
  'Records completed attempts and their robots.';

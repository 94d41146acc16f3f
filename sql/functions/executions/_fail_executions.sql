-- capataz_ops._fail_executions(p_failures, p_is_answer) -> rows (place, execute_id, status)
--
-- Records failed attempts, one row per active execution it ended: its robot is RETRYING while retries are left and the error
-- can be retried (VALIDATION never is), else FAILED. p_is_answer: a worker says so, within its timeout. The robots are locked
-- already.
-- Locks:  robot_execute; by trigger module_permits and module_registry rows. Writes: robot_execute, robots.
-- Raises: nothing.
create or replace function capataz_ops._fail_executions(p_failures capataz_ops.failure[], p_is_answer boolean)
  returns table (place bigint, execute_id text, status capataz.robot_status_enum)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
begin
  perform set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  perform set_config('capataz.paired', pg_current_xact_id_if_assigned()::text, true);  -- see the triggers robots__executions
  return query
  with ended as (
    update capataz.robot_execute as e
    set execution_state = 'FAILED',
        completed_at = v_now,
        error_category = f.error_category,
        error_message = left(capataz_ops._clean_text(f.error_message), 10000),
        error_stack_trace = left(capataz_ops._clean_text(f.error_stack_trace), 100000),
        answered_status = case when p_is_answer then o.status end
    from unnest(p_failures) with ordinality as f (
      execute_id, error_category, error_message, error_details, error_stack_trace, is_retryable, place
    )
    cross join capataz.robots as r
    cross join lateral (
      select
        case
          when f.is_retryable and f.error_category <> 'VALIDATION' and coalesce(r.retry_count, 0) < coalesce(r.retry_limit, 3) then 'RETRYING'
          else 'FAILED'
        end::capataz.robot_status_enum as status
    ) as o
    where e.execute_id = f.execute_id
      and r.robot_id = e.robot_id
      and e.completed_at is null
      and (not p_is_answer or e.started_at + e.timeout_seconds * interval '1 second' >= v_now)
    returning f.place, e.execute_id, e.robot_id, e.current_step, o.status, f.error_category, f.error_message, f.error_details
  ), moved as (
    update capataz.robots as r
    set status = d.status,
        error_category = d.error_category,
        error_details = jsonb_strip_nulls(jsonb_build_object(
          'type', d.error_category, 'message', left(capataz_ops._clean_text(d.error_message), 10000), 'step', d.current_step
        )) || coalesce(d.error_details, '{}')
    from ended as d
    where r.robot_id = d.robot_id
  )
  select d.place, d.execute_id::text, d.status
  from ended as d;
  perform set_config('capataz.paired', '', true);
end
$$;

comment on function capataz_ops._fail_executions(capataz_ops.failure[], boolean) is
  'Records failed attempts and what becomes of their robots.';

-- capataz_ops._close_executions(p_robot_ids) -> void
--
-- Ends the active executions of robots that are no longer PROCESSING, as their status demands (ADR 0008): COMPLETED ->
-- COMPLETED; RETRYING -> FAILED; FAILED -> FAILED, or CANCELLED where the robot was cancelled; PENDING -> CANCELLED.
-- Locks: robot_execute rows. Writes: robot_execute. Raises: nothing.
create or replace function capataz_ops._close_executions(p_robot_ids text[])
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update capataz.robot_execute as e
  set execution_state = case
        when r.status = 'COMPLETED' then 'COMPLETED'
        when r.status = 'PENDING' or r.status = 'FAILED' and r.error_category = 'CANCELLED' then 'CANCELLED'
        else 'FAILED'
      end::capataz.execution_state_enum,
      completed_at = r.completed_at,
      error_category = case when r.status in ('FAILED', 'RETRYING') then r.error_category end,
      error_message = case
        when r.status in ('FAILED', 'RETRYING')
          then coalesce(e.error_message, r.error_details ->> 'message', 'status of the robot was set to ' || r.status)
        else e.error_message
      end
  from capataz.robots as r
  where e.robot_id = any (p_robot_ids)
    and e.completed_at is null
    and r.robot_id = e.robot_id
    and r.status <> 'PROCESSING'
$$;

comment on function capataz_ops._close_executions(text[]) is
  'Ends the active executions of robots that are no longer PROCESSING.';

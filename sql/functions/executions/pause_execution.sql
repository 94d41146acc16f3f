-- capataz.pause_execution(p_execute_id) -> execution_state_enum: PAUSED
--
-- Pauses a running attempt: its worker learns it from report_progress. Paused time counts towards the timeout. Repeatable.
-- Locks:  robot_execute row. Writes: robot_execute.
-- Raises: RB400 no id, RB401, RB403 not yours, RB404 unknown execution, RB409 its state does not allow it, or it is past its timeout.
create or replace function capataz.pause_execution(p_execute_id text)
  returns capataz.execution_state_enum
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._refuse_foreign_executions(array[p_execute_id], capataz_ops._scope('admin'));
  return capataz_ops._change_state(p_execute_id, 'RUNNING', 'PAUSED');
end
$$;

comment on function capataz.pause_execution(text) is 'Pauses a running attempt. RB400, RB401, RB403, RB404, RB409.';

-- capataz.resume_execution(p_execute_id) -> execution_state_enum: RUNNING
--
-- Lets a paused attempt go on. Repeatable.
-- Locks:  robot_execute row. Writes: robot_execute.
-- Raises: RB400 no id, RB401, RB403 not yours, RB404 unknown execution, RB409 its state does not allow it, or it is past its timeout.
create or replace function capataz.resume_execution(p_execute_id text)
  returns capataz.execution_state_enum
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._refuse_foreign_executions(array[p_execute_id], capataz_ops._scope('admin'));
  return capataz_ops._change_state(p_execute_id, 'PAUSED', 'RUNNING');
end
$$;

comment on function capataz.resume_execution(text) is 'Lets a paused attempt go on. RB400, RB401, RB403, RB404, RB409.';

-- capataz_ops._change_state(p_execute_id, p_from, p_to) -> execution_state_enum
--
-- Moves an active execution within its timeout from one active state to another; being there already is fine.
-- Locks:  robot_execute row. Writes: robot_execute.
-- Raises: RB400 no id, RB404 unknown execution, RB409 another state, ended, or past its timeout.
create or replace function capataz_ops._change_state(
  p_execute_id text,
  p_from capataz.execution_state_enum,
  p_to capataz.execution_state_enum
)
  returns capataz.execution_state_enum
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_state capataz.execution_state_enum;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  update capataz.robot_execute as e
  set execution_state = p_to
  where e.execute_id = p_execute_id
    and e.execution_state in (p_from, p_to)
    and e.started_at + e.timeout_seconds * interval '1 second' >= capataz.utc_now();
  if found then
    return p_to;
  end if;

  select e.execution_state into v_state
  from capataz.robot_execute as e
  where e.execute_id = p_execute_id
    and e.completed_at is null
    and e.started_at + e.timeout_seconds * interval '1 second' >= capataz.utc_now();
  if found then
    raise exception using
      errcode = 'RB409',
      message = format('execution "%s" is not %s', p_execute_id, p_from),
      detail = format('execution_state is %s.', v_state),
      hint = format('Only %s executions go to %s.', p_from, p_to);
  end if;
  perform capataz_ops._raise_refusal(p_execute_id, 'CHANGE');
  return null;
end
$$;

comment on function capataz_ops._change_state(text, capataz.execution_state_enum, capataz.execution_state_enum) is
  'Moves an active execution from one active state to another.';

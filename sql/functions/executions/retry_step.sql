-- capataz.retry_step(p_execute_id, p_error_message) -> execution_state_enum: RETRYING
--
-- The attempt repeats a step: state RETRYING until the next report_progress, retry_count of the execution + 1, up to
-- max_retries (3). The robot's own retry_count is not touched.
-- Locks:  robot_execute row. Writes: robot_execute.
-- Raises: RB400 no id or message, RB401, RB403 not yours, RB404 unknown execution, RB409 its state does not allow it, RB429 max_retries reached.
create or replace function capataz.retry_step(p_execute_id text, p_error_message text)
  returns capataz.execution_state_enum
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_modules constant text[] := capataz_ops._scope('work');
  v_execution record;
begin
  if v_modules is not null then
    perform capataz_ops._refuse_foreign_executions(array[p_execute_id], v_modules);
  end if;
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  if p_error_message is null then
    raise exception using
      errcode = 'RB400',
      message = 'error_message is required',
      detail = 'error_message is null.',
      hint = 'Say why the step is repeated.';
  end if;

  update capataz.robot_execute as e
  set execution_state = 'RETRYING',
      retry_count = e.retry_count + 1,
      last_retry_at = greatest(e.started_at, capataz.utc_now()),
      error_message = left(capataz_ops._clean_text(p_error_message), 10000)
  where e.execute_id = p_execute_id
    and e.execution_state in ('RUNNING', 'RETRYING')
    and e.retry_count < e.max_retries
    and e.started_at + e.timeout_seconds * interval '1 second' >= capataz.utc_now();
  if found then
    return 'RETRYING'::capataz.execution_state_enum;
  end if;

  select e.execution_state, e.retry_count, e.max_retries into v_execution
  from capataz.robot_execute as e
  where e.execute_id = p_execute_id
    and e.completed_at is null
    and e.started_at + e.timeout_seconds * interval '1 second' >= capataz.utc_now();
  if not found then
    perform capataz_ops._raise_refusal(p_execute_id, 'RETRY');
  elsif v_execution.execution_state in ('RUNNING', 'RETRYING') then
    raise exception using
      errcode = 'RB429',
      message = format('execution "%s" has no step retries left', p_execute_id),
      detail = format('retry_count is %s, max_retries %s.', v_execution.retry_count, v_execution.max_retries),
      hint = 'End the attempt with fail_execution.';
  end if;
  raise exception using
    errcode = 'RB409',
    message = format('execution "%s" cannot repeat a step now', p_execute_id),
    detail = format('execution_state is %s.', v_execution.execution_state),
    hint = 'Only RUNNING executions repeat a step.';
end
$$;

comment on function capataz.retry_step(text, text) is
  'The attempt repeats a step, up to max_retries. RB400, RB404, RB409, RB429.';

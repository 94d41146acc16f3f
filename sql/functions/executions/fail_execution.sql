-- capataz.fail_execution(...) -> robot_status_enum: RETRYING or FAILED
--
-- Ends an attempt with an error (specification 3.2, 3.3). The robot is RETRYING, due after an exponential back-off with
-- jitter (retry_policy of the module), while retries are left; FAILED at once for category VALIDATION, or with
-- p_retryable false. Messages are kept to 10,000 characters, stack traces to 100,000. A repeated call changes nothing.
-- Locks:  robots row, robot_execute row, module_registry row (by trigger, last). Writes: robot_execute, robots, module_registry.
-- Raises: RB400 bad argument, RB401, RB403 not yours, RB404 unknown execution, RB409 it has ended or is past its timeout.
create or replace function capataz.fail_execution(
  p_execute_id text,
  p_error_message text,
  p_error_category text default 'PROCESSING',
  p_error_details jsonb default '{}',
  p_error_stack_trace text default null,
  p_retryable boolean default true
)
  returns capataz.robot_status_enum
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
  v_status capataz.robot_status_enum;
begin
  if v_modules is not null then
    perform capataz_ops._refuse_foreign_executions(array[p_execute_id], v_modules);
  end if;
  if p_error_message is null then
    raise exception using
      errcode = 'RB400',
      message = 'error_message is required',
      detail = 'error_message is null.',
      hint = 'Say what went wrong.';
  end if;
  perform capataz_ops._check_category('error_category', p_error_category);
  perform capataz_ops._check_json('error_details', p_error_details, true);

  perform capataz_ops._lock_robots_of(array[p_execute_id]);
  select f.status into v_status
  from capataz_ops._fail_executions(
    array[row(
      p_execute_id, coalesce(p_error_category, 'PROCESSING'), p_error_message, p_error_details, p_error_stack_trace,
      coalesce(p_retryable, true)
    )::capataz_ops.failure],
    true
  ) as f;
  if not found then
    return capataz_ops._raise_refusal(p_execute_id, 'FAIL');
  end if;
  return v_status;
end
$$;

comment on function capataz.fail_execution(text, text, text, jsonb, text, boolean) is
  'Ends an attempt with an error; the robot is RETRYING or FAILED. RB400, RB401, RB403, RB404, RB409.';

-- capataz.report_progress(...) -> execution_state_enum: RUNNING go on; PAUSED recorded, now wait
--
-- Records progress, step and resources of an attempt (specification 3.3). null leaves a value unchanged. Counters and I/O
-- are running totals of the attempt: lower values are ignored. A given percentage (0..100) is taken as it is; the one
-- derived from steps never falls. CPU: percent of one core, 0 to 999.99; memory and I/O: MB; API time: milliseconds.
-- On RETRYING (or PENDING) the call sets RUNNING. A step is a label that readers and reports see as it is: what the detectors
-- of sensitive data find in its name is stored as *** (ADR 0022). What belongs to one robot goes into p_step_details.
-- Locks:  robot_execute row. Writes: robot_execute; by trigger execution_steps.
-- Raises: RB400 bad argument, RB401, RB403 not yours, RB404 unknown execution, RB409 it has ended or is past its timeout.
create or replace function capataz.report_progress(
  p_execute_id text,
  p_progress_percentage double precision default null,
  p_current_step text default null,
  p_step_category text default null,
  p_completed_steps bigint default null,
  p_total_steps bigint default null,
  p_step_details jsonb default null,
  p_cpu_usage_percent double precision default null,
  p_memory_usage_mb bigint default null,
  p_disk_io_mb bigint default null,
  p_network_io_mb bigint default null,
  p_items_processed bigint default null,
  p_external_api_calls bigint default null,
  p_external_api_duration_ms bigint default null,
  p_external_api_failures bigint default null
)
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
  v_state capataz.execution_state_enum;
  v_progress smallint;
  v_step text := p_current_step;
begin
  if v_modules is not null then
    perform capataz_ops._refuse_foreign_executions(array[p_execute_id], v_modules);
  end if;
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  if num_nulls(
    p_progress_percentage, p_current_step, p_step_category, p_completed_steps, p_total_steps, p_step_details,
    p_cpu_usage_percent, p_memory_usage_mb, p_disk_io_mb, p_network_io_mb, p_items_processed, p_external_api_calls,
    p_external_api_duration_ms, p_external_api_failures
  ) < 14 then
    perform capataz_ops._check_number('progress_percentage', p_progress_percentage, 0, 100);
    perform capataz_ops._check_text('current_step', p_current_step, 100, false);
    perform capataz_ops._check_enum(
      'step_category', p_step_category, array['INIT', 'VALIDATION', 'PROCESSING', 'EXTERNAL_API', 'FINALIZATION']
    );
    perform capataz_ops._check_number('total_steps', p_total_steps, 1, 2147483647);
    perform capataz_ops._check_number('completed_steps', p_completed_steps, 0, coalesce(p_total_steps, 2147483647));
    perform capataz_ops._check_json('step_details', p_step_details, true);
    perform capataz_ops._check_number('cpu_usage_percent', p_cpu_usage_percent, 0, 999.99);
    perform capataz_ops._check_number('memory_usage_mb', p_memory_usage_mb, 0, 2147483647);
    perform capataz_ops._check_number('disk_io_mb', p_disk_io_mb, 0, 2147483647);
    perform capataz_ops._check_number('network_io_mb', p_network_io_mb, 0, 2147483647);
    perform capataz_ops._check_number('items_processed', p_items_processed, 0, 9007199254740991);
    perform capataz_ops._check_number('external_api_calls', p_external_api_calls, 0, 2147483647);
    perform capataz_ops._check_number('external_api_duration_ms', p_external_api_duration_ms, 0, 2147483647);
    perform capataz_ops._check_number('external_api_failures', p_external_api_failures, 0, 2147483647);
    if v_step collate "C" ~ capataz_ops._sensitive_pattern() then
      v_step := capataz_ops._mask_text(v_step);
    end if;
  end if;

  update capataz.robot_execute as e
  set execution_state = case when e.execution_state = 'PAUSED' then 'PAUSED' else 'RUNNING' end::capataz.execution_state_enum,
      progress_percentage = coalesce(floor(p_progress_percentage)::smallint, e.progress_percentage),
      current_step = coalesce(v_step, e.current_step),
      step_category = coalesce(p_step_category::capataz.step_category_enum, e.step_category),
      total_steps = coalesce(p_total_steps, e.total_steps),
      completed_steps = coalesce(p_completed_steps, e.completed_steps),
      step_details = case
        when p_step_details is not null then p_step_details
        when v_step <> coalesce(e.current_step, '') then '{}'
        else e.step_details
      end,
      cpu_usage_percent = coalesce(round(p_cpu_usage_percent::numeric, 2), e.cpu_usage_percent),
      memory_usage_mb = coalesce(p_memory_usage_mb, e.memory_usage_mb),
      disk_io_mb = greatest(p_disk_io_mb, e.disk_io_mb),
      network_io_mb = greatest(p_network_io_mb, e.network_io_mb),
      items_processed = greatest(p_items_processed, e.items_processed),
      external_api_calls = greatest(p_external_api_calls, e.external_api_calls),
      external_api_duration_ms = greatest(p_external_api_duration_ms, e.external_api_duration_ms),
      external_api_failures = greatest(p_external_api_failures, e.external_api_failures)
  where e.execute_id = p_execute_id
    and e.completed_at is null
    and e.started_at + e.timeout_seconds * interval '1 second' >= capataz.utc_now()
  returning e.execution_state, e.progress_percentage into v_state, v_progress;
  if not found then
    perform capataz_ops._raise_refusal(p_execute_id, 'REPORT');
  end if;
  if v_progress <> floor(p_progress_percentage)::smallint then
    -- the same percentage was given again together with steps: it is taken as it is all the same
    update capataz.robot_execute as e
    set progress_percentage = floor(p_progress_percentage)::smallint
    where e.execute_id = p_execute_id;
  end if;
  return v_state;
end
$$;

comment on function capataz.report_progress(
  text, double precision, text, text, bigint, bigint, jsonb, double precision, bigint, bigint, bigint, bigint, bigint,
  bigint, bigint
) is
  'Records progress, step and resources of an attempt; says whether to go on. RB400, RB401, RB403, RB404, RB409.';

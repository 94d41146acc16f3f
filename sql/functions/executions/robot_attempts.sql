-- capataz.robot_attempts(p_robot_id) -> rows, one per execution of the robot, the first one first
--
-- The attempts at a robot with their steps and resources: the last 100 (specification 4.1: execution history).
-- steps: JSON array of finished steps {number, name, category, started_at, duration_ms, visits}, at most 200; the step under
-- way is current_step. Payload (messages, step details) is in execution_data.
-- Locks: none. Writes: nothing. Raises: RB400 no id, RB401, RB403 not yours, RB404 unknown robot.
create or replace function capataz.robot_attempts(p_robot_id text)
  returns table (
    execute_id varchar(50),
    execution_state capataz.execution_state_enum,
    started_at timestamp,
    completed_at timestamp,
    timeout_at timestamp,
    estimated_completion_at timestamp,
    duration_ms integer,
    worker_id varchar(100),
    error_category varchar(50),
    progress_percentage smallint,
    current_step varchar(100),
    step_category capataz.step_category_enum,
    step_start_time timestamp,
    completed_steps integer,
    total_steps integer,
    steps jsonb,
    cpu_usage_percent numeric,
    memory_usage_mb integer,
    disk_io_mb integer,
    network_io_mb integer,
    resource_peak_usage jsonb,
    items_processed bigint,
    external_api_calls integer,
    external_api_failures integer
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
begin
  perform capataz.get_robot(p_robot_id);  -- may the caller, and is it there

  return query
  select
    e.execute_id, e.execution_state, e.started_at, e.completed_at,
    e.started_at + e.timeout_seconds * interval '1 second',
    case when isfinite(e.estimated_completion_at) then e.estimated_completion_at end,
    e.duration_ms, e.worker_id, e.error_category, e.progress_percentage, e.current_step, e.step_category,
    e.step_start_time, e.completed_steps, e.total_steps, s.steps, e.cpu_usage_percent, e.memory_usage_mb, e.disk_io_mb,
    e.network_io_mb, e.resource_peak_usage, e.items_processed, e.external_api_calls, e.external_api_failures
  from (
    select x.*
    from capataz.robot_execute as x
    where x.robot_id = p_robot_id
    order by x.started_at desc, x.execute_id
    limit 100
  ) as e
  cross join lateral (
    select coalesce(
      jsonb_agg(
        jsonb_build_object(
          'number', t.step_number, 'name', t.step_name, 'category', t.step_category, 'started_at', t.started_at,
          'duration_ms', t.duration_ms, 'visits', t.visits
        )
        order by t.step_number
      ),
      '[]'
    ) as steps
    from capataz_ops.execution_steps as t
    where t.execute_id = e.execute_id
  ) as s
  order by e.started_at, e.completed_at nulls last, e.execute_id;
end
$$;

comment on function capataz.robot_attempts(text) is
  'The attempts at a robot with their steps and resources. RB400, RB401, RB403, RB404.';

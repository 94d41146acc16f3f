-- capataz.running_executions(p_module_name, p_limit) -> rows, one per active execution, the next to time out first
--
-- What runs now: how far, since when, until when (specification 4.1: real-time monitoring). Of each module the p_limit
-- (1 to 1000) nearest to their time limit are read, from robot_execute_expiry_idx; p_limit of them are shown.
-- is_slow: runs for more than twice the mean duration of its module's executions of 24 hours, and for more than a second.
-- p_module_name: null for all modules that the caller may reach.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.running_executions(p_module_name text default null, p_limit bigint default 100)
  returns table (
    robot_id varchar(50),
    execute_id varchar(50),
    module_name varchar(100),
    robot_type varchar(50),
    priority capataz.priority_enum,
    execution_state capataz.execution_state_enum,
    attempt bigint,
    progress_percentage smallint,
    current_step varchar(100),
    step_category capataz.step_category_enum,
    completed_steps integer,
    total_steps integer,
    started_at timestamp,
    estimated_completion_at timestamp,
    timeout_at timestamp,
    is_slow boolean,
    cpu_usage_percent numeric,
    memory_usage_mb integer,
    worker_id varchar(100)
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
  v_modules constant text[] := capataz_ops._scope('read');
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('limit', p_limit, 1, 1000);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;

  return query
  with nearest as (
    select
      e.robot_id, e.execute_id, e.module_name, e.robot_type, e.execution_state, e.progress_percentage, e.current_step,
      e.step_category, e.completed_steps, e.total_steps, e.started_at, e.estimated_completion_at, e.timeout_at,
      e.cpu_usage_percent, e.memory_usage_mb, e.worker_id, m.avg_processing_time_ms
    from capataz.module_registry as m
    cross join lateral (
      select x.*, x.started_at + x.timeout_seconds * interval '1 second' as timeout_at
      from capataz.robot_execute as x
      where x.module_name = m.module_name
        and x.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
      order by x.started_at + x.timeout_seconds * interval '1 second'
      limit coalesce(p_limit, 100)
    ) as e
    where (p_module_name is null or m.module_name = p_module_name)
      and (v_modules is null or m.module_name = any (v_modules))
    order by e.timeout_at, e.execute_id
    limit coalesce(p_limit, 100)
  )
  select
    n.robot_id, n.execute_id, n.module_name, n.robot_type, r.priority, n.execution_state, r.retry_count::bigint + 1,
    n.progress_percentage, n.current_step, n.step_category, n.completed_steps, n.total_steps, n.started_at,
    case when isfinite(n.estimated_completion_at) then n.estimated_completion_at end,
    n.timeout_at,
    n.execution_state <> 'PAUSED'
      and n.avg_processing_time_ms > 0
      and v_now - n.started_at > greatest(n.avg_processing_time_ms * interval '2 milliseconds', interval '1 second'),
    n.cpu_usage_percent, n.memory_usage_mb, n.worker_id
  from nearest as n
  join capataz.robots as r on r.robot_id = n.robot_id
  order by n.timeout_at, n.execute_id;
end
$$;

comment on function capataz.running_executions(text, bigint) is
  'What runs now, the next to time out first. RB400, RB401, RB403, RB404.';

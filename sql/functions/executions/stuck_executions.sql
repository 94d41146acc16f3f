-- capataz.stuck_executions(p_module_name) -> rows, one per reason and execution that is stuck, the longest first
--
-- Active executions that ought to have got on, and why they have not (specification 4.1: real-time monitoring):
--   past timeout    it should have ended by its time limit; expire_executions has not ended it yet
--   silent worker   its worker sent heartbeats and has stopped: worker_timeout_seconds have passed
--   no progress     nothing was reported for 10 minutes, and for three times the mean duration of the module's executions
-- since: the time limit, the last heartbeat, the last report (a step, a percentage, resources). PAUSED ones have progress
-- when they are resumed: only their timeout counts. At most 1000 rows.
-- p_module_name: null for all modules that the caller may reach.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.stuck_executions(p_module_name text default null)
  returns table (
    robot_id varchar(50),
    execute_id varchar(50),
    module_name varchar(100),
    robot_type varchar(50),
    reason text,
    since timestamp,
    execution_state capataz.execution_state_enum,
    current_step varchar(100),
    progress_percentage smallint,
    started_at timestamp,
    worker_id varchar(100)
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
  v_modules constant text[] := capataz_ops._scope('read');
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;

  return query
  select
    e.robot_id, e.execute_id, e.module_name, e.robot_type, w.reason, w.since, e.execution_state, e.current_step,
    e.progress_percentage, e.started_at, e.worker_id
  from capataz.module_registry as m
  join capataz_ops.module_settings as s on s.module_name = m.module_name
  join capataz.robot_execute as e
    on e.module_name = m.module_name
    and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
  left join capataz_ops.workers as k
    on k.worker_id = e.worker_id
    and k.module_name = e.module_name
    and k.stopped_at is null
    and k.lost_at is null
  cross join lateral (
    -- each report leaves one of these behind: the step's time, or the time the estimate was made at
    select greatest(
      e.started_at,
      e.last_retry_at,
      e.step_start_time + coalesce(e.step_duration_ms, 0) * interval '1 millisecond',
      case
        when e.progress_percentage > 0 and isfinite(e.estimated_completion_at)
          then least(e.started_at + (e.estimated_completion_at - e.started_at) * (e.progress_percentage / 100.0), v_now)
      end
    ) as reported_at
  ) as l
  cross join lateral (
    select 'past timeout' as reason, e.started_at + e.timeout_seconds * interval '1 second' as since
    where e.started_at + e.timeout_seconds * interval '1 second' < v_now
    union all
    select 'silent worker', k.last_heartbeat_at
    where k.last_heartbeat_at < v_now - s.worker_timeout_seconds * interval '1 second'
    union all
    select 'no progress', l.reported_at
    where e.execution_state <> 'PAUSED'
      and l.reported_at < v_now - greatest(interval '10 minutes', m.avg_processing_time_ms * interval '3 milliseconds')
  ) as w
  where (p_module_name is null or m.module_name = p_module_name)
    and (v_modules is null or m.module_name = any (v_modules))
  order by w.since, e.execute_id, w.reason
  limit 1000;
end
$$;

comment on function capataz.stuck_executions(text) is
  'Active executions that do not get on, and why. RB400, RB401, RB403, RB404.';

-- capataz.explain_robot(p_robot_id) -> rows (check_name, ok, detail)
--
-- Why is it not running? One row per check: status, due, module_active, module_health, capacity, queue_position, lease.
-- ok false names what keeps the robot from being claimed now. The queue position is counted up to 10,000.
-- Locks: none. Writes: nothing. Raises: RB400 no id, RB401, RB403 not yours, RB404 unknown robot.
create or replace function capataz.explain_robot(p_robot_id text)
  returns table (check_name text, ok boolean, detail text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_robot capataz.robots;
  v_module record;
  v_execution record;
  v_free bigint;
  v_ahead bigint;
  v_is_waiting boolean;
begin
  v_robot := capataz.get_robot(p_robot_id);
  v_is_waiting := v_robot.status in ('PENDING', 'RETRYING');

  select m.is_active, m.health_status, m.consecutive_failures, s.max_concurrency, s.failure_threshold,
    s.worker_timeout_seconds, p.execution_state as probe_state, p.execute_id as probe_id, t.probe_after
  into v_module
  from capataz.module_registry as m
  join capataz_ops.module_settings as s on s.module_name = m.module_name
  join capataz_ops.module_state as t on t.module_name = m.module_name
  left join capataz_ops.module_probes as q on q.module_name = m.module_name
  left join capataz.robot_execute as p
    on p.execute_id = q.probe_execute_id
    and p.completed_at is null
  where m.module_name = v_robot.module_name;

  check_name := 'status';
  ok := v_is_waiting;
  detail := case v_robot.status
    when 'PENDING' then 'PENDING: waits to be claimed'
    when 'RETRYING' then format(
      'RETRYING: waits for attempt %s of %s after %s', v_robot.retry_count + 1, v_robot.retry_limit + 1,
      v_robot.error_category
    )
    when 'PROCESSING' then format('PROCESSING: is running since %s UTC', v_robot.started_at)
    when 'COMPLETED' then format('COMPLETED: is done since %s UTC', v_robot.completed_at)
    else format('FAILED: has ended with %s at %s UTC', v_robot.error_category, v_robot.completed_at)
  end;
  return next;

  check_name := 'due';
  ok := v_robot.available_at <= v_now;
  detail := case
    when ok then format('due since %s UTC', v_robot.available_at)
    else format('not due before %s UTC, in %s', v_robot.available_at, date_trunc('second', v_robot.available_at - v_now))
  end;
  return next;

  check_name := 'module_active';
  ok := v_module.is_active;
  detail := format('module %s is %s', v_robot.module_name, case when ok then 'active' else 'inactive' end);
  return next;

  check_name := 'module_health';
  ok := v_module.health_status <> 'UNHEALTHY';
  detail := case
    when ok then format('module %s is %s', v_robot.module_name, v_module.health_status)
    when v_module.probe_id is not null then format(
      'module %s is UNHEALTHY (%s failures in a row) and probing with one robot', v_robot.module_name,
      v_module.consecutive_failures
    )
    when v_module.probe_after > v_now then format(
      'module %s is UNHEALTHY (%s failures in a row): no probe before %s UTC', v_robot.module_name,
      v_module.consecutive_failures, v_module.probe_after
    )
    else format(
      'module %s is UNHEALTHY (%s failures in a row): gets one probe robot at a time', v_robot.module_name,
      v_module.consecutive_failures
    )
  end;
  return next;

  check_name := 'capacity';
  if v_module.max_concurrency is null then
    ok := true;
    detail := 'the module has no max_concurrency';
  else
    select coalesce(sum(p.free_count), 0) into v_free
    from capataz_ops.module_permits as p
    where p.module_name = v_robot.module_name;
    ok := v_free > 0;
    detail := format(
      '%s of max_concurrency %s in use', v_module.max_concurrency - v_free, v_module.max_concurrency
    );
  end if;
  return next;

  check_name := 'queue_position';
  if not v_is_waiting then
    ok := true;
    detail := 'not waiting';
  else
    select count(*) into v_ahead
    from (
      select
      from capataz.robots as r
      where r.module_name = v_robot.module_name
        and r.status in ('PENDING', 'RETRYING')
        and r.available_at <= v_now
        and (
          r.priority > v_robot.priority
          or r.priority = v_robot.priority
            and (r.available_at, r.arrival) < (v_robot.available_at, v_robot.arrival)
        )
      limit 10000
    ) as ahead;
    ok := v_ahead = 0;
    detail := case
      when v_ahead = 0 then 'next of its module'
      when v_ahead = 10000 then 'waits behind 10000 robots or more'
      else format('waits behind %s robots', v_ahead)
    end;
  end if;
  return next;

  check_name := 'lease';
  select e.execute_id, e.execution_state, e.worker_id, e.started_at, e.timeout_seconds, w.last_heartbeat_at
  into v_execution
  from capataz.robot_execute as e
  left join capataz_ops.workers as w on w.worker_id = e.worker_id and w.module_name = e.module_name
  where e.robot_id = v_robot.robot_id
    and e.completed_at is null;
  if not found then
    ok := true;
    detail := 'no worker holds it';
  else
    ok := false;
    detail := format(
      'execution %s is %s%s, times out at %s UTC%s',
      v_execution.execute_id, v_execution.execution_state,
      ' with worker ' || v_execution.worker_id,
      v_execution.started_at + v_execution.timeout_seconds * interval '1 second',
      ', last heartbeat ' || v_execution.last_heartbeat_at || ' UTC'
    );
  end if;
  return next;
end
$$;

comment on function capataz.explain_robot(text) is
  'Why a robot is not running: one row per check. RB400, RB401, RB403, RB404.';

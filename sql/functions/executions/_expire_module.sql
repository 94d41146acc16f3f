-- capataz_ops._expire_module(p_module_name, p_limit) -> integer
--
-- Ends executions of a module that are past their timeout (category TIMEOUT, up to p_limit) and those of its lost workers
-- (category WORKER_LOST, each worker whole: it counts once); returns how many. Robots that another session holds are left
-- for the next sweep.
-- Locks:  robots (by robot_id, skip locked), then as the failing of executions. Writes: robot_execute, robots, workers.
-- Raises: nothing.
create or replace function capataz_ops._expire_module(p_module_name text, p_limit integer)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_ids text[];
  v_expired integer := 0;
  v_worker record;
begin
  select array_agg(x.execute_id::text) into v_ids
  from (
    select e.execute_id
    from capataz.robot_execute as e
    where e.module_name = p_module_name
      and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
      and e.started_at + e.timeout_seconds * interval '1 second' < v_now
    order by e.started_at + e.timeout_seconds * interval '1 second'
    limit p_limit
  ) as x;
  if v_ids is not null then
    v_expired := capataz_ops._fail_silent(v_ids, 'TIMEOUT', 'no answer within the timeout', true);
  end if;

  for v_worker in
    select w.worker_id
    from capataz_ops.workers as w
    join capataz_ops.module_settings as s on s.module_name = w.module_name
    where w.module_name = p_module_name
      and w.stopped_at is null
      and w.lost_at is null
      and w.last_heartbeat_at < v_now - make_interval(secs => s.worker_timeout_seconds)
    order by w.worker_id
  loop
    v_expired := v_expired + capataz_ops._lose_worker(v_worker.worker_id, p_module_name);
  end loop;
  return v_expired;
end
$$;

comment on function capataz_ops._expire_module(text, integer) is
  'Ends executions of a module that are past their timeout or whose worker is lost; returns how many.';

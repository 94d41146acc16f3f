-- capataz.expire_executions(p_limit) -> integer
--
-- Ends executions that are older than their timeout (category TIMEOUT) and those of lost workers (category WORKER_LOST), up
-- to p_limit timeouts a module and each lost worker whole; returns how many (specification 5.2, ADR 0013). Also forgets
-- workers that were silent for a day and hold nothing. Safe at any time, by anyone, twice at once.
-- Locks:  robots (by robot_id, skip locked), robot_execute, module_registry by name. Writes: the same, workers.
-- Raises: RB400 p_limit not 1 to 100,000.
create or replace function capataz.expire_executions(p_limit bigint default 1000)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_limit integer;
  v_expired integer := 0;
  v_due record;
  v_worker record;
begin
  perform capataz_ops._check_number('limit', p_limit, 1, 100000);
  v_limit := coalesce(p_limit, 1000)::integer;

  -- one pass by name of module: the rows of modules are locked in that order
  for v_due in
    select m.module_name
    from capataz.module_registry as m
    where exists (
        select
        from capataz.robot_execute as e
        where e.module_name = m.module_name
          and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
          and e.started_at + e.timeout_seconds * interval '1 second' < v_now
      )
      or exists (
        select from capataz_ops.workers as w where w.module_name = m.module_name
      )
    order by m.module_name
  loop
    v_expired := v_expired + capataz_ops._expire_module(v_due.module_name, v_limit);

    -- what a worker claimed after it was lost or had stopped, without a new heartbeat
    for v_worker in
      select w.worker_id
      from capataz_ops.workers as w
      join capataz_ops.module_settings as s on s.module_name = w.module_name
      where w.module_name = v_due.module_name
        and (w.lost_at is not null or w.stopped_at is not null)
        and exists (
          select
          from capataz.robot_execute as e
          where e.module_name = w.module_name
            and e.worker_id = w.worker_id
            and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
            and e.started_at < v_now - make_interval(secs => s.worker_timeout_seconds)
        )
      order by w.worker_id
    loop
      v_expired := v_expired + capataz_ops._lose_worker(v_worker.worker_id, v_due.module_name);
    end loop;
  end loop;

  delete from capataz_ops.workers as w
  where w.last_heartbeat_at < v_now - interval '1 day'
    and (w.lost_at is not null or w.stopped_at is not null)
    and not exists (
      select
      from capataz.robot_execute as e
      where e.module_name = w.module_name
        and e.worker_id = w.worker_id
        and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
    );
  return v_expired;
end
$$;

comment on function capataz.expire_executions(bigint) is
  'Ends executions that are past their timeout or whose worker is lost; returns how many. RB400.';

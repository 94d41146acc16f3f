-- capataz.stop_worker(p_worker_id) -> integer
--
-- A worker ends in order: what it holds is handed back (no retry spent) and it is no longer watched. Returns how many
-- robots were handed back; 0 for a worker that is not known. Of a caller who may not reach every module: in its own modules.
-- Locks:  robots by robot_id, robot_execute, workers. Writes: robots, robot_execute, workers.
-- Raises: RB400 no id, RB401, RB403 an API key without scope work.
create or replace function capataz.stop_worker(p_worker_id text)
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
  v_modules constant text[] := capataz_ops._scope('work');
  v_ids text[];
  v_released integer := 0;
begin
  perform capataz_ops._check_text('worker_id', p_worker_id, 100, true);

  select array_agg(e.execute_id::text) into v_ids
  from capataz.module_registry as m
  join capataz.robot_execute as e
    on e.module_name = m.module_name
    and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
  where e.worker_id = p_worker_id
    and (v_modules is null or m.module_name = any (v_modules));
  if v_ids is not null then
    v_released := capataz_ops._release_executions(v_ids);
  end if;

  update capataz_ops.workers as w
  set stopped_at = capataz.utc_now()
  where w.worker_id = p_worker_id
    and w.stopped_at is null
    and (v_modules is null or w.module_name = any (v_modules));
  return v_released;
end
$$;

comment on function capataz.stop_worker(text) is
  'A worker ends in order: hands back what it holds and is no longer watched. RB400, RB401, RB403.';

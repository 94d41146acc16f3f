-- capataz_ops._lose_worker(p_worker_id, p_module_name) -> integer
--
-- Takes a silent worker's executions in a module away (category WORKER_LOST: costs a retry, due at once); returns how many.
-- Locks:  workers row (skip locked), robots (by robot_id, skip locked), then as the failing of executions. Writes: robot_execute, robots, workers.
-- Raises: nothing.
create or replace function capataz_ops._lose_worker(p_worker_id text, p_module_name text)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_lost integer := 0;
begin
  -- before the module's row, as the order of locks demands
  perform
  from capataz_ops.workers as w
  where w.worker_id = p_worker_id
    and w.module_name = p_module_name
  for no key update skip locked;
  if not found then
    return 0;
  end if;

  select array_agg(e.execute_id::text) into v_ids
  from capataz.robot_execute as e
  where e.module_name = p_module_name
    and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
    and e.worker_id = p_worker_id;
  if v_ids is not null then
    v_lost := capataz_ops._fail_silent(
      v_ids, 'WORKER_LOST', format('worker "%s" stopped sending heartbeats', p_worker_id), false
    );
  end if;

  if v_lost = coalesce(cardinality(v_ids), 0) then
    update capataz_ops.workers as w
    set lost_at = capataz.utc_now()
    where w.worker_id = p_worker_id
      and w.module_name = p_module_name
      and w.lost_at is null;
  end if;
  return v_lost;
end
$$;

comment on function capataz_ops._lose_worker(text, text) is
  'Takes the executions of a silent worker away; returns how many.';

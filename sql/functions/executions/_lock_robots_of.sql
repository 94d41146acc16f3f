-- capataz_ops._lock_robots_of(p_execute_ids) -> void
--
-- Locks the robots of these executions that are being processed, by robot_id: the first lock of every call that ends
-- executions (ADR 0008). Robots of executions that have ended need none: the answer to them is final.
-- Rows that are named by id are filtered by conditions that no partial index offers (completed_at is null, is not distinct
-- from): the planner would read a whole partial index instead, which fills with dead entries (ADR 0009).
-- Locks: robots, for no key update. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._lock_robots_of(p_execute_ids text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform
  from capataz.robots as r
  where r.robot_id = any (array(
      select e.robot_id from capataz.robot_execute as e where e.execute_id = any (p_execute_ids)
    ))
    and r.status is not distinct from 'PROCESSING'  -- not by the index over status: it fills with dead entries
  order by r.robot_id
  for no key update;
end
$$;

comment on function capataz_ops._lock_robots_of(text[]) is 'Locks the robots of executions, in order.';

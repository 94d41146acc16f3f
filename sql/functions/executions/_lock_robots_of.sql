-- capataz_ops._lock_robots_of(p_execute_ids) -> void
--
-- Locks the robots of these executions that are being processed, by robot_id: the first lock of every call that ends
-- executions (design 5). Robots of executions that have ended need none: the answer to them is final.
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
    and r.status = 'PROCESSING'
  order by r.robot_id
  for no key update;
end
$$;

comment on function capataz_ops._lock_robots_of(text[]) is 'Locks the robots of executions, in order.';

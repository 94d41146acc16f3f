-- capataz_ops._open_executions(p_robot_ids) -> void
--
-- Opens a RUNNING execution for each of these PROCESSING robots that has no active one.
-- Locks: none. Writes: robot_execute. Raises: RB429 where max_concurrency allows no further execution.
create or replace function capataz_ops._open_executions(p_robot_ids text[])
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  insert into capataz.robot_execute (
    execute_id, robot_id, module_name, execution_state, started_at, timeout_seconds, robot_type
  )
  select
    capataz_ops._execute_id_prefix() || substr(gen_random_uuid()::text, 16),
    r.robot_id, r.module_name, 'RUNNING', r.started_at, s.timeout_seconds, r.robot_type
  from capataz.robots as r
  join capataz_ops.module_settings as s on s.module_name = r.module_name
  where r.robot_id = any (p_robot_ids)
    and r.status = 'PROCESSING'
    and not exists (
      select
      from capataz.robot_execute as e
      where e.robot_id = r.robot_id
        and e.completed_at is null
    )
  order by r.robot_id
$$;

comment on function capataz_ops._open_executions(text[]) is
  'Opens executions for PROCESSING robots that have no active one.';

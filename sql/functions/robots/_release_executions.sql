-- capataz_ops._release_executions(p_execute_ids) -> integer
--
-- Ends active executions within their timeout as CANCELLED and makes their robots PENDING; returns how many.
-- Locks:  robots by robot_id, robot_execute. Writes: robots, robot_execute. Raises: nothing.
create or replace function capataz_ops._release_executions(p_execute_ids text[])
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_released integer;
begin
  perform capataz_ops._lock_robots_of(p_execute_ids);
  perform set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  perform set_config('capataz.paired', pg_current_xact_id_if_assigned()::text, true);  -- see the triggers robots__executions
  with ended as (
    update capataz.robot_execute as e
    set execution_state = 'CANCELLED',
        answered_status = 'PENDING'
    where e.execute_id = any (p_execute_ids)
      and e.completed_at is null
      and e.started_at + e.timeout_seconds * interval '1 second' >= capataz.utc_now()
    returning e.robot_id
  ), freed as (
    update capataz.robots as r
    set status = 'PENDING'
    where r.robot_id in (select d.robot_id from ended as d)
  )
  select count(*)::integer into v_released
  from ended as d;
  perform set_config('capataz.paired', '', true);
  return v_released;
end
$$;

comment on function capataz_ops._release_executions(text[]) is
  'Ends active executions as CANCELLED and makes their robots PENDING; returns how many.';

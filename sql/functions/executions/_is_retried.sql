-- capataz_ops._is_retried(p_answered_status, p_robot_id) -> boolean
--
-- Whether the robot of a FAILED execution goes on to another attempt (ADR 0017): so its worker was answered
-- (answered_status), or, where nobody was answered (timeouts, lost workers, plain SQL), so its robot says. When the trigger
-- robot_execute__accounts asks, the robot has moved already (ADR 0008).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._is_retried(p_answered_status capataz.robot_status_enum, p_robot_id varchar(50))
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    coalesce(
      p_answered_status,
      (select r.status from capataz.robots as r where r.robot_id = p_robot_id)
    ) = 'RETRYING',
    false
  );
end
$$;

comment on function capataz_ops._is_retried(capataz.robot_status_enum, varchar) is
  'Whether the robot of a failed execution goes on to another attempt.';

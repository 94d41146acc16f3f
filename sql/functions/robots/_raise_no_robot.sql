-- capataz_ops._raise_no_robot(p_robot_id) -> void
--
-- The one error for an unknown robot.
-- Locks: none. Writes: nothing. Raises: RB404, always.
create or replace function capataz_ops._raise_no_robot(p_robot_id text)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'RB404',
    message = format('no robot "%s"', p_robot_id),
    detail = format('robot_id is "%s".', p_robot_id),
    hint = 'Use the robot_id that submit_robot returned.';
end
$$;

comment on function capataz_ops._raise_no_robot(text) is 'Raises RB404 for an unknown robot.';

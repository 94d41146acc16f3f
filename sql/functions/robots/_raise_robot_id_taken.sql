-- capataz_ops._raise_robot_id_taken(p_robot_id) -> void
--
-- The one error for a robot_id that the caller brought and that exists already.
-- Locks: none. Writes: nothing. Raises: RB409, always.
create or replace function capataz_ops._raise_robot_id_taken(p_robot_id text)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'RB409',
    message = format('robot_id "%s" is already taken', p_robot_id),
    detail = format('A robot with robot_id "%s" exists.', p_robot_id),
    hint = 'Bring another id, or leave robot_id out.';
end
$$;

comment on function capataz_ops._raise_robot_id_taken(text) is 'Raises RB409 for a robot_id that is taken.';

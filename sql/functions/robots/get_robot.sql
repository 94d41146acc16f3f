-- capataz.get_robot(p_robot_id) -> robots row
--
-- Reads one robot. What it carries is shown in full, masked or hidden, as the caller may see it (ADR 0022).
-- Locks: none. Writes: nothing. Raises: RB400 no id, RB404 unknown robot.
create or replace function capataz.get_robot(p_robot_id text)
  returns capataz.robots
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_robot capataz.robots;
begin
  perform capataz_ops._check_text('robot_id', p_robot_id, 50, true);
  select r.* into v_robot
  from capataz.robots as r
  where r.robot_id = p_robot_id;
  if not found then
    perform capataz_ops._raise_no_robot(p_robot_id);
  end if;
  if v_robot.module_name <> all (v_modules) then
    perform capataz_ops._refuse_foreign_robot(p_robot_id, v_modules);
  end if;
  return capataz_ops._shown_robot(v_robot);
end
$$;

comment on function capataz.get_robot(text) is 'Reads one robot. RB400, RB401, RB403, RB404.';

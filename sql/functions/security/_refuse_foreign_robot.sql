-- capataz_ops._refuse_foreign_robot(p_robot_id, p_modules) -> void
--
-- Refuses a robot of a module that the caller may not reach (_scope); p_modules null: every one. An unknown robot passes:
-- the caller of this says so.
-- Locks: none. Writes: nothing. Raises: RB403.
create or replace function capataz_ops._refuse_foreign_robot(p_robot_id text, p_modules text[])
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_modules is not null
     and exists (
       select
       from capataz.robots as r
       where r.robot_id = p_robot_id
         and r.module_name <> all (p_modules)
     )
  then
    raise exception using
      errcode = 'RB403',
      message = format('robot "%s" is not yours', left(p_robot_id, 60)),
      detail = format('%s may reach %s.', capataz_ops._caller_name(), capataz_ops._listed(p_modules)),
      hint = 'It belongs to a module that was not granted to you.';
  end if;
end
$$;

comment on function capataz_ops._refuse_foreign_robot(text, text[]) is
  'Refuses a robot of a module that the caller may not reach. RB403.';

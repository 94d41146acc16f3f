-- capataz_ops._foreign_executions(p_execute_ids, p_modules) -> text[]
--
-- Those of the executions that belong to modules which the caller may not reach (_scope); none where p_modules is null.
-- Unknown ones are not among them. An execution keeps its module, so the answer holds.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._foreign_executions(p_execute_ids text[], p_modules text[])
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_modules is null then
    return '{}'::text[];
  end if;
  return array(
    select e.execute_id::text
    from capataz.robot_execute as e
    where e.execute_id = any (p_execute_ids)
      and e.module_name <> all (p_modules)
  );
end
$$;

comment on function capataz_ops._foreign_executions(text[], text[]) is
  'Which executions belong to modules that the caller may not reach.';

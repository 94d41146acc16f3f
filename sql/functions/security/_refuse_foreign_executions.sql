-- capataz_ops._refuse_foreign_executions(p_execute_ids, p_modules) -> void
--
-- Refuses executions of modules that the caller may not reach (_scope); p_modules null: every one. Unknown ones pass: the
-- caller of this says so.
-- Locks: none. Writes: nothing. Raises: RB403 naming one.
create or replace function capataz_ops._refuse_foreign_executions(p_execute_ids text[], p_modules text[])
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_foreign text[];
begin
  if p_modules is null then
    return;
  end if;
  v_foreign := capataz_ops._foreign_executions(p_execute_ids, p_modules);
  if v_foreign <> '{}' then
    raise exception using
      errcode = 'RB403',
      message = format('execution "%s" is not yours', v_foreign[1]),
      detail = format('%s may reach %s.', capataz_ops._caller_name(), capataz_ops._listed(p_modules)),
      hint = 'It belongs to a module that was not granted to you.';
  end if;
end
$$;

comment on function capataz_ops._refuse_foreign_executions(text[], text[]) is
  'Refuses executions of modules that the caller may not reach. RB403.';

-- capataz_ops._require_access(p_modules, p_module_name) -> void
--
-- Refuses a module that is not among those the caller may reach (_scope); p_modules null: every one. A module that does not
-- exist is refused with the same words: who may not reach it does not learn whether it is there.
-- Locks: none. Writes: nothing. Raises: RB403.
create or replace function capataz_ops._require_access(p_modules text[], p_module_name text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_module_name <> all (p_modules) then
    raise exception using
      errcode = 'RB403',
      message = format('module "%s" is not yours', left(p_module_name, 100)),
      detail = format('%s may reach %s.', capataz_ops._caller_name(), capataz_ops._listed(p_modules)),
      hint = 'An admin grants a module to a role with grant_module, or issues an API key for it.';
  end if;
end
$$;

comment on function capataz_ops._require_access(text[], text) is 'Refuses a module that the caller may not reach. RB403.';

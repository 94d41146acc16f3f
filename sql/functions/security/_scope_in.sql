-- capataz_ops._scope_in(p_scope, p_module_name) -> text[]: modules that the caller may reach; null = every module
--
-- As _scope, for a call that names a module: that one alone where it was granted to the caller itself. One look-up by key,
-- however many modules are granted; all else is decided by _scope.
-- Locks: none. Writes: nothing.
-- Raises: RB401 gateway without a valid key, RB403 the key lacks the scope.
create or replace function capataz_ops._scope_in(p_scope text, p_module_name text)
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller name;
begin
  if current_setting('is_superuser') = 'on' then
    return null;
  end if;
  v_caller := coalesce(nullif(current_setting('role'), 'none'), session_user)::name;  -- _caller(), without a call
  if exists (
       select from capataz_ops.module_grants as g where g.role_name = v_caller::text and g.module_name = p_module_name
     )
     -- a gateway reaches what its key reaches, whatever was granted to it
     and not pg_has_role(v_caller, 'capataz_gateway', 'member')
  then
    return array[p_module_name];
  end if;
  return capataz_ops._scope(p_scope);
end
$$;

comment on function capataz_ops._scope_in(text, text) is
  'Modules that the caller may reach, or the one that is named where it was granted to the caller itself. RB401, RB403.';

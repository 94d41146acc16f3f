-- capataz_ops._scope(p_scope, p_module_name) -> text[]: modules that the caller may reach; null = every module
--
-- The one place where a public function learns whose call it is (specification 5.1, ADR 0019). In this order:
-- superuser                         every module
-- member of capataz_gateway         the module of the API key that authenticate() accepted in this transaction, where the
--                                   key has p_scope (submit, work, read or admin; admin includes all; null: any will do)
-- p_module_name, where it was granted to the caller itself   that module alone: one look-up, however many are granted
-- member of owner, admin, operator  every module
-- member of capataz_viewer          every module, for p_scope read
-- member of capataz_worker, or tied by grant_module   the modules granted to it, or to a role it is a member of
-- anybody else (a producer)         every module
-- p_module_name: the module that the call names, if any. The setting capataz.principal counts for the gateway alone.
-- Locks: none. Writes: nothing.
-- Raises: RB401 gateway without a valid key, RB403 the key lacks the scope.
create or replace function capataz_ops._scope(p_scope text, p_module_name text default null)
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
  if capataz_ops._is_gateway(v_caller) then
    return array[(capataz_ops._key_of_caller(p_scope)).module_name::text];
  elsif p_module_name is not null
        and exists (
          select
          from capataz_ops.module_grants as g
          where g.role_name = v_caller::text
            and g.module_name = p_module_name
        )
  then
    return array[p_module_name];
  elsif pg_has_role(v_caller, 'capataz_operator', 'usage')
        or pg_has_role(v_caller, 'capataz_admin', 'usage')
        or pg_has_role(v_caller, 'capataz_owner', 'usage')
        or p_scope = 'read' and pg_has_role(v_caller, 'capataz_viewer', 'usage')
  then
    return null;
  end if;
  return capataz_ops._granted_modules(v_caller);
end
$$;

comment on function capataz_ops._scope(text, text) is
  'Modules that the caller may reach, null = every module. RB401, RB403.';

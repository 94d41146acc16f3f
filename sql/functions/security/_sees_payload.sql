-- capataz_ops._sees_payload(p_module_name) -> boolean
--
-- Whether the caller sees what robots of a module carry in full: operators and above; roles the module was granted to; API
-- keys with submit, work or admin. Viewers, producers that are tied to no module, and keys that may only read do not
-- (specification 5.1, ADR 0022). p_module_name null: of all modules that _scope shows.
-- Locks: none. Writes: nothing. Raises: RB401 gateway without a valid key.
create or replace function capataz_ops._sees_payload(p_module_name text)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller constant name := capataz_ops._caller()::name;
  v_granted text[];
begin
  if current_setting('is_superuser') = 'on' then
    return true;
  elsif capataz_ops._is_gateway(v_caller) then
    return (capataz_ops._key_of_caller(null)).scopes && array['submit', 'work', 'admin'];
  elsif pg_has_role(v_caller, 'capataz_operator', 'usage')
        or pg_has_role(v_caller, 'capataz_admin', 'usage')
        or pg_has_role(v_caller, 'capataz_owner', 'usage')
  then
    return true;
  end if;
  v_granted := capataz_ops._granted_modules(v_caller);
  return coalesce(
    p_module_name = any (v_granted),
    v_granted is not null and not pg_has_role(v_caller, 'capataz_viewer', 'usage')
  );
end
$$;

comment on function capataz_ops._sees_payload(text) is
  'Whether the caller sees what robots of a module carry in full. RB401.';

-- capataz.revoke_module(p_module_name, p_role_name) -> boolean: true where there was a grant
--
-- Takes a module away from a role. The role stays tied to what is left, which may be nothing (ADR 0019). Calls under way
-- finish; leases the role holds end with their timeout, or by cancel_robot.
-- Locks: module_grants row. Writes: module_grants.
-- Raises: RB400 bad argument, RB404 unknown module. The role need not exist any more.
create or replace function capataz.revoke_module(p_module_name text, p_role_name text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._check_text('role_name', p_role_name, 63, true);
  perform capataz_ops._require_module(p_module_name);

  delete from capataz_ops.module_grants as g
  where g.module_name = p_module_name
    and g.role_name = p_role_name;
  return found;
end
$$;

comment on function capataz.revoke_module(text, text) is
  'Takes a module away from a role; true where it had it. RB400, RB404.';

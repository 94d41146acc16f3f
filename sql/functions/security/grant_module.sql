-- capataz.grant_module(p_module_name, p_role_name) -> boolean: true where it is new
--
-- Lets a role, and whoever is a member of it, reach a module (specification 5.1, ADR 0019). Roles of capataz_worker reach
-- nothing without it. A producer is tied to what is granted from its first grant on, also after the last was revoked.
-- Locks: none. Writes: module_grants, tied_roles.
-- Raises: RB400 bad argument, RB404 unknown module or role.
create or replace function capataz.grant_module(p_module_name text, p_role_name text)
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
  if not exists (select from pg_roles as r where r.rolname = p_role_name) then
    raise exception using
      errcode = 'RB404',
      message = format('no role "%s"', p_role_name),
      detail = format('role_name is "%s".', p_role_name),
      hint = 'Create it first: create role ... login in role capataz_worker.';
  end if;

  insert into capataz_ops.tied_roles as t (role_name, role_oid)
  values (p_role_name, to_regrole(quote_ident(p_role_name)))
  on conflict (role_name) do update set role_oid = excluded.role_oid
  where t.role_oid <> excluded.role_oid;

  insert into capataz_ops.module_grants (role_name, module_name, granted_by)
  values (p_role_name, p_module_name, capataz_ops._caller_name())
  on conflict do nothing;
  return found;
end
$$;

comment on function capataz.grant_module(text, text) is
  'Lets a role reach a module; true where that is new. RB400, RB404.';

-- capataz_ops._granted_modules(p_role_name) -> text[]
--
-- Modules granted to a role or to a role it is a member of, directly or not. Null where it is tied to none: neither it nor a
-- role it is a member of is capataz_worker or was ever granted a module (ADR 0019), under whatever name. A module that was
-- granted to several of them may be there more than once: to make them distinct costs more than all else here.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._granted_modules(p_role_name name)
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_mine oid[] := array[to_regrole(quote_ident(p_role_name))::oid];
  v_further oid[] := v_mine;
  -- since 16 an administrator of a role may neither use its rights nor become it
  v_privilege constant text := case
    when current_setting('server_version_num')::integer >= 160000 then 'usage, set' else 'member'
  end;
begin
  loop
    v_further := array(
      select a.roleid
      from pg_auth_members as a
      where a.member = any (v_further)
        and a.roleid <> all (v_mine)
        and pg_has_role(a.member, a.roleid, v_privilege)
    );
    exit when v_further = '{}'::oid[];
    v_mine := v_mine || v_further;
  end loop;
  if to_regrole('capataz_worker') = any (v_mine)
     or exists (
       select
       from capataz_ops.tied_roles as t
       where t.role_oid = any (v_mine)
          or t.role_name in (select pg_get_userbyid(r.role_id) from unnest(v_mine) as r (role_id))
     )
  then
    return array(
      select g.module_name::text
      from unnest(v_mine) as r (role_id)
      join capataz_ops.module_grants as g on g.role_name = pg_get_userbyid(r.role_id)
    );
  end if;
  return null;
end
$$;

comment on function capataz_ops._granted_modules(name) is
  'Modules granted to a role; null where the role is tied to none.';

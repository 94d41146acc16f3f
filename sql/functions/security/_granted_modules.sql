-- capataz_ops._granted_modules(p_role_name) -> text[]
--
-- Modules granted to a role or to a role it is a member of, directly or not. Null where it is tied to none: neither it nor a
-- role it is a member of is capataz_worker or was ever granted a module (ADR 0019).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._granted_modules(p_role_name name)
  returns text[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with recursive mine as (
    select r.oid, r.rolname::text as role_name
    from pg_roles as r
    where r.rolname = p_role_name
    union
    select r.oid, r.rolname::text
    from mine as m
    join pg_auth_members as a on a.member = m.oid
    join pg_roles as r on r.oid = a.roleid
  )
  select
    case
      when exists (select from mine as m where m.role_name = 'capataz_worker')
        or exists (select from mine as m join capataz_ops.tied_roles as t on t.role_name = m.role_name)
        then array(
          select distinct g.module_name::text
          from mine as m
          join capataz_ops.module_grants as g on g.role_name = m.role_name
        )
    end
$$;

comment on function capataz_ops._granted_modules(name) is
  'Modules granted to a role; null where the role is tied to none.';

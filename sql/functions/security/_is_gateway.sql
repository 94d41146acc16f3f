-- capataz_ops._is_gateway(p_role_name) -> boolean
--
-- Whether a role is a gateway: a member of capataz_gateway that may use its rights or become it (ADR 0020), however many groups
-- it is in besides. Since PostgreSQL 16 whoever makes a role is its administrator, and by that alone neither: the deployer, who
-- made the groups, is no gateway.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._is_gateway(p_role_name name)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_has_role(
    p_role_name, 'capataz_gateway',
    case when current_setting('server_version_num')::integer >= 160000 then 'usage, set' else 'member' end
  );
end
$$;

comment on function capataz_ops._is_gateway(name) is 'Whether a role is a member of capataz_gateway, and not only its administrator.';

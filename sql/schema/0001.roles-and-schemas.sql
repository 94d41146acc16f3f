-- Roles and schemas of Capataz (ADR 0003). Idempotent: the deployer runs it before yoyo, yoyo then marks it.
-- Roles are cluster-wide NOLOGIN groups: created if missing, never dropped by a rollback.
-- The deployer becomes a member of capataz_owner, which owns everything.
do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'capataz_owner', 'capataz_admin', 'capataz_operator', 'capataz_producer',
    'capataz_worker', 'capataz_viewer', 'capataz_gateway'
  ] loop
    if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role) then
      begin
        execute pg_catalog.format('create role %I nologin', v_role);
      exception
        when duplicate_object or unique_violation then
          null;  -- another database of this cluster is being deployed at this moment
      end;
    end if;
  end loop;
  -- Since PostgreSQL 16 whoever creates a role is its administrator but may neither inherit from it nor become it.
  if not pg_catalog.pg_has_role(current_user, 'capataz_owner', 'usage')
     or not pg_catalog.pg_has_role(
       current_user,
       'capataz_owner',
       case when pg_catalog.current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end
     )
  then
    execute pg_catalog.format('grant capataz_owner to %I', current_user);
  end if;
  -- system_health() looks for forgotten transactions of other sessions; where the deployer may not grant this, it says so
  if not pg_catalog.pg_has_role('capataz_owner', 'pg_read_all_stats', 'member') then
    begin
      grant pg_read_all_stats to capataz_owner;
    exception
      when insufficient_privilege then
        null;
    end;
  end if;
end
$$;

do $$
begin
  if pg_catalog.to_regnamespace('capataz') is null then
    create schema capataz authorization capataz_owner;
  end if;
  if pg_catalog.to_regnamespace('capataz_ops') is null then
    create schema capataz_ops authorization capataz_owner;
  end if;
end
$$;

do $$
begin
  if pg_catalog.pg_has_role(current_user, 'capataz_owner', 'usage') then
    comment on schema capataz is
      'Capataz: tables module_registry, robots, robot_execute and the public API (specification 2.1).';
    comment on schema capataz_ops is
      'Capataz internals: derived state, job catalogue, deployment records. No client touches it.';
    -- Functions are created without EXECUTE for PUBLIC; only the global form has this effect.
    alter default privileges for role capataz_owner revoke execute on functions from public;
  end if;
end
$$;

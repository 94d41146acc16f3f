-- capataz.deployed_version() -> text
--
-- The version of Capataz in this database, such as 0.1.0; null where none is recorded. The gateway's /readyz says it.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz.deployed_version()
  returns text
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select d.version
  from capataz_ops.deployments as d
  order by d.deployment_id desc
  limit 1
$$;

comment on function capataz.deployed_version() is 'The version of Capataz in this database.';

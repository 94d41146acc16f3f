-- The latest deployment tells which version this is.
begin;
select plan(1);
select is(
  capataz.deployed_version(),
  (select d.version from capataz_ops.deployments as d order by d.deployment_id desc limit 1),
  'the version of the latest deployment'
);
select * from finish();
rollback;

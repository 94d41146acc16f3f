-- Each module has 33 rows that say whether it has a max_concurrency; they follow the module however its row changes (ADR 0007).
begin;
select plan(7);
create function pg_temp.guards(p_name text) returns text language sql as $$
  select concat_ws(' ', count(*), min(g.slot), max(g.slot), bool_and(g.is_limited), bool_or(g.is_limited))
  from capataz_ops.limit_guards as g
  where g.module_name = p_name
$$;
select capataz_test.module('GuardA') as a \gset
select capataz_test.module('GuardB', '{"max_concurrency": 3}') as b \gset
select is(pg_temp.guards('GuardA'), '33 0 32 f f', 'without a limit');
select is(pg_temp.guards('GuardB'), '33 0 32 t t', 'with one');
update capataz.module_registry set registration_data = registration_data || '{"max_concurrency": 7}' where module_name = 'GuardA';
update capataz.module_registry set registration_data = registration_data - 'max_concurrency' where module_name = 'GuardB';
select is(pg_temp.guards('GuardA') || ', ' || pg_temp.guards('GuardB'), '33 0 32 t t, 33 0 32 f f', 'plain SQL changes them');
update capataz.module_registry set module_name = 'GuardC', module_id = 'GuardC_1.0_test' where module_name = 'GuardA';
select is(pg_temp.guards('GuardA') || ', ' || pg_temp.guards('GuardC'), '0, 33 0 32 t t', 'a module is renamed');
delete from capataz_ops.limit_guards where module_name = 'GuardC';
update capataz_ops.limit_guards set is_limited = true where module_name = 'GuardB';
select capataz.rebuild_derived();
select is(pg_temp.guards('GuardB') || ', ' || pg_temp.guards('GuardC'), '33 0 32 f f, 33 0 32 t t', 'rebuild_derived makes them anew');
delete from capataz.module_registry where module_name = 'GuardC';
select is(pg_temp.guards('GuardC'), '0', 'a module is deleted');
select capataz_test.robots('GuardB', 3);
select is((select count(*)::integer from capataz.claim_robots('GuardB', 5)), 3, 'claims find their row');

select * from finish();
rollback;

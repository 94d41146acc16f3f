-- What a transaction has changed itself is routed by at once, undone or not; a stored row that is out of date is not used.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('N1', '{}', array['NEW']) as m \gset
select is(capataz.route_robot('NEW'), 'N1', 'registered in this transaction');
savepoint before;
select capataz_test.module('N2', '{}', array['NEWER']) as m \gset
select is(capataz.route_robot('NEWER'), 'N2', 'another one, after the table was filled');
select capataz.deactivate_module('N1');
select throws_ok($$select capataz.route_robot('NEW')$$, 'RB503', null, 'deactivated in this transaction');
rollback to savepoint before;
select is(capataz.route_robot('NEW'), 'N1', 'undone: active again');
select throws_ok($$select capataz.route_robot('NEWER')$$, 'RB503', null, 'and the other one was never there');
update capataz.module_registry set supported_robot_types = array['ELSE'] where module_name = 'N1';
select throws_ok($$select capataz.route_robot('NEW')$$, 'RB503', null, 'it does not support the type any more');
select is(capataz.route_robot('ELSE'), 'N1', 'but another');
select is(
  (select refresh_count from capataz.cache_statistics() where cache_name = 'routing_table'),
  (select refresh_count from capataz.cache_statistics() where cache_name = 'routing_table' and capataz.route_robot('ELSE') = 'N1'),
  'once refreshed, it serves until something changes'
);
delete from capataz.module_registry where module_name = 'N1';
select throws_ok($$select capataz.route_robot('ELSE')$$, 'RB503', null, 'deleted in this transaction');

select * from finish();
rollback;

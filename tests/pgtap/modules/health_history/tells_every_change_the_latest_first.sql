-- Every change of a module's health, the latest first: when, from what, to what, why.
begin;
select plan(9);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Hh', '{"failure_threshold": 2}') as m \gset
select capataz_test.module('Hh2') as m \gset
select is_empty($$select * from capataz.health_history('Hh')$$, 'nothing has changed');

select capataz.record_health_check('Hh', true);
select capataz_test.advance('1 minute');
select capataz_test.fail_some('Hh', 2);
select capataz.activate_module('Hh');
select results_eq(
  $$select changed_at, from_status::text, to_status::text, reason from capataz.health_history('Hh') limit 2 offset 1$$,
  $$values
    (timestamp '2026-03-10 12:01', 'HEALTHY', 'UNHEALTHY', '2 executions failed in a row: it broke'),
    (timestamp '2026-03-10 12:00', 'UNKNOWN', 'HEALTHY', 'the health check is good')$$,
  'when, from what, to what, why'
);
select is(
  (select from_status::text from capataz.health_history('Hh', 1)), 'UNHEALTHY',
  'of two changes at one time the later one comes first'
);
select is((select count(*) from capataz.health_history('Hh', 2)), 2::bigint, 'no more than the limit');
select is((select count(*) from capataz.health_history('Hh', null)), 3::bigint, 'null is the default: 50');
select is_empty($$select * from capataz.health_history('Hh2')$$, 'another module has its own');

update capataz.module_registry set health_status = 'DEGRADED' where module_name = 'Hh2';
select is(
  (select reason from capataz.health_history('Hh2')), 'set by hand', 'a change that somebody makes in SQL is told too'
);
update capataz.module_registry set health_status = 'DEGRADED' where module_name = 'Hh2';
select is((select count(*) from capataz.health_history('Hh2')), 1::bigint, 'what changes nothing is no change');
update capataz.module_registry set last_error_message = 'x' where module_name = 'Hh2';
select is((select count(*) from capataz.health_history('Hh2')), 1::bigint, 'nor is anything but health');

select * from finish();
rollback;

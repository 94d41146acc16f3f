-- Every change of health is kept once: from, to, when, why.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('H', '{"failure_threshold": 2}') as m \gset
select capataz_test.fail_some('H', 2);
select capataz_test.advance('1 minute');
select capataz.activate_module('H') is not null;
update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = 'H';
update capataz.module_registry set health_status = 'UNHEALTHY', last_error_message = 'same' where module_name = 'H';
select results_eq(
  $$select from_status::text, to_status::text, reason, changed_at from capataz_ops.health_changes where module_name = 'H' order by change_id$$,
  $$values
    ('UNKNOWN', 'UNHEALTHY', '2 executions failed in a row: it broke', '2026-03-10 12:00:00'::timestamp),
    ('UNHEALTHY', 'HEALTHY', 'the module was activated', '2026-03-10 12:01:00'),
    ('HEALTHY', 'UNHEALTHY', 'set by hand', '2026-03-10 12:01:00')$$,
  'three changes'
);
select is((select opened_by from capataz_ops.module_state where module_name = 'H'), 'hand', 'by hand');
select capataz.record_health_check('H', true);
select is((capataz_test.module_row('H')).health_status::text, 'UNHEALTHY', 'a good check does not undo a hand');
select capataz.fold_counters();
select capataz.evaluate_health();
select is((capataz_test.module_row('H')).health_status::text, 'UNHEALTHY', 'nor do the jobs');
delete from capataz.robots where module_name = 'H';
delete from capataz.module_registry where module_name = 'H';
select is_empty($$select from capataz_ops.health_changes where module_name = 'H'$$, 'a deleted module takes its history with it');

select * from finish();
rollback;

-- uptime_percentage_24h: percent of the checks of 24 h that were good; old minutes leave by themselves.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:30');

select capataz_test.module('U', '{"health_failure_threshold": 100}') as m \gset
select is((capataz_test.module_row('U')).uptime_percentage_24h, 100.00, 'never checked');
select capataz.record_health_check('U', false);
select is((capataz_test.module_row('U')).uptime_percentage_24h, 0.00, 'one failed');
select capataz_test.advance('10 minutes');
select capataz.record_health_check('U', true) from generate_series(1, 2);
select is((capataz_test.module_row('U')).uptime_percentage_24h, 66.67, 'two of three');
select capataz_test.set_clock('2026-03-11 11:59:59');
select capataz.fold_counters();
select is((capataz_test.module_row('U')).uptime_percentage_24h, 66.67, 'a second before the minute leaves');
select capataz_test.set_clock('2026-03-11 12:00:00');
select capataz.fold_counters();
select is((capataz_test.module_row('U')).uptime_percentage_24h, 100.00, 'the failed minute has left');
select capataz_test.set_clock('2026-03-11 12:10:00');
select capataz.fold_counters();
select is((capataz_test.module_row('U')).uptime_percentage_24h, 100.00, 'no check is left');
select capataz_test.set_clock('2026-03-13 00:00:00');
select capataz.evaluate_health();
select is_empty($$select from capataz_ops.health_checks where module_name = 'U'$$, 'checks older than 48 hours are gone');

select * from finish();
rollback;

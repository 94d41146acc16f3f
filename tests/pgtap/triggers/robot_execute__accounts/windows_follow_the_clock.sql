-- The 24 h windows count ended executions in minutes > date_trunc('minute', now) - 24 h; totals stay (design 6).
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('H') as m \gset
select capataz_test.set_clock('2026-03-10 12:00:30');
select capataz_test.complete_some('H', 1, 2000);
select capataz_test.fail_some('H');
select capataz_test.set_clock('2026-03-10 12:01:00');
select capataz_test.complete_some('H', 1, 5000);
select capataz.fold_counters();
create view pg_temp.f as
select error_count_24h as errors, success_rate_24h as rate, avg_processing_time_ms as avg_ms, total_robots_processed as total
from capataz.module_registry where module_name = 'H';
select results_eq('select * from pg_temp.f', 'values (1, 66.67, 3500, 3)', 'all three');
select capataz_test.set_clock('2026-03-11 11:59:59.999');
select capataz.fold_counters();
select results_eq('select * from pg_temp.f', 'values (1, 66.67, 3500, 3)', 'just before a day has passed: all three');
select capataz_test.set_clock('2026-03-11 12:00:00');
select is(capataz.fold_counters(), 1, 'the module is folded when a minute leaves, without any new execution');
select results_eq('select * from pg_temp.f', 'values (0, 100.00, 5000, 3)', 'minute 12:00 has left the window');
select capataz_test.set_clock('2026-03-11 12:00:59');
select is(capataz.fold_counters(), 0, 'nothing leaves: nothing is folded');
select capataz_test.set_clock('2026-03-11 12:01:00');
select capataz.fold_counters();
select results_eq('select * from pg_temp.f', 'values (0, 100.00, 0, 3)', 'none left: 0, 100.00, 0; totals stay');
select capataz_test.set_clock('2026-03-20 12:00:00');
select capataz.fold_counters();
select is_empty($$select 1 from capataz_ops.module_minutes where module_name = 'H'$$, 'old minutes are dropped');
select capataz_test.complete_some('H', 1, 1000);
select capataz.fold_counters();
select results_eq('select * from pg_temp.f', 'values (0, 100.00, 1000, 4)', 'a new one begins a new window');

select * from finish();
rollback;

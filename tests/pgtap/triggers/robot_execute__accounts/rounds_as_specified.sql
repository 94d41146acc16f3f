-- Rate = 100 x completed / (completed + failed) to 2 digits; average = round(avg(duration_ms)) of COMPLETED.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('I', '{"failure_threshold": 1000}') as m \gset
select is((capataz_test.module_row('I')).success_rate_24h, 100.00, '100.00 when none');
select is((capataz_test.module_row('I')).avg_processing_time_ms, 0, '0 when none');
select capataz_test.complete_some('I', 1, 1);
select capataz_test.complete_some('I', 1, 2);
select capataz_test.fail_some('I', 1);
select capataz.fold_counters();
select is((capataz_test.module_row('I')).avg_processing_time_ms, 2, 'average 1.5 ms is rounded to 2');
select is((capataz_test.module_row('I')).success_rate_24h, 66.67, '2 of 3');
select capataz_test.complete_some('I', 1, 1);
select capataz.fold_counters();
select is((capataz_test.module_row('I')).avg_processing_time_ms, 1, '4 ms in 3 are 1');
select is((capataz_test.module_row('I')).success_rate_24h, 75.00, '3 of 4');

select * from finish();
rollback;

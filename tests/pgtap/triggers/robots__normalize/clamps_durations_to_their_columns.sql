-- Derived values are clamped to their column's range, never an overflow (design 3).
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('L') as m \gset
select capataz_test.running('L', p_timeout_seconds => 2147483647) as e \gset
select capataz_test.advance('60 days');
select lives_ok(format('select capataz.complete_execution(%L)', :'e'), 'an attempt of 60 days ends');
select is((capataz_test.execution(:'e')).duration_ms, 2147483647, 'duration_ms is the greatest integer');
select is((capataz_test.robot_of(:'e')).processing_time_ms, 2147483647, 'so is processing_time_ms');
select is((capataz_test.robot_of(:'e')).actual_duration_minutes, 35791, 'actual_duration_minutes follows it');
select capataz.fold_counters();
select is((capataz_test.module_row('L')).avg_processing_time_ms, 2147483647, 'the average does not overflow');
select is((capataz_test.module_row('L')).total_processing_time_hours, 596.52, 'nor do the hours');
select capataz_test.running('L', p_timeout_seconds => 2147483647) as e2 \gset
select capataz.report_progress(:'e2', p_items_processed => 9007199254740991);
select capataz_test.advance('1 millisecond');
select lives_ok(format('select capataz.report_progress(%L, 100)', :'e2'), 'all of it in a millisecond');
select is((capataz_test.execution(:'e2')).throughput_items_per_sec, 999999.99, 'throughput is clamped');
select is((capataz_test.execution(:'e2')).processing_rate, 999999.99, 'so is the rate');
select lives_ok(format('select capataz.complete_execution(%L)', :'e2'), 'it ends');
select is((capataz_test.execution(:'e2')).throughput_items_per_sec, 999999.99, 'throughput is clamped at the end too');

select * from finish();
rollback;

-- estimated_completion_at and processing_rate from the rate so far; throughput from items and time.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('E') as m \gset
select capataz_test.running('E', p_timeout_seconds => 100000) as e \gset
select capataz.report_progress(:'e', 10, p_items_processed => 100);
select is((capataz_test.execution(:'e')).estimated_completion_at, null, 'no time has passed: no estimate');
select capataz_test.advance('60 seconds');
select capataz.report_progress(:'e', 25, p_items_processed => 300);
select is((capataz_test.execution(:'e')).estimated_completion_at, '2026-03-10 12:04', '25 percent in a minute: three more');
select is((capataz_test.execution(:'e')).processing_rate, 25.00, '25 points per minute');
select is((capataz_test.execution(:'e')).throughput_items_per_sec, 5.00, '300 items in 60 seconds');
select capataz_test.advance('60 seconds');
select capataz.report_progress(:'e', p_items_processed => 200);
select is((capataz_test.execution(:'e')).estimated_completion_at, '2026-03-10 12:08', 'no progress since: later');
select is((capataz_test.execution(:'e')).throughput_items_per_sec, 2.50, 'a lower count is ignored');
select capataz_test.advance('80 seconds');
select capataz.complete_execution(:'e');
select is((capataz_test.execution(:'e')).throughput_items_per_sec, 1.50, 'at the end: 300 items in 200 seconds');
select is((capataz_test.execution(:'e')).duration_ms, 200000, 'duration_ms');

select * from finish();
rollback;

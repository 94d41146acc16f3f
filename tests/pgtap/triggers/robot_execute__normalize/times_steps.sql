-- step_start_time and step_duration_ms follow current_step and step_category.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('W') as m \gset
select capataz_test.running('W') as e \gset
select is((capataz_test.execution(:'e')).step_start_time, null, 'no step yet');
select capataz.report_progress(:'e', p_current_step => 'READ', p_step_category => 'INIT');
select is((capataz_test.execution(:'e')).step_start_time, '2026-03-10 12:00', 'the step starts');
select capataz_test.advance('1.5 seconds');
select capataz.report_progress(:'e', 5);
select is((capataz_test.execution(:'e')).step_duration_ms, 1500, 'time in the step as of the report');
select capataz.report_progress(:'e', p_current_step => 'READ');
select is((capataz_test.execution(:'e')).step_start_time, '2026-03-10 12:00', 'naming the same step again does not restart it');
select capataz_test.advance('1 second');
select capataz.report_progress(:'e', p_step_category => 'PROCESSING');
select is((capataz_test.execution(:'e')).step_start_time, '2026-03-10 12:00:02.5', 'another category is another step');
select is((capataz_test.execution(:'e')).step_duration_ms, 0, 'just begun');
select capataz_test.advance('250 milliseconds');
update capataz.robot_execute set current_step = 'OCR' where execute_id = :'e';
select is((capataz_test.execution(:'e')).step_start_time, '2026-03-10 12:00:02.75', 'plain SQL starts a step too');
select capataz_test.advance('4 seconds');
select capataz.complete_execution(:'e');
select is((capataz_test.execution(:'e')).step_duration_ms, 4000, 'the last step ends with the attempt');

select * from finish();
rollback;

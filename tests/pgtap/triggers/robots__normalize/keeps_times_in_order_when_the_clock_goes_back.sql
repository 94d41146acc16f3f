-- No time of a row lies before an earlier one of it, and durations are never negative, whatever the clock does (design 3).
begin;
select plan(14);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B') as m \gset
select capataz_test.running('B') as e \gset
select (capataz_test.robot_of(:'e')).robot_id as r \gset
select capataz_test.robot('B', p_robot_id => 'b-2') as r2 \gset
select capataz_test.set_clock('2026-03-10 11:00:00');
select lives_ok(format('select capataz.report_progress(%L, 10, %L)', :'e', 'OCR'), 'progress an hour before the start');
select is((capataz_test.execution(:'e')).step_start_time, '2026-03-10 12:00', 'the step starts with the attempt');
select lives_ok(format('select capataz.complete_execution(%L)', :'e'), 'the end an hour before the start');
select is((capataz_test.execution(:'e')).completed_at, '2026-03-10 12:00', 'the execution ends when it began');
select is((capataz_test.execution(:'e')).duration_ms, 0, 'its duration is 0');
select is((capataz.get_robot(:'r')).completed_at, '2026-03-10 12:00', 'so does the robot');
select is((capataz.get_robot(:'r')).processing_time_ms, 0, 'its processing time is 0');
select is((capataz.get_robot(:'r')).updated_at, '2026-03-10 12:00', 'updated_at never lies before created_at');
select lives_ok($$update capataz.robots set status = 'PROCESSING' where robot_id = 'b-2'$$, 'a robot begins before its creation');
select is((capataz.get_robot('b-2')).started_at, '2026-03-10 12:00', 'it starts when it was created');
select lives_ok($$update capataz.robots set status = 'RETRYING' where robot_id = 'b-2'$$, 'and is retried');
select is((capataz.get_robot('b-2')).last_error_at, '2026-03-10 12:00', 'its last error does not lie before its creation');
select lives_ok($$select capataz.deactivate_module('B')$$, 'a module changes before its registration');
select is((capataz_test.module_row('B')).updated_at, '2026-03-10 12:00', 'its updated_at does not lie before it');

select * from finish();
rollback;

-- efficiency_score: estimated / actual duration, at most 1.00; 1.00 where nothing was estimated. API and plain SQL agree.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('F') as m \gset
select capataz_test.running('F', p_estimated_minutes => 2) as e1 \gset
select capataz_test.advance('8 minutes');
select capataz.complete_execution(:'e1');
select is((capataz_test.execution(:'e1')).efficiency_score, 0.25, '2 minutes estimated, 8 needed');
select capataz_test.running('F', p_estimated_minutes => 2) as e2 \gset
select capataz_test.advance('1 minute');
select capataz.complete_execution(:'e2');
select is((capataz_test.execution(:'e2')).efficiency_score, 1.00, 'faster than estimated is 1');
select capataz_test.running('F') as e3 \gset
select capataz_test.advance('1 minute');
select capataz.complete_execution(:'e3');
select is((capataz_test.execution(:'e3')).efficiency_score, 1.00, 'nothing estimated is 1');
select capataz_test.running('F', p_estimated_minutes => 2) as e4 \gset
select capataz_test.advance('8 minutes');
update capataz.robots set status = 'COMPLETED' where robot_id = (capataz_test.robot_of(:'e4')).robot_id;
select is((capataz_test.execution(:'e4')).efficiency_score, 0.25, 'the same by plain SQL on the robot');
select capataz_test.running('F', p_estimated_minutes => 2) as e5 \gset
select capataz_test.advance('8 minutes');
update capataz.robot_execute set execution_state = 'COMPLETED' where execute_id = :'e5';
select is((capataz_test.execution(:'e5')).efficiency_score, 0.25, 'and on the execution');
select capataz_test.running('F', p_estimated_minutes => 0) as e6 \gset
select capataz_test.advance('1 minute');
select lives_ok(format('select capataz.complete_execution(%L)', :'e6'), 'an estimate of 0 minutes is no error');
select capataz_test.running('F', p_estimated_minutes => 2) as e7 \gset
select capataz_test.advance('0.0003 seconds');
select lives_ok(format('select capataz.complete_execution(%L)', :'e7'), 'nor is an end 0.3 ms after the start');
select is((capataz_test.execution(:'e7')).efficiency_score, 1.00, 'it is 1');

select * from finish();
rollback;

-- PAUSED: its worker learns it from report_progress; paused time counts towards the timeout; both calls are repeatable.
begin;
select plan(13);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('Q') as m \gset
select capataz_test.running('Q', p_timeout_seconds => 100) as e \gset
select is(capataz.pause_execution(:'e')::text, 'PAUSED', 'paused');
select is(capataz.pause_execution(:'e')::text, 'PAUSED', 'again');
select is(capataz.report_progress(:'e', 50)::text, 'PAUSED', 'the worker is told to wait');
select is((capataz_test.execution(:'e')).progress_percentage, 50::smallint, 'what it reported is recorded');
select is((capataz_test.execution(:'e')).execution_state::text, 'PAUSED', 'it stays paused');
select is((capataz_test.robot_of(:'e')).status::text, 'PROCESSING', 'the robot is still PROCESSING');
select throws_ok(format('select capataz.retry_step(%L, %L)', :'e', 'x'), 'RB409', null, 'no step is repeated while paused');
select is(capataz.resume_execution(:'e')::text, 'RUNNING', 'resumed');
select is(capataz.resume_execution(:'e')::text, 'RUNNING', 'again');
select capataz.retry_step(:'e', 'x');
select throws_ok(format('select capataz.pause_execution(%L)', :'e'), 'RB409', null, 'RETRYING cannot be paused');
select throws_ok(format('select capataz.resume_execution(%L)', :'e'), 'RB409', null, 'nor resumed');
select capataz.report_progress(:'e');
select capataz.pause_execution(:'e');
select capataz_test.advance('101 seconds');
select is(capataz.expire_executions(), 1, 'a paused attempt times out');
select is((capataz_test.execution(:'e')).error_category::text, 'TIMEOUT', 'with TIMEOUT');

select * from finish();
rollback;

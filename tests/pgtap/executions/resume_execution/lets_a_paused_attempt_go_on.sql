-- PAUSED goes to RUNNING; being RUNNING already is fine; nothing else resumes.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('A') as m \gset
select capataz_test.running('A') as e \gset
select is(capataz.resume_execution(:'e')::text, 'RUNNING', 'RUNNING already');
select capataz.pause_execution(:'e');
select capataz_test.advance('1 minute');
select is(capataz.resume_execution(:'e')::text, 'RUNNING', 'resumed');
select is((capataz_test.execution(:'e')).execution_state::text, 'RUNNING', 'the row says so');
select is(capataz.report_progress(:'e', 10)::text, 'RUNNING', 'the worker may go on');
select is((capataz_test.execution(:'e')).started_at, '2026-03-10 12:00', 'the pause is part of its time');
select capataz.retry_step(:'e', 'x');
select throws_ok(
  format('select capataz.resume_execution(%L)', :'e'), 'RB409', null, 'RETRYING is ended by a report, not by resuming'
);

select * from finish();
rollback;

-- RETRYING until the next report; up to max_retries; the robot's own retries are not touched.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('R') as m \gset
select capataz_test.running('R') as e \gset
select throws_ok(
  format('select capataz.retry_step(%L, null)', :'e'), 'RB400', 'error_message is required', 'error_message is required'
);
select is(capataz.retry_step(:'e', 'page torn')::text, 'RETRYING', 'RETRYING');
select results_eq(
  format('select execution_state::text, retry_count, last_retry_at, error_message from capataz.robot_execute where execute_id = %L', :'e'),
  $$values ('RETRYING', 1, '2026-03-10 12:00'::timestamp, 'page torn')$$, 'what the row shows'
);
select is((capataz_test.robot_of(:'e')).status::text, 'PROCESSING', 'the robot is PROCESSING');
select is((capataz_test.robot_of(:'e')).retry_count, 0, 'its retries are untouched');
select is(capataz.report_progress(:'e', 5)::text, 'RUNNING', 'the next report sets RUNNING');
select is(capataz.retry_step(:'e', 'again')::text, 'RETRYING', 'a second time');
select is(capataz.retry_step(:'e', 'and again')::text, 'RETRYING', 'a third, from RETRYING');
select throws_ok(format('select capataz.retry_step(%L, %L)', :'e', 'x'), 'RB429', null, 'max_retries 3 is reached');
select is(capataz.complete_execution(:'e')::text, 'COMPLETED', 'the attempt may still complete');

select * from finish();
rollback;

-- FAILED with category CANCELLED from every waiting or running state; a running attempt is CANCELLED; repeatable.
begin;
select plan(18);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('M') as m \gset
select capataz_test.robot('M', p_robot_id => 'm-pending') as r \gset
select is(capataz.cancel_robot('m-pending', 'no longer needed')::text, 'FAILED', 'PENDING');
select results_eq(
  $$select status::text, error_category::text, error_details ->> 'message', completed_at, last_error_at, retry_count from capataz.robots where robot_id = 'm-pending'$$,
  $$values ('FAILED', 'CANCELLED', 'no longer needed', '2026-03-10 12:00'::timestamp, '2026-03-10 12:00'::timestamp, 0)$$, 'what the row shows'
);
select is((capataz.get_robot('m-pending')).error_details ->> 'type', 'CANCELLED', 'the error has its type');
select is((capataz.get_robot('m-pending')).error_details ->> 'cancelled_by', session_user::text, 'and who did it');
select capataz_test.running('M') as e \gset
select (capataz_test.robot_of(:'e')).robot_id as r \gset
select is(capataz.cancel_robot(:'r')::text, 'FAILED', 'PROCESSING');
select is((capataz_test.execution(:'e')).execution_state::text, 'CANCELLED', 'its execution is CANCELLED');
select throws_ok(format('select capataz.report_progress(%L, 5)', :'e'), 'RB409', null, 'its worker learns it at its next call');
select throws_ok(format('select capataz.complete_execution(%L)', :'e'), 'RB409', null, 'and cannot complete it');
select throws_ok(format('select capataz.fail_execution(%L, %L)', :'e', 'x'), 'RB409', null, 'nor fail it');
select capataz_test.running('M') as e2 \gset
select capataz.fail_execution(:'e2', 'x');
select is(capataz.cancel_robot((capataz_test.robot_of(:'e2')).robot_id)::text, 'FAILED', 'RETRYING');
select capataz_test.advance('1 minute');
select is(capataz.cancel_robot('m-pending', 'again')::text, 'FAILED', 'cancelling again is fine');
select is((capataz.get_robot('m-pending')).completed_at, '2026-03-10 12:00', 'and changes nothing');
select is((capataz.get_robot('m-pending')).error_details ->> 'message', 'no longer needed', 'not even the reason');
select capataz_test.running('M') as e3 \gset
select capataz.complete_execution(:'e3');
select throws_ok(
  format('select capataz.cancel_robot(%L)', (capataz_test.robot_of(:'e3')).robot_id), 'RB409', null,
  'a COMPLETED robot cannot be cancelled'
);
select capataz_test.running('M') as e4 \gset
select capataz.fail_execution(:'e4', 'x', 'VALIDATION');
select throws_ok(
  format('select capataz.cancel_robot(%L)', (capataz_test.robot_of(:'e4')).robot_id), 'RB409', null,
  'nor one that FAILED otherwise'
);
select throws_ok($$select capataz.cancel_robot('nobody')$$, 'RB404', 'no robot "nobody"', 'unknown');
select throws_ok('select capataz.cancel_robot(null)', 'RB400', 'robot_id is required', 'null');
select is_empty($$select * from capataz.claim_robots('M', 10)$$, 'nothing of it is claimed');

select * from finish();
rollback;

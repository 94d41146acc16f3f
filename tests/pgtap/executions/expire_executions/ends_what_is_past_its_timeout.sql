-- TIMEOUT after timeout_seconds from started_at: costs a retry, backs off, counts as a failure; safe to repeat (design 6).
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('S') as m \gset
select capataz_test.running('S', 'w-1', 60) as e \gset
select capataz_test.running('S', 'w-1', 3600) as long \gset
select capataz.report_progress(:'e', p_current_step => 'OCR');
select capataz_test.advance('60 seconds');
select is(capataz.expire_executions(), 0, 'at the very second: not yet');
select capataz_test.advance('1 millisecond');
select is(capataz.expire_executions(), 1, 'after it: one');
select is(capataz.expire_executions(), 0, 'again: none');
select results_eq(
  format('select execution_state::text, error_category::text, completed_at from capataz.robot_execute where execute_id = %L', :'e'),
  $$values ('FAILED', 'TIMEOUT', '2026-03-10 12:01:00.001'::timestamp)$$, 'the execution'
);
select results_eq(
  format($$select status::text, retry_count, error_category::text, error_details ->> 'type', error_details ->> 'step', available_at from capataz.robots where robot_id = %L$$,
    (capataz_test.robot_of(:'e')).robot_id),
  $$values ('RETRYING', 1, 'TIMEOUT', 'TIMEOUT', 'OCR', '2026-03-10 12:01:05.001'::timestamp)$$, 'the robot waits for its retry'
);
select is((capataz_test.execution(:'long')).execution_state::text, 'RUNNING', 'who has more time runs on');
select is((capataz_test.module_row('S')).consecutive_failures, 1, 'a failure in a row');
select is((capataz_test.module_row('S')).error_count_24h, 1, 'an error of the window');
select throws_ok('select capataz.expire_executions(0)', 'RB400', 'limit is out of range', 'a limit of 0');
select throws_ok('select capataz.expire_executions(100001)', 'RB400', 'limit is out of range', 'a limit too high');
select is(capataz.expire_executions(null), 0, 'null means the default');

select * from finish();
rollback;

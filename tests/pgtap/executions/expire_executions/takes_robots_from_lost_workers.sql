-- Only workers that sent a heartbeat are watched; silent for worker_timeout_seconds they lose their executions: WORKER_LOST,
-- costs a retry, due at once; a live worker never does (design 6).
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('U') as m \gset
select capataz.heartbeat_worker('w-1', 'U');
select capataz_test.running('U', 'w-1', 36000) as e1 \gset
select capataz_test.running('U', 'w-never', 36000) as e2 \gset
select capataz_test.running('U', null, 36000) as e3 \gset
select capataz_test.advance('30 seconds');
select is(capataz.expire_executions(), 0, 'silent for 30 s exactly: not lost');
select capataz.heartbeat_worker('w-1', 'U');
select capataz_test.advance('30 seconds');
select is(capataz.expire_executions(), 0, 'heartbeats keep it alive');
select capataz_test.advance('1 millisecond');
select is(capataz.expire_executions(), 1, 'silent for longer: lost');
select results_eq(
  format('select execution_state::text, error_category::text from capataz.robot_execute where execute_id = %L', :'e1'), $$values ('FAILED', 'WORKER_LOST')$$, 'its execution FAILED'
);
select results_eq(
  format('select status::text, retry_count, error_category::text, available_at <= capataz.utc_now() from capataz.robots where robot_id = %L', (capataz_test.robot_of(:'e1')).robot_id),
  $$values ('RETRYING', 1, 'WORKER_LOST', true)$$, 'its robot is due at once and has spent a retry'
);
select is((capataz_test.execution(:'e2')).execution_state::text, 'RUNNING', 'a worker that never sent one is not watched');
select is((capataz_test.execution(:'e3')).execution_state::text, 'RUNNING', 'nor are executions without a worker');
select throws_ok(
  format('select capataz.complete_execution(%L)', :'e1'), 'RB409', null, 'the late call of the lost worker is RB409'
);
select results_eq($$select attempt from capataz.claim_robots('U', 1, 'w-2')$$, 'values (2)', 'another worker takes it');
select is(capataz.expire_executions(), 0, 'a lost worker is lost once');

select * from finish();
rollback;

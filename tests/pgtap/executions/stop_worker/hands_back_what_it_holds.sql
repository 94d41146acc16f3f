-- An orderly end: robots PENDING, no retry spent, no longer watched.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('X') as m \gset
select capataz_test.module('X2') as m \gset
select capataz.heartbeat_worker('w', 'X');
select capataz_test.running('X', 'w') as e1 \gset
select capataz_test.running('X2', 'w') as e2 \gset
select capataz_test.running('X2', 'other') as e3 \gset
select is(capataz.stop_worker('w'), 2, 'two robots, in both modules');
select is((capataz_test.robot_of(:'e1')).status::text, 'PENDING', 'waits again');
select is((capataz_test.robot_of(:'e2')).retry_count, 0, 'no retry spent');
select is((capataz_test.execution(:'e3')).execution_state::text, 'RUNNING', 'the other worker goes on');
select is(capataz.stop_worker('w'), 0, 'nothing left');
select is(capataz.stop_worker('nobody'), 0, 'an unknown worker holds nothing');
select capataz_test.advance('1 hour');
select is(capataz.expire_executions(), 1, 'a stopped worker is not lost; the other one''s attempt timed out');
select is((capataz_test.module_row('X')).consecutive_failures, 0, 'no failure for its module');
select is((select lost_at from capataz_ops.workers where worker_id = 'w'), null, 'it is not among the lost');
select throws_ok('select capataz.stop_worker(null)', 'RB400', 'worker_id is required', 'null');

select * from finish();
rollback;

-- From its first heartbeat a worker is watched, in each of its modules; a lost one that speaks again is alive again.
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('W', '{"worker_timeout_seconds": 5}') as m \gset
select capataz_test.module('W2', '{"worker_timeout_seconds": 500}') as m \gset
select capataz.heartbeat_worker('w', 'W', '{"pid": 7}');
select capataz.heartbeat_worker('w', 'W2');
select results_eq(
  $$select module_name::text, last_heartbeat_at, info from capataz_ops.workers where worker_id = 'w' order by module_name$$,
  $$values ('W', '2026-03-10 12:00'::timestamp, '{"pid": 7}'::jsonb), ('W2', '2026-03-10 12:00', '{}')$$, 'one row per module'
);
select capataz_test.running('W', 'w') as e1 \gset
select capataz_test.running('W2', 'w') as e2 \gset
select capataz_test.advance('6 seconds');
select is(capataz.expire_executions(), 1, 'each module has its own patience');
select isnt((select lost_at from capataz_ops.workers where worker_id = 'w' and module_name = 'W'), null, 'it is lost in one');
select is((capataz_test.execution(:'e2')).execution_state::text, 'RUNNING', 'and alive in the other');
select capataz.heartbeat_worker('w', 'W', '{"pid": 8}');
select is((select lost_at from capataz_ops.workers where worker_id = 'w' and module_name = 'W'), null, 'it speaks again: alive');
select is(
  (select info ->> 'pid' from capataz_ops.workers where worker_id = 'w' and module_name = 'W'), '8', 'with what it says now'
);
select throws_ok($$select capataz.heartbeat_worker('w', 'nobody')$$, 'RB404', null, 'unknown module');
select throws_ok($$select capataz.heartbeat_worker(null, 'W')$$, 'RB400', 'worker_id is required', 'null');
select throws_ok($$select capataz.heartbeat_worker(repeat('w', 101), 'W')$$, 'RB400', null, 'too long');
select throws_ok($$select capataz.heartbeat_worker('w', null)$$, 'RB400', 'module_name is required', 'no module');
select throws_ok($$select capataz.heartbeat_worker('w', 'W', '[]')$$, 'RB400', null, 'info must be an object');

select * from finish();
rollback;

-- One lost worker is one failure in a row, however many executions it held; each of them is an error of the window.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('O', '{"failure_threshold": 2}') as m \gset
select capataz_test.robots('O', 12);
select capataz.heartbeat_worker('w-1', 'O');
select count(*) from capataz.claim_robots('O', 5, 'w-1');
select capataz_test.advance('31 seconds');
select is(capataz.expire_executions(), 5, 'five executions are lost');
select is((capataz_test.module_row('O')).consecutive_failures, 1, 'one failure in a row');
select is((capataz_test.module_row('O')).error_count_24h, 5, 'five errors');
select is((capataz_test.module_row('O')).health_status::text, 'UNKNOWN', 'not UNHEALTHY');
select capataz.heartbeat_worker('w-2', 'O');
select capataz.heartbeat_worker('w-3', 'O');
select count(*) from capataz.claim_robots('O', 3, 'w-2');
select count(*) from capataz.claim_robots('O', 3, 'w-3');
select capataz_test.advance('31 seconds');
select is(capataz.expire_executions(), 6, 'two more workers are lost');
select is((capataz_test.module_row('O')).consecutive_failures, 3, 'two more failures in a row');
select is((capataz_test.module_row('O')).health_status::text, 'UNHEALTHY', 'that is over the threshold');

select * from finish();
rollback;

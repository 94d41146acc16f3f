-- After every call of the API a PROCESSING robot has exactly one active execution and no other robot has any.
begin;
select plan(10);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('G', '{"max_concurrency": 3}') as m \gset
select capataz_test.robots('G', 8);
create temporary table c on commit drop as select * from capataz.claim_robots('G', 5, 'w-1');
select is((select count(*)::integer from c), 3, 'three are claimed');
select ok(capataz_test.is_coupled('G'), 'claim_robots');
select capataz.release_robots(array[(select execute_id from c limit 1)]);
select ok(capataz_test.is_coupled('G'), 'release_robots');
select capataz.cancel_robot((select robot_id from c offset 1 limit 1));
select ok(capataz_test.is_coupled('G'), 'cancel_robot');
select capataz.fail_execution((select execute_id from c offset 2 limit 1), 'x');
select ok(capataz_test.is_coupled('G'), 'fail_execution');
truncate c;
insert into c select * from capataz.claim_robots('G', 3, 'w-1', 10);
select * from capataz.complete_executions((select jsonb_agg(jsonb_build_object('execute_id', execute_id)) from (select execute_id from c limit 1) as d));
select ok(capataz_test.is_coupled('G'), 'complete_executions');
select * from capataz.fail_executions((select jsonb_agg(jsonb_build_object('execute_id', execute_id, 'error_message', 'x')) from (select execute_id from c offset 1 limit 1) as d));
select ok(capataz_test.is_coupled('G'), 'fail_executions');
select capataz_test.advance('11 seconds');
select is(capataz.expire_executions(), 1, 'one times out');
select ok(capataz_test.is_coupled('G'), 'expire_executions');
select count(*) from capataz.claim_robots('G', 3, 'w-1');
select capataz.stop_worker('w-1');
select ok(capataz_test.is_coupled('G'), 'stop_worker');

select * from finish();
rollback;

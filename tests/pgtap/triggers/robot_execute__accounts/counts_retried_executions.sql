-- FAILED executions whose robot goes on to another attempt count as retried, however they failed (ADR 0017).
begin;
select plan(11);
select capataz_test.set_clock('2026-03-10 12:00:00');

create function pg_temp.counted() returns text language plpgsql as $$
begin
  perform capataz.fold_counters();
  return (
    select format('%s of %s', sum(f.retried_count), sum(f.failed_count))
    from capataz_ops.module_minutes as f
    where f.module_name = 'R'
  );
end
$$;
select capataz_test.module('R', '{"failure_threshold": 1000, "retry_policy": {"base_seconds": 3600}}') as m \gset
select capataz_test.fail_some('R', 1);
select capataz_test.complete_some('R', 1);
select is(pg_temp.counted(), '0 of 1', 'one that failed for good');
select capataz.fail_execution(capataz_test.running('R'), 'broken');
select is(pg_temp.counted(), '1 of 2', 'one that is retried');
select capataz.fail_execution(capataz_test.running('R'), 'bad input', 'VALIDATION');
select capataz.fail_execution(capataz_test.running('R', p_retry_limit => 0), 'broken');
select is(pg_temp.counted(), '1 of 4', 'VALIDATION and no retries left');
select capataz_test.running('R') as e \gset
select capataz.cancel_robot((capataz_test.robot_of(:'e')).robot_id);
select is(pg_temp.counted(), '1 of 4', 'a cancelled one is none');

select capataz_test.running('R', p_timeout_seconds => 10) as e \gset
select capataz_test.running('R', p_timeout_seconds => 10, p_retry_limit => 0) as e2 \gset
select capataz_test.advance('11 seconds');
select capataz.expire_executions();
select is(pg_temp.counted(), '2 of 6', 'a timeout: the robot says what becomes of it');

select capataz.heartbeat_worker('w1', 'R');
select capataz_test.running('R', 'w1') as e \gset
select capataz_test.advance('1 minute');
select capataz.expire_executions();
select is(pg_temp.counted(), '3 of 7', 'a lost worker');
update capataz.robots set retry_limit = 0, status = 'FAILED' where status = 'RETRYING' and error_category = 'WORKER_LOST';

select capataz_test.running('R') as e \gset
update capataz.robot_execute set execution_state = 'FAILED' where execute_id = :'e';
select is(pg_temp.counted(), '4 of 8', 'plain SQL on the execution');
select capataz_test.running('R') as e \gset
select (capataz_test.robot_of(:'e')).robot_id as r \gset
update capataz.robots set status = 'RETRYING' where robot_id = :'r';
select is(pg_temp.counted(), '5 of 9', 'plain SQL on the robot');
select capataz_test.running('R') as e \gset
select (capataz_test.robot_of(:'e')).robot_id as r \gset
update capataz.robots set status = 'FAILED' where robot_id = :'r';
select is(pg_temp.counted(), '5 of 10', 'and one that ends it');

delete from capataz.robot_execute where module_name = 'R' and answered_status = 'RETRYING';
select is(pg_temp.counted(), '4 of 9', 'a deleted one leaves the minute');
delete from capataz.robots where module_name = 'R';
select is(pg_temp.counted(), '0 of 0', 'no more are retried than failed');

select * from finish();
rollback;

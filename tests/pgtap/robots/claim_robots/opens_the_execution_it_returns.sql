-- What a claim returns: the lease (execute_id), the robot's work, attempt = retry_count + 1, the timeout; both rows move.
begin;
select plan(7);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('B', '{"timeout_seconds": 90}') as m \gset
select count(*) from capataz.submit_robot('T', '{"page": 3}', 'B', 'HIGH', p_correlation_id => 'batch', p_robot_id => 'b-1');
create temporary table c on commit drop as select * from capataz.claim_robots('B', 1, 'worker-1');
select results_eq(
  'select robot_id::text, robot_type::text, priority::text, input_data, attempt, correlation_id::text, timeout_seconds from c',
  $$values ('b-1', 'T', 'HIGH', '{"page": 3}'::jsonb, 1, 'batch', 90)$$, 'the row'
);
select matches(
  (select execute_id from c), '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
  'execute_id is a UUID version 7'
);
select results_eq(
  $$select execution_state::text, module_name::text, worker_id::text, started_at, timeout_seconds, progress_percentage::integer
    from capataz.robot_execute where execute_id = (select execute_id from c)$$,
  $$values ('RUNNING', 'B', 'worker-1', '2026-03-10 12:00'::timestamp, 90, 0)$$, 'the execution runs'
);
select is((capataz.get_robot('b-1')).status::text, 'PROCESSING', 'the robot is PROCESSING');
select is((capataz.get_robot('b-1')).started_at, '2026-03-10 12:00', 'since now');
select capataz.fail_execution((select execute_id from c), 'x');
select capataz_test.advance('1 hour');
select results_eq(
  $$select robot_id::text, attempt, timeout_seconds from capataz.claim_robots('B', 1, null, 5)$$, $$values ('b-1', 2, 5)$$,
  'the second attempt, with a timeout of its own'
);
select is((capataz_test.execution(capataz_test.active('b-1'))).timeout_seconds, 5, 'it is kept');

select * from finish();
rollback;

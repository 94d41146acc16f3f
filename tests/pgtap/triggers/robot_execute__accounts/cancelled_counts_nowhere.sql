-- CANCELLED executions (cancel, release, stop) count in no window, no total, and are no failure (design 6).
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('K', '{"failure_threshold": 1}') as m \gset
select capataz_test.running('K', 'w') as e1 \gset
select capataz.cancel_robot((capataz_test.robot_of(:'e1')).robot_id, 'no longer needed');
select capataz_test.running('K', 'w') as e2 \gset
select capataz.release_robots(array[:'e2']);
select capataz.cancel_robot((capataz_test.robot_of(:'e2')).robot_id);
select capataz_test.running('K', 'w') as e3 \gset
select capataz.stop_worker('w');
update capataz.robots set status = 'PROCESSING' where module_name = 'K' and status = 'PENDING';
update capataz.robot_execute set execution_state = 'CANCELLED' where module_name = 'K' and execution_state = 'RUNNING';
select capataz.fold_counters();
select is(
  (select count(*)::integer from capataz.robot_execute where module_name = 'K' and execution_state = 'CANCELLED'), 4,
  'four were cancelled'
);
select is((capataz_test.module_row('K')).error_count_24h, 0, 'no error');
select is((capataz_test.module_row('K')).success_rate_24h, 100.00, 'rate untouched');
select is((capataz_test.module_row('K')).total_robots_processed, 0, 'no total');
select is((capataz_test.module_row('K')).consecutive_failures, 0, 'no failure in a row');
select is((capataz_test.module_row('K')).health_status::text, 'UNKNOWN', 'health untouched');

select * from finish();
rollback;

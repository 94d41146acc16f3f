-- Executions inserted as ended count in the minute they ended in; corrections move them.
begin;
select plan(5);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('M') as m \gset
insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) values ('m-1', 'T', 'M', '{}', 'COMPLETED');
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, started_at, completed_at)
values
  (gen_random_uuid(), 'm-1', 'M', 'COMPLETED', '2026-03-10 10:00:00', '2026-03-10 10:00:08'),
  (gen_random_uuid(), 'm-1', 'M', 'COMPLETED', '2026-03-09 12:00:00', '2026-03-09 12:00:10'),
  (gen_random_uuid(), 'm-1', 'M', 'COMPLETED', '2026-03-01 10:00:00', '2026-03-01 10:00:20'),
  (gen_random_uuid(), 'm-1', 'M', 'CANCELLED', '2026-03-10 10:00:00', '2026-03-10 10:00:09');
select capataz.fold_counters();
select is((capataz_test.module_row('M')).avg_processing_time_ms, 8000, 'the window has the one that ended within a day');
select is((capataz_test.module_row('M')).total_robots_processed, 3, 'totals have all that COMPLETED or FAILED');
update capataz.robot_execute set completed_at = '2026-03-10 10:00:04' where module_name = 'M' and duration_ms = 8000;
select capataz.fold_counters();
select is((capataz_test.module_row('M')).avg_processing_time_ms, 4000, 'a corrected end corrects the window');
update capataz.robot_execute set completed_at = '2026-03-10 09:00:01', started_at = '2026-03-10 09:00:00' where module_name = 'M' and duration_ms = 4000;
select capataz.fold_counters();
select is((capataz_test.module_row('M')).avg_processing_time_ms, 1000, 'also into another minute');
select is((capataz_test.module_row('M')).total_robots_processed, 3, 'it is counted once');

select * from finish();
rollback;

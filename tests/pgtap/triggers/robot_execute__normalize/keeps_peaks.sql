-- resource_peak_usage holds running maxima under the specification's keys; peaks never fall.
begin;
select plan(8);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('K') as m \gset
select capataz_test.running('K') as e \gset
select capataz.report_progress(:'e', p_cpu_usage_percent => 85.5, p_memory_usage_mb => 512);
select is(
  (capataz_test.execution(:'e')).resource_peak_usage, '{"max_cpu": 85.5, "max_memory": 512}'::jsonb, 'the first report'
);
select capataz.report_progress(:'e', p_cpu_usage_percent => 20, p_memory_usage_mb => 600, p_disk_io_mb => 7, p_network_io_mb => 3);
select is(
  (capataz_test.execution(:'e')).resource_peak_usage,
  '{"max_cpu": 85.5, "max_memory": 600, "max_disk_io": 7, "max_network_io": 3}'::jsonb, 'each peak for itself'
);
select is((capataz_test.execution(:'e')).cpu_usage_percent, 20.00, 'the column has the last value');
select capataz.report_progress(:'e', p_cpu_usage_percent => 350.126);
select is((capataz_test.execution(:'e')).cpu_usage_percent, 350.13, 'more than one core');
update capataz.robot_execute set memory_usage_mb = 9000 where execute_id = :'e';
update capataz.robot_execute set memory_usage_mb = null where execute_id = :'e';
select is((capataz_test.execution(:'e')).resource_peak_usage ->> 'max_memory', '9000', 'plain SQL too; a null forgets nothing');
update capataz.robot_execute set resource_peak_usage = resource_peak_usage || '{"max_threads": 9}' where execute_id = :'e';
select capataz.report_progress(:'e', p_memory_usage_mb => 10);
select is((capataz_test.execution(:'e')).resource_peak_usage ->> 'max_threads', '9', 'keys of others stay');
select capataz.complete_execution(:'e');
select is((capataz_test.robot_of(:'e')).resource_usage_mb, 9000, 'the robot gets the peak of its memory');
insert into capataz.robots (robot_id, robot_type, module_name, input_data) values ('k-2', 'T', 'K', '{}');
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, memory_usage_mb)
values ('00000000-0000-0000-0000-000000000001', 'k-2', 'K', 'RUNNING', 77);
select is(
  (capataz_test.execution('00000000-0000-0000-0000-000000000001')).resource_peak_usage, '{"max_memory": 77}'::jsonb,
  'an execution inserted with usage has a peak'
);

select * from finish();
rollback;

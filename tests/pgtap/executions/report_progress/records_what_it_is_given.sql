-- Every argument reaches its column; null leaves it unchanged; counters and I/O are running totals: lower ones are ignored.
begin;
select plan(6);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('O') as m \gset
select capataz_test.running('O') as e \gset
select is(
  capataz.report_progress(:'e', 40.7, 'OCR', 'PROCESSING', 2, 5, '{"page": 1}', 85.456, 512, 10, 20, 1000, 3, 450, 1)::text, 'RUNNING', 'go on'
);
create function pg_temp.row_of(p_id text) returns text language sql as $$
  select concat_ws(' ', e.progress_percentage, e.current_step, e.step_category, e.completed_steps, e.total_steps, e.step_details, e.cpu_usage_percent,
    e.memory_usage_mb, e.disk_io_mb, e.network_io_mb, e.items_processed, e.external_api_calls, e.external_api_duration_ms, e.external_api_failures)
  from capataz.robot_execute as e where e.execute_id = p_id
$$;
select is(pg_temp.row_of(:'e'), '40 OCR PROCESSING 2 5 {"page": 1} 85.46 512 10 20 1000 3 450 1', 'every argument in its column');
select capataz.report_progress(:'e');
select is(pg_temp.row_of(:'e'), '40 OCR PROCESSING 2 5 {"page": 1} 85.46 512 10 20 1000 3 450 1', 'nulls change nothing');
select capataz.report_progress(:'e', p_disk_io_mb => 9, p_network_io_mb => 9, p_items_processed => 9, p_external_api_calls => 1, p_external_api_duration_ms => 1, p_external_api_failures => 0);
select is(pg_temp.row_of(:'e'), '40 OCR PROCESSING 2 5 {"page": 1} 85.46 512 10 20 1000 3 450 1', 'lower totals are ignored');
select capataz.report_progress(:'e', p_current_step => 'SAVE', p_cpu_usage_percent => 1, p_memory_usage_mb => 1, p_disk_io_mb => 11);
select is(
  pg_temp.row_of(:'e'), '40 SAVE PROCESSING 2 5 {} 1.00 1 11 20 1000 3 450 1',
  'a new step has no details yet; CPU and memory are as of now'
);
select capataz.report_progress(:'e', p_step_details => '{"page": 2}');
select capataz.report_progress(:'e', p_current_step => 'SAVE', p_items_processed => 1001);
select is(pg_temp.row_of(:'e'), '40 SAVE PROCESSING 2 5 {"page": 2} 1.00 1 11 20 1001 3 450 1', 'the same step keeps them');

select * from finish();
rollback;

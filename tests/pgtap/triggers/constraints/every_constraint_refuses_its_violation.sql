-- The negative of every CHECK, unique, primary and foreign key of the three tables: with triggers off, each violation is
-- refused under the constraint's own name; and no constraint is missing from the list.
begin;
select plan(2);
select capataz_test.set_clock('2026-03-10 12:00:00');

select capataz_test.module('C') as m \gset
insert into capataz.module_registry (module_id, module_name, module_version, supported_robot_types)
values ('C_1.0_x_test', 'C_1.0', 'x', '{T}');
insert into capataz.robots (robot_id, robot_type, module_name, input_data, cache_key)
values ('c-1', 'T', 'C', '{}', 'c-key-1'), ('c-2', 'T', 'C', '{}', 'c-key-2');
insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state)
values
  ('00000000-0000-0000-0000-000000000001', 'c-1', 'C', 'RUNNING'),
  ('00000000-0000-0000-0000-000000000002', 'c-2', 'C', 'RUNNING');
insert into capataz.robots (robot_id, robot_type, module_name, input_data) values ('c-3', 'T', 'C', '{}');
alter table capataz.module_registry disable trigger user;
alter table capataz.robots disable trigger user;
alter table capataz.robot_execute disable trigger user;

create temporary table violations (name text, assignment text) on commit drop;
insert into violations
values
  -- module_registry
  ('module_registry_pkey', $$module_id = 'C_1.0_x_test'$$),
  ('module_registry_module_name_key', $$module_name = 'C_1.0', module_id = 'C_1.0_1.0_test'$$),
  ('module_registry_module_name_check', $$module_name = '', module_id = '_1.0_test'$$),
  ('module_registry_module_name_check', $$module_name = ' C', module_id = ' C_1.0_test'$$),
  ('module_registry_module_name_check', $$module_name = e'C\nD', module_id = e'C\nD_1.0_test'$$),
  ('module_registry_module_version_check', $$module_version = '', module_id = 'C__test'$$),
  ('module_registry_module_version_check', $$module_version = '1 ', module_id = 'C_1 _test'$$),
  ('module_registry_module_version_check', $$module_version = e'1\t0', module_id = e'C_1\t0_test'$$),
  ('module_registry_module_id_format_check', $$module_id = 'another'$$),
  ('module_registry_module_id_format_check', $$module_id = 'C_1.0_'$$),
  ('module_registry_module_id_format_check', $$module_id = 'C_2.0_test'$$),
  ('module_registry_supported_robot_types_count_check', $$supported_robot_types = '{}'$$),
  ('module_registry_supported_robot_types_count_check', $$supported_robot_types = '{{T},{U}}'$$),
  ('module_registry_supported_robot_types_count_check',
   $$supported_robot_types = array(select 'T' || i from generate_series(1, 33) as i)$$),
  ('module_registry_supported_robot_types_size_check', $$supported_robot_types = array_fill(repeat('ñ', 50), array[32])$$),
  ('module_registry_supported_robot_types_value_check', $$supported_robot_types = array[null::text]$$),
  ('module_registry_supported_robot_types_value_check', $$supported_robot_types = array['T', '']$$),
  ('module_registry_supported_robot_types_value_check', $$supported_robot_types = array[repeat('T', 51)]$$),
  ('module_registry_registration_data_check', $$registration_data = '[]'$$),
  ('module_registry_compliance_flags_check', $$compliance_flags = '"GDPR"'$$),
  ('module_registry_enterprise_features_check', $$enterprise_features = '1'$$),
  ('module_registry_performance_score_check', $$performance_score = 1.01$$),
  ('module_registry_performance_score_check', $$performance_score = -0.01$$),
  ('module_registry_performance_score_check', $$performance_score = 'NaN'$$),
  ('module_registry_error_count_24h_check', $$error_count_24h = -1$$),
  ('module_registry_success_rate_24h_check', $$success_rate_24h = 100.01$$),
  ('module_registry_success_rate_24h_check', $$success_rate_24h = -0.01$$),
  ('module_registry_avg_processing_time_ms_check', $$avg_processing_time_ms = -1$$),
  ('module_registry_capacity_utilization_check', $$capacity_utilization = 1.01$$),
  ('module_registry_capacity_utilization_check', $$capacity_utilization = -0.01$$),
  ('module_registry_consecutive_failures_check', $$consecutive_failures = -1$$),
  ('module_registry_uptime_percentage_24h_check', $$uptime_percentage_24h = 100.01$$),
  ('module_registry_uptime_percentage_24h_check', $$uptime_percentage_24h = -0.01$$),
  ('module_registry_total_robots_processed_check', $$total_robots_processed = -1$$),
  ('module_registry_total_processing_time_hours_check', $$total_processing_time_hours = -0.01$$),
  ('module_registry_updated_at_check', $$updated_at = registered_at - interval '1 microsecond'$$),
  -- robots: c-1 is PROCESSING
  ('robots_pkey', $$robot_id = 'c-3'$$),
  ('robots_module_name_fkey', $$module_name = 'nobody'$$),
  ('robots_robot_id_check', $$robot_id = ''$$),
  ('robots_robot_id_check', $$robot_id = 'with space'$$),
  ('robots_robot_id_check', $$robot_id = 'ñ'$$),
  ('robots_robot_type_check', $$robot_type = ''$$),
  ('robots_robot_type_check', $$robot_type = e'T\r'$$),
  ('robots_performance_metrics_check', $$performance_metrics = '[]'$$),
  ('robots_processing_time_ms_check', $$processing_time_ms = -1$$),
  ('idx_robots_cache_key', $$cache_key = 'c-key-2'$$),
  ('robots_cache_key_check', $$cache_key = ''$$),
  ('robots_resource_usage_mb_check', $$resource_usage_mb = -1$$),
  ('robots_retry_count_check', $$retry_count = -1$$),
  ('robots_retry_limit_check', $$retry_limit = -1$$),
  ('robots_error_details_check', $$error_details = '"text"'$$),
  ('robots_error_category_check', $$error_category = 'timeout'$$),
  ('robots_error_category_check', $$error_category = ''$$),
  ('robots_error_category_check', $$error_category = '1ST'$$),
  ('robots_completeness_score_check', $$completeness_score = 1.01$$),
  ('robots_completeness_score_check', $$completeness_score = -0.01$$),
  ('robots_confidence_score_check', $$confidence_score = 1.01$$),
  ('robots_confidence_score_check', $$confidence_score = 'NaN'$$),
  ('robots_estimated_duration_minutes_check', $$estimated_duration_minutes = -1$$),
  ('robots_actual_duration_minutes_check', $$actual_duration_minutes = -1$$),
  ('robots_complexity_score_check', $$complexity_score = -0.1$$),
  ('robots_compliance_tags_check', $$compliance_tags = array['GDPR', null]$$),
  ('robots_enterprise_metadata_check', $$enterprise_metadata = '[]'$$),
  ('robots_updated_at_check', $$updated_at = created_at - interval '1 microsecond'$$),
  ('robots_started_at_check', $$started_at = created_at - interval '1 microsecond'$$),
  ('robots_completed_at_check',
   $$status = 'COMPLETED', started_at = created_at + interval '1 minute', completed_at = created_at$$),
  ('robots_completed_at_check', $$status = 'FAILED', started_at = null, completed_at = created_at - interval '1 second'$$),
  ('robots_status_times_check', $$status = 'PENDING'$$),
  ('robots_status_times_check', $$status = 'PENDING', started_at = null, completed_at = created_at$$),
  ('robots_status_times_check', $$started_at = null$$),
  ('robots_status_times_check', $$completed_at = started_at$$),
  ('robots_status_times_check', $$status = 'RETRYING', started_at = null$$),
  ('robots_status_times_check', $$status = 'RETRYING', completed_at = started_at$$),
  ('robots_status_times_check', $$status = 'COMPLETED', completed_at = null$$),
  ('robots_status_times_check', $$status = 'COMPLETED', started_at = null, completed_at = created_at$$),
  ('robots_status_times_check', $$status = 'FAILED', completed_at = null$$),
  -- robot_execute: ...1 is RUNNING for c-1
  ('robot_execute_pkey', $$execute_id = '00000000-0000-0000-0000-000000000002'$$),
  ('robot_execute_robot_id_fkey', $$robot_id = 'nobody'$$),
  ('robot_execute_active_robot_key', $$robot_id = 'c-2'$$),
  ('robot_execute_execute_id_check', $$execute_id = 'no uuid'$$),
  ('robot_execute_execute_id_check', $$execute_id = '00000000-0000-0000-0000-00000000000A'$$),
  ('robot_execute_progress_percentage_check', $$progress_percentage = 101$$),
  ('robot_execute_progress_percentage_check', $$progress_percentage = -1$$),
  ('robot_execute_total_steps_check', $$total_steps = 0, completed_steps = 0$$),
  ('robot_execute_completed_steps_check', $$completed_steps = 2, total_steps = 1$$),
  ('robot_execute_completed_steps_check', $$completed_steps = -1$$),
  ('robot_execute_step_details_check', $$step_details = '[]'$$),
  ('robot_execute_step_duration_ms_check', $$step_duration_ms = -1$$),
  ('robot_execute_cpu_usage_percent_check', $$cpu_usage_percent = -0.01$$),
  ('robot_execute_memory_usage_mb_check', $$memory_usage_mb = -1$$),
  ('robot_execute_disk_io_mb_check', $$disk_io_mb = -1$$),
  ('robot_execute_network_io_mb_check', $$network_io_mb = -1$$),
  ('robot_execute_resource_peak_usage_check', $$resource_peak_usage = '1'$$),
  ('robot_execute_throughput_items_per_sec_check', $$throughput_items_per_sec = -0.01$$),
  ('robot_execute_processing_rate_check', $$processing_rate = -0.01$$),
  ('robot_execute_efficiency_score_check', $$efficiency_score = 1.01$$),
  ('robot_execute_efficiency_score_check', $$efficiency_score = -0.01$$),
  ('robot_execute_completed_at_check',
   $$execution_state = 'COMPLETED', completed_at = started_at - interval '1 microsecond'$$),
  ('robot_execute_step_start_time_check', $$step_start_time = started_at - interval '1 microsecond'$$),
  ('robot_execute_duration_ms_check', $$duration_ms = -1$$),
  ('robot_execute_retry_count_check', $$retry_count = -1$$),
  ('robot_execute_max_retries_check', $$max_retries = -1$$),
  ('robot_execute_timeout_seconds_check', $$timeout_seconds = 0$$),
  ('robot_execute_execution_metadata_check', $$execution_metadata = '[]'$$),
  ('robot_execute_compliance_context_check', $$compliance_context = '[]'$$),
  ('robot_execute_external_api_calls_check', $$external_api_calls = -1$$),
  ('robot_execute_external_api_duration_ms_check', $$external_api_duration_ms = -1$$),
  ('robot_execute_external_api_failures_check', $$external_api_failures = -1$$),
  ('robot_execute_error_category_check', $$error_category = 'lower'$$),
  ('robot_execute_items_processed_check', $$items_processed = -1$$),
  ('robot_execute_state_times_check', $$execution_state = 'COMPLETED'$$),
  ('robot_execute_state_times_check', $$execution_state = 'FAILED'$$),
  ('robot_execute_state_times_check', $$execution_state = 'CANCELLED'$$),
  ('robot_execute_state_times_check', $$completed_at = started_at$$),
  ('robot_execute_state_times_check', $$execution_state = 'PAUSED', completed_at = started_at$$);

create temporary view tried as
select v.name, v.assignment,
  capataz_test.violated(
    case
      when v.name ~ '^module_registry' then
        format($$update capataz.module_registry set %s where module_name = 'C'$$, v.assignment)
      when v.name ~ '^robot_execute' then
        format(
          $$update capataz.robot_execute set %s where execute_id = '00000000-0000-0000-0000-000000000001'$$, v.assignment
        )
      else format($$update capataz.robots set %s where robot_id = 'c-1'$$, v.assignment)
    end
  ) as refused_by
from violations as v;

select is_empty(
  'select name, assignment, refused_by from tried where refused_by <> name',
  'each violation is refused by its constraint'
);
select set_eq(
  $$select c.conname::text
    from pg_constraint as c
    where c.conrelid in ('capataz.module_registry'::regclass, 'capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
      and c.contype in ('c', 'p', 'u', 'f')
    union
    select i.indexrelid::regclass::name::text
    from pg_index as i
    where i.indrelid in ('capataz.module_registry'::regclass, 'capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
      and i.indisunique
      and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
    $$,
  $$select distinct case when name ~ '^(idx_robots_cache_key|robot_execute_active_robot_key)$' then 'capataz.' || name else name end
    from violations$$,
  'the list names every constraint and unique index of the three tables'
);

select * from finish();
rollback;

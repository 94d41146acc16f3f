-- The public API, version 1 (design 4): names, parameters with types and defaults, results with their columns.
-- A change here is a change of the contract: clients call with named notation.
begin;
select plan(2);

create temporary table api (name text, arguments text, result text) on commit drop;
insert into api
values
    ('authenticate',
     'p_key text',
     'TABLE(key_id text, module_name text, label text, scopes text[], '
     'expires_at timestamp without time zone)'),
    ('begin_idempotent',
     'p_idempotency_key text, p_function_name text, p_request_sha256 text',
     'text'),
    ('errors_by_hour',
     'p_hours bigint DEFAULT 24',
     'TABLE(module_name character varying, hour timestamp without time zone, completed_count bigint, '
     'failed_count bigint, error_rate numeric)'),
    ('finish_idempotent',
     'p_idempotency_key text, p_response text',
     'void'),
    ('deployed_version', '', 'text'),
    ('execution_data',
     'p_execute_id text, p_field text',
     'jsonb'),
    ('grant_module',
     'p_module_name text, p_role_name text',
     'boolean'),
    ('input_schema',
     'p_module_name text, p_robot_type text',
     'jsonb'),
    ('issue_api_key',
     'p_module_name text, p_label text, p_scopes text[], '
     'p_expires_at timestamp without time zone DEFAULT NULL::timestamp without time zone',
     'text'),
    ('latency',
     'p_module_name text DEFAULT NULL::text, p_hours bigint DEFAULT 24',
     'TABLE(hour timestamp without time zone, completed_count bigint, p50_ms bigint, p95_ms bigint, '
     'p99_ms bigint)'),
    ('list_api_keys',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(key_id text, module_name character varying, label text, scopes text[], '
     'created_at timestamp without time zone, expires_at timestamp without time zone, '
     'revoked_at timestamp without time zone, last_used_at timestamp without time zone)'),
    ('module_grants',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(module_name character varying, role_name text, granted_at timestamp without time zone, '
     'granted_by text)'),
    ('my_modules',
     '',
     'text[]'),
    ('recent_failures',
     'p_module_name text DEFAULT NULL::text, p_limit bigint DEFAULT 20',
     'TABLE(robot_id character varying, module_name character varying, robot_type character varying, '
     'status capataz.robot_status_enum, error_category character varying, retry_count integer, '
     'retry_limit integer, last_error_at timestamp without time zone, available_at timestamp without '
     'time zone)'),
    ('revoke_api_key',
     'p_key_id text',
     'boolean'),
    ('revoke_module',
     'p_module_name text, p_role_name text',
     'boolean'),
    ('robot_attempts',
     'p_robot_id text',
     'TABLE(execute_id character varying, execution_state capataz.execution_state_enum, started_at '
     'timestamp without time zone, completed_at timestamp without time zone, timeout_at timestamp '
     'without time zone, estimated_completion_at timestamp without time zone, duration_ms integer, '
     'worker_id character varying, error_category character varying, progress_percentage smallint, '
     'current_step character varying, step_category capataz.step_category_enum, step_start_time '
     'timestamp without time zone, completed_steps integer, total_steps integer, steps jsonb, '
     'cpu_usage_percent numeric, memory_usage_mb integer, disk_io_mb integer, network_io_mb integer, '
     'resource_peak_usage jsonb, items_processed bigint, external_api_calls integer, '
     'external_api_failures integer)'),
    ('robot_data',
     'p_robot_id text, p_field text',
     'jsonb'),
    ('rotate_api_key',
     'p_key_id text, p_overlap_seconds bigint DEFAULT 86400, '
     'p_expires_at timestamp without time zone DEFAULT NULL::timestamp without time zone',
     'text'),
    ('running_executions',
     'p_module_name text DEFAULT NULL::text, p_limit bigint DEFAULT 100',
     'TABLE(robot_id character varying, execute_id character varying, module_name character varying, '
     'robot_type character varying, priority capataz.priority_enum, execution_state '
     'capataz.execution_state_enum, attempt bigint, progress_percentage smallint, current_step character '
     'varying, step_category capataz.step_category_enum, completed_steps integer, total_steps integer, '
     'started_at timestamp without time zone, estimated_completion_at timestamp without time zone, '
     'timeout_at timestamp without time zone, is_slow boolean, cpu_usage_percent numeric, '
     'memory_usage_mb integer, worker_id character varying)'),
    ('set_module_security',
     'p_module_name text, p_security_level text DEFAULT NULL::text, '
     'p_compliance_flags jsonb DEFAULT NULL::jsonb',
     'void'),
    ('take_rate_token',
     'p_module_name text, p_cost double precision DEFAULT 1',
     'double precision'),
    ('validate_consistency',
     '',
     'integer'),
    ('verify_api_key',
     'p_key text',
     'TABLE(key_id text, module_name text, label text, scopes text[], '
     'expires_at timestamp without time zone)'),
    ('capacity_plan',
     'p_month timestamp without time zone DEFAULT NULL::timestamp without time zone',
     'TABLE(module_name character varying, month date, days_observed integer, per_day numeric, '
     'growth_per_day numeric, growth_low numeric, growth_high numeric, r2 numeric, is_growing boolean, '
     'forecast_per_day numeric, forecast_low numeric, forecast_high numeric, month_total numeric, '
     'peak_per_hour numeric, service_seconds numeric, wait_seconds numeric, busy_mean numeric, '
     'busy_peak numeric, in_flight_peak integer, capacity integer, peak_utilization numeric, '
     'runs_out_on date, runs_out_earliest date, runs_out_latest date, target_wait_seconds numeric, '
     'workers_needed integer)'),
    ('error_patterns',
     'p_from timestamp without time zone DEFAULT NULL::timestamp without time zone, '
     'p_to timestamp without time zone DEFAULT NULL::timestamp without time zone',
     'TABLE(module_name character varying, error_category character varying, '
     'step_category capataz.step_category_enum, step_name character varying, fingerprint text, '
     'error_count bigint, previous_count bigint, change text, share numeric, peak_hour integer, '
     'hour_counts bigint[], example_execute_id character varying)'),
    ('fold_analytics',
     '',
     'integer'),
    ('module_benchmark',
     'p_from timestamp without time zone DEFAULT NULL::timestamp without time zone, '
     'p_to timestamp without time zone DEFAULT NULL::timestamp without time zone',
     'TABLE(module_name character varying, robot_type character varying, completed_count bigint, '
     'failed_count bigint, avg_duration_ms bigint, peer_duration_ms bigint, duration_difference numeric, '
     'efficiency numeric, peer_efficiency numeric, efficiency_difference numeric, cpu_seconds numeric, '
     'memory_gb_seconds numeric, io_mb numeric, api_calls numeric, cost_per_robot numeric, '
     'peer_cost numeric, cost_difference numeric, peer_count bigint)'),
    ('performance_scoreboard',
     '',
     'TABLE(rank bigint, module_name character varying, performance_score numeric, '
     'performance_tier capataz.performance_tier_enum, health_status capataz.module_health_enum, '
     'completed_count bigint, failed_count bigint, success_rate numeric, error_rate numeric, '
     'p50_ms bigint, p95_ms bigint, p99_ms bigint, throughput_per_hour numeric, efficiency numeric, '
     'retry_rate numeric, avg_wait_ms bigint, capacity_utilization numeric)'),
    ('queue_forecast',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(module_name character varying, forecast_at timestamp without time zone, waiting bigint, '
     'not_due bigint, in_flight bigint, busy numeric, arrivals_per_minute numeric, '
     'empty_at timestamp without time zone, done_at timestamp without time zone, basis text, '
     'late_count bigint, late_robot_ids text[], past_count bigint, past_error numeric, '
     'is_estimate boolean)'),
    ('robot_timeline',
     'p_robot_id text',
     'TABLE(happened_at timestamp without time zone, event text, attempt integer, '
     'execute_id character varying, step_category capataz.step_category_enum, '
     'step_name character varying, duration_ms bigint, detail text)'),
    ('step_analysis',
     '',
     'TABLE(module_name character varying, step_category capataz.step_category_enum, '
     'step_name character varying, step_count bigint, total_ms bigint, avg_ms bigint, max_ms bigint, '
     'share numeric, category_share numeric, previous_avg_ms bigint, change numeric, '
     'is_bottleneck boolean)'),
    ('store_forecasts',
     '',
     'integer'),
    ('activate_module',
     'p_module_name text',
     'capataz.module_registry'),
    ('batch_progress',
     'p_correlation_id text',
     'TABLE(correlation_id character varying, total bigint, pending bigint, processing bigint, '
     'retrying bigint, completed bigint, failed bigint, percent numeric, '
     'eta timestamp without time zone)'),
    ('cache_statistics',
     '',
     'TABLE(cache_name text, ttl_seconds integer, age_seconds double precision, is_stale boolean, hits bigint, '
     'misses bigint, hit_rate numeric, refresh_count bigint, refresh_ms double precision)'),
    ('cached',
     'p_cache_name text',
     'json'),
    ('cancel_robot',
     'p_robot_id text, p_reason text DEFAULT NULL::text',
     'capataz.robot_status_enum'),
    ('claim_robots',
     'p_module_name text, p_batch_size bigint DEFAULT 1, p_worker_id text DEFAULT NULL::text, '
     'p_timeout_seconds bigint DEFAULT NULL::bigint',
     'TABLE(robot_id character varying, execute_id character varying, robot_type character varying, '
     'priority capataz.priority_enum, input_data jsonb, attempt integer, '
     'correlation_id character varying, timeout_seconds integer)'),
    ('complete_execution',
     'p_execute_id text, p_output_data jsonb DEFAULT ''{}''::jsonb, '
     'p_performance_metrics jsonb DEFAULT ''{}''::jsonb, '
     'p_confidence_score double precision DEFAULT NULL::double precision, '
     'p_completeness_score double precision DEFAULT NULL::double precision, '
     'p_resource_usage_mb bigint DEFAULT NULL::bigint',
     'capataz.robot_status_enum'),
    ('complete_executions',
     'p_results jsonb',
     'TABLE(execute_id text, status capataz.robot_status_enum, error text)'),
    ('deactivate_module',
     'p_module_name text, p_reason text DEFAULT NULL::text',
     'capataz.module_registry'),
    ('due_health_checks',
     'p_limit bigint DEFAULT 1000',
     'TABLE(module_name character varying, health_endpoint character varying, last_health_check timestamp without time zone)'),
    ('error_rates',
     'p_module_name text DEFAULT NULL::text, p_hours bigint DEFAULT 24',
     'TABLE(module_name character varying, robot_type character varying, completed_count bigint, '
     'failed_count bigint, error_rate numeric, avg_duration_ms bigint)'),
    ('evaluate_health',
     '',
     'integer'),
    ('expire_executions',
     'p_limit bigint DEFAULT 1000',
     'integer'),
    ('explain_robot',
     'p_robot_id text',
     'TABLE(check_name text, ok boolean, detail text)'),
    ('explain_score',
     'p_module_name text',
     'TABLE(factor text, value numeric, weight numeric, contribution numeric, detail text)'),
    ('fail_execution',
     'p_execute_id text, p_error_message text, p_error_category text DEFAULT ''PROCESSING''::text, '
     'p_error_details jsonb DEFAULT ''{}''::jsonb, p_error_stack_trace text DEFAULT NULL::text, '
     'p_retryable boolean DEFAULT true',
     'capataz.robot_status_enum'),
    ('fail_executions',
     'p_results jsonb',
     'TABLE(execute_id text, status capataz.robot_status_enum, error text)'),
    ('find_stragglers',
     '',
     'integer'),
    ('fleet_trend',
     'p_from timestamp without time zone DEFAULT NULL::timestamp without time zone, '
     'p_to timestamp without time zone DEFAULT NULL::timestamp without time zone, '
     'p_step_seconds bigint DEFAULT NULL::bigint',
     'TABLE(step_at timestamp without time zone, sample_count bigint, cache_hit_percent numeric, '
     'database_bytes bigint, dead_robots bigint, dead_executions bigint, dead_modules bigint, '
     'oldest_snapshot_seconds bigint, replication_lag_seconds double precision, '
     'replication_lag_bytes bigint, archive_lag_seconds bigint, sample_ms double precision)'),
    ('fold_counters',
     '',
     'integer'),
    ('get_robot',
     'p_robot_id text',
     'capataz.robots'),
    ('health_history',
     'p_module_name text, p_limit bigint DEFAULT 50',
     'TABLE(changed_at timestamp without time zone, from_status capataz.module_health_enum, '
     'to_status capataz.module_health_enum, reason text)'),
    ('heartbeat_worker',
     'p_worker_id text, p_module_name text, p_info jsonb DEFAULT ''{}''::jsonb',
     'void'),
    ('hold_ticker',
     'p_ticker_id text, p_patience_seconds bigint DEFAULT 30',
     'boolean'),
    ('list_jobs',
     '',
     'TABLE(job_name character varying, description text, schedule text, command text, job_owner text, '
     'timeout_seconds integer, last_start_at timestamp without time zone, '
     'last_end_at timestamp without time zone, last_duration_ms bigint, last_outcome text, '
     'last_error text, next_due_at timestamp without time zone, is_due boolean, is_late boolean, '
     'run_count bigint, failure_count bigint, missed_count bigint, gap_from timestamp without time zone, '
     'gap_until timestamp without time zone, last_success_at timestamp without time zone)'),
    ('module_activity',
     'p_module_name text DEFAULT NULL::text, p_minutes bigint DEFAULT 60',
     'TABLE(module_name character varying, minute timestamp without time zone, completed_count bigint, failed_count bigint)'),
    ('module_health',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(module_name character varying, is_active boolean, health_status capataz.module_health_enum, reason text, '
     'health_since timestamp without time zone, opened_by text, probe_after timestamp without time zone, '
     'is_probing boolean, failed_checks integer, consecutive_failures integer, '
     'last_health_check timestamp without time zone, in_flight bigint, max_concurrency integer, waiting bigint)'),
    ('move_waiting_robots',
     '',
     'integer'),
    ('pause_execution',
     'p_execute_id text',
     'capataz.execution_state_enum'),
    ('purge_history',
     '',
     'integer'),
    ('queue_state',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(module_name character varying, priority capataz.priority_enum, waiting bigint, '
     'not_due bigint, oldest_due_at timestamp without time zone, is_estimate boolean)'),
    ('rebuild_derived',
     '',
     'void'),
    ('record_due_health_check',
     'p_module_name text, p_healthy boolean, p_response_time_ms bigint DEFAULT NULL::bigint, '
     'p_error_message text DEFAULT NULL::text',
     'capataz.module_health_enum'),
    ('record_health_check',
     'p_module_name text, p_healthy boolean, p_response_time_ms bigint DEFAULT NULL::bigint, '
     'p_error_message text DEFAULT NULL::text',
     'capataz.module_health_enum'),
    ('register_module',
     'p_module_name text, p_module_version text, p_supported_robot_types text[], '
     'p_environment text DEFAULT ''prod''::text, p_health_endpoint text DEFAULT NULL::text, '
     'p_registration_data jsonb DEFAULT ''{}''::jsonb',
     'capataz.module_registry'),
    ('release_robots',
     'p_execute_ids text[]',
     'integer'),
    ('release_ticker',
     'p_ticker_id text',
     'boolean'),
    ('report_progress',
     'p_execute_id text, p_progress_percentage double precision DEFAULT NULL::double precision, '
     'p_current_step text DEFAULT NULL::text, p_step_category text DEFAULT NULL::text, '
     'p_completed_steps bigint DEFAULT NULL::bigint, p_total_steps bigint DEFAULT NULL::bigint, '
     'p_step_details jsonb DEFAULT NULL::jsonb, '
     'p_cpu_usage_percent double precision DEFAULT NULL::double precision, '
     'p_memory_usage_mb bigint DEFAULT NULL::bigint, p_disk_io_mb bigint DEFAULT NULL::bigint, '
     'p_network_io_mb bigint DEFAULT NULL::bigint, p_items_processed bigint DEFAULT NULL::bigint, '
     'p_external_api_calls bigint DEFAULT NULL::bigint, '
     'p_external_api_duration_ms bigint DEFAULT NULL::bigint, '
     'p_external_api_failures bigint DEFAULT NULL::bigint',
     'capataz.execution_state_enum'),
    ('resource_trend',
     'p_module_name text DEFAULT NULL::text, '
     'p_from timestamp without time zone DEFAULT NULL::timestamp without time zone, '
     'p_to timestamp without time zone DEFAULT NULL::timestamp without time zone, '
     'p_step_seconds bigint DEFAULT NULL::bigint',
     'TABLE(step_at timestamp without time zone, sample_count bigint, waiting_low numeric, '
     'waiting_normal numeric, waiting_high numeric, waiting_critical numeric, pending numeric, '
     'retrying numeric, not_due numeric, waiting_max bigint, oldest_due_seconds bigint, '
     'in_flight numeric, in_flight_max bigint, capacity bigint, cpu_percent numeric, memory_mb numeric, '
     'disk_io_mb numeric, network_io_mb numeric, is_estimate boolean)'),
    ('resume_execution',
     'p_execute_id text',
     'capataz.execution_state_enum'),
    ('retry_robot',
     'p_robot_id text',
     'capataz.robot_status_enum'),
    ('retry_step',
     'p_execute_id text, p_error_message text',
     'capataz.execution_state_enum'),
    ('roll_up_trends',
     '',
     'integer'),
    ('route_robot',
     'p_robot_type text',
     'text'),
    ('run_due_jobs',
     '',
     'TABLE(job_name text, outcome text, duration_ms bigint)'),
    ('run_job',
     'p_job_name text',
     'text'),
    ('sample_resources',
     '',
     'integer'),
    ('score_modules',
     '',
     'integer'),
    ('stop_worker',
     'p_worker_id text',
     'integer'),
    ('stuck_executions',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(robot_id character varying, execute_id character varying, module_name character varying, '
     'robot_type character varying, reason text, since timestamp without time zone, '
     'execution_state capataz.execution_state_enum, current_step character varying, '
     'progress_percentage smallint, started_at timestamp without time zone, worker_id character varying)'),
    ('submit_robot',
     'p_robot_type text, p_input_data jsonb DEFAULT ''{}''::jsonb, '
     'p_module_name text DEFAULT NULL::text, p_priority text DEFAULT ''NORMAL''::text, '
     'p_available_at timestamp without time zone DEFAULT NULL::timestamp without time zone, '
     'p_cache_key text DEFAULT NULL::text, p_correlation_id text DEFAULT NULL::text, '
     'p_source_reference text DEFAULT NULL::text, p_retry_limit bigint DEFAULT 3, '
     'p_estimated_duration_minutes bigint DEFAULT NULL::bigint, '
     'p_complexity_score double precision DEFAULT NULL::double precision, '
     'p_processing_tier text DEFAULT NULL::text, p_security_classification text DEFAULT NULL::text, '
     'p_compliance_tags text[] DEFAULT NULL::text[], p_metadata jsonb DEFAULT ''{}''::jsonb, '
     'p_robot_id text DEFAULT NULL::text',
     'TABLE(robot_id character varying, module_name character varying, '
     'status capataz.robot_status_enum, cache_hit boolean, deduplicated boolean)'),
    ('submit_robots',
     'p_robots jsonb',
     'TABLE(robot_id character varying, module_name character varying, '
     'status capataz.robot_status_enum, cache_hit boolean, deduplicated boolean)'),
    ('system_health',
     '',
     'TABLE(check_name text, status text, detail text)'),
    ('throughput',
     'p_module_name text DEFAULT NULL::text, p_robot_type text DEFAULT NULL::text, '
     'p_minutes bigint DEFAULT 60',
     'TABLE(minute timestamp without time zone, completed_count bigint, failed_count bigint, '
     'error_rate numeric, avg_duration_ms bigint)'),
    ('trim_windows',
     '',
     'integer'),
    ('utc_now',
     '',
     'timestamp without time zone'),
    -- reports, metrics, traces
    ('report',
     'p_kind text, p_date date DEFAULT NULL::date',
     'jsonb'),
    ('list_reports',
     'p_kind text DEFAULT NULL::text, p_limit bigint DEFAULT 100',
     'TABLE(kind text, period_start date, period_end date, built_at timestamp without time zone, '
     'completed_count bigint, failed_count bigint, finding_count integer)'),
    ('build_daily_report', '', 'integer'),
    ('build_weekly_report', '', 'integer'),
    ('build_monthly_report', '', 'integer'),
    ('execution_totals',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(module_name character varying, completed_count bigint, completed_ms bigint, failed_count bigint, '
     'duration_limits integer[], duration_counts bigint[], counted_since timestamp without time zone)'),
    ('worker_counts',
     'p_module_name text DEFAULT NULL::text',
     'TABLE(module_name character varying, state text, worker_count bigint)'),
    ('trace_contexts',
     'p_robot_ids text[]',
     'TABLE(robot_id character varying, traceparent text)'),
    ('warm_caches',
     '',
     'integer');

select set_eq(
  $$select p.proname::text, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)
    from pg_proc as p
    where p.pronamespace = 'capataz'::regnamespace$$,
  'select name, arguments, result from api',
  'schema capataz has exactly these functions, with these parameters, defaults and results'
);
select is(
  (select count(distinct p.proname) from pg_proc as p where p.pronamespace = 'capataz'::regnamespace),
  (select count(*) from pg_proc as p where p.pronamespace = 'capataz'::regnamespace),
  'none is overloaded: named and positional calls are never ambiguous'
);

select * from finish();
rollback;

-- Who may do what; applied last, on every deploy. Everything else is denied: what was granted before is taken away first.
-- An operator does what producers, workers and viewers do, and steers; an admin also registers modules, issues keys, grants
-- modules and runs jobs. The gateway acts for API keys: functions let it do what the scopes of the key allow (ADR 0020).
-- Internals (schema capataz_ops) are granted to nobody.

revoke all on schema capataz, capataz_ops from public;
revoke all on all tables in schema capataz
  from public, capataz_admin, capataz_operator, capataz_producer, capataz_worker, capataz_viewer, capataz_gateway;
revoke all on all tables in schema capataz_ops from public;
revoke all on all functions in schema capataz
  from public, capataz_admin, capataz_operator, capataz_producer, capataz_worker, capataz_viewer, capataz_gateway;
revoke all on all functions in schema capataz_ops from public;

grant usage on schema capataz
  to capataz_admin, capataz_operator, capataz_producer, capataz_worker, capataz_viewer, capataz_gateway;

-- everybody: the clock, what one may reach, and the version
grant execute on function capataz.utc_now(), capataz.my_modules(), capataz.deployed_version()
  to capataz_admin, capataz_operator, capataz_producer, capataz_worker, capataz_viewer, capataz_gateway;

-- tables: admins read everything, operators everything but registration_data, which holds hashes of API keys
grant select on capataz.module_registry to capataz_admin;
grant select on capataz.robots, capataz.robot_execute to capataz_operator, capataz_admin;
-- workers read the rows of their modules (row level security)
grant select on capataz.robots, capataz.robot_execute to capataz_worker;
grant select (
  module_id, module_name, module_version, supported_robot_types, is_active, health_endpoint, performance_score,
  performance_tier, last_performance_check, error_count_24h, success_rate_24h, avg_processing_time_ms,
  capacity_utilization, health_status, last_health_check, consecutive_failures, uptime_percentage_24h,
  total_robots_processed, total_processing_time_hours, security_level, compliance_flags, enterprise_features,
  registered_at, updated_at, max_concurrency, last_error_message
) on capataz.module_registry to capataz_operator, capataz_worker;
-- viewers read every row, and no payload: robot_details and execution_details show it masked
grant select (
  module_id, module_name, module_version, supported_robot_types, is_active, health_endpoint, performance_score,
  performance_tier, last_performance_check, error_count_24h, success_rate_24h, avg_processing_time_ms,
  capacity_utilization, health_status, last_health_check, consecutive_failures, uptime_percentage_24h,
  total_robots_processed, total_processing_time_hours, security_level, compliance_flags, enterprise_features,
  registered_at, updated_at, max_concurrency
) on capataz.module_registry to capataz_viewer;
grant select (
  robot_id, robot_type, status, module_name, priority, processing_time_ms, processing_tier, cache_hit, cache_key,
  resource_usage_mb, retry_count, retry_limit, error_category, last_error_at, completeness_score, confidence_score,
  source_reference, correlation_id, estimated_duration_minutes, actual_duration_minutes, complexity_score,
  security_classification, compliance_tags, created_at, updated_at, started_at, completed_at, available_at, arrival,
  is_routed
) on capataz.robots to capataz_viewer;
grant select (
  execute_id, robot_id, module_name, execution_state, current_step, progress_percentage, step_category, total_steps,
  completed_steps, step_start_time, step_duration_ms, cpu_usage_percent, memory_usage_mb, disk_io_mb, network_io_mb,
  resource_peak_usage, throughput_items_per_sec, processing_rate, efficiency_score, started_at, completed_at,
  estimated_completion_at, duration_ms, retry_count, max_retries, last_retry_at, timeout_seconds,
  contains_sensitive_data, external_api_calls, external_api_duration_ms, external_api_failures,
  worker_id, error_category, items_processed, answered_status, has_permit, robot_type, due_at,
  estimated_minutes
) on capataz.robot_execute to capataz_viewer;
grant select on capataz.active_modules, capataz.routing_table, capataz.performance_scoreboard, capataz.system_health_status,
  capataz.running, capataz.stuck, capataz.queue, capataz.modules, capataz.today
  to capataz_viewer, capataz_operator, capataz_admin;
grant select on capataz.robot_details, capataz.execution_details
  to capataz_viewer, capataz_worker, capataz_operator, capataz_admin;

-- read: robots, modules and what comes of them, of the modules one may reach
grant execute on function
  capataz.get_robot(text),
  capataz.robot_data(text, text),
  capataz.execution_data(text, text),
  capataz.explain_robot(text),
  capataz.batch_progress(text),
  capataz.module_health(text),
  capataz.health_history(text, bigint),
  capataz.module_activity(text, bigint),
  capataz.throughput(text, text, bigint),
  capataz.performance_scoreboard(),
  capataz.module_benchmark(timestamp, timestamp),
  capataz.step_analysis(),
  capataz.error_patterns(timestamp, timestamp),
  capataz.capacity_plan(timestamp),
  capataz.queue_forecast(text),
  capataz.robot_timeline(text),
  capataz.error_rates(text, bigint),
  capataz.resource_trend(text, timestamp, timestamp, bigint),
  capataz.queue_state(text),
  capataz.stuck_executions(text),
  capataz.latency(text, bigint),
  capataz.errors_by_hour(bigint),
  capataz.recent_failures(text, bigint),
  capataz.running_executions(text, bigint),
  capataz.robot_attempts(text),
  capataz.explain_score(text),
  capataz.input_schema(text, text)
  to capataz_viewer, capataz_producer, capataz_worker, capataz_operator, capataz_admin, capataz_gateway;
grant execute on function
  capataz.execution_totals(text),
  capataz.worker_counts(text)
  to capataz_viewer, capataz_producer, capataz_worker, capataz_operator, capataz_admin, capataz_gateway;
-- read the whole
grant execute on function
  capataz.system_health(),
  capataz.fleet_trend(timestamp, timestamp, bigint),
  capataz.list_jobs(),
  capataz.report(text, date),
  capataz.list_reports(text, bigint),
  capataz.cached(text),
  capataz.cache_statistics()
  to capataz_viewer, capataz_producer, capataz_worker, capataz_operator, capataz_admin;

-- producer: submit, and look after what was submitted
grant execute on function
  capataz.submit_robot(
    text, jsonb, text, text, timestamp, text, text, text, bigint, bigint, double precision, text, text, text[], jsonb, text
  ),
  capataz.submit_robots(jsonb),
  capataz.route_robot(text),
  capataz.cancel_robot(text, text)
  to capataz_producer, capataz_operator, capataz_admin, capataz_gateway;

-- worker: claim and report
grant execute on function
  capataz.claim_robots(text, bigint, text, bigint),
  capataz.trace_contexts(text[]),
  capataz.release_robots(text[]),
  capataz.report_progress(
    text, double precision, text, text, bigint, bigint, jsonb, double precision, bigint, bigint, bigint, bigint, bigint,
    bigint, bigint
  ),
  capataz.retry_step(text, text),
  capataz.complete_execution(text, jsonb, jsonb, double precision, double precision, bigint),
  capataz.fail_execution(text, text, text, jsonb, text, boolean),
  capataz.complete_executions(jsonb),
  capataz.fail_executions(jsonb),
  capataz.heartbeat_worker(text, text, jsonb),
  capataz.stop_worker(text),
  capataz.record_health_check(text, boolean, bigint, text),
  capataz.record_due_health_check(text, boolean, bigint, text)
  to capataz_worker, capataz_operator, capataz_admin, capataz_gateway;

-- operator: steer
grant execute on function
  capataz.retry_robot(text),
  capataz.pause_execution(text),
  capataz.resume_execution(text),
  capataz.activate_module(text),
  capataz.deactivate_module(text, text)
  to capataz_operator, capataz_admin, capataz_gateway;
grant execute on function
  capataz.expire_executions(bigint),
  capataz.fold_counters(),
  capataz.fold_analytics(),
  capataz.store_forecasts(),
  capataz.find_stragglers(),
  capataz.evaluate_health(),
  capataz.score_modules(),
  capataz.due_health_checks(bigint),
  capataz.move_waiting_robots(),
  capataz.warm_caches(),
  capataz.sample_resources(),
  capataz.roll_up_trends(),
  capataz.trim_windows(),
  capataz.validate_consistency(),
  capataz.purge_history(),
  capataz.build_daily_report(),
  capataz.build_weekly_report(),
  capataz.build_monthly_report(),
  capataz.hold_ticker(text, bigint),
  capataz.release_ticker(text),
  capataz.run_due_jobs(),
  capataz.run_job(text)
  to capataz_operator, capataz_admin;

-- admin: set up
grant execute on function
  capataz.register_module(text, text, text[], text, text, jsonb),
  capataz.list_api_keys(text)
  to capataz_admin, capataz_gateway;
grant execute on function
  capataz.rebuild_derived(),
  capataz.grant_module(text, text),
  capataz.revoke_module(text, text),
  capataz.module_grants(text),
  capataz.set_module_security(text, text, jsonb),
  capataz.issue_api_key(text, text, text[], timestamp),
  capataz.revoke_api_key(text),
  capataz.rotate_api_key(text, bigint, timestamp)
  to capataz_admin;

-- gateway: for whom it acts; rate limits also for applications that limit themselves
grant execute on function
  capataz.authenticate(text),
  capataz.begin_idempotent(text, text, text),
  capataz.finish_idempotent(text, text)
  to capataz_gateway;
grant execute on function capataz.verify_api_key(text) to capataz_gateway, capataz_admin;
grant execute on function capataz.take_rate_token(text, double precision)
  to capataz_producer, capataz_worker, capataz_operator, capataz_admin, capataz_gateway;

-- Who may do what; applied last, on every deploy. Everything else is denied: functions lose the EXECUTE of PUBLIC first.
-- An operator does what producers, workers and viewers do, and steers; an admin also registers modules and runs jobs.
-- Internals (schema capataz_ops) are granted to nobody.

revoke all on schema capataz, capataz_ops from public;
revoke all on all tables in schema capataz from public;
revoke all on all tables in schema capataz_ops from public;
revoke all on all functions in schema capataz from public;
revoke all on all functions in schema capataz_ops from public;

grant usage on schema capataz
  to capataz_admin, capataz_operator, capataz_producer, capataz_worker, capataz_viewer, capataz_gateway;

-- everybody: the clock
grant execute on function capataz.utc_now()
  to capataz_admin, capataz_operator, capataz_producer, capataz_worker, capataz_viewer, capataz_gateway;

-- viewer: read
grant select on capataz.module_registry, capataz.robots, capataz.robot_execute, capataz.active_modules, capataz.routing_table,
  capataz.performance_scoreboard, capataz.system_health_status
  to capataz_viewer, capataz_operator, capataz_admin;
grant execute on function
  capataz.get_robot(text),
  capataz.explain_robot(text),
  capataz.batch_progress(text),
  capataz.module_health(text),
  capataz.health_history(text, bigint),
  capataz.module_activity(text, bigint),
  capataz.explain_score(text),
  capataz.system_health(),
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
  to capataz_producer, capataz_operator, capataz_admin;

-- worker: claim and report
grant execute on function
  capataz.claim_robots(text, bigint, text, bigint),
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
  to capataz_worker, capataz_operator, capataz_admin;

-- operator: steer
grant execute on function
  capataz.retry_robot(text),
  capataz.pause_execution(text),
  capataz.resume_execution(text),
  capataz.expire_executions(bigint),
  capataz.activate_module(text),
  capataz.deactivate_module(text, text),
  capataz.fold_counters(),
  capataz.find_stragglers(),
  capataz.evaluate_health(),
  capataz.score_modules(),
  capataz.due_health_checks(bigint),
  capataz.move_waiting_robots(),
  capataz.warm_caches(),
  capataz.run_due_jobs(),
  capataz.run_job(text)
  to capataz_operator, capataz_admin;

-- admin: set up
grant execute on function
  capataz.register_module(text, text, text[], text, text, jsonb),
  capataz.rebuild_derived()
  to capataz_admin;

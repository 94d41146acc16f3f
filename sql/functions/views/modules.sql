-- capataz.modules: view, one row per module
--
-- How each module is and what it does now. For people in psql (docs/psql.md). Reads module_registry and what is under way.
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.modules
  with (security_invoker = true)
as
select
  m.module_name,
  m.module_version as version,
  m.is_active,
  m.health_status as health,
  m.consecutive_failures as failures_in_row,
  coalesce(r.running, 0) as running,
  m.max_concurrency::integer as max_concurrency,
  m.success_rate_24h,
  m.error_count_24h,
  m.avg_processing_time_ms,
  m.performance_score as score,
  m.performance_tier as tier,
  m.uptime_percentage_24h,
  m.total_robots_processed,
  m.last_health_check,
  m.supported_robot_types
from capataz.module_registry as m
left join (
  select e.module_name, count(*) as running
  from capataz.robot_execute as e
  where e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
  group by e.module_name
) as r on r.module_name = m.module_name;

comment on view capataz.modules is 'How each module is.';
comment on column capataz.modules.module_name is 'Name of the module.';
comment on column capataz.modules.version is 'Version it last registered with.';
comment on column capataz.modules.is_active is 'False: nothing is handed to it.';
comment on column capataz.modules.health is 'HEALTHY, DEGRADED, UNHEALTHY or UNKNOWN.';
comment on column capataz.modules.failures_in_row is 'FAILED executions in a row.';
comment on column capataz.modules.running is 'Active executions.';
comment on column capataz.modules.max_concurrency is 'How many may run at once; null = no limit.';
comment on column capataz.modules.success_rate_24h is 'Percent of executions of 24 hours that COMPLETED.';
comment on column capataz.modules.error_count_24h is 'FAILED executions of 24 hours.';
comment on column capataz.modules.avg_processing_time_ms is
  'Mean duration of executions COMPLETED within 24 hours, milliseconds.';
comment on column capataz.modules.score is 'Performance score, 0.00 to 1.00.';
comment on column capataz.modules.tier is 'HIGH, MEDIUM, LOW or CRITICAL.';
comment on column capataz.modules.uptime_percentage_24h is 'Percent of health checks of 24 hours that were good.';
comment on column capataz.modules.total_robots_processed is 'Executions ended COMPLETED or FAILED since registration.';
comment on column capataz.modules.last_health_check is 'When a health check was last recorded, UTC.';
comment on column capataz.modules.supported_robot_types is 'Robot types it can process.';

-- capataz.performance_scoreboard: view, one row per active module, ranked by score
--
-- What the cache of that name holds, uncached (specification 4.3, ADR 0018). Equal scores share a rank.
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.performance_scoreboard
  with (security_invoker = true)
as
select
  rank() over (order by m.performance_score desc nulls last) as rank,
  m.module_name,
  m.performance_score,
  m.performance_tier,
  m.success_rate_24h,
  m.error_count_24h,
  m.avg_processing_time_ms,
  m.capacity_utilization,
  m.health_status,
  m.last_performance_check
from capataz.module_registry as m
where m.is_active;

comment on view capataz.performance_scoreboard is 'Active modules ranked by performance score. Live.';
comment on column capataz.performance_scoreboard.rank is 'Place by score, 1 = best; equal scores share it.';
comment on column capataz.performance_scoreboard.module_name is 'Name of the module.';
comment on column capataz.performance_scoreboard.performance_score is 'Score, 0.00 to 1.00.';
comment on column capataz.performance_scoreboard.performance_tier is 'HIGH, MEDIUM, LOW or CRITICAL.';
comment on column capataz.performance_scoreboard.success_rate_24h is 'Percent of executions of 24 hours that COMPLETED.';
comment on column capataz.performance_scoreboard.error_count_24h is 'FAILED executions of 24 hours.';
comment on column capataz.performance_scoreboard.avg_processing_time_ms is
  'Mean duration of executions COMPLETED within 24 hours, milliseconds.';
comment on column capataz.performance_scoreboard.capacity_utilization is 'Share of max_concurrency in use, 0.00 to 1.00.';
comment on column capataz.performance_scoreboard.health_status is 'HEALTHY, DEGRADED, UNHEALTHY or UNKNOWN.';
comment on column capataz.performance_scoreboard.last_performance_check is 'When the score was last calculated, UTC.';

-- capataz.active_modules: view, one row per active module
--
-- What the cache of that name holds, uncached (specification 4.3, ADR 0018). Columns may be added at the end; a change of
-- those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.active_modules
  with (security_invoker = true)
as
select
  m.module_name,
  m.module_version,
  m.supported_robot_types,
  m.health_status,
  m.performance_score,
  m.max_concurrency::integer as max_concurrency,
  m.capacity_utilization
from capataz.module_registry as m
where m.is_active;

comment on view capataz.active_modules is 'Active modules: version, types, health, score, capacity. Live.';
comment on column capataz.active_modules.module_name is 'Name of the module.';
comment on column capataz.active_modules.module_version is 'Version it last registered with.';
comment on column capataz.active_modules.supported_robot_types is 'Robot types it can process.';
comment on column capataz.active_modules.health_status is 'HEALTHY, DEGRADED, UNHEALTHY or UNKNOWN.';
comment on column capataz.active_modules.performance_score is 'Score, 0.00 to 1.00.';
comment on column capataz.active_modules.max_concurrency is 'Robots that may run at once; null = no limit.';
comment on column capataz.active_modules.capacity_utilization is 'Share of max_concurrency in use, 0.00 to 1.00.';

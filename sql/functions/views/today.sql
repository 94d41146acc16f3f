-- capataz.today: view, one row per module and robot type of which something ended today
--
-- The rows of capataz.error_rates() since midnight UTC. For people in psql (docs/psql.md).
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: RB401, RB403.
create or replace view capataz.today
  with (security_invoker = true)
as
select
  e.module_name,
  e.robot_type,
  e.completed_count as completed,
  e.failed_count as failed,
  e.error_rate,
  e.avg_duration_ms
from capataz.error_rates(null, extract(hour from capataz.utc_now())::bigint + 1) as e;

comment on view capataz.today is 'What ended since midnight UTC.';
comment on column capataz.today.module_name is 'Module that did it.';
comment on column capataz.today.robot_type is 'Type of the robots.';
comment on column capataz.today.completed is 'Executions that ended COMPLETED.';
comment on column capataz.today.failed is 'Executions that ended FAILED.';
comment on column capataz.today.error_rate is 'Percent that FAILED.';
comment on column capataz.today.avg_duration_ms is 'Mean duration of the COMPLETED ones, milliseconds.';

-- capataz.stuck: view, the rows of capataz.stuck_executions()
--
-- Active executions that ought to have got on, one row per reason. For people in psql (docs/psql.md).
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: RB401, RB403.
create or replace view capataz.stuck
  with (security_invoker = true)
as
select
  s.robot_id,
  s.module_name,
  s.robot_type,
  s.reason,
  date_trunc('second', capataz.utc_now() - s.since) as for_how_long,
  s.execution_state as state,
  s.progress_percentage as progress,
  s.current_step as step,
  s.worker_id,
  s.started_at,
  s.since,
  s.execute_id
from capataz.stuck_executions() as s;

comment on view capataz.stuck is 'Executions that do not get on, and why.';
comment on column capataz.stuck.robot_id is 'Robot that is stuck.';
comment on column capataz.stuck.module_name is 'Module that has it.';
comment on column capataz.stuck.robot_type is 'Type of the robot.';
comment on column capataz.stuck.reason is 'past timeout, silent worker or no progress.';
comment on column capataz.stuck.for_how_long is 'Time since the limit, the last heartbeat or the last report.';
comment on column capataz.stuck.state is 'RUNNING, PAUSED, RETRYING or PENDING.';
comment on column capataz.stuck.progress is 'Percent, as last reported.';
comment on column capataz.stuck.step is 'Step it is in.';
comment on column capataz.stuck.worker_id is 'Worker that has it.';
comment on column capataz.stuck.started_at is 'When the attempt began, UTC.';
comment on column capataz.stuck.since is 'The limit, the last heartbeat or the last report, UTC.';
comment on column capataz.stuck.execute_id is 'Identifier of the attempt.';

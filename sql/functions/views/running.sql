-- capataz.running: view, one row per active execution
--
-- What runs now: which robot, how far, for how long, with what. For people in psql (docs/psql.md). Reads what is under way.
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.running
  with (security_invoker = true)
as
select
  e.robot_id,
  e.module_name,
  e.robot_type,
  r.priority,
  e.execution_state as state,
  e.progress_percentage as progress,
  e.current_step as step,
  e.step_category,
  date_trunc('second', t.at - e.started_at) as running_for,
  date_trunc('second', e.estimated_completion_at - t.at) as time_left,
  e.started_at + e.timeout_seconds * interval '1 second' as timeout_at,
  r.retry_count + 1 as attempt,
  e.cpu_usage_percent as cpu_percent,
  e.memory_usage_mb as memory_mb,
  e.worker_id,
  e.started_at,
  e.execute_id
from capataz.robot_execute as e
join capataz.robots as r on r.robot_id = e.robot_id
cross join (select capataz.utc_now() as at) as t
where e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING');

comment on view capataz.running is 'What runs now.';
comment on column capataz.running.robot_id is 'Robot that is worked on.';
comment on column capataz.running.module_name is 'Module that does it.';
comment on column capataz.running.robot_type is 'Type of the robot.';
comment on column capataz.running.priority is 'Priority of the robot.';
comment on column capataz.running.state is 'RUNNING, PAUSED, RETRYING (repeats a step) or PENDING.';
comment on column capataz.running.progress is 'Percent, as reported or from the steps.';
comment on column capataz.running.step is 'Name of the current step.';
comment on column capataz.running.step_category is 'Category of the current step.';
comment on column capataz.running.running_for is 'Time since it began.';
comment on column capataz.running.time_left is 'Time until it should be done, at the pace so far; null = not known.';
comment on column capataz.running.timeout_at is 'When it is ended by its time limit, UTC.';
comment on column capataz.running.attempt is '1 = the first attempt at this robot.';
comment on column capataz.running.cpu_percent is 'Processor use last reported; 100 = one core.';
comment on column capataz.running.memory_mb is 'Memory last reported.';
comment on column capataz.running.worker_id is 'Worker that has it.';
comment on column capataz.running.started_at is 'When it began, UTC.';
comment on column capataz.running.execute_id is 'Identifier of the attempt.';

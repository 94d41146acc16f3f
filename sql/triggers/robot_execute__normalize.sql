-- robot_execute: state machine and derived columns of one row (specification 3.3, ADR 0008), however the row changes.
-- BEFORE row trigger: normalises NEW only. Derived: completed_at, duration_ms, step_start_time, step_duration_ms,
-- progress_percentage (from steps: never falls), estimated_completion_at, throughput_items_per_sec, processing_rate,
-- efficiency_score, resource_peak_usage. Values are clamped to their column's range.
-- Raises: RB409 illegal transition or change of identity.
create or replace function capataz_ops.tg_robot_execute__normalize()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_seconds double precision;
  v_estimate integer;
begin
  if tg_op = 'INSERT' then
    NEW.started_at := coalesce(NEW.started_at, v_now);
    NEW.timeout_seconds := coalesce(NEW.timeout_seconds, 1800);
    if NEW.robot_type is null then
      NEW.robot_type := (select r.robot_type from capataz.robots as r where r.robot_id = NEW.robot_id);
    end if;
    if NEW.current_step is not null then
      NEW.step_start_time := greatest(coalesce(NEW.step_start_time, NEW.started_at), NEW.started_at);
    end if;
    if num_nonnulls(NEW.cpu_usage_percent, NEW.memory_usage_mb, NEW.disk_io_mb, NEW.network_io_mb) > 0 then
      NEW.resource_peak_usage := capataz_ops._peak_usage(NEW, NEW.resource_peak_usage);
    end if;
    if NEW.execution_state not in ('COMPLETED', 'FAILED', 'CANCELLED') then
      NEW.completed_at := null;
      NEW.duration_ms := null;
      return NEW;
    end if;
  else
    -- a permit alone is bookkeeping, no report: what was derived at the last report stays
    if NEW.has_permit <> OLD.has_permit then
      OLD.has_permit := NEW.has_permit;
      if NEW is not distinct from OLD then
        return NEW;
      end if;
    end if;

    if (NEW.execute_id, NEW.robot_id, NEW.module_name) is distinct from (OLD.execute_id, OLD.robot_id, OLD.module_name) then
      raise exception using
        errcode = 'RB409',
        message = format('execution "%s" keeps its id, robot and module', OLD.execute_id),
        detail = format('robot_id is "%s", module_name "%s".', OLD.robot_id, OLD.module_name),
        hint = 'Open another execution instead.';
    end if;

    if NEW.execution_state <> OLD.execution_state
       and not (
         OLD.execution_state = 'RUNNING' and NEW.execution_state <> 'PENDING'
         or OLD.execution_state = 'PENDING' and NEW.execution_state in ('RUNNING', 'FAILED', 'CANCELLED')
         or OLD.execution_state in ('PAUSED', 'RETRYING')
           and NEW.execution_state in ('RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')
       )
    then
      raise exception using
        errcode = 'RB409',
        message = format(
          'execution "%s" cannot go from %s to %s', NEW.execute_id, OLD.execution_state, NEW.execution_state
        ),
        detail = format('execution_state is %s.', OLD.execution_state),
        hint = case
          when OLD.execution_state in ('COMPLETED', 'FAILED', 'CANCELLED')
            then 'The attempt has ended: claim the robot again.'
          else 'See the state machine in docs/state-machines.md.'
        end;
    end if;

    if OLD.execution_state not in ('COMPLETED', 'FAILED', 'CANCELLED') then
      if NEW.timeout_seconds is null then
        NEW.timeout_seconds := OLD.timeout_seconds;
      end if;

      -- steps
      if NEW.current_step is not null then
        if OLD.current_step is null
           or NEW.current_step <> OLD.current_step
           or NEW.step_category is distinct from OLD.step_category
        then
          NEW.step_start_time := greatest(v_now, NEW.started_at);
          NEW.step_duration_ms := 0;
        else
          NEW.step_start_time := coalesce(OLD.step_start_time, NEW.started_at);
          NEW.step_duration_ms := capataz_ops._milliseconds(NEW.step_start_time, v_now);
        end if;
      elsif OLD.current_step is not null then
        NEW.step_start_time := null;
        NEW.step_duration_ms := null;
      end if;
      if NEW.total_steps < NEW.completed_steps then
        NEW.total_steps := NEW.completed_steps;
      end if;
      if (NEW.completed_steps <> OLD.completed_steps or NEW.total_steps <> OLD.total_steps)
         and NEW.progress_percentage = OLD.progress_percentage
      then
        NEW.progress_percentage := greatest(
          OLD.progress_percentage, floor(100.0 * NEW.completed_steps / NEW.total_steps)::smallint
        );
      end if;

      if (NEW.cpu_usage_percent, NEW.memory_usage_mb, NEW.disk_io_mb, NEW.network_io_mb)
           is distinct from (OLD.cpu_usage_percent, OLD.memory_usage_mb, OLD.disk_io_mb, OLD.network_io_mb)
      then
        NEW.resource_peak_usage := capataz_ops._peak_usage(NEW, OLD.resource_peak_usage);
      end if;
    end if;
  end if;

  if NEW.execution_state in ('COMPLETED', 'FAILED', 'CANCELLED') then
    NEW.completed_at := greatest(coalesce(NEW.completed_at, v_now), NEW.started_at);
    NEW.duration_ms := capataz_ops._milliseconds(NEW.started_at, NEW.completed_at);
    NEW.has_permit := false;
    if tg_op = 'INSERT' or OLD.execution_state not in ('COMPLETED', 'FAILED', 'CANCELLED') then
      if NEW.execution_state = 'COMPLETED' then
        NEW.progress_percentage := 100;
      elsif NEW.execution_state = 'FAILED' and NEW.error_category is null then
        NEW.error_category := 'PROCESSING';
      end if;
      if NEW.step_start_time is not null then
        NEW.step_duration_ms := capataz_ops._milliseconds(NEW.step_start_time, NEW.completed_at);
      end if;
      if NEW.items_processed is not null and NEW.duration_ms > 0 then
        NEW.throughput_items_per_sec := least(round(NEW.items_processed * 1000.0 / NEW.duration_ms, 2), 999999.99);
      end if;
      -- complete_execution gives the score itself: it has the robot's row at hand
      if NEW.answered_status is distinct from 'COMPLETED' then
        select r.estimated_duration_minutes into v_estimate
        from capataz.robots as r
        where r.robot_id = NEW.robot_id;
        NEW.efficiency_score := least(
          1, coalesce(v_estimate * 60000.0 / nullif(NEW.duration_ms, 0), 1)
        );
      end if;
    end if;
  elsif NEW.completed_at is not null or NEW.duration_ms is not null then
    NEW.completed_at := null;
    NEW.duration_ms := null;
  else
    v_seconds := extract(epoch from v_now - NEW.started_at)::double precision;
    if v_seconds > 0 then
      if NEW.progress_percentage > 0 then
        NEW.estimated_completion_at := greatest(
          v_now + make_interval(secs => v_seconds * (100 - NEW.progress_percentage) / NEW.progress_percentage),
          NEW.started_at
        );
        NEW.processing_rate := least(NEW.progress_percentage * 60.0 / v_seconds, 999999.99);
      end if;
      if NEW.items_processed is not null then
        NEW.throughput_items_per_sec := least(NEW.items_processed / v_seconds, 999999.99);
      end if;
    end if;
  end if;
  return NEW;
end
$$;

comment on function capataz_ops.tg_robot_execute__normalize() is
  'State machine and derived columns of robot_execute.';

-- a row that is normal already, as claim_robots inserts it, needs no call
create or replace trigger _100_normalize_insert
  before insert on capataz.robot_execute
  for each row
  when (
    NEW.started_at is null
    or NEW.timeout_seconds is null
    or NEW.robot_type is null
    or NEW.current_step is not null
    or NEW.execution_state in ('COMPLETED', 'FAILED', 'CANCELLED')
    or num_nonnulls(
      NEW.completed_at, NEW.duration_ms, NEW.cpu_usage_percent, NEW.memory_usage_mb, NEW.disk_io_mb, NEW.network_io_mb
    ) > 0
  )
  execute function capataz_ops.tg_robot_execute__normalize();

-- nor does a row that complete_executions ends: it writes the derived columns itself (see robots__normalize)
create or replace trigger _100_normalize
  before update on capataz.robot_execute
  for each row
  when (coalesce(current_setting('capataz.derived', true) <> pg_current_xact_id_if_assigned()::text, true))
  execute function capataz_ops.tg_robot_execute__normalize();

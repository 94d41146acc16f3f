-- robots: state machine and derived columns of one row (specification 3.2, ADR 0008), however the row changes.
-- BEFORE row trigger: normalises NEW only. Times never lie before earlier ones of the row. processing_tier is derived from
-- estimate x complexity where it is absent or the default: weighted minutes (5 where nothing was estimated) below 1 FAST,
-- below 10 STANDARD, below 60 COMPLEX, else BULK.
-- Raises: RB409 illegal transition, or a change that an active execution does not allow.
create or replace function capataz_ops.tg_robots__normalize()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_settings capataz_ops.module_settings;
  v_minutes double precision;
begin
  if tg_op = 'INSERT' then
    NEW.created_at := coalesce(NEW.created_at, v_now);
    NEW.updated_at := greatest(NEW.created_at, v_now);
    if NEW.processing_tier is null or NEW.processing_tier = 'STANDARD' then
      v_minutes := coalesce(NEW.estimated_duration_minutes, 5) * coalesce(NEW.complexity_score, 1.0)::double precision;
      NEW.processing_tier := case
        when v_minutes < 1 then 'FAST'
        when v_minutes < 10 then 'STANDARD'
        when v_minutes < 60 then 'COMPLEX'
        else 'BULK'
      end::capataz.processing_tier_enum;
    end if;
    if NEW.status = 'PENDING' then
      NEW.started_at := null;
      NEW.completed_at := null;
      NEW.processing_time_ms := null;
      NEW.actual_duration_minutes := null;
      return NEW;
    elsif NEW.status = 'RETRYING' then
      raise exception using
        errcode = 'RB409',
        message = 'a robot cannot be inserted as RETRYING',
        detail = format('robot_id is "%s".', NEW.robot_id),
        hint = 'Insert it as PENDING, PROCESSING, COMPLETED or FAILED.';
    elsif NEW.status = 'FAILED' then
      NEW.last_error_at := coalesce(NEW.last_error_at, greatest(NEW.completed_at, NEW.created_at, NEW.started_at));
    else
      NEW.started_at := greatest(coalesce(NEW.started_at, NEW.created_at), NEW.created_at);
    end if;
  else
    NEW.updated_at := greatest(NEW.created_at, v_now);

    if (NEW.estimated_duration_minutes, NEW.complexity_score)
         is distinct from (OLD.estimated_duration_minutes, OLD.complexity_score)
       and NEW.processing_tier is not distinct from OLD.processing_tier
    then
      v_minutes := coalesce(NEW.estimated_duration_minutes, 5) * coalesce(NEW.complexity_score, 1.0)::double precision;
      NEW.processing_tier := case
        when v_minutes < 1 then 'FAST'
        when v_minutes < 10 then 'STANDARD'
        when v_minutes < 60 then 'COMPLEX'
        else 'BULK'
      end::capataz.processing_tier_enum;
    end if;

    if NEW.status = 'PROCESSING' and OLD.status in ('PENDING', 'RETRYING') then
      NEW.started_at := NEW.updated_at;
      NEW.completed_at := null;
      if NEW.error_category = 'CANCELLED' then
        NEW.error_category := null;  -- of an earlier life: it must not make a new failure a cancellation
      end if;
      return NEW;
    elsif NEW.status = OLD.status then
      if NEW.status in ('PENDING', 'RETRYING') then
        if NEW.priority <> OLD.priority or NEW.module_name <> OLD.module_name then
          NEW.available_at := greatest(NEW.available_at, v_now);
        end if;
      elsif NEW.status = 'PROCESSING' and NEW.module_name <> OLD.module_name then
        raise exception using
          errcode = 'RB409',
          message = format('robot "%s" is being processed and cannot move to another module', NEW.robot_id),
          detail = format('It runs in "%s".', OLD.module_name),
          hint = 'Release it first with release_robots.';
      end if;
    elsif NEW.status = 'COMPLETED' and OLD.status = 'PROCESSING' then
      NEW.completed_at := coalesce(nullif(NEW.completed_at, OLD.completed_at), v_now);
    elsif NEW.status = 'FAILED' and OLD.status in ('PENDING', 'PROCESSING', 'RETRYING') then
      NEW.completed_at := coalesce(nullif(NEW.completed_at, OLD.completed_at), v_now);
      NEW.last_error_at := greatest(NEW.created_at, v_now);
      if OLD.status <> 'PROCESSING' then
        NEW.error_category := 'CANCELLED';
      elsif NEW.error_category is null then
        NEW.error_category := 'PROCESSING';
      end if;
    elsif NEW.status = 'RETRYING' and OLD.status = 'PROCESSING' then
      NEW.retry_limit := coalesce(NEW.retry_limit, 3);
      if OLD.retry_count >= NEW.retry_limit then
        raise exception using
          errcode = 'RB409',
          message = format('robot "%s" has no retries left', NEW.robot_id),
          detail = format('retry_count is %s, retry_limit %s.', OLD.retry_count, NEW.retry_limit),
          hint = 'Set it FAILED, or raise retry_limit.';
      end if;
      NEW.retry_count := coalesce(OLD.retry_count, 0) + 1;
      NEW.completed_at := null;
      NEW.last_error_at := greatest(NEW.created_at, v_now);
      NEW.error_category := coalesce(NEW.error_category, 'PROCESSING');
      if NEW.available_at = OLD.available_at then
        if NEW.error_category = 'WORKER_LOST' then
          NEW.available_at := greatest(NEW.available_at, v_now);
        else
          select s.* into v_settings
          from capataz_ops.module_settings as s
          where s.module_name = NEW.module_name;
          NEW.available_at := greatest(
            NEW.available_at,
            v_now + make_interval(
              secs => least(
                v_settings.retry_max_seconds,
                v_settings.retry_base_seconds * power(v_settings.retry_factor, least(NEW.retry_count - 1, 50))
              ) * (1 + v_settings.retry_jitter * (2 * random() - 1))
            )
          );
        end if;
      end if;
    elsif NEW.status = 'PENDING' and OLD.status in ('PROCESSING', 'FAILED') then
      if OLD.status = 'FAILED' then
        NEW.retry_count := 0;
      end if;
      NEW.started_at := null;
      NEW.completed_at := null;
      NEW.available_at := greatest(NEW.available_at, v_now);
    else
      raise exception using
        errcode = 'RB409',
        message = format('robot "%s" cannot go from %s to %s', NEW.robot_id, OLD.status, NEW.status),
        detail = format('status is %s.', OLD.status),
        hint = case OLD.status
          when 'COMPLETED' then 'COMPLETED is final: submit a new robot.'
          when 'FAILED' then 'A FAILED robot goes to PENDING, by retry_robot.'
          else 'See the state machine in docs/state-machines.md.'
        end;
    end if;
  end if;

  -- what every row that has ended shows, and no other
  if NEW.status in ('COMPLETED', 'FAILED') then
    if NEW.started_at < NEW.created_at then
      NEW.started_at := NEW.created_at;
    end if;
    NEW.completed_at := greatest(coalesce(NEW.completed_at, v_now), NEW.started_at, NEW.created_at);
    NEW.processing_time_ms := capataz_ops._milliseconds(NEW.started_at, NEW.completed_at);
    NEW.actual_duration_minutes := round(NEW.processing_time_ms / 60000.0)::integer;
  elsif NEW.processing_time_ms is not null or NEW.actual_duration_minutes is not null then
    NEW.processing_time_ms := null;
    NEW.actual_duration_minutes := null;
  end if;
  return NEW;
end
$$;

comment on function capataz_ops.tg_robots__normalize() is
  'State machine and derived columns of robots.';

-- a row that is normal already, as submit_robot inserts it, needs no call
create or replace trigger _100_normalize_insert
  before insert on capataz.robots
  for each row
  when (
    NEW.status is distinct from 'PENDING'
    or NEW.created_at is null
    or NEW.updated_at is distinct from NEW.created_at
    or NEW.updated_at <> capataz.utc_now()
    or num_nonnulls(NEW.started_at, NEW.completed_at, NEW.processing_time_ms, NEW.actual_duration_minutes) > 0
    or NEW.processing_tier is null
    or NEW.processing_tier = 'STANDARD'
      and (NEW.estimated_duration_minutes is not null or NEW.complexity_score <> 1.0)
  )
  execute function capataz_ops.tg_robots__normalize();

-- nor does a row that claim_robots or complete_executions changes: they write the derived columns themselves, and say so
-- by the setting capataz.derived, as with capataz.paired (ADR 0008)
create or replace trigger _100_normalize
  before update on capataz.robots
  for each row
  when (coalesce(current_setting('capataz.derived', true) <> pg_current_xact_id_if_assigned()::text, true))
  execute function capataz_ops.tg_robots__normalize();

-- capataz.robot_timeline(p_robot_id) -> rows, in order of time
--
-- Every event of a robot's life (specification 4.2, ADR 0025): submitted, due, claimed, step, progress, step repeated, failed,
-- retried (it goes on to another attempt, or was given a new life), released, cancelled, completed. attempt: 1 = the first
-- execution; of due, the one that it was due for. duration_ms: of a step, or of the attempt where it ends; of claimed, how
-- long it waited since it was due. progress: the last report of an attempt, where it did not complete. detail: worker, percentage, error
-- category ...: no payload, no message. Due times of the future are told too. At most 5,000 rows.
-- Locks: none. Writes: nothing. Raises: RB400 no id, RB401, RB403 not your robot, RB404 unknown robot.
create or replace function capataz.robot_timeline(p_robot_id text)
  returns table (
    happened_at timestamp,
    event text,
    attempt integer,
    execute_id varchar(50),
    step_category capataz.step_category_enum,
    step_name varchar(100),
    duration_ms bigint,
    detail text
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_robot capataz.robots;
begin
  perform capataz_ops._check_text('robot_id', p_robot_id, 50, true);
  select r.* into v_robot
  from capataz.robots as r
  where r.robot_id = p_robot_id;
  if not found then
    perform capataz_ops._raise_no_robot(p_robot_id);
  end if;
  if v_robot.module_name <> all (v_modules) then
    perform capataz_ops._refuse_foreign_robot(p_robot_id, v_modules);
  end if;

  return query
  with attempts as materialized (
    select
      e.execute_id, e.module_name, e.execution_state, e.started_at, e.completed_at, e.due_at, e.worker_id, e.current_step,
      e.step_category, e.step_start_time, e.step_duration_ms, e.progress_percentage, e.processing_rate, e.retry_count,
      e.last_retry_at, e.error_category, e.answered_status, e.duration_ms,
      (row_number() over w)::integer as attempt,
      lead(e.started_at) over w as next_started_at,
      lead(e.due_at) over w as next_due_at
    from capataz.robot_execute as e
    where e.robot_id = p_robot_id
    window w as (order by e.started_at, e.completed_at nulls last, e.execute_id)
  ), events (happened_at, place, event, attempt, execute_id, step_category, step_name, duration_ms, detail) as (
    select
      v_robot.created_at, 0, 'submitted', null::integer, null::varchar, null::capataz.step_category_enum, null::varchar,
      null::bigint, format('%s, %s, for %s', v_robot.robot_type, v_robot.priority, v_robot.module_name)
    union all
    select a.due_at, 2, 'due', a.attempt, a.execute_id, null, null, null, null
    from attempts as a
    where a.due_at is not null
    union all
    -- for the attempt to come
    select
      v_robot.available_at, 2, 'due', (select count(*)::integer + 1 from attempts as a), null, null, null, null,
      case when v_robot.available_at > capataz.utc_now() then 'not yet' end
    where v_robot.status in ('PENDING', 'RETRYING')
    union all
    select
      a.started_at, 3, 'claimed', a.attempt, a.execute_id, null, null,
      case when a.due_at is not null then capataz_ops._milliseconds(a.due_at, a.started_at) end,
      concat_ws(
        ', ',
        case when a.worker_id is not null then format('by worker %s', a.worker_id) end,
        case when a.module_name <> v_robot.module_name then format('in module %s', a.module_name) end
      )
    from attempts as a
    union all
    select
      s.started_at, 4, 'step', a.attempt, a.execute_id, s.step_category, s.step_name, s.duration_ms,
      case when s.visits > 1 then format('%s steps', s.visits) end
    from attempts as a
    join capataz_ops.execution_steps as s on s.execute_id = a.execute_id
    union all
    select
      coalesce(a.step_start_time, a.started_at), 4, 'step', a.attempt, a.execute_id, a.step_category, a.current_step, null,
      'under way'
    from attempts as a
    where a.completed_at is null
      and a.current_step is not null
    union all
    -- when it last reported: told by its step, or by its rate
    select
      least(
        case
          when a.step_start_time is not null
            then a.step_start_time + coalesce(a.step_duration_ms, 0) * interval '1 millisecond'
          else a.started_at + coalesce(a.progress_percentage / nullif(a.processing_rate, 0), 0) * interval '1 minute'
        end,
        coalesce(a.completed_at, capataz.utc_now())
      ),
      5, 'progress', a.attempt, a.execute_id, a.step_category, a.current_step, null, format('%s %%', a.progress_percentage)
    from attempts as a
    where a.progress_percentage > 0
      and a.execution_state <> 'COMPLETED'
    union all
    select
      a.last_retry_at, 6, 'step repeated', a.attempt, a.execute_id, a.step_category, a.current_step, null,
      format('%s in this attempt', a.retry_count)
    from attempts as a
    where a.last_retry_at is not null
    union all
    select
      a.completed_at, 7,
      case
        when a.execution_state = 'COMPLETED' then 'completed'
        when a.execution_state = 'FAILED' then 'failed'
        when a.answered_status = 'PENDING' or a.next_started_at is not null or v_robot.status <> 'FAILED' then 'released'
        else 'cancelled'
      end,
      a.attempt, a.execute_id, null, null, a.duration_ms,
      case when a.execution_state = 'FAILED' then a.error_category end
    from attempts as a
    where a.completed_at is not null
    union all
    select
      case
        when a.answered_status = 'FAILED' then coalesce(a.next_due_at, a.next_started_at, v_robot.available_at)
        else a.completed_at
      end,
      case when a.answered_status = 'FAILED' then 1 else 8 end,
      'retried', a.attempt + 1, null, null, null, null,
      case when a.answered_status = 'FAILED' then 'a new life' end
    from attempts as a
    where a.execution_state = 'FAILED'
      and (a.next_started_at is not null or v_robot.status in ('PENDING', 'RETRYING'))
    union all
    -- what ended without an attempt
    select
      v_robot.completed_at, 9,
      case
        when v_robot.status = 'COMPLETED' then 'completed'
        when v_robot.error_category = 'CANCELLED' then 'cancelled'
        else 'failed'
      end,
      null, null, null, null, null,
      case when v_robot.cache_hit then 'from the cache' else nullif(v_robot.error_category, 'CANCELLED') end
    where v_robot.completed_at is not null
      and not exists (
        select
        from attempts as a
        where a.completed_at >= v_robot.completed_at
          and (a.execution_state::text = v_robot.status::text or a.execution_state = 'CANCELLED')
      )
  )
  select
    v.happened_at, v.event, v.attempt, v.execute_id, v.step_category, v.step_name, v.duration_ms, nullif(v.detail, '')
  from events as v
  order by v.happened_at, v.attempt nulls first, v.place, v.execute_id
  limit 5000;
end
$$;

comment on function capataz.robot_timeline(text) is
  'Every event of a robot''s life, in order of time. RB400, RB401, RB403, RB404.';

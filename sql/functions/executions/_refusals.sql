-- capataz_ops._refusals(p_execute_ids, p_action) -> rows (place, execute_id, status, code, message, detail, hint)
--
-- Why executions were not ended by p_action (COMPLETE, FAIL, RELEASE, or another word for calls that end nothing): unknown,
-- ended, not begun, or past their timeout. status is not null, and code null, where this very action ended the attempt before: the
-- answer was lost and is given again (ADR 0013).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._refusals(p_execute_ids text[], p_action text)
  returns table (
    place bigint,
    execute_id text,
    status capataz.robot_status_enum,
    code text,
    message text,
    detail text,
    hint text
  )
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select
    i.place,
    i.execute_id,
    case when a.is_repeated then e.answered_status end,
    case when a.is_repeated then null when e.execute_id is null then 'RB404' else 'RB409' end,
    case
      when a.is_repeated then null
      when e.execute_id is null then format('no execution "%s"', left(i.execute_id, 60))
      when e.completed_at is not null then format('execution "%s" has ended', i.execute_id)
      when a.is_early then format('execution "%s" has not begun', i.execute_id)
      else format('execution "%s" is past its timeout', i.execute_id)
    end,
    case
      when e.execute_id is null then format('execute_id is "%s".', left(i.execute_id, 60))
      else format('execution_state is %s.', e.execution_state)
        || case when e.error_category is null then '' else format(' error_category is %s.', e.error_category) end
    end,
    case
      when e.execute_id is null then 'Use the execute_id that claim_robots returned.'
      when a.is_early then 'Report progress first: that sets it RUNNING.'
      else 'The lease is lost: stop working on this robot and claim again.'
    end
  from unnest(p_execute_ids) with ordinality as i (execute_id, place)
  left join capataz.robot_execute as e on e.execute_id = i.execute_id
  cross join lateral (
    select coalesce(
      case p_action
        when 'COMPLETE' then e.answered_status = 'COMPLETED'
        when 'FAIL' then e.answered_status in ('RETRYING', 'FAILED')
        when 'RELEASE' then e.answered_status = 'PENDING'
      end, false
    ) as is_repeated,
    p_action = 'COMPLETE'
      and e.execution_state = 'PENDING'
      and e.started_at + e.timeout_seconds * interval '1 second' >= capataz.utc_now() as is_early
  ) as a
$$;

comment on function capataz_ops._refusals(text[], text) is
  'Why executions were not ended by a call, or the answer they got before.';

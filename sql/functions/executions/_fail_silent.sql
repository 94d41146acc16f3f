-- capataz_ops._fail_silent(p_execute_ids, p_category, p_message, p_expired_only) -> integer
--
-- Fails active executions whose worker does not answer; returns how many. Robots that another session holds are skipped.
-- Locks:  robots (by robot_id, skip locked), then as _fail_executions. Writes: robot_execute, robots.
-- Raises: nothing.
create or replace function capataz_ops._fail_silent(
  p_execute_ids text[],
  p_category text,
  p_message text,
  p_expired_only boolean
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_robot_ids text[];
  v_failures capataz_ops.failure[];
begin
  select array_agg(l.robot_id::text) into v_robot_ids
  from (
    select r.robot_id
    from capataz.robots as r
    where r.robot_id = any (array(
        select e.robot_id from capataz.robot_execute as e where e.execute_id = any (p_execute_ids)
      ))
      and r.status is not distinct from 'PROCESSING'  -- by the primary key, as in _lock_robots_of
    order by r.robot_id
    for no key update skip locked
  ) as l;
  if v_robot_ids is null then
    return 0;
  end if;

  select array_agg(
    row(
      e.execute_id, p_category, p_message,
      jsonb_strip_nulls(jsonb_build_object('type', p_category, 'step', e.current_step, 'worker_id', e.worker_id)),
      null, true
    )::capataz_ops.failure
  )
  into v_failures
  from capataz.robot_execute as e
  where e.execute_id = any (p_execute_ids)
    and e.robot_id = any (v_robot_ids)
    and e.completed_at is null
    and (not p_expired_only or e.started_at + e.timeout_seconds * interval '1 second' < capataz.utc_now());
  if v_failures is null then
    return 0;
  end if;
  return (select count(*)::integer from capataz_ops._fail_executions(v_failures, false));
end
$$;

comment on function capataz_ops._fail_silent(text[], text, text, boolean) is
  'Fails active executions whose worker does not answer; returns how many.';

-- capataz_ops._settle_robots(p_robot_ids, p_execute_ids, p_deleted) -> void
--
-- Moves PROCESSING robots that have no active execution any more to what their last execution demands (ADR 0008): of
-- those in p_execute_ids, which the statement changed (null: of all);
-- with p_deleted (the active execution was deleted) back to PENDING.
-- Locks: robots rows. Writes: robots. Raises: nothing.
create or replace function capataz_ops._settle_robots(p_robot_ids text[], p_execute_ids text[], p_deleted boolean)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update capataz.robots as r
  set status = case
        when p_deleted or l.execution_state is null then 'PENDING'
        when l.execution_state = 'COMPLETED' then 'COMPLETED'
        when l.execution_state = 'CANCELLED' then 'FAILED'
        when l.error_category <> 'VALIDATION' and coalesce(r.retry_count, 0) < coalesce(r.retry_limit, 3) then 'RETRYING'
        else 'FAILED'
      end::capataz.robot_status_enum,
      completed_at = case when l.execution_state in ('COMPLETED', 'CANCELLED', 'FAILED') then l.completed_at end,
      error_category = case
        when p_deleted then r.error_category
        when l.execution_state = 'CANCELLED' then 'CANCELLED'
        when l.execution_state = 'FAILED' then l.error_category
        else r.error_category
      end,
      error_details = case
        when l.execution_state = 'FAILED' and not p_deleted
          then jsonb_strip_nulls(jsonb_build_object(
            'type', l.error_category, 'message', l.error_message, 'step', l.current_step
          ))
        else r.error_details
      end
  from capataz.robots as s
  left join lateral (
    select e.execution_state, e.completed_at, e.error_category, e.error_message, e.current_step
    from capataz.robot_execute as e
    where e.robot_id = s.robot_id
      and (p_execute_ids is null or e.execute_id = any (p_execute_ids))
    order by e.started_at desc, e.completed_at desc nulls first, e.execute_id desc
    limit 1
  ) as l on true
  where r.robot_id = any (p_robot_ids)
    and r.status = 'PROCESSING'
    and s.robot_id = r.robot_id
    and not exists (
      select
      from capataz.robot_execute as a
      where a.robot_id = r.robot_id
        and a.completed_at is null
    )
$$;

comment on function capataz_ops._settle_robots(text[], text[], boolean) is
  'Moves PROCESSING robots without an active execution to what their last execution demands.';

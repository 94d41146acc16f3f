-- capataz_ops._rebuild_errors() -> void
--
-- Recomputes error_days from FAILED executions. Days of which history shows fewer than are known (they were purged) stay as they
-- are, all of a module and day together; the last two days are those of history, save what a purge may have taken.
-- Locks:  one row of walks: no fold is under way. Writes: error_days, error_deltas. Raises: nothing.
create or replace function capataz_ops._rebuild_errors()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_today constant date := v_now::date;
begin
  perform from capataz_ops.walks as w where w.walk_name = 'fold_analytics' for no key update;
  delete from capataz_ops.error_days as d
  where not exists (select from capataz.module_registry as m where m.module_name = d.module_name);
  perform capataz_ops._fold_errors(2147483647);

  -- the days that history knows become deltas again: one place folds them (_fold_errors)
  with gone as (
    delete from capataz_ops.error_deltas
  ), whole as materialized (  -- the first day that is that of history, whatever is known
    select
      m.module_name,
      case
        when s.retention_days is null then v_today - 1
        else greatest(capataz_ops._purged_before(s.retention_days, v_now)::date + 1, v_today - 1)
      end as day
    from capataz.module_registry as m
    left join capataz_ops.module_settings as s on s.module_name = m.module_name
  ), history as materialized (
    select
      e.module_name, e.completed_at::date as day, date_trunc('hour', e.completed_at) as hour,
      coalesce(e.error_category, 'PROCESSING') as error_category, e.step_category, e.current_step,
      left(e.error_message, 300) as error_message, e.execute_id
    from capataz.robot_execute as e
    where e.execution_state = 'FAILED'
      and e.completed_at >= v_today - 400
  ), days as materialized (
    select m.module_name, m.day, m.n
    from (
      select h.module_name, h.day, count(*) as n
      from history as h
      group by h.module_name, h.day
    ) as m (module_name, day, n)
    join whole as w on w.module_name = m.module_name
    where m.day >= w.day
       or m.n >= coalesce((
            select sum(d.error_count)
            from capataz_ops.error_days as d
            where d.module_name = m.module_name
              and d.day = m.day
          ), 0)
  ), stale as (
    delete from capataz_ops.error_days as d
    where exists (select from whole as w where w.module_name = d.module_name and d.day >= w.day)
       or exists (select from days as y where y.module_name = d.module_name and y.day = d.day)
  )
  insert into capataz_ops.error_deltas (
    module_name, hour, error_category, step_category, step_name, error_message, execute_id, sign
  )
  select
    h.module_name, h.hour, h.error_category, case when h.current_step is not null then h.step_category end, h.current_step,
    h.error_message, h.execute_id, 1
  from history as h
  join days as y on y.module_name = h.module_name and y.day = h.day;

  perform capataz_ops._fold_errors(2147483647);
end
$$;

comment on function capataz_ops._rebuild_errors() is 'Recomputes the days of errors from history.';

-- robot_execute: keeps which step took how long (specification 3.3) when a step gives way to the next or the attempt ends.
-- At most 200 rows per execution: further steps are added up in the last one.
-- Each finished step is also added to step_deltas, from which step_analysis has its figures (ADR 0025).
-- Writes: execution_steps, step_deltas. Raises: nothing.
create or replace function capataz_ops.tg_robot_execute__steps()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_steps capataz_ops.execution_steps[];
  v_modules text[];
begin
  if not exists (
    select from old_rows as o where o.current_step is not null and o.completed_at is null
  ) then
    return null;
  end if;

  select
    array_agg(
      row(
        c.execute_id, 0, c.old_step, c.old_category, c.old_start,
        capataz_ops._milliseconds(c.old_start, coalesce(c.new_end, c.new_start, capataz.utc_now())), 1
      )::capataz_ops.execution_steps
    ),
    array_agg(c.module_name)
  into v_steps, v_modules
  from (
    -- old and new row of each execution side by side; a join of transition tables may be planned as a nested loop
    select
      b.execute_id,
      max(b.module_name) as module_name,
      max(b.current_step) filter (where b.is_old) as old_step,
      max(b.step_category) filter (where b.is_old) as old_category,
      max(coalesce(b.step_start_time, b.started_at)) filter (where b.is_old) as old_start,
      max(b.completed_at) filter (where b.is_old) as old_end,
      max(b.current_step) filter (where not b.is_old) as new_step,
      max(b.step_category) filter (where not b.is_old) as new_category,
      max(b.step_start_time) filter (where not b.is_old) as new_start,
      max(b.completed_at) filter (where not b.is_old) as new_end
    from (
      select
        true as is_old, o.execute_id, o.module_name, o.current_step, o.step_category, o.step_start_time, o.started_at, o.completed_at
      from old_rows as o
      union all
      select
        false, n.execute_id, n.module_name, n.current_step, n.step_category, n.step_start_time, n.started_at, n.completed_at
      from new_rows as n
    ) as b
    group by b.execute_id
  ) as c
  where c.old_step is not null
    and c.old_end is null
    and (
      c.new_end is not null
      or c.new_step is distinct from c.old_step
      or c.new_category is distinct from c.old_category
    );
  if v_steps is not null then
    perform capataz_ops._keep_steps(v_steps);
    insert into capataz_ops.step_deltas (module_name, hour, step_category, step_name, step_count, total_ms, max_ms)
    select
      s.module_name,
      -- where it ended, as execution_steps tells
      date_trunc('hour', s.started_at + s.duration_ms * interval '1 millisecond'),
      coalesce(s.step_category, 'INIT'), s.step_name, count(*), sum(s.duration_ms), max(s.duration_ms)
    from unnest(v_steps, v_modules) as s (
      execute_id, step_number, step_name, step_category, started_at, duration_ms, visits, module_name
    )
    group by 1, 2, 3, 4;
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__steps() is
  'Keeps the history of steps of executions.';

create or replace trigger _800_steps
  after update on capataz.robot_execute
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function capataz_ops.tg_robot_execute__steps();

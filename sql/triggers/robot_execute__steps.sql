-- robot_execute: keeps which step took how long (specification 3.3) when a step gives way to the next or the attempt ends.
-- At most 200 rows per execution: further steps are added up in the last one.
-- Writes: execution_steps. Raises: nothing.
create or replace function capataz_ops.tg_robot_execute__steps()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_nestloop = off
as $$
declare
  v_steps capataz_ops.execution_steps[];
begin
  if not exists (
    select from old_rows as o where o.current_step is not null and o.completed_at is null
  ) then
    return null;
  end if;

  select array_agg(
    row(
      o.execute_id, 0, o.current_step, o.step_category, coalesce(o.step_start_time, o.started_at),
      capataz_ops._milliseconds(
        coalesce(o.step_start_time, o.started_at), coalesce(n.completed_at, n.step_start_time)
      ),
      1
    )::capataz_ops.execution_steps
  )
  into v_steps
  from old_rows as o
  join new_rows as n on n.execute_id = o.execute_id
  where o.current_step is not null
    and o.completed_at is null
    and (
      n.completed_at is not null
      or n.current_step is distinct from o.current_step
      or n.step_category is distinct from o.step_category
    );
  if v_steps is not null then
    perform capataz_ops._keep_steps(v_steps);
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

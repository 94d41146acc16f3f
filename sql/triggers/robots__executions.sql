-- robots: the active execution follows the robot (ADR 0008): after every statement a PROCESSING robot has exactly one
-- active execution and no other robot has any. The API changes both tables in one statement, so that here is nothing
-- left to do; plain SQL on robots alone is completed here.
-- Internal functions that change both tables in one statement say so: for that statement alone the setting capataz.paired
-- holds the id of the transaction (an error undoes it). What they have paired is not looked up again (ADR 0008).
-- Also tells listening workers that work is due (_notify_work), and marks executions of robots in which sensitive data was
-- found (_mark_executions): one look at the changed rows serves all.
-- Locks:  robot_execute rows of robots that left PROCESSING. Writes: robot_execute (only where something is missing).
-- Raises: RB429 where the module's max_concurrency allows no further execution.
create or replace function capataz_ops.tg_robots__executions_insert()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_begun text[];
  v_sensitive text[];
  v_waiting text[];
begin
  select
    array_agg(n.robot_id::text) filter (where n.status = 'PROCESSING'),
    array_agg(n.robot_id::text) filter (where n.compliance_context is not null and n.started_at is not null),
    array_agg(distinct n.module_name::text) filter (where n.status = 'PENDING' and n.available_at <= n.updated_at)
  into v_begun, v_sensitive, v_waiting
  from new_rows as n;

  if v_begun is not null then
    perform capataz_ops._open_executions(v_begun);
  end if;
  if v_sensitive is not null then
    perform capataz_ops._mark_executions(v_sensitive);
  end if;
  if v_waiting is not null then
    perform capataz_ops._notify_work(v_waiting);
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_robots__executions_insert() is
  'Opens executions for robots inserted as PROCESSING.';

create or replace function capataz_ops.tg_robots__executions_update()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_begun text[];
  v_left text[];
  v_sensitive text[];
  v_waiting text[];
begin
  if current_setting('capataz.paired', true) = pg_current_xact_id_if_assigned()::text then
    select
      array_agg(distinct n.module_name::text) filter (
        where n.status in ('PENDING', 'RETRYING') and n.available_at <= n.updated_at
      ),
      array_agg(n.robot_id::text) filter (where n.compliance_context is not null and n.started_at is not null)
    into v_waiting, v_sensitive
    from new_rows as n;
    if v_sensitive is not null then
      perform capataz_ops._mark_executions(v_sensitive);
    end if;
    if v_waiting is not null then
      perform capataz_ops._notify_work(v_waiting);
    end if;
    return null;
  end if;

  select
    array_agg(c.robot_id) filter (where c.is_processing and not c.was_processing),
    array_agg(c.robot_id) filter (where c.was_processing and not c.is_processing),
    array_agg(distinct c.waiting_in) filter (where c.waiting_in is not null),
    array_agg(c.robot_id) filter (where c.is_sensitive)
  into v_begun, v_left, v_waiting, v_sensitive
  from (
    -- old and new row of each robot side by side; a join of transition tables may be planned as a nested loop
    select
      b.robot_id::text as robot_id,
      bool_or(b.status = 'PROCESSING' and b.is_old) as was_processing,
      bool_or(b.status = 'PROCESSING' and not b.is_old) as is_processing,
      bool_or(b.is_sensitive and not b.is_old) as is_sensitive,
      max(b.module_name::text) filter (
        where not b.is_old and b.status in ('PENDING', 'RETRYING') and b.available_at <= b.updated_at
      ) as waiting_in
    from (
      select true as is_old, false as is_sensitive, o.robot_id, o.status, o.module_name, o.available_at, o.updated_at
      from old_rows as o
      union all
      select
        false, n.compliance_context is not null and n.started_at is not null, n.robot_id, n.status, n.module_name,
        n.available_at, n.updated_at
      from new_rows as n
    ) as b
    group by b.robot_id
  ) as c;

  if v_begun is not null
     and cardinality(v_begun) > (
       select count(*)
       from capataz.robot_execute as e
       where e.robot_id = any (v_begun)
         and e.completed_at is null
     )
  then
    perform capataz_ops._open_executions(v_begun);
  end if;

  if v_left is not null
     and exists (
       select
       from capataz.robot_execute as e
       where e.robot_id = any (v_left)
         and e.completed_at is null
     )
  then
    perform capataz_ops._close_executions(v_left);
  end if;
  if v_sensitive is not null then
    perform capataz_ops._mark_executions(v_sensitive);
  end if;
  if v_waiting is not null then
    perform capataz_ops._notify_work(v_waiting);
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_robots__executions_update() is
  'Opens and ends executions where plain SQL changed the status of robots.';

create or replace trigger _500_executions_insert
  after insert on capataz.robots
  referencing new table as new_rows
  for each statement
  execute function capataz_ops.tg_robots__executions_insert();

create or replace trigger _500_executions_update
  after update on capataz.robots
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function capataz_ops.tg_robots__executions_update();

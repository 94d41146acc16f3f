-- robots: the active execution follows the robot (design 5): after every statement a PROCESSING robot has exactly one
-- active execution and no other robot has any. The API changes both tables in one statement, so that here is nothing
-- left to do; plain SQL on robots alone is completed here.
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
begin
  select array_agg(n.robot_id::text) into v_begun
  from new_rows as n
  where n.status = 'PROCESSING';
  if v_begun is not null then
    perform capataz_ops._open_executions(v_begun);
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
  set enable_nestloop = off
as $$
declare
  v_begun text[];
  v_left text[];
begin
  select
    array_agg(n.robot_id::text) filter (where n.status = 'PROCESSING'),
    array_agg(n.robot_id::text) filter (where o.status = 'PROCESSING')
  into v_begun, v_left
  from new_rows as n
  join old_rows as o on o.robot_id = n.robot_id
  where n.status <> o.status;

  if v_begun is not null
     and cardinality(v_begun) > (
       select count(*)
       from capataz.robot_execute as e
       where e.robot_id = any (v_begun)
         and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
     )
  then
    perform capataz_ops._open_executions(v_begun);
  end if;

  if v_left is not null
     and exists (
       select
       from capataz.robot_execute as e
       where e.robot_id = any (v_left)
         and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
     )
  then
    perform capataz_ops._close_executions(v_left);
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

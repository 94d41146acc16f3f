-- robot_execute: the robot follows its active execution (ADR 0008), where plain SQL changed executions alone.
-- A new active execution makes its robot PROCESSING; COMPLETED completes it; FAILED makes it RETRYING while retries are left
-- and the error is no VALIDATION error, else FAILED; CANCELLED cancels it; a deleted active execution hands it back.
-- The API changes both tables in one statement, so that here is nothing left to do.
-- Locks:  robots rows. Writes: robots (only where something is missing).
-- Raises: RB409 where the robot does not allow it (such as an execution for a robot that has ended).
create or replace function capataz_ops.tg_robot_execute__robots_insert()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_active text[];
begin
  if current_setting('capataz.paired', true) = pg_current_xact_id_if_assigned()::text then
    return null;  -- see robots__executions
  end if;

  select array_agg(n.robot_id::text) into v_active
  from new_rows as n
  join capataz.robots as r on r.robot_id = n.robot_id
  where n.completed_at is null
    and (r.status <> 'PROCESSING' or r.module_name <> n.module_name);
  if v_active is not null then
    if exists (
      select
      from new_rows as n
      join capataz.robots as r on r.robot_id = n.robot_id
      where n.completed_at is null
        and r.module_name <> n.module_name
    ) then
      raise exception using
        errcode = 'RB409',
        message = 'an execution runs in the module of its robot',
        detail = format('Robot "%s" belongs to another module.', v_active[1]),
        hint = 'Give the robot''s module_name.';
    end if;
    update capataz.robots as r
    set status = 'PROCESSING'
    where r.robot_id = any (v_active)
      and r.status <> 'PROCESSING';
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__robots_insert() is
  'Makes robots PROCESSING for which plain SQL opened executions.';

create or replace function capataz_ops.tg_robot_execute__robots_update()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ended text[];
  v_executions text[];
begin
  if current_setting('capataz.paired', true) = pg_current_xact_id_if_assigned()::text then
    return null;  -- see robots__executions
  end if;

  select array_agg(n.robot_id::text), array_agg(n.execute_id::text) into v_ended, v_executions
  from new_rows as n
  where n.completed_at is not null;
  if v_ended is not null
     and exists (
       select from capataz.robots as r where r.robot_id = any (v_ended) and r.status is not distinct from 'PROCESSING'
     )
  then
    perform capataz_ops._settle_robots(v_ended, v_executions, false);
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__robots_update() is
  'Moves robots whose executions plain SQL ended.';

create or replace function capataz_ops.tg_robot_execute__robots_delete()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ended text[];
begin
  select array_agg(o.robot_id::text) into v_ended
  from old_rows as o
  where o.completed_at is null;
  if v_ended is not null
     and exists (
       select from capataz.robots as r where r.robot_id = any (v_ended) and r.status is not distinct from 'PROCESSING'
     )
  then
    perform capataz_ops._settle_robots(v_ended, null, true);
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__robots_delete() is
  'Hands robots back whose active execution was deleted.';

create or replace trigger _500_robots_insert
  after insert on capataz.robot_execute
  referencing new table as new_rows
  for each statement
  execute function capataz_ops.tg_robot_execute__robots_insert();

create or replace trigger _500_robots_update
  after update on capataz.robot_execute
  referencing new table as new_rows
  for each statement
  execute function capataz_ops.tg_robot_execute__robots_update();

create or replace trigger _500_robots_delete
  after delete on capataz.robot_execute
  referencing old table as old_rows
  for each statement
  execute function capataz_ops.tg_robot_execute__robots_delete();

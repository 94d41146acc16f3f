-- robots: tells listening workers that work is due (design 3). A hint: polling alone is correct.
-- A commit that has sent NOTIFY takes a cluster-wide lock, so a session sends at most one per module per 50 ms.
-- Writes: NOTIFY capataz_work, payload = module name. Raises: nothing.
create or replace function capataz_ops.tg_robots__notify()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_milliseconds constant bigint := (extract(epoch from clock_timestamp()) * 1000)::bigint;
  v_module_name text;
  v_setting text;
begin
  for v_module_name in
    select distinct n.module_name::text
    from new_rows as n
    where n.status in ('PENDING', 'RETRYING')
      and n.available_at <= v_now
  loop
    v_setting := 'capataz.notified_' || to_hex(hashtext(v_module_name));
    if abs(
      v_milliseconds - coalesce(nullif(current_setting(v_setting, true), ''), '0')::bigint
    ) >= 50 then
      perform set_config(v_setting, v_milliseconds::text, false);
      perform pg_notify('capataz_work', v_module_name);
    end if;
  end loop;
  return null;
end
$$;

comment on function capataz_ops.tg_robots__notify() is
  'Announces due work on channel capataz_work, at most once per module and 50 ms.';

create or replace trigger _900_notify_insert
  after insert on capataz.robots
  referencing new table as new_rows
  for each statement
  execute function capataz_ops.tg_robots__notify();

create or replace trigger _900_notify_update
  after update on capataz.robots
  referencing new table as new_rows
  for each statement
  execute function capataz_ops.tg_robots__notify();

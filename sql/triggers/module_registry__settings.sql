-- module_registry: typed settings, totals row, permits and the health announcement follow the row, however it changes.
-- A changed max_concurrency adds the difference to the free units (a negative row where it was lowered): no lock, no wait.
-- Writes: module_settings, module_state, module_permits; NOTIFY capataz_health with the change of state.
-- Raises: RB400 for unusable settings.
create or replace function capataz_ops.tg_module_registry__settings()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_old_limit integer;
  v_new capataz_ops.module_settings;
begin
  if tg_op = 'INSERT'
     or NEW.registration_data is distinct from OLD.registration_data
     or NEW.module_name <> OLD.module_name
  then
    v_new := capataz_ops._parse_settings(NEW.module_name, NEW.registration_data);

    select s.max_concurrency into v_old_limit
    from capataz_ops.module_settings as s
    where s.module_name = NEW.module_name;

    perform capataz_ops._store_settings(v_new);

    if v_new.max_concurrency is null then
      if v_old_limit is not null then
        delete from capataz_ops.module_permits as p
        where p.permit_id in (
          select q.permit_id
          from capataz_ops.module_permits as q
          where q.module_name = NEW.module_name
          for update skip locked
        );
      end if;
    elsif v_old_limit is null then
      -- what runs already counts: it gets its permit now, or from fold_counters where its row is locked at this moment
      update capataz.robot_execute as e
      set has_permit = true
      where e.execute_id in (
        select a.execute_id
        from capataz.robot_execute as a
        where a.module_name = NEW.module_name
          and a.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
          and not a.has_permit
        for no key update skip locked
      );
      insert into capataz_ops.module_permits (module_name, free_count)
      select NEW.module_name, v_new.max_concurrency - count(*)
      from capataz.robot_execute as e
      where e.module_name = NEW.module_name
        and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING');
    elsif v_new.max_concurrency <> v_old_limit then
      insert into capataz_ops.module_permits (module_name, free_count)
      values (NEW.module_name, v_new.max_concurrency - v_old_limit);
    end if;
  end if;

  if tg_op = 'UPDATE' and NEW.health_status is distinct from OLD.health_status then
    perform pg_notify(
      'capataz_health',
      json_build_object(
        'module_name', NEW.module_name, 'from', OLD.health_status, 'to', NEW.health_status
      )::text
    );
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__settings() is
  'Keeps typed settings, totals row and permits of a module; announces a change of health.';

create or replace trigger _500_settings
  after insert or update on capataz.module_registry
  for each row
  execute function capataz_ops.tg_module_registry__settings();

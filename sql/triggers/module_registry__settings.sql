-- module_registry: typed settings, API keys, totals row and permits follow the row, however it changes.
-- A changed max_concurrency adds a row with the difference to the free units, negative where it was lowered (ADR 0007).
-- Locks:  limit_guards rows where a limit comes or goes; register_module has them already, plain SQL may meet a claim that waits
--         for the module's row: 40P01 for one of them.
-- Writes: module_settings, api_keys, module_state, module_permits, limit_guards.
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
  v_type text;
begin
  if tg_op = 'INSERT'
     or NEW.registration_data is distinct from OLD.registration_data
     or NEW.module_name <> OLD.module_name
  then
    v_new := capataz_ops._parse_settings(NEW.module_name, NEW.registration_data);

    if v_new.input_schemas is not null
       and (tg_op = 'INSERT' or NEW.registration_data -> 'input_schemas' is distinct from OLD.registration_data -> 'input_schemas')
    then
      select t.robot_type into v_type
      from jsonb_object_keys(v_new.input_schemas) as t (robot_type)
      where t.robot_type <> all (NEW.supported_robot_types)
      limit 1;
      if found then
        raise exception using
          errcode = 'RB400',
          message = 'registration_data.input_schemas names a robot type that the module does not support',
          detail = format('The type is %s.', to_json(left(v_type, 60))),
          hint = format('Give types of %s.', array_to_string(NEW.supported_robot_types, ', '));
      end if;
    end if;

    select s.max_concurrency into v_old_limit
    from capataz_ops.module_settings as s
    where s.module_name = NEW.module_name;

    perform capataz_ops._store_settings(v_new);
    if tg_op = 'INSERT' or NEW.registration_data -> 'api_keys' is distinct from OLD.registration_data -> 'api_keys' then
      perform capataz_ops._store_keys(NEW.module_name, NEW.registration_data -> 'api_keys');
    end if;

    if v_new.max_concurrency is not null and v_new.max_concurrency is distinct from v_old_limit then
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
      -- one snapshot: free units in all rows + active executions = max_concurrency; one negative row where it was lowered,
      -- else spread over 8 rows, so that claims find one that nobody holds
      insert into capataz_ops.module_permits (module_name, free_count)
      select NEW.module_name, u.units
      from (
        select
          v_new.max_concurrency
          - (
            select count(*)
            from capataz.robot_execute as e
            where e.module_name = NEW.module_name
              and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
          )
          - (
            select coalesce(sum(p.free_count), 0)
            from capataz_ops.module_permits as p
            where p.module_name = NEW.module_name
          ) as free_count
      ) as f
      cross join lateral (
        select f.free_count as units
        where f.free_count < 0
        union all
        select div(f.free_count, 8) + case when g.place <= f.free_count % 8 then 1 else 0 end
        from generate_series(1, 8) as g (place)
        where f.free_count > 0
      ) as u
      where u.units <> 0;
    end if;
  end if;
  return null;
end
$$;

comment on function capataz_ops.tg_module_registry__settings() is
  'Keeps typed settings, totals row and permits of a module.';

create or replace trigger _500_settings
  after insert or update on capataz.module_registry
  for each row
  execute function capataz_ops.tg_module_registry__settings();

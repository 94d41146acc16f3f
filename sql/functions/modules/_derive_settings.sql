-- capataz_ops._derive_settings() -> rows (module_name, finding): modules whose registration_data is not usable, and why
--
-- Stores settings and API keys of modules again where they are not what registration_data says. Each deploy calls it: new
-- code may know settings that stood there already. What is not usable stays as it was stored.
-- Locks:  module_registry rows of modules that differ, by name. Writes: module_settings, module_state, module_probes, api_keys,
--         api_key_uses, module_permits. Raises: nothing.
create or replace function capataz_ops._derive_settings()
  returns table (module_name text, finding text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_module record;
begin
  for v_module in
    select m.module_name::text as module_name
    from capataz.module_registry as m
    where capataz_ops._settings_finding(m.module_name, m.registration_data) is not null
       or exists (
         select
         from jsonb_each(
           case
             when jsonb_typeof(m.registration_data -> 'api_keys') = 'object' then m.registration_data -> 'api_keys'
             else '{}'
           end
         ) as g (key, value)
         where not exists (
           select from capataz_ops.api_keys as k where k.key_id = g.key and k.module_name = m.module_name
         )
       )
    order by m.module_name
  loop
    perform
    from capataz.module_registry as m
    where m.module_name = v_module.module_name
    for no key update;

    -- keys and settings apart: neither waits for the other to be mended
    begin
      perform capataz_ops._store_keys(m.module_name, m.registration_data -> 'api_keys')
      from capataz.module_registry as m
      where m.module_name = v_module.module_name;
    exception
      when data_exception then
        module_name := v_module.module_name;
        finding := 'registration_data.api_keys: ' || sqlerrm;
        return next;
    end;
    begin
      perform
        capataz_ops._store_settings(capataz_ops._parse_settings(m.module_name, m.registration_data)),
        capataz_ops._reconcile_permits(m.module_name)
      from capataz.module_registry as m
      where m.module_name = v_module.module_name;
    exception
      when sqlstate 'RB400' then
        module_name := v_module.module_name;
        finding := sqlerrm;
        return next;
    end;
  end loop;
end
$$;

comment on function capataz_ops._derive_settings() is
  'Stores settings and keys of modules where they are not what registration_data says; tells which are not usable.';

-- capataz_ops._settings_finding(p_module_name, p_data) -> text
--
-- What is wrong with the typed settings of a module, given its registration_data; null where nothing is. Data that is not
-- usable is told of, not raised: plain SQL from before a setting was known may have left it, and other modules go on.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._settings_finding(p_module_name text, p_data jsonb)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stored capataz_ops.module_settings;
begin
  select s.* into v_stored
  from capataz_ops.module_settings as s
  where s.module_name = p_module_name;
  return case
    when v_stored is distinct from capataz_ops._parse_settings(p_module_name, p_data)
      then 'capataz_ops.module_settings differs from registration_data'
  end;
exception
  when sqlstate 'RB400' then
    return sqlerrm;
end
$$;

comment on function capataz_ops._settings_finding(text, jsonb) is
  'What is wrong with the typed settings of a module; null where nothing is.';

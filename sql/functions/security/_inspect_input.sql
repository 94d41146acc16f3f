-- capataz_ops._inspect_input(p_module_name, p_robot_type, p_input_data, p_field) -> jsonb
--
-- What a module wants of its input (specification 5.1, ADR 0022): refuses what does not fit its schema for the type, and gives
-- the compliance_context of the robot: where sensitive data is; null where none is and the module declares no paths. A module
-- that declares paths has a context always: its output is looked at too.
-- Locks: none. Writes: nothing. Raises: RB400 naming place and rule below p_field, never a value.
create or replace function capataz_ops._inspect_input(
  p_module_name text,
  p_robot_type text,
  p_input_data jsonb,
  p_field text
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_settings record;
  v_error text;
  v_found jsonb;
begin
  select s.sensitive_paths, s.input_schemas -> p_robot_type as input_schema into v_settings
  from capataz_ops.module_settings as s
  where s.module_name = p_module_name;

  if v_settings.input_schema is not null then
    v_error := capataz_ops._schema_error(p_input_data, v_settings.input_schema, p_field);
    if v_error is not null then
      raise exception using
        errcode = 'RB400',
        message = v_error,
        detail = format('Module %s has a schema for the input of type "%s".', p_module_name, left(p_robot_type, 60)),
        hint = 'input_schema shows it.';
    end if;
  end if;

  v_found := capataz_ops._find_sensitive(p_input_data, v_settings.sensitive_paths, 'input_data');
  return case
    when v_found is not null or v_settings.sensitive_paths is not null
      then jsonb_build_object('sensitive_data', coalesce(v_found, '[]'))
  end;
end
$$;

comment on function capataz_ops._inspect_input(text, text, jsonb, text) is
  'Checks the input of a robot against its module''s schema, and says where sensitive data is. RB400.';

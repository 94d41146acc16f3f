-- capataz.input_schema(p_module_name, p_robot_type) -> jsonb
--
-- The JSON Schema of input_data that a module registered for a robot type (registration_data.input_schemas); null = none.
-- Locks: none. Writes: nothing.
-- Raises: RB400 no name or type, RB404 unknown module.   (specification 5.1: input validation)
create or replace function capataz.input_schema(p_module_name text, p_robot_type text)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema jsonb;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._check_text('robot_type', p_robot_type, 50, true);
  select s.input_schemas -> p_robot_type into v_schema
  from capataz_ops.module_settings as s
  where s.module_name = p_module_name;
  if not found then
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;
  return v_schema;
end
$$;

comment on function capataz.input_schema(text, text) is
  'The JSON Schema of input_data that a module registered for a robot type; null = none. RB400, RB404.';

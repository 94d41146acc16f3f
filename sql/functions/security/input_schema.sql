-- capataz.input_schema(p_module_name, p_robot_type) -> jsonb: the JSON Schema, null where there is none
--
-- The schema that a module has registered for the input_data of a robot type (registration_data.input_schemas; specification
-- 5.1, ADR 0022). SQL enforces its structural part at submit; clients and the gateway enforce the whole of it.
-- Locks: none. Writes: nothing.
-- Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.input_schema(p_module_name text, p_robot_type text)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('submit');
  v_schema jsonb;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._check_text('robot_type', p_robot_type, 50, true);
  perform capataz_ops._require_access(v_modules, p_module_name);

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
  'JSON Schema of the input of a robot type of a module; null where there is none. RB400, RB401, RB403, RB404.';

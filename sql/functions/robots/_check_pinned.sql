-- capataz_ops._check_pinned(p_module_name, p_robot_type) -> void
--
-- Checks that the module a caller named exists, is active and supports the type.
-- Locks: none. Writes: nothing.
-- Raises: RB404 unknown module, RB503 inactive, RB400 type not supported.
create or replace function capataz_ops._check_pinned(p_module_name text, p_robot_type text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_module record;
begin
  select m.is_active, m.supported_robot_types into v_module
  from capataz.module_registry as m
  where m.module_name = p_module_name;
  if not found then
    perform capataz_ops._raise_unknown_module(p_module_name);
  elsif not v_module.is_active then
    raise exception using
      errcode = 'RB503',
      message = format('module "%s" is inactive', p_module_name),
      detail = format('%s: inactive.', p_module_name),
      hint = 'Activate it with activate_module, or name no module.';
  elsif p_robot_type <> all (v_module.supported_robot_types) then
    raise exception using
      errcode = 'RB400',
      message = format('robot_type "%s" is not supported by module "%s"', left(p_robot_type, 60), p_module_name),
      detail = format('It supports %s.', array_to_string(v_module.supported_robot_types, ', ')),
      hint = 'Give one of these types, or name no module.';
  end if;
end
$$;

comment on function capataz_ops._check_pinned(text, text) is
  'Checks the module a caller named for a robot. RB400, RB404, RB503.';

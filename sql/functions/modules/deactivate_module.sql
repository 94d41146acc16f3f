-- capataz.deactivate_module(p_module_name, p_reason) -> module_registry row
--
-- Nothing more is handed to the module; what runs may finish. p_reason is kept in last_error_message.
-- Locks:  module_registry row. Writes: module_registry.
-- Raises: RB400 no name, RB401, RB403 not yours, RB404 unknown module.   (specification 3.1)
create or replace function capataz.deactivate_module(p_module_name text, p_reason text default null)
  returns capataz.module_registry
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('admin');
  v_row capataz.module_registry;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, true);
  perform capataz_ops._require_access(v_modules, p_module_name);

  update capataz.module_registry as m
  set is_active = false,
      last_error_message = coalesce('deactivated: ' || left(capataz_ops._clean_text(p_reason), 10000), m.last_error_message)
  where m.module_name = p_module_name
  returning m.* into v_row;
  if not found then
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;

  v_row.registration_data := v_row.registration_data - 'api_keys';
  return v_row;
end
$$;

comment on function capataz.deactivate_module(text, text) is
  'Stops handing work to a module; what runs may finish. RB400, RB401, RB403, RB404.';

-- capataz.activate_module(p_module_name) -> module_registry row
--
-- Lets the module receive work again: is_active, failures and failed checks in a row 0, the circuit breaker closed.
-- Locks:  module_registry row. Writes: module_registry, module_deltas (folded), module_state.
-- Raises: RB400 no name, RB401, RB403 not yours, RB404 unknown module.   (specification 3.1)
create or replace function capataz.activate_module(p_module_name text)
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

  -- failures not yet folded must not count after the reset
  if not capataz_ops._fold_module(p_module_name, true) then
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;

  update capataz_ops.module_state as t
  set opened_by = null,
      failed_checks = 0
  where t.module_name = p_module_name;

  update capataz.module_registry as m
  set is_active = true,
      consecutive_failures = 0,
      health_status = case
        when m.health_status = 'UNHEALTHY' then 'HEALTHY' else m.health_status
      end::capataz.module_health_enum
  where m.module_name = p_module_name
  returning m.* into v_row;

  v_row.registration_data := v_row.registration_data - 'api_keys';
  return v_row;
end
$$;

comment on function capataz.activate_module(text) is
  'Lets a module receive work again and resets its failures. RB400, RB401, RB403, RB404.';

-- capataz_ops._set_key(p_key_id, p_changes) -> api_keys row as it was; null where there is no such key
--
-- Changes fields of a key in registration_data.api_keys; the trigger _500_settings copies them to api_keys.
-- Locks: module_registry row. Writes: module_registry; by trigger api_keys. Raises: nothing.
create or replace function capataz_ops._set_key(p_key_id text, p_changes jsonb)
  returns capataz_ops.api_keys
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key capataz_ops.api_keys;
begin
  select k.* into v_key
  from capataz_ops.api_keys as k
  where k.key_id = p_key_id;
  if found then
    update capataz.module_registry as m
    set registration_data = jsonb_set(
      m.registration_data, array['api_keys', p_key_id], m.registration_data -> 'api_keys' -> p_key_id || p_changes
    )
    where m.module_name = v_key.module_name
      and m.registration_data -> 'api_keys' ? p_key_id;
  end if;
  return v_key;
end
$$;

comment on function capataz_ops._set_key(text, jsonb) is 'Changes fields of an API key; null where there is none.';

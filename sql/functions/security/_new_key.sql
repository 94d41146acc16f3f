-- capataz_ops._new_key(p_module_name, p_label, p_scopes, p_expires_at) -> text: the key
--
-- Makes an API key and stores its hash in registration_data.api_keys; the trigger _500_settings copies it to api_keys.
-- cpz_<16 hex digits>_<64 hex digits>: the last are SHA-256 of 488 random bits of the server's strong generator.
-- Locks: module_registry row. Writes: module_registry; by trigger api_keys.
-- Raises: RB404 unknown module.
create or replace function capataz_ops._new_key(p_module_name text, p_label text, p_scopes text[], p_expires_at timestamp)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key_id constant text := encode(substr(sha256(uuid_send(gen_random_uuid())), 1, 8), 'hex');
  v_key constant text := 'cpz_' || v_key_id || '_' || encode(
    sha256(
      uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
      || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
    ),
    'hex'
  );
begin
  update capataz.module_registry as m
  set registration_data = jsonb_set(
    coalesce(m.registration_data, '{}'),
    '{api_keys}',
    case
      when jsonb_typeof(m.registration_data -> 'api_keys') = 'object' then m.registration_data -> 'api_keys'
      else '{}'
    end || jsonb_build_object(
      v_key_id,
      jsonb_build_object(
        'label', p_label,
        'hash', encode(sha256(convert_to(v_key, 'UTF8')), 'hex'),
        'scopes', p_scopes,
        'created_at', capataz.utc_now(),
        'expires_at', p_expires_at,
        'revoked_at', null
      )
    )
  )
  where m.module_name = p_module_name;
  if not found then
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;
  return v_key;
end
$$;

comment on function capataz_ops._new_key(text, text, text[], timestamp) is 'Makes and stores an API key. RB404.';

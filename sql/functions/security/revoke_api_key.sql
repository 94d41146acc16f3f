-- capataz.revoke_api_key(p_key_id) -> boolean: true where it was valid until now
--
-- Ends an API key at once: transactions that begin later refuse it, and so does every later call of those under way.
-- Locks: module_registry row. Writes: module_registry; by trigger api_keys.
-- Raises: RB400 no id, RB404 unknown key.
create or replace function capataz.revoke_api_key(p_key_id text)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_key capataz_ops.api_keys;
begin
  perform capataz_ops._check_text('key_id', p_key_id, 60, true);
  v_key := capataz_ops._lock_key(p_key_id);
  if v_key.revoked_at is not null then
    return false;
  end if;
  perform capataz_ops._set_key(p_key_id, jsonb_build_object('revoked_at', v_now));
  return v_key.expires_at is null or v_key.expires_at > v_now;
end
$$;

comment on function capataz.revoke_api_key(text) is 'Ends an API key at once. RB400, RB404.';

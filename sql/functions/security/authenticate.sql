-- capataz.authenticate(p_key) -> one row (key_id, module_name, label, scopes, expires_at)
--
-- The gateway says for whom it acts until the end of the transaction (specification 5.1, ADR 0020): from now on its calls
-- reach the module of the key, with the scopes of the key. Also names the key in application_name, for the server's log.
-- Only members of capataz_gateway may call it, and for them alone the setting counts that it makes.
-- Locks: api_key_uses row (skip locked). Writes: api_key_uses, once a minute and key; settings of the transaction.
-- Raises: RB401 as verify_api_key.
create or replace function capataz.authenticate(p_key text)
  returns table (key_id text, module_name text, label text, scopes text[], expires_at timestamp)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_key record;
begin
  perform set_config('capataz.principal', '', true);
  v_key := capataz_ops._check_key(p_key);
  perform
    set_config('capataz.principal', v_key.key_id || ':' || v_key.key_hash, true),
    set_config('application_name', 'capataz key ' || v_key.key_id, true);
  return query select v_key.key_id, v_key.module_name::text, v_key.label, v_key.scopes, v_key.expires_at;
end
$$;

comment on function capataz.authenticate(text) is
  'The gateway acts for an API key until the end of the transaction. RB401.';

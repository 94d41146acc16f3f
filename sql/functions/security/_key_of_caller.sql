-- capataz_ops._key_of_caller(p_scope) -> api_keys row
--
-- The API key that authenticate() accepted in this transaction: setting capataz.principal, id and hash of the key. Whoever
-- sets it by hand would have to know the hash, which only the owner and admins can read. Looked up at every call: a key that
-- was revoked meanwhile is refused. p_scope: submit, work, read or admin; admin includes all; null: any will do.
-- Locks: none. Writes: nothing.
-- Raises: RB401 no valid key, RB403 the key lacks the scope.
create or replace function capataz_ops._key_of_caller(p_scope text)
  returns capataz_ops.api_keys
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_principal constant text := current_setting('capataz.principal', true);
  v_key capataz_ops.api_keys;
begin
  select k.* into v_key
  from capataz_ops.api_keys as k
  where k.key_id = split_part(v_principal, ':', 1)
    and k.key_hash = split_part(v_principal, ':', 2)
    and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > capataz.utc_now());
  if not found then
    perform capataz_ops._raise_unknown_key();
  elsif p_scope <> all (v_key.scopes) and 'admin' <> all (v_key.scopes) then
    raise exception using
      errcode = 'RB403',
      message = format('the API key does not have scope "%s"', p_scope),
      detail = format('Key %s has %s.', v_key.key_id, array_to_string(v_key.scopes, ', ')),
      hint = 'Use a key that was issued with this scope.';
  end if;
  return v_key;
end
$$;

comment on function capataz_ops._key_of_caller(text) is
  'The API key that was accepted in this transaction. RB401, RB403.';

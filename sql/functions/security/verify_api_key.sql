-- capataz.verify_api_key(p_key) -> one row (key_id, module_name, label, scopes, expires_at)
--
-- Says whose key it is (specification 5.1, ADR 0020). The work is the same whether the id exists or not: one hash of what was
-- given, one look-up by id, one comparison of hashes that nobody can aim at. Notes the use, to the minute.
-- Locks: api_key_uses row (skip locked). Writes: api_key_uses, once a minute and key.
-- Raises: RB401 unknown, expired, revoked, or no key: the same words for all.
create or replace function capataz.verify_api_key(p_key text)
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
  v_key := capataz_ops._check_key(p_key);
  return query select v_key.key_id, v_key.module_name::text, v_key.label, v_key.scopes, v_key.expires_at;
end
$$;

comment on function capataz.verify_api_key(text) is 'Says whose API key it is. RB401.';

-- capataz_ops._check_key(p_key) -> api_keys row
--
-- Looks an API key up and notes its use (see verify_api_key). Only what has the form of a key is looked up, by its first
-- 85 bytes: what was given may be of any length.
-- Locks: api_key_uses row (skip locked). Writes: api_key_uses, once a minute and key, never in a read-only transaction.
-- Raises: RB401.
create or replace function capataz_ops._check_key(p_key text)
  returns capataz_ops.api_keys
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_minute constant timestamp := date_trunc('minute', v_now);
  v_given constant text := left(coalesce(p_key, ''), 200);
  v_hash constant text := encode(sha256(convert_to(v_given, 'UTF8')), 'hex');
  v_key capataz_ops.api_keys;
  v_is_valid boolean;
begin
  -- one row always; without a key the hash is compared all the same, with nothing
  select
    k.*
  into v_key
  from (select substr(v_given, 5, 16) as key_id) as g
  left join capataz_ops.api_keys as k on k.key_id = g.key_id;
  v_is_valid := sha256(convert_to(coalesce(v_key.key_hash, repeat('0', 64)), 'UTF8')) = sha256(convert_to(v_hash, 'UTF8'));
  if (
    v_is_valid
    and v_key.revoked_at is null
    and (v_key.expires_at is null or v_key.expires_at > v_now)
  ) is not true then
    perform capataz_ops._raise_unknown_key();
  end if;

  if current_setting('transaction_read_only') = 'off'
     and not exists (
       select
       from capataz_ops.api_key_uses as u
       where u.key_id = v_key.key_id
         and u.last_used_at >= v_minute
     )
  then
    update capataz_ops.api_key_uses as u
    set last_used_at = v_minute
    where u.ctid = (
      select o.ctid
      from capataz_ops.api_key_uses as o
      where o.key_id = v_key.key_id
      for no key update skip locked
    );
  end if;
  return v_key;
end
$$;

comment on function capataz_ops._check_key(text) is 'Looks an API key up and notes its use. RB401.';

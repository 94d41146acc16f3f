-- capataz_ops._store_keys(p_module_name, p_keys) -> void
--
-- Makes api_keys what registration_data.api_keys of a module says. What is no key there is left out, and so is an id that
-- another module has.
-- Locks: api_keys rows. Writes: api_keys, api_key_uses. Raises: nothing.
create or replace function capataz_ops._store_keys(p_module_name text, p_keys jsonb)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, YMD'
as $$
begin
  with wanted as materialized (
    select
      g.key as key_id, f.label, f.hash, f.scopes,
      coalesce(f.created_at, capataz.utc_now()) as created_at, f.expires_at, f.revoked_at
    from jsonb_each(case when jsonb_typeof(p_keys) = 'object' then p_keys else '{}' end) as g (key, value)
    cross join lateral jsonb_to_record(case when jsonb_typeof(g.value) = 'object' then g.value else '{}' end) as f (
      label text, hash text, scopes text[], created_at timestamp, expires_at timestamp, revoked_at timestamp
    )
    where f.hash ~ '^[0-9a-f]{64}$'
      and f.label is not null
      and f.scopes <@ array['submit', 'work', 'read', 'admin']
  ), gone as (
    delete from capataz_ops.api_keys as k
    where k.module_name = p_module_name
      and not exists (select from wanted as w where w.key_id = k.key_id)
  )
  insert into capataz_ops.api_keys as k (
    key_id, module_name, label, key_hash, scopes, created_at, expires_at, revoked_at
  )
  select w.key_id, p_module_name, w.label, w.hash, w.scopes, w.created_at, w.expires_at, w.revoked_at
  from wanted as w
  on conflict (key_id) do update set
    label = excluded.label,
    key_hash = excluded.key_hash,
    scopes = excluded.scopes,
    created_at = excluded.created_at,
    expires_at = excluded.expires_at,
    revoked_at = excluded.revoked_at
  where k.module_name = excluded.module_name
    and (k.label, k.key_hash, k.scopes, k.created_at, k.expires_at, k.revoked_at)
      is distinct from (
        excluded.label, excluded.key_hash, excluded.scopes, excluded.created_at, excluded.expires_at, excluded.revoked_at
      );

  -- a row to note uses in, from the start: no two first uses wait for each other
  insert into capataz_ops.api_key_uses (key_id, last_used_at)
  select k.key_id, '-infinity'
  from capataz_ops.api_keys as k
  where k.module_name = p_module_name
    -- not by `on conflict`, which would wait for a call under way that notes a use: a key must end at once
    and not exists (select from capataz_ops.api_key_uses as u where u.key_id = k.key_id);
end
$$;

comment on function capataz_ops._store_keys(text, jsonb) is 'Makes api_keys what the registration of a module says.';

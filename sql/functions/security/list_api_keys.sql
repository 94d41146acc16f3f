-- capataz.list_api_keys(p_module_name) -> rows (key_id, module_name, label, scopes, created_at, expires_at, revoked_at,
--                                               last_used_at), by module, the latest first
--
-- The API keys of a module, without what would let anybody use them (ADR 0020). Times are UTC; last_used_at to the minute.
-- p_module_name: null for all modules that the caller may reach.
-- Locks: none. Writes: nothing.
-- Raises: RB400 bad name, RB403 not yours, RB404 unknown module.
create or replace function capataz.list_api_keys(p_module_name text default null)
  returns table (
    key_id text,
    module_name varchar(100),
    label text,
    scopes text[],
    created_at timestamp,
    expires_at timestamp,
    revoked_at timestamp,
    last_used_at timestamp
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('admin');
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);

  return query
  select k.key_id, k.module_name, k.label, k.scopes, k.created_at, k.expires_at, k.revoked_at,
    nullif(u.last_used_at, '-infinity')
  from capataz_ops.api_keys as k
  left join capataz_ops.api_key_uses as u on u.key_id = k.key_id
  where (p_module_name is null or k.module_name = p_module_name)
    and (v_modules is null or k.module_name = any (v_modules))
  order by k.module_name, k.created_at desc, k.key_id;

  if not found and p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
end
$$;

comment on function capataz.list_api_keys(text) is 'API keys of modules, without their secrets. RB400, RB403, RB404.';

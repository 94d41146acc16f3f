-- capataz_ops._lock_key(p_key_id) -> api_keys row
--
-- An API key as it is once the row of its module is locked: whoever changes it takes turns.
-- Locks: module_registry row. Writes: nothing. Raises: RB404 unknown key.
create or replace function capataz_ops._lock_key(p_key_id text)
  returns capataz_ops.api_keys
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key capataz_ops.api_keys;
begin
  perform
  from capataz.module_registry as m
  where m.module_name = (select k.module_name from capataz_ops.api_keys as k where k.key_id = p_key_id)
  for no key update;

  select k.* into v_key
  from capataz_ops.api_keys as k
  where k.key_id = p_key_id;
  if not found then
    perform capataz_ops._raise_no_key(p_key_id);
  end if;
  return v_key;
end
$$;

comment on function capataz_ops._lock_key(text) is 'An API key, its module locked. RB404.';

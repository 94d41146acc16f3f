-- capataz_ops._invalidate_caches(p_cache_names) -> void
--
-- Makes the values of these caches stale for everybody who sees this transaction: one row per cache that is appended, no row
-- that is changed, so nobody waits (ADR 0018). Once per transaction, unless it has refreshed the cache since.
-- Locks: none. Writes: cache_invalidations; NOTIFY capataz_cache with the name of each.
-- Raises: nothing.
create or replace function capataz_ops._invalidate_caches(p_cache_names text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cache_name text;
begin
  for v_cache_name in
    insert into capataz_ops.cache_invalidations (cache_name)
    select s.cache_name
    from capataz_ops._cache_states as s
    where s.cache_name = any (p_cache_names)
      and not s.is_own_change
    returning cache_name
  loop
    perform pg_notify('capataz_cache', v_cache_name);
  end loop;
end
$$;

comment on function capataz_ops._invalidate_caches(text[]) is 'Makes the values of these caches stale.';

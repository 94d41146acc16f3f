-- capataz.warm_caches() -> integer
--
-- Refreshes every cache that is stale, or will be before the next minute is over, and returns how many (specification 4.3,
-- ADR 0018). Also adds up the counts of sessions that have ended. Safe at any time, by anyone, twice at once; it waits for
-- nobody: a cache that another session is refreshing is left to it.
-- Locks:  caches rows (skip locked). Writes: caches, cache_invalidations, routes, cache_counters.
-- Raises: nothing.
create or replace function capataz.warm_caches()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cache record;
  v_warmed integer := 0;
begin
  if not capataz_ops._may_refresh() then
    return 0;
  end if;
  for v_cache in
    select c.cache_name
    from capataz_ops.caches as c
    order by c.cache_name
    for no key update skip locked
  loop
    if capataz_ops._refresh_cache(v_cache.cache_name, 60) then
      v_warmed := v_warmed + 1;
    end if;

    -- whoever holds the cache's row is alone here
    with gone as (
      delete from capataz_ops.cache_counters as k
      where k.cache_name = v_cache.cache_name
        and k.backend_pid <> 0
        and not exists (select from pg_stat_activity as a where a.pid = k.backend_pid)
      returning k.hits, k.misses
    )
    insert into capataz_ops.cache_counters as k (cache_name, backend_pid, hits, misses)
    select v_cache.cache_name, 0, sum(g.hits), sum(g.misses)
    from gone as g
    having count(*) > 0
    on conflict (cache_name, backend_pid) do update set
      hits = k.hits + excluded.hits,
      misses = k.misses + excluded.misses;
  end loop;
  return v_warmed;
end
$$;

comment on function capataz.warm_caches() is
  'Refreshes every cache that is stale or soon will be; returns how many. Run by a job.';

-- capataz.cached(p_cache_name) -> json
--
-- The value of a cache (specification 4.3, ADR 0018): active_modules (5 min), routing_table (1 min),
-- performance_scoreboard (10 min), system_health (30 s). A stale value is refreshed by one caller; until his transaction
-- ends the others get the previous value at once. Computed for the caller alone, and not stored: where there is no value;
-- where the previous one is older than two lifetimes; where the caller himself has changed what it shows; and, once it is
-- stale, in a transaction that is read only or not READ COMMITTED. Never waits.
-- Locks:  caches row (skip locked).
-- Writes: caches, cache_invalidations and routes at a refresh; cache_counters now and then.
-- Raises: RB400 no name, RB401, RB403 you may not reach every module, RB404 unknown cache.
create or replace function capataz.cached(p_cache_name text)
  returns json
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state record;
  v_outcome boolean;
begin
  perform capataz_ops._require_fleet();
  select s.value, s.is_stale into v_state
  from capataz_ops._cache_states as s
  where s.cache_name = p_cache_name;
  if not found then
    perform capataz_ops._check_text('cache_name', p_cache_name, 100, true);
    raise exception using
      errcode = 'RB404',
      message = format('no cache "%s"', p_cache_name),
      detail = format('cache_name is "%s".', p_cache_name),
      hint = 'The caches are active_modules, routing_table, performance_scoreboard and system_health.';
  end if;

  if v_state.is_stale then
    v_outcome := capataz_ops._refresh_cache(p_cache_name, 0);
    -- by now it is fresh, or another session is refreshing it
    select
      s.value, s.is_stale,
      s.value is not null
      and s.age_seconds between 0 and 2 * s.ttl_seconds
      and not s.is_own_change
      and capataz_ops._may_refresh() as is_usable
    into v_state
    from capataz_ops._cache_states as s
    where s.cache_name = p_cache_name;
    if v_state.is_stale and not v_state.is_usable then
      perform capataz_ops._count_cache_read(p_cache_name, false);
      return capataz_ops._cache_value(p_cache_name);
    end if;
  end if;
  perform capataz_ops._count_cache_read(p_cache_name, v_outcome is not true);
  return v_state.value;
end
$$;

comment on function capataz.cached(text) is
  'The value of a cache: active_modules, routing_table, performance_scoreboard or system_health. RB400, RB401, RB403, RB404.';

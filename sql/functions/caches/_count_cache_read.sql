-- capataz_ops._count_cache_read(p_cache_name, p_is_hit) -> text: the hits that are not yet moved
--
-- Counts a read of a cache: in settings of the session, so that reading writes no row. A miss, and every 100th hit if a
-- minute has passed, moves what was counted into the session's own row of cache_counters, which nobody else writes while
-- the session lives. Counts are hints: those of a session's last minute may be lost, and those that a rollback undoes are.
-- Locks: none that it would wait for.
-- Writes: cache_counters, now and then, and never in a transaction that is read only or not READ COMMITTED.
-- Raises: nothing.
create or replace function capataz_ops._count_cache_read(p_cache_name text, p_is_hit boolean)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hits_setting constant text := 'capataz.hits_' || p_cache_name;
  v_text text := current_setting(v_hits_setting, true);
  v_hits bigint := 0::bigint;
  v_misses bigint := 0::bigint;
  v_second bigint;
  v_since bigint;
begin
  -- anyone may set these settings to anything: what is no number counts as nothing
  if v_text ~ '^[0-9]{1,9}$' then
    v_hits := v_text::bigint;
  end if;
  if p_is_hit then
    v_hits := v_hits + 1;
    if v_hits % 100 <> 0 then
      return set_config(v_hits_setting, v_hits::text, false);
    end if;
  end if;

  v_text := current_setting('capataz.misses_' || p_cache_name, true);
  if v_text ~ '^[0-9]{1,9}$' then
    v_misses := v_text::bigint;
  end if;
  v_misses := v_misses + (not p_is_hit)::integer;
  v_second := extract(epoch from clock_timestamp())::bigint;
  v_text := current_setting('capataz.counted_' || p_cache_name, true);
  if v_text ~ '^[0-9]{1,12}$' then
    v_since := v_text::bigint;
  else
    v_since := v_second;
    v_text := set_config('capataz.counted_' || p_cache_name, v_second::text, false);
  end if;

  if (not p_is_hit or v_second - v_since not between 0 and 59) and capataz_ops._may_refresh() then
    update capataz_ops.cache_counters as k
    set hits = k.hits + v_hits,
        misses = k.misses + v_misses
    where k.ctid = (
      select o.ctid
      from capataz_ops.cache_counters as o
      where o.cache_name = p_cache_name
        and o.backend_pid = pg_backend_pid()
      for no key update skip locked
    );
    if not found then
      -- no row yet; or one of an ended session with this pid that warm_caches takes away at this moment: later then
      insert into capataz_ops.cache_counters (cache_name, backend_pid, hits, misses)
      select p_cache_name, pg_backend_pid(), v_hits, v_misses
      where not exists (
        select
        from capataz_ops.cache_counters as o
        where o.cache_name = p_cache_name
          and o.backend_pid = pg_backend_pid()
      );
    end if;
    if found then
      v_hits := 0;
      v_misses := 0;
      v_text := set_config('capataz.counted_' || p_cache_name, v_second::text, false);
    end if;
  end if;
  v_text := set_config('capataz.misses_' || p_cache_name, v_misses::text, false);
  return set_config(v_hits_setting, v_hits::text, false);
end
$$;

comment on function capataz_ops._count_cache_read(text, boolean) is 'Counts a read of a cache, in the session.';

-- capataz.cache_statistics() -> rows (cache_name, ttl_seconds, age_seconds, is_stale, hits, misses, hit_rate, refresh_count,
--                                     refresh_ms)
--
-- One row per cache (specification 4.3, ADR 0018). age_seconds and refresh_ms (what the last refresh took, milliseconds) are
-- null before the first refresh. A hit was answered with the stored value; hit_rate: percent of reads, null where there were
-- none. Reads of other sessions are counted here up to a minute later.
-- Locks: none. Writes: nothing. Raises: RB401, RB403 you may not reach every module.
create or replace function capataz.cache_statistics()
  returns table (
    cache_name text,
    ttl_seconds integer,
    age_seconds double precision,
    is_stale boolean,
    hits bigint,
    misses bigint,
    hit_rate numeric,
    refresh_count bigint,
    refresh_ms double precision
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform capataz_ops._require_fleet();
  return query
  select
    s.cache_name, s.ttl_seconds, s.age_seconds, s.is_stale, t.hits, t.misses,
    round(100.0 * t.hits / nullif(t.hits + t.misses, 0), 2),
    s.refresh_count, s.refresh_ms
  from capataz_ops._cache_states as s
  cross join lateral (
    select
      coalesce(sum(k.hits), 0)::bigint as hits,
      coalesce(sum(k.misses), 0)::bigint as misses
    from (
      select c.hits, c.misses
      from capataz_ops.cache_counters as c
      where c.cache_name = s.cache_name
      union all
      -- what this session has counted and not yet moved there
      select
        substring(current_setting('capataz.hits_' || s.cache_name, true) from '^[0-9]{1,9}$')::bigint,
        substring(current_setting('capataz.misses_' || s.cache_name, true) from '^[0-9]{1,9}$')::bigint
    ) as k
  ) as t
  order by s.ttl_seconds, s.cache_name;
end
$$;

comment on function capataz.cache_statistics() is 'Age, hits, misses and refreshes of each cache. RB401, RB403.';

-- capataz_ops._cache_states: view, one row per cache: its value, and whether it may still be used (ADR 0018)
--
-- A value is stale once it is ttl_seconds old (or comes from the future: the clock was set back), or where an invalidation
-- can be seen: the refresh removes those it sees, before it computes the value. is_own_change: this transaction made one.
-- Age counts from the time of the call, not of the transaction: what a long transaction reads grows old too.
-- Probes begin at the oldest transaction that was under way at the refresh, so they pass no dead row of before, however many
-- an old snapshot keeps. The router has the same condition written out for its hot path (_route).
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz_ops._cache_states
  with (security_invoker = true)
as
select
  c.cache_name,
  c.ttl_seconds,
  c.value,
  c.refresh_count,
  c.refresh_ms,
  extract(epoch from t.at - c.refreshed_at)::double precision as age_seconds,
  (t.at between c.refreshed_at and c.fresh_until) is not true
  or exists (
    select
    from capataz_ops.cache_invalidations as i
    where i.cache_name = c.cache_name
      and i.xact_id >= c.oldest_xact_id
  ) as is_stale,
  exists (
    select
    from capataz_ops.cache_invalidations as i
    where i.cache_name = c.cache_name
      and i.xact_id = pg_current_xact_id_if_assigned()
  ) as is_own_change
from capataz_ops.caches as c
cross join lateral (
  select capataz.utc_now() + (clock_timestamp() - transaction_timestamp()) as at
) as t;

comment on view capataz_ops._cache_states is 'Cached values, their age, and whether they may still be used.';

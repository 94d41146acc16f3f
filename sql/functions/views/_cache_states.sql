-- capataz_ops._cache_states: view, one row per cache: its value, and whether it may still be used (ADR 0018)
--
-- A value is stale once it is ttl_seconds old (or comes from the future: the clock was set back), or where an invalidation
-- can be seen whose transaction its snapshot does not show. A snapshot says nothing about its own transaction: of the one
-- that computed the value, the invalidations after that count. is_own_change: this transaction has made such a change.
-- Age counts from the time of the call, not of the transaction: what a long transaction reads grows old too.
-- Probes begin at the oldest transaction the snapshot does not show, so they pass no invalidation of before, dead or not.
-- The router has the same condition written out for its hot path (_route).
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
  (t.at between c.refreshed_at and c.refreshed_at + c.ttl_seconds * interval '1 second') is not true
  or exists (
    select
    from capataz_ops.cache_invalidations as i
    where i.cache_name = c.cache_name
      and i.xact_id >= pg_snapshot_xmin(c.snapshot)
      and case
        when i.xact_id = c.xact_id then i.invalidation_id > c.invalidation_id
        else not pg_visible_in_snapshot(i.xact_id, c.snapshot)
      end
  ) as is_stale,
  exists (
    select
    from capataz_ops.cache_invalidations as i
    where i.cache_name = c.cache_name
      and i.xact_id = pg_current_xact_id_if_assigned()
      and (i.xact_id is distinct from c.xact_id or i.invalidation_id > c.invalidation_id)
  ) as is_own_change
from capataz_ops.caches as c
cross join lateral (
  select capataz.utc_now() + (clock_timestamp() - transaction_timestamp()) as at
) as t;

comment on view capataz_ops._cache_states is 'Cached values, their age, and whether they may still be used.';

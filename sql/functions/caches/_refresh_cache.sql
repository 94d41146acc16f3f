-- capataz_ops._refresh_cache(p_cache_name, p_margin_seconds) -> boolean
--
-- Computes and stores the value of a cache where it is stale, or will be within p_margin_seconds. true: it did; false: it
-- was fresh after all; null: another session is doing it, or this transaction may not (ADR 0018). Waits for nobody: the
-- lock of the cache's row is taken or left. Who has it holds it until his transaction ends; if that is undone, so is this.
-- The snapshot stored is taken before the value is computed: what commits in between is in the value, and costs one more
-- refresh.
-- Locks:  caches row (skip locked). Writes: caches, cache_invalidations, routes.
-- Raises: nothing.
create or replace function capataz_ops._refresh_cache(p_cache_name text, p_margin_seconds integer)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_started constant timestamptz := clock_timestamp();
  v_refreshed_at constant timestamp := capataz.utc_now() + (clock_timestamp() - transaction_timestamp());
  v_invalidation_id bigint;
  v_snapshot pg_snapshot;
  v_value json;
begin
  if not capataz_ops._may_refresh() then
    return null;
  end if;
  perform
  from capataz_ops.caches as c
  where c.cache_name = p_cache_name
  for no key update skip locked;
  if not found then
    return null;
  end if;
  perform
  from capataz_ops._cache_states as s
  where s.cache_name = p_cache_name
    and not s.is_stale
    and s.age_seconds < s.ttl_seconds - p_margin_seconds;
  if found then
    return false;
  end if;

  select coalesce(max(i.invalidation_id), 0) into v_invalidation_id
  from capataz_ops.cache_invalidations as i
  where i.cache_name = p_cache_name
    and i.xact_id = pg_current_xact_id();
  v_snapshot := pg_current_snapshot();

  if p_cache_name = 'routing_table' then
    with wanted as materialized (
      select
        v.robot_type,
        array_agg(v.module_name::text order by v.cumulative_share, v.module_name) as module_names,
        array_agg(v.cumulative_share order by v.cumulative_share, v.module_name) as shares
      from capataz.routing_table as v
      group by v.robot_type
    ), gone as (
      delete from capataz_ops.routes as r
      where not exists (select from wanted as w where w.robot_type = r.robot_type)
    )
    insert into capataz_ops.routes as r (robot_type, module_names, shares)
    select w.robot_type, w.module_names, w.shares
    from wanted as w
    on conflict (robot_type) do update set
      module_names = excluded.module_names,
      shares = excluded.shares
    where (r.module_names, r.shares) is distinct from (excluded.module_names, excluded.shares);
  end if;
  v_value := capataz_ops._cache_value(p_cache_name);

  update capataz_ops.caches as c
  set value = v_value,
      refreshed_at = v_refreshed_at,
      snapshot = v_snapshot,
      xact_id = pg_current_xact_id(),
      invalidation_id = v_invalidation_id,
      refresh_count = c.refresh_count + 1,
      refresh_ms = extract(epoch from clock_timestamp() - v_started) * 1000
  where c.cache_name = p_cache_name;

  delete from capataz_ops.cache_invalidations as i
  where i.cache_name = p_cache_name
    and pg_visible_in_snapshot(i.xact_id, v_snapshot);
  return true;
end
$$;

comment on function capataz_ops._refresh_cache(text, integer) is
  'Computes and stores the value of a cache where it is stale and nobody else is doing it.';

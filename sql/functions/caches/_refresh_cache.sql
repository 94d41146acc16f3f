-- capataz_ops._refresh_cache(p_cache_name, p_margin_seconds) -> boolean
--
-- Computes and stores the value of a cache where it is stale, or will be within p_margin_seconds. true: it did; false: it
-- was fresh after all; null: another session is doing it, or this transaction may not (ADR 0018). Waits for nobody: the
-- lock of the cache's row is taken or left. Who has it holds it until his transaction ends; if that is undone, so is this.
-- What has made the value stale is removed first, by a statement of its own: the later snapshot of the next one shows all of
-- those changes. What commits after the removal, whenever it began, leaves its invalidation there for the next refresh.
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
  v_oldest_xact_id constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
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

  delete from capataz_ops.cache_invalidations as i
  where i.cache_name = p_cache_name;

  if p_cache_name = 'routing_table' then
    with wanted as materialized (
      select
        v.robot_type,
        array_agg(v.module_name::text order by v.cumulative_share, v.module_name) as module_names,
        array_agg(v.cumulative_share order by v.cumulative_share, v.module_name) as shares,
        (
          select min(p.module_name::text)
          from capataz_ops.module_probes as p
          join capataz.module_registry as m on m.module_name = p.module_name
          where p.is_wanted
            and m.is_active
            and m.health_status = 'UNHEALTHY'
            and m.supported_robot_types @> array[v.robot_type::text]
        ) as probed_module
      from capataz.routing_table as v
      group by v.robot_type
    ), gone as (
      delete from capataz_ops.routes as r
      where not exists (select from wanted as w where w.robot_type = r.robot_type)
    )
    insert into capataz_ops.routes as r (robot_type, module_names, shares, probed_module)
    select w.robot_type, w.module_names, w.shares, w.probed_module
    from wanted as w
    on conflict (robot_type) do update set
      module_names = excluded.module_names,
      shares = excluded.shares,
      probed_module = excluded.probed_module
    where (r.module_names, r.shares, r.probed_module)
      is distinct from (excluded.module_names, excluded.shares, excluded.probed_module);
  end if;
  v_value := capataz_ops._cache_value(p_cache_name);

  update capataz_ops.caches as c
  set value = v_value,
      refreshed_at = v_refreshed_at,
      fresh_until = v_refreshed_at + c.ttl_seconds * interval '1 second',
      oldest_xact_id = v_oldest_xact_id,
      refresh_count = c.refresh_count + 1,
      refresh_ms = extract(epoch from clock_timestamp() - v_started) * 1000
  where c.cache_name = p_cache_name;
  return true;
end
$$;

comment on function capataz_ops._refresh_cache(text, integer) is
  'Computes and stores the value of a cache where it is stale and nobody else is doing it.';

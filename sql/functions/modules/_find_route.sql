-- capataz_ops._find_route(p_robot_type, out module_names, out shares)
--
-- The row of the routing table for a robot type, for the router that finds none it may use (ADR 0018). Refreshes the cache
-- where it is stale. While another session does so, or where this transaction may not, the previous row serves. Computed for
-- this type alone where there is no row, and where the previous one is two lifetimes old, does not show this transaction's
-- own changes, or names a module that cannot take the type any more.
-- Locks:  caches row (skip locked). Writes: what a refresh of the cache writes.
-- Raises: RB503 no module can take it.
create or replace function capataz_ops._find_route(
  p_robot_type text,
  out module_names text[],
  out shares double precision[]
)
  returns record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_hit constant boolean := capataz_ops._refresh_cache('routing_table', 0) is not true;
begin
  select r.module_names, r.shares into module_names, shares
  from capataz_ops._cache_states as s
  join capataz_ops.routes as r on r.robot_type = p_robot_type
  where s.cache_name = 'routing_table'
    and (
      not s.is_stale
      or s.age_seconds between 0 and 2 * s.ttl_seconds
      and not s.is_own_change
      and cardinality(r.module_names) = (
        select count(*)
        from capataz.module_registry as m
        where m.module_name = any (r.module_names)
          and m.is_active
          and m.health_status is distinct from 'UNHEALTHY'
          and m.supported_robot_types @> array[p_robot_type]
      )
    );
  if found then
    perform capataz_ops._count_cache_read('routing_table', v_is_hit);
    return;
  end if;

  select
    array_agg(v.module_name::text order by v.cumulative_share, v.module_name),
    array_agg(v.cumulative_share order by v.cumulative_share, v.module_name)
  into module_names, shares
  from capataz.routing_table as v
  where v.robot_type = p_robot_type;
  if module_names is null then
    perform capataz_ops._raise_no_module(p_robot_type);
  end if;
  perform capataz_ops._count_cache_read('routing_table', false);
end
$$;

comment on function capataz_ops._find_route(text) is
  'The row of the routing table for a robot type, refreshed or computed as need be. RB503.';

-- capataz_ops._cache_value(p_cache_name) -> json: what the cache should hold now; null for an unknown one
--
-- Computed from the views of schema capataz (specification 4.3, ADR 0018): active_modules, performance_scoreboard and
-- system_health: an array with an object per row; routing_table: an object, per robot type an array of candidates.
-- json, not jsonb: a reader of a large value spends most of his time on writing jsonb out as text.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._cache_value(p_cache_name text)
  returns json
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_cache_name = 'active_modules' then
    return coalesce(
      (select json_agg(v order by v.module_name) from capataz.active_modules as v), '[]'
    );
  elsif p_cache_name = 'routing_table' then
    return coalesce(
      (
        select json_object_agg(t.robot_type, t.candidates)
        from (
          select
            v.robot_type,
            json_agg(
              json_build_object(
                'module_name', v.module_name, 'weight', round(v.weight::numeric, 4), 'share', round(v.share::numeric, 6)
              )
              order by v.module_name
            ) as candidates
          from capataz.routing_table as v
          group by v.robot_type
        ) as t
      ),
      '{}'
    );
  elsif p_cache_name = 'performance_scoreboard' then
    return coalesce(
      (select json_agg(v order by v.rank, v.module_name) from capataz.performance_scoreboard as v), '[]'
    );
  elsif p_cache_name = 'system_health' then
    return (
      select json_agg(json_build_object('check_name', h.check_name, 'status', h.status, 'detail', h.detail) order by h.place)
      from capataz_ops._system_health(true) with ordinality as h (check_name, status, detail, place)
    );
  end if;
  return null;
end
$$;

comment on function capataz_ops._cache_value(text) is 'What a cache should hold now.';

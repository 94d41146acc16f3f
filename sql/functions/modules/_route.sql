-- capataz_ops._route(p_robot_type, p_count) -> text[]
--
-- Modules for p_count robots of one type, each module as often as its share in the routing table says (ADR 0018). Choice n
-- takes the module at place frac(n x golden ratio) of the cumulative shares; all sessions draw their numbers from one
-- sequence. So any run of choices, one by one or in bulk, is spread evenly, and favours no module even for a moment.
-- Served from the routing table cache. The condition is that of _cache_states, written out for the sake of submits; whatever
-- is not simply fresh is left to _find_route.
-- Locks:  as _find_route. Writes: as _find_route.
-- Raises: RB503 no module can take it (DETAIL says why for each module of the type).
create or replace function capataz_ops._route(p_robot_type text, p_count integer)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_ratio constant double precision := 0.6180339887498949::double precision;
  v_now constant timestamp := capataz.utc_now() + (clock_timestamp() - transaction_timestamp());
  v_is_read_only constant boolean := current_setting('transaction_read_only') = 'on';  -- it may not draw a number
  v_place double precision;
  v_module_names text[];
  v_shares double precision[];
  v_text text;
begin
  select r.module_names, r.shares into v_module_names, v_shares
  from capataz_ops.caches as c
  join capataz_ops.routes as r on r.robot_type = p_robot_type
  where c.cache_name = 'routing_table'
    and v_now between c.refreshed_at and c.refreshed_at + c.ttl_seconds * interval '1 second'
    and not exists (
      select
      from capataz_ops.cache_invalidations as i
      where i.cache_name = 'routing_table'
        and i.xact_id >= pg_snapshot_xmin(c.snapshot)
        and case
          when i.xact_id = c.xact_id then i.invalidation_id > c.invalidation_id
          else not pg_visible_in_snapshot(i.xact_id, c.snapshot)
        end
    );
  if not found then
    select f.module_names, f.shares into v_module_names, v_shares
    from capataz_ops._find_route(p_robot_type) as f;
  else
    v_text := current_setting('capataz.hits_routing_table', true);
    if length(v_text) between 1 and 9 and translate(v_text, '0123456789', '') = '' and v_text::integer % 64 <> 63 then
      v_text := set_config('capataz.hits_routing_table', (v_text::integer + 1)::text, false);
    else
      perform capataz_ops._count_cache_read('routing_table', true);
    end if;
  end if;

  if cardinality(v_module_names) = 1 then
    return array_fill(v_module_names[1], array[p_count]);
  elsif p_count = 1 then
    if v_is_read_only then
      v_place := random();
    else
      v_place := nextval('capataz_ops.routing_seq'::regclass) * c_ratio;
    end if;
    return array[v_module_names[width_bucket(v_place - floor(v_place), v_shares) + 1]];
  end if;
  return array(
    select v_module_names[width_bucket(p.place - floor(p.place), v_shares) + 1]
    from (
      select
        n.number,
        case when v_is_read_only then random() else nextval('capataz_ops.routing_seq'::regclass) * c_ratio end as place
      from generate_series(1, p_count) as n (number)
    ) as p
    order by p.number
  );
end
$$;

comment on function capataz_ops._route(text, integer) is
  'Chooses modules for a number of robots of one type, by their shares. RB503.';

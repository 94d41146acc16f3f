-- capataz_ops._route(p_robot_type, p_count) -> text[]
--
-- Modules for p_count robots of one type, each module as often as its share in the routing table says (ADR 0018). Choice n
-- takes the module at place frac(n x golden ratio) of the cumulative shares. Each session counts its choices of each type,
-- beginning at a number that it draws from a sequence. So any run of choices, one by one or in bulk, is spread evenly, and
-- favours no module even for a moment.
-- An UNHEALTHY module that has a worker and nothing to be probed with gets one robot (move_waiting_robots asks for it).
-- Served from the routing table cache. The condition is that of _cache_states, written out for the sake of submits; whatever
-- is not simply fresh is left to _find_route.
-- Locks:  as _find_route; module_probes (skip locked). Writes: as _find_route; module_probes.
-- Raises: RB503 no module can take it (DETAIL says why for each module of the type).
create or replace function capataz_ops._route(p_robot_type text, p_count integer)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now() + (clock_timestamp() - transaction_timestamp());
  v_setting constant text := 'capataz.choice_' || to_hex(hashtext(p_robot_type));
  v_module_names text[];
  v_shares double precision[];
  v_probed text;
  v_number bigint;
  v_chosen text[];
  v_text text := current_setting('capataz.hits_routing_table', true);
begin
  select r.module_names, r.shares, r.probed_module into v_module_names, v_shares, v_probed
  from capataz_ops.caches as c
  join capataz_ops.routes as r on r.robot_type = p_robot_type
  where c.cache_name = 'routing_table'
    and v_now between c.refreshed_at and c.fresh_until
    and not exists (
      select
      from capataz_ops.cache_invalidations as i
      where i.cache_name = 'routing_table'
        and i.xact_id >= c.oldest_xact_id
    );
  if not found then
    select f.module_names, f.shares into v_module_names, v_shares
    from capataz_ops._find_route(p_robot_type) as f;
    select r.probed_module into v_probed
    from capataz_ops.routes as r
    where r.robot_type = p_robot_type;
  else
    -- anyone may set it to anything; every hundredth hit and what is no number is left to the function that counts in full
    v_text := case
      when v_text ~ '^[0-9]{1,9}$' and right(v_text, 2) <> '99'
        then set_config('capataz.hits_routing_table', (v_text::integer + 1)::text, false)
      else capataz_ops._count_cache_read('routing_table', true)
    end;
  end if;

  if cardinality(v_module_names) = 1 then
    v_chosen := array_fill(v_module_names[1], array[p_count]);
  else
    v_text := current_setting(v_setting, true);
    v_number := case
      when v_text ~ '^[0-9]{1,15}$' then v_text::bigint
      when current_setting('transaction_read_only') = 'on' then floor(random() * 1000000)::bigint  -- it may not draw one
      else nextval('capataz_ops.routing_seq'::regclass)
    end;
    v_text := set_config(v_setting, ((v_number + p_count) % 100000000000000)::text, false);
    v_chosen := array(
      select v_module_names[width_bucket(p.place - floor(p.place), v_shares) + 1]
      from generate_series(v_number, v_number + p_count - 1) as n (number)
      cross join lateral (select n.number * 0.6180339887498949::double precision as place) as p
      order by n.number
    );
  end if;

  if v_probed is not null and current_setting('transaction_read_only') = 'off' then
    update capataz_ops.module_probes as p
    set is_wanted = false
    where p.ctid = (
      select s.ctid
      from capataz_ops.module_probes as s
      where s.module_name = v_probed
        and s.is_wanted
      for no key update skip locked
    );
    if found then
      v_chosen[1] := v_probed;
    end if;
  end if;
  return v_chosen;
end
$$;

comment on function capataz_ops._route(text, integer) is
  'Chooses modules for a number of robots of one type, by their shares. RB503.';

-- capataz_ops._route_within(p_robot_type, p_count, p_modules) -> text[]
--
-- Modules for p_count robots of one type, chosen among those that the caller may reach (_scope), each as often as its weight
-- in the routing table says. What is chosen so counts as pinned: the router never moves it to a module of somebody else.
-- Locks: none. Writes: nothing.
-- Raises: RB503 none of them can take it (DETAIL says why, for these alone).
create or replace function capataz_ops._route_within(p_robot_type text, p_count integer, p_modules text[])
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_module_names text[];
  v_shares double precision[];
  v_reasons text;
begin
  select
    array_agg(w.module_name order by w.module_name),
    array_agg(w.upto / w.total order by w.module_name)
  into v_module_names, v_shares
  from (
    select
      v.module_name::text as module_name,
      sum(v.weight) over (order by v.module_name) as upto,
      sum(v.weight) over () as total
    from capataz.routing_table as v
    where v.robot_type = p_robot_type
      and v.module_name = any (p_modules)
  ) as w;
  if v_module_names is not null then
    return array(
      select v_module_names[least(width_bucket(random(), v_shares) + 1, cardinality(v_module_names))]
      from generate_series(1, p_count)
    );
  end if;

  select string_agg(
    format('%s: %s', m.module_name, case when not m.is_active then 'inactive' else m.health_status::text end),
    '; ' order by m.module_name
  )
  into v_reasons
  from capataz.module_registry as m
  where m.supported_robot_types @> array[p_robot_type]
    and m.module_name = any (p_modules);
  raise exception using
    errcode = 'RB503',
    message = format('none of your modules can take robots of type "%s" now', left(p_robot_type, 60)),
    detail = format(
      'robot_type is "%s". %s.', left(p_robot_type, 60), coalesce(v_reasons, 'None of them supports it')
    ),
    hint = 'Wait until it is active and healthy, or ask an admin to grant you another module.';
end
$$;

comment on function capataz_ops._route_within(text, integer, text[]) is
  'Chooses among the modules of the caller for a number of robots of one type. RB503.';

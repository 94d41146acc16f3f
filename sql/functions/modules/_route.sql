-- capataz_ops._route(p_robot_type, p_count) -> text[]
--
-- Modules for p_count robots of one type, each given to the module that then has the fewest robots waiting or running.
-- A module's load is counted up to 200 and no further: the cost of a submit must not grow with a backlog.
-- Locks: none. Writes: nothing.
-- Raises: RB503 no module can take it (DETAIL says why for each module of the type).
create or replace function capataz_ops._route(p_robot_type text, p_count integer)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_candidates text[];
  v_reasons text;
begin
  select array_agg(m.module_name::text) into v_candidates
  from capataz.module_registry as m
  where m.is_active
    and m.health_status is distinct from 'UNHEALTHY'
    and m.supported_robot_types @> array[p_robot_type];

  if v_candidates is null then
    select string_agg(
      format(
        '%s: %s', m.module_name,
        case when not m.is_active then 'inactive' else 'UNHEALTHY' end
      ),
      '; ' order by m.module_name
    )
    into v_reasons
    from capataz.module_registry as m
    where m.supported_robot_types @> array[p_robot_type];
    raise exception using
      errcode = 'RB503',
      message = format('no module can take robots of type "%s" now', left(p_robot_type, 60)),
      detail = format(
        'robot_type is "%s". %s', left(p_robot_type, 60), coalesce(v_reasons || '.', 'No module supports it.')
      ),
      hint = 'Register or activate a module that supports the type, or name a module.';
  end if;

  if cardinality(v_candidates) = 1 then
    return array_fill(v_candidates[1], array[p_count]);
  end if;

  return array(
    select s.module_name
    from (
      select c.module_name, random() as tie, l.load + g.place as position
      from unnest(v_candidates) as c (module_name)
      cross join lateral (
        select count(*) as load
        from (
          select
          from capataz.robots as r
          where r.module_name = c.module_name
            and r.status in ('PENDING', 'PROCESSING', 'RETRYING')
          limit 200
        ) as busy
      ) as l
      cross join generate_series(1, p_count) as g (place)
    ) as s
    order by s.position, s.tie
    limit p_count
  );
end
$$;

comment on function capataz_ops._route(text, integer) is
  'Chooses modules for a number of robots of one type, least loaded first. RB503.';

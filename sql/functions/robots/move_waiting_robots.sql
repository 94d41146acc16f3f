-- capataz.move_waiting_robots() -> integer
--
-- Moves waiting robots that the router had given to a module which cannot work now (UNHEALTHY or inactive) to other modules
-- of their type, and returns how many (ADR 0016). Robots pinned to a module by the caller stay, and so does what runs.
-- An UNHEALTHY module needs a due robot to be probed with. Unless a pinned one waits there, one routed robot stays: until two
-- minutes after the cool-down, or five minutes where the module has a live worker. Where there is none and a worker lives, it
-- is given one that waits at a module that works; and if none waits there, the router sends it the next (_route).
-- Nothing moves back when the module returns.
-- Up to 20,000 robots per module and call. Safe at any time, by anyone, twice at once; it waits for nobody.
-- Locks:  robots, module_probes (skip locked). Writes: robots, module_probes, cache_invalidations. Raises: nothing.
create or replace function capataz.move_waiting_robots()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_module record;
  v_type record;
  v_kept text;
  v_targets text[];
  v_count integer;
  v_moved integer := 0;
  v_wanted boolean := false;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  for v_module in
    select
      m.module_name, m.supported_robot_types, coalesce(t.probe_after, v_now) as probe_after,
      m.is_active
      and not exists (
        select
        from capataz_ops.module_probes as p
        join capataz.robot_execute as e on e.execute_id = p.probe_execute_id
        where p.module_name = m.module_name
          and e.completed_at is null
      ) as needs_probe,
      exists (
        select
        from capataz_ops.workers as w
        where w.module_name = m.module_name
          and w.stopped_at is null
          and w.lost_at is null
      ) as has_worker
    from capataz.module_registry as m
    join capataz_ops.module_state as t on t.module_name = m.module_name
    where not m.is_active
      or m.health_status = 'UNHEALTHY'
    order by m.module_name
  loop
    v_kept := null;
    if v_module.needs_probe then
      -- a pinned robot, else the routed one that is due last, of the lowest priority
      select k.robot_id::text into v_kept
      from unnest(enum_range(null::capataz.priority_enum)) with ordinality as p (priority, place)
      cross join lateral (
        (
          select r.robot_id, r.is_routed
          from capataz.robots as r
          where r.module_name = v_module.module_name
            and r.priority = p.priority
            and r.status in ('PENDING', 'RETRYING')
            and r.available_at <= greatest(v_now, v_module.probe_after)
            and not r.is_routed
          order by r.available_at, r.arrival
          limit 1
        )
        union all
        (
          select r.robot_id, r.is_routed
          from capataz.robots as r
          where r.module_name = v_module.module_name
            and r.priority = p.priority
            and r.status in ('PENDING', 'RETRYING')
            and r.available_at <= greatest(v_now, v_module.probe_after)
            and r.is_routed
            and (
              v_now < v_module.probe_after + interval '2 minutes'
              or v_module.has_worker and r.available_at > v_now - interval '5 minutes'
            )
          order by r.available_at desc, r.arrival desc
          limit 1
        )
      ) as k
      order by k.is_routed, p.place
      limit 1;
    end if;

    for v_type in
      select w.robot_type, array_agg(w.robot_id::text) as robot_ids
      from (
        select r.robot_id, r.robot_type
        from capataz.robots as r
        where r.module_name = v_module.module_name
          and r.status in ('PENDING', 'RETRYING')
          and r.is_routed
          and r.robot_id is distinct from v_kept
          and exists (
            select
            from capataz.module_registry as o
            where o.is_active
              and o.health_status is distinct from 'UNHEALTHY'
              and o.supported_robot_types @> array[r.robot_type::text]
          )
        order by r.priority desc, r.available_at, r.arrival
        limit 20000
        for no key update of r skip locked
      ) as w
      group by w.robot_type
    loop
      begin
        v_targets := capataz_ops._route(v_type.robot_type, cardinality(v_type.robot_ids));
      exception
        when sqlstate 'RB503' then
          continue;  -- the last of them has just become unable to take it
      end;
      update capataz.robots as r
      set module_name = n.module_name
      from unnest(v_type.robot_ids, v_targets) as n (robot_id, module_name)
      where r.robot_id = n.robot_id
        and r.module_name = v_module.module_name
        and n.module_name <> v_module.module_name;
      get diagnostics v_count = row_count;
      v_moved := v_moved + v_count;
    end loop;

    if v_module.needs_probe and v_kept is null and v_module.has_worker and v_now >= v_module.probe_after then
      update capataz.robots as r
      set module_name = v_module.module_name
      where r.robot_id = (
        select w.robot_id
        from capataz.module_registry as o
        cross join unnest(enum_range(null::capataz.priority_enum)) with ordinality as p (priority, place)
        cross join lateral (
          select q.robot_id
          from capataz.robots as q
          where q.module_name = o.module_name
            and q.priority = p.priority
            and q.status in ('PENDING', 'RETRYING')
            and q.available_at <= v_now
            and q.is_routed
            and q.robot_type = any (v_module.supported_robot_types)
          order by q.available_at, q.arrival
          limit 1
          for no key update skip locked
        ) as w
        where o.is_active
          and o.health_status is distinct from 'UNHEALTHY'
          and o.supported_robot_types && v_module.supported_robot_types
        order by p.place, o.module_name
        limit 1
      );
      get diagnostics v_count = row_count;
      v_moved := v_moved + v_count;
      if v_count = 0 then
        update capataz_ops.module_probes as p
        set is_wanted = true
        where p.ctid = (
          select s.ctid
          from capataz_ops.module_probes as s
          where s.module_name = v_module.module_name
            and not s.is_wanted
          for no key update skip locked
        );
        v_wanted := v_wanted or found;
      end if;
    end if;
  end loop;

  if v_wanted then
    perform capataz_ops._invalidate_caches(array['routing_table']);
  end if;
  return v_moved;
end
$$;

comment on function capataz.move_waiting_robots() is
  'Moves waiting routed robots away from modules that cannot work. Run by a job.';

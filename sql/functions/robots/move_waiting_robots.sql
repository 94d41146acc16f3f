-- capataz.move_waiting_robots() -> integer
--
-- Moves waiting robots that the router had given to a module which cannot work now (UNHEALTHY or inactive) to other modules
-- of their type, and returns how many (ADR 0016). Robots pinned to a module by the caller stay, and so does what runs.
-- One routed robot stays with an UNHEALTHY module as its next probe until two minutes after the end of its cool-down. Where a
-- module with a live worker has nothing to be probed with, one waiting routed robot of its type is given to it. Nothing
-- moves back when the module returns.
-- Up to 20,000 robots per module and call. Safe at any time, by anyone, twice at once; it waits for nobody.
-- Locks:  robots (skip locked). Writes: robots. Raises: nothing.
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
begin
  for v_module in
    select
      m.module_name, m.supported_robot_types, m.is_active,
      m.is_active and t.probe_execute_id is null as is_probed,
      coalesce(t.probe_after, v_now) as probe_after,
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
    if v_module.is_probed and v_now < v_module.probe_after + interval '2 minutes' then
      -- the last in order, of the lowest priority
      select k.robot_id::text into v_kept
      from unnest(enum_range(null::capataz.priority_enum)) with ordinality as p (priority, place)
      cross join lateral (
        select r.robot_id
        from capataz.robots as r
        where r.module_name = v_module.module_name
          and r.priority = p.priority
          and r.status in ('PENDING', 'RETRYING')
        order by r.available_at desc, r.arrival desc
        limit 1
      ) as k
      order by p.place
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

    if v_module.is_probed and v_module.has_worker and v_now >= v_module.probe_after
       and not exists (
         select
         from capataz.robots as r
         where r.module_name = v_module.module_name
           and r.status in ('PENDING', 'RETRYING')
       )
    then
      update capataz.robots as r
      set module_name = v_module.module_name
      where r.robot_id = (
        select w.robot_id
        from capataz.module_registry as o
        cross join lateral (
          select q.robot_id
          from capataz.robots as q
          where q.module_name = o.module_name
            and q.priority = 'NORMAL'
            and q.status in ('PENDING', 'RETRYING')
            and q.available_at <= v_now
            and q.is_routed
            and q.robot_type = any (v_module.supported_robot_types)
          order by q.available_at, q.arrival
          limit 1
          for no key update skip locked
        ) as w
        where o.module_name <> v_module.module_name
          and o.supported_robot_types && v_module.supported_robot_types
        limit 1
      );
      get diagnostics v_count = row_count;
      v_moved := v_moved + v_count;
    end if;
  end loop;
  return v_moved;
end
$$;

comment on function capataz.move_waiting_robots() is
  'Moves waiting routed robots away from modules that cannot work. Run by a job.';

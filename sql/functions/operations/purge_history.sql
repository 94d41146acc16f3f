-- capataz.purge_history() -> integer: robots that were removed
--
-- Removes COMPLETED and FAILED robots, with their executions, of modules with retention_days: once they ended so many days
-- ago (26 hours at least: the windows of 24 hours and their margin stay whole). Off for modules without that setting.
-- Once an hour it begins a round through the index over types, oldest first; each call goes on where the last one ended,
-- 2,000 index entries at a time, for at most 3 seconds. Totals stay; windows, hours per type and trends too.
-- Locks:  robots it removes, by robot_id, skip locked (none of them can be claimed). Writes: robots, robot_execute, walks.
-- Raises: nothing.
create or replace function capataz.purge_history()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_sort = off
  set jit = off
as $$
declare
  v_begun constant timestamptz := clock_timestamp();
  v_now constant timestamp := capataz.utc_now();
  v_walk capataz_ops.walks;
  v_position jsonb;
  v_range record;
  v_is_first boolean;
  v_batch record;
  v_gone text[];
  v_removed integer := 0;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  if not exists (select from capataz_ops.module_settings as s where s.retention_days is not null) then
    return 0;
  end if;
  select w.* into v_walk
  from capataz_ops.walks as w
  where w.walk_name = 'purge_history'
  for update skip locked;
  if not found or v_walk.ended_at > v_now - interval '1 hour' and v_walk.ended_at <= v_now then
    return 0;
  end if;
  if v_walk.ended_at is not null or v_walk.started_at is null then
    v_walk.position := null;
    v_walk.started_at := v_now;
    v_walk.row_count := 0;
  end if;
  v_position := v_walk.position::jsonb;  -- type, priority, status, created_at, robot_id: where to go on

  <<ranges>>
  for v_range in
    select t.robot_type, p.priority, s.status
    from (
      -- what it supports, and what it did once
      select u.robot_type
      from capataz_ops.module_settings as s
      join capataz.module_registry as m on m.module_name = s.module_name
      cross join unnest(m.supported_robot_types) as u (robot_type)
      where s.retention_days is not null
      union
      select d.robot_type
      from capataz_ops.module_settings as s
      join capataz_ops.type_days as d on d.module_name = s.module_name
      where s.retention_days is not null
    ) as t
    cross join unnest(enum_range(null::capataz.priority_enum)) as p (priority)
    cross join unnest(array['COMPLETED', 'FAILED']::capataz.robot_status_enum[]) as s (status)
    where v_position is null
       or (t.robot_type collate "C", p.priority, s.status) >= (
            (v_position ->> 0) collate "C", (v_position ->> 1)::capataz.priority_enum,
            (v_position ->> 2)::capataz.robot_status_enum
          )
    order by t.robot_type collate "C", p.priority, s.status
  loop
    v_is_first := v_position ->> 0 = v_range.robot_type
      and v_position ->> 1 = v_range.priority::text
      and v_position ->> 2 = v_range.status::text;
    if not coalesce(v_is_first, false) then
      v_position := jsonb_build_array(v_range.robot_type, v_range.priority, v_range.status, '-infinity');
    end if;
    loop
      if clock_timestamp() > v_begun + interval '3 seconds' then
        update capataz_ops.walks as w
        set position = v_position::text,
            started_at = v_walk.started_at,
            ended_at = null,
            row_count = v_walk.row_count + v_removed
        where w.walk_name = 'purge_history';
        return v_removed;
      end if;

      -- all that were created in the last microsecond of the batch belong to it
      select count(*) as read, max(b.created_at) as last_created_at into v_batch
      from (
        select r.created_at
        from capataz.robots as r
        where r.robot_type = v_range.robot_type
          and r.priority = v_range.priority
          and r.status = v_range.status
          and r.created_at > (v_position ->> 3)::timestamp
          and r.created_at < v_now - interval '26 hours'
        order by r.created_at
        limit 2000
      ) as b;
      exit when v_batch.read = 0;

      select array_agg(h.robot_id::text order by h.robot_id) into v_gone
      from (
        select r.robot_id
        from capataz.robots as r
        join capataz_ops.module_settings as s on s.module_name = r.module_name
        where r.robot_type = v_range.robot_type
          and r.priority = v_range.priority
          and r.status = v_range.status
          and r.created_at > (v_position ->> 3)::timestamp
          and r.created_at <= v_batch.last_created_at
          and s.retention_days is not null
          and r.completed_at < capataz_ops._purged_before(s.retention_days, v_now)
        limit 5000
        for update of r skip locked
      ) as h;
      if v_gone is not null then
        delete from capataz.robot_execute as e where e.robot_id = any (v_gone);
        delete from capataz.robots as r where r.robot_id = any (v_gone);
        v_removed := v_removed + cardinality(v_gone);
        continue when cardinality(v_gone) = 5000;  -- there may be more of them
      end if;
      v_position := jsonb_set(v_position, '{3}', to_jsonb(v_batch.last_created_at));
      exit when v_batch.read < 2000;
    end loop;
  end loop;

  update capataz_ops.walks as w
  set position = null,
      started_at = v_walk.started_at,
      ended_at = v_now,
      row_count = v_walk.row_count + v_removed
  where w.walk_name = 'purge_history';
  return v_removed;
end
$$;

comment on function capataz.purge_history() is
  'Removes ended robots of modules with retention_days, a piece at a time; returns how many.';

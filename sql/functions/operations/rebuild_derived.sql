-- capataz.rebuild_derived() -> void
--
-- Recomputes derived state from the three core tables: settings, minutes of the last 24 hours, windows, permits. Totals
-- cannot be recomputed once history is purged: each becomes the greater of what is known and what history shows.
-- Robots that are PROCESSING without an execution (it was truncated away) become PENDING. Claims go on meanwhile; completions that commit during the call are counted once.
-- Locks:  robots it hands back, module_registry rows, by name, for no key update. Writes: module_settings, module_state, module_minutes,
--         module_deltas, module_permits, module_registry.
-- Raises: RB400 where a module's registration_data is not usable.
create or replace function capataz.rebuild_derived()
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_from constant timestamp := date_trunc('minute', v_now) - interval '24 hours';
  v_module record;
begin
  -- robots whose execution disappeared: nothing else would ever end them
  perform capataz_ops._settle_robots(array_agg(r.robot_id::text order by r.robot_id), null, true)
  from capataz.robots as r
  where r.status = 'PROCESSING'
    and not exists (
      select from capataz.robot_execute as e where e.robot_id = r.robot_id and e.completed_at is null
    )
  having count(*) > 0;

  -- the rows of modules before their settings, as in the trigger of a registration
  perform
  from capataz.module_registry as m
  order by m.module_name
  for no key update;

  perform capataz_ops._store_settings(capataz_ops._parse_settings(m.module_name, m.registration_data))
  from capataz.module_registry as m
  order by m.module_name;

  for v_module in
    select m.module_name
    from capataz.module_registry as m
    order by m.module_name
    for no key update
  loop
    -- the deltas that are visible and the history are read with one snapshot: what commits later is in neither
    with gone as (
      delete from capataz_ops.module_deltas as d
      where d.module_name = v_module.module_name
      returning d.processed_count, d.processed_ms
    ), old_minutes as (
      delete from capataz_ops.module_minutes as f
      where f.module_name = v_module.module_name
        and not exists (
          select
          from capataz.robot_execute as e
          where e.module_name = v_module.module_name
            and e.execution_state in ('COMPLETED', 'FAILED')
            and date_trunc('minute', e.completed_at) = f.minute
            and e.completed_at > v_from
        )
    ), new_minutes as (
      insert into capataz_ops.module_minutes as f (module_name, minute, completed_count, completed_ms, failed_count)
      select
        v_module.module_name,
        date_trunc('minute', e.completed_at),
        count(*) filter (where e.execution_state = 'COMPLETED'),
        coalesce(sum(e.duration_ms) filter (where e.execution_state = 'COMPLETED'), 0),
        count(*) filter (where e.execution_state = 'FAILED')
      from capataz.robot_execute as e
      where e.module_name = v_module.module_name
        and e.execution_state in ('COMPLETED', 'FAILED')
        and e.completed_at > v_from
      group by date_trunc('minute', e.completed_at)
      on conflict (module_name, minute) do update set
        completed_count = excluded.completed_count,
        completed_ms = excluded.completed_ms,
        failed_count = excluded.failed_count
    )
    update capataz_ops.module_state as s
    set processed_count = greatest(
          s.processed_count + (select coalesce(sum(g.processed_count), 0) from gone as g), h.processed_count
        ),
        processed_ms = greatest(
          s.processed_ms + (select coalesce(sum(g.processed_ms), 0) from gone as g), h.processed_ms
        )
    from (
      select count(*) as processed_count, coalesce(sum(e.duration_ms), 0) as processed_ms
      from capataz.robot_execute as e
      where e.module_name = v_module.module_name
        and e.execution_state in ('COMPLETED', 'FAILED')
    ) as h
    where s.module_name = v_module.module_name;

    perform capataz_ops._fold_module(v_module.module_name, true);
  end loop;
  perform capataz.fold_counters();
end
$$;

comment on function capataz.rebuild_derived() is
  'Recomputes derived state from the three core tables.';

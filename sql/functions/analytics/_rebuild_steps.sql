-- capataz_ops._rebuild_steps() -> void
--
-- Recomputes step_days from the history of steps. Days of which history shows fewer steps than are known (they were purged) stay
-- as they are, all of a module and day together.
-- Locks:  one row of walks: no fold is under way. Writes: step_days, step_deltas. Raises: nothing.
create or replace function capataz_ops._rebuild_steps()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
begin
  perform from capataz_ops.walks as w where w.walk_name = 'fold_analytics' for no key update;
  delete from capataz_ops.step_days as d
  where not exists (select from capataz.module_registry as m where m.module_name = d.module_name);
  perform capataz_ops._fold_steps(2147483647);

  -- steps that commit from here on are in neither: history and deltas are read with one snapshot
  with gone as (
    delete from capataz_ops.step_deltas
  ), history as materialized (
    select
      h.module_name, h.ended_at::date as day, extract(hour from h.ended_at)::integer as hour,
      coalesce(h.step_category, 'INIT') as step_category, h.step_name, sum(h.visits)::bigint as step_count, sum(h.duration_ms)::bigint as total_ms,
      max(h.duration_ms / h.visits) as max_ms
    from (
      select
        e.module_name, s.step_category, s.step_name, s.visits, s.duration_ms,
        s.started_at + s.duration_ms * interval '1 millisecond' as ended_at
      from capataz_ops.execution_steps as s
      join capataz.robot_execute as e on e.execute_id = s.execute_id
    ) as h
    where h.ended_at >= capataz.utc_now()::date - 400
    group by 1, 2, 3, 4, 5
  ), days as materialized (
    select h.module_name, h.day
    from history as h
    group by h.module_name, h.day
    having sum(h.step_count) >= coalesce((
      select sum(d.step_count)
      from capataz_ops.step_days as d
      where d.module_name = h.module_name
        and d.day = h.day
    ), 0)
  ), ranked as materialized (
    select
      h.module_name, h.day, h.step_category, h.step_name,
      row_number() over (
        partition by h.module_name, h.day order by sum(h.total_ms) desc, h.step_category, h.step_name
      ) as place
    from history as h
    join days as d on d.module_name = h.module_name and d.day = h.day
    group by h.module_name, h.day, h.step_category, h.step_name
  ), fresh as materialized (
    select
      h.module_name, h.day, h.step_category, case when r.place <= 200 then h.step_name else '(other)' end as step_name,
      sum(h.step_count)::bigint as step_count, sum(h.total_ms)::bigint as total_ms, max(h.max_ms) as max_ms,
      capataz_ops._by_hour(array_agg(h.hour), array_agg(h.step_count)) as hour_counts,
      capataz_ops._by_hour(array_agg(h.hour), array_agg(h.total_ms)) as hour_ms
    from history as h
    join ranked as r
      on r.module_name = h.module_name
      and r.day = h.day
      and r.step_category = h.step_category
      and r.step_name = h.step_name
    group by 1, 2, 3, 4
  ), stale as (
    delete from capataz_ops.step_days as d
    using days as y
    where d.module_name = y.module_name
      and d.day = y.day
      and not exists (
        select
        from fresh as f
        where f.module_name = d.module_name
          and f.day = d.day
          and f.step_category = d.step_category
          and f.step_name = d.step_name
      )
  )
  insert into capataz_ops.step_days as d (
    module_name, day, step_category, step_name, step_count, total_ms, max_ms, hour_counts, hour_ms
  )
  select
    f.module_name, f.day, f.step_category, f.step_name, f.step_count, f.total_ms, f.max_ms, f.hour_counts, f.hour_ms
  from fresh as f
  on conflict (module_name, day, step_category, step_name) do update set
    step_count = excluded.step_count,
    total_ms = excluded.total_ms,
    max_ms = greatest(d.max_ms, excluded.max_ms),
    hour_counts = excluded.hour_counts,
    hour_ms = excluded.hour_ms;
end
$$;

comment on function capataz_ops._rebuild_steps() is 'Recomputes the days of steps from history.';

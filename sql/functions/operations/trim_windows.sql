-- capataz.trim_windows() -> integer: modules whose windows it trimmed
--
-- Drops what no window and no trend needs any more (specification 3.1: daily reset; ADR 0024). Windows of 24 hours need no reset:
-- values leave them by themselves, minute by minute. Goes: minutes after 48 hours, days of histograms after 8 days, samples
-- of trends after 30 days, hours after a year, days of analytics after 400 days, changes of health after a year, workers
-- that ended 30 days ago.
-- Makes the partition of tomorrow. A module whose row is locked at that moment is left for the next time.
-- Locks:  module_registry rows by name (skip locked), partitions it drops. Writes: module_minutes, type_minutes, type_hours,
--         type_days, step_days, error_days, module_histograms, health_changes, workers, trends, and what _fold_module writes.
-- Raises: nothing.
create or replace function capataz.trim_windows()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_tomorrow constant timestamp := date_trunc('day', v_now) + interval '1 day';
  v_module record;
  v_trimmed integer := 0;
begin
  perform capataz.roll_up_trends();  -- after a long gap there may be samples that are in no hour yet
  perform capataz_ops._make_partition('module_trends', v_tomorrow, v_tomorrow + interval '1 day');
  perform capataz_ops._drop_partitions('module_trends', date_trunc('day', v_now) - interval '30 days');
  perform capataz_ops._drop_partitions('module_trend_hours', date_trunc('month', v_now) - interval '1 year');
  delete from capataz_ops.fleet_trends as f where f.sampled_at < v_now - interval '30 days';
  delete from capataz_ops.fleet_trend_hours as f where f.hour < v_now - interval '1 year';
  delete from capataz_ops.type_hours as f where f.hour < v_now - interval '366 days';
  delete from capataz_ops.type_days as d where d.day < v_now::date - 400;
  delete from capataz_ops.step_days as d where d.day < v_now::date - 400;
  delete from capataz_ops.error_days as d where d.day < v_now::date - 400;
  delete from capataz_ops.workers as w
  where w.stopped_at < v_now - interval '30 days'
     or w.lost_at < v_now - interval '30 days';

  delete from capataz_ops.health_changes as c where c.changed_at < v_now - interval '1 year';

  -- a module's row is held for its own trimming alone, and only where there is something: failures wait for that row
  for v_module in
    select m.module_name
    from capataz.module_registry as m
    where exists (
        select
        from capataz_ops.module_minutes as f
        where f.module_name = m.module_name
          and f.minute <= v_now - interval '48 hours'
      )
      or exists (
        select
        from capataz_ops.type_minutes as f
        where f.module_name = m.module_name
          and f.minute <= v_now - interval '48 hours'
      )
      or exists (
        select
        from capataz_ops.module_histograms as h
        where h.module_name = m.module_name
          and h.period_start < v_now - interval '10 days'
      )
    order by m.module_name
  loop
    -- folded first: once its minutes are gone, no fold would see them leave the window (a clock that stood for days)
    if capataz_ops._fold_module(v_module.module_name, false) then
      perform capataz_ops._trim_module(v_module.module_name);
      v_trimmed := v_trimmed + 1;
    end if;
  end loop;
  return v_trimmed;
end
$$;

comment on function capataz.trim_windows() is
  'Drops what no window and no trend needs any more; returns how many modules it trimmed.';

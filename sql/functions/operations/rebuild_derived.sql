-- capataz.rebuild_derived() -> void
--
-- Recomputes derived state: from the three core tables settings, minutes of the last 48 hours, windows, histograms of
-- 8 days, hours and days per robot type of a year, steps and errors of 400 days, and permits; from the health checks, which
-- are kept for 48 hours, their counts per minute. Where history may have been purged it cannot tell: totals, hours and days of
-- more than 48 hours ago, and all before a module's retention_days become the greater of what is known and what history shows. A FAILED
-- execution whose worker was not answered counts as retried where its robot has a later execution, or is RETRYING.
-- Robots that are PROCESSING without an execution (it was truncated away) become PENDING. Claims go on meanwhile;
-- completions that commit during the call are counted once.
-- Locks:  robots it hands back, module_registry rows, by name, for no key update. Writes: module_settings, module_state,
--         module_totals, module_minutes, type_minutes, type_hours, type_days, step_days, error_days, module_histograms, module_deltas, type_deltas,
--         step_deltas, error_deltas, module_permits, module_registry.
-- Raises: RB400 where a module's registration_data is not usable.
create or replace function capataz.rebuild_derived()
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_minutes constant timestamp := date_trunc('minute', v_now) - interval '48 hours';
  v_hours constant timestamp := date_trunc('hour', v_now) - interval '48 hours';
  v_days constant timestamp := date_trunc('day', v_now) - interval '8 days';
  v_year constant timestamp := date_trunc('hour', v_now) - interval '366 days';
  v_purged timestamp;  -- a purge may have taken what ended before
  v_whole timestamp;   -- minutes, hours and days from here on are those of history
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

  -- figures of modules that were deleted
  delete from capataz_ops.module_minutes as f
  where not exists (select from capataz.module_registry as m where m.module_name = f.module_name);
  delete from capataz_ops.module_histograms as h
  where not exists (select from capataz.module_registry as m where m.module_name = h.module_name);
  delete from capataz_ops.type_deltas as d
  where not exists (select from capataz.module_registry as m where m.module_name = d.module_name);
  delete from capataz_ops.type_minutes as f
  where not exists (select from capataz.module_registry as m where m.module_name = f.module_name);
  delete from capataz_ops.type_days as f
  where not exists (select from capataz.module_registry as m where m.module_name = f.module_name);
  delete from capataz_ops.type_hours as f
  where not exists (select from capataz.module_registry as m where m.module_name = f.module_name);

  -- the rows of modules before their settings, as in the trigger of a registration
  perform
  from capataz.module_registry as m
  order by m.module_name
  for no key update;

  perform
    capataz_ops._store_settings(capataz_ops._parse_settings(m.module_name, m.registration_data)),
    capataz_ops._store_keys(m.module_name, m.registration_data -> 'api_keys')
  from capataz.module_registry as m
  order by m.module_name;

  for v_module in
    select m.module_name, s.retention_days
    from capataz.module_registry as m
    left join capataz_ops.module_settings as s on s.module_name = m.module_name
    order by m.module_name
    for no key update of m
  loop
    v_purged := date_trunc('hour', capataz_ops._purged_before(v_module.retention_days, v_now)) + interval '1 hour';
    v_whole := greatest(v_hours, v_purged);
    perform capataz_ops._trim_module(v_module.module_name);  -- hours that this call counts by the day are in their day

    -- the deltas that are visible and the history are read with one snapshot: what commits later is in neither
    with gone as (
      delete from capataz_ops.module_deltas as d
      where d.module_name = v_module.module_name
      returning d.processed_count, d.processed_ms, d.completed_count, d.completed_ms, d.failed_count, d.durations
    ), totals_gone as materialized (
      select
        coalesce(sum(g.completed_count) filter (where g.completed_count > 0), 0) as completed_count,
        coalesce(sum(g.completed_ms) filter (where g.completed_count > 0), 0) as completed_ms,
        coalesce(sum(g.failed_count) filter (where g.failed_count > 0), 0) as failed_count,
        capataz_ops._count_durations(
          null,
          array(
            select v.mark
            from gone as d
            cross join unnest(d.durations) as v (mark)
            where d.completed_count > 0
              and v.mark >= 0
          )
        ) as duration_counts
      from gone as g
    ), new_totals as (
      -- as the totals of module_state: the greater of what is known and what history shows
      insert into capataz_ops.module_totals as t (
        module_name, completed_count, completed_ms, failed_count, duration_counts
      )
      select
        v_module.module_name, coalesce(sum(e.n), 0), coalesce(sum(e.ms), 0), max(b.failed_count),
        array_agg(coalesce(e.n, 0)::bigint order by p.place)
      from generate_series(1, cardinality(capataz_ops._duration_limits()) + 1) as p (place)
      cross join (
        select count(*) as failed_count
        from capataz.robot_execute as f
        where f.module_name = v_module.module_name
          and f.execution_state = 'FAILED'
      ) as b
      left join (
        select
          width_bucket(c.duration_ms - 1, capataz_ops._duration_limits()) + 1 as place,
          count(*) as n,
          sum(c.duration_ms::bigint) as ms
        from capataz.robot_execute as c
        where c.module_name = v_module.module_name
          and c.execution_state = 'COMPLETED'
        group by 1
      ) as e on e.place = p.place
      on conflict (module_name) do update set
        completed_count = greatest(
          t.completed_count + (select g.completed_count from totals_gone as g), excluded.completed_count
        ),
        completed_ms = greatest(t.completed_ms + (select g.completed_ms from totals_gone as g), excluded.completed_ms),
        failed_count = greatest(t.failed_count + (select g.failed_count from totals_gone as g), excluded.failed_count),
        duration_counts = array(
          select greatest(o.known + o.added, o.shown)
          from unnest(
            t.duration_counts, (select g.duration_counts from totals_gone as g), excluded.duration_counts
          ) with ordinality as o (known, added, shown, place)
          order by o.place
        )
    ), type_gone as (
      delete from capataz_ops.type_deltas as d
      where d.module_name = v_module.module_name
    ), type_counts as materialized (
      select
        coalesce(e.robot_type, (select r.robot_type from capataz.robots as r where r.robot_id = e.robot_id)) as robot_type,
        -- minutes of 48 hours; before them, hours
        case
          when e.completed_at >= v_hours then date_trunc('minute', e.completed_at)
          else date_trunc('hour', e.completed_at)
        end as minute,
        count(*) filter (where e.execution_state = 'COMPLETED') as completed_count,
        coalesce(sum(e.duration_ms) filter (where e.execution_state = 'COMPLETED'), 0) as completed_ms,
        count(*) filter (where e.execution_state = 'FAILED') as failed_count,
        coalesce(sum(e.duration_ms) filter (where e.execution_state = 'FAILED'), 0) as failed_ms,
        sum(
          case
            when e.answered_status is null and exists (
              select
              from capataz.robot_execute as l
              where l.robot_id = e.robot_id
                and l.started_at >= e.completed_at
                and l.execute_id <> e.execute_id
            ) then 1
            when capataz_ops._is_retried(e.answered_status, e.robot_id) then 1
            else 0
          end
        ) filter (where e.execution_state = 'FAILED') as retried_count,
        count(e.due_at) as waited_count,
        sum(greatest(round(extract(epoch from e.started_at - e.due_at) * 1000), 0)) as waited_ms,
        count(e.estimated_minutes) filter (where e.execution_state = 'COMPLETED') as estimated_count,
        sum(e.estimated_minutes * 60000::bigint) filter (where e.execution_state = 'COMPLETED') as estimated_ms,
        sum(e.duration_ms)
          filter (where e.execution_state = 'COMPLETED' and e.estimated_minutes is not null) as estimated_actual_ms,
        sum(round(e.cpu_usage_percent * e.duration_ms / 100)) as cpu_ms,
        sum(e.memory_usage_mb * e.duration_ms::bigint) as memory_mb_ms,
        sum(e.disk_io_mb) as disk_io_mb,
        sum(e.network_io_mb) as network_io_mb,
        sum(e.external_api_calls) as api_calls,
        sum(e.external_api_duration_ms) as api_ms
      from capataz.robot_execute as e
      where e.module_name = v_module.module_name
        and e.execution_state in ('COMPLETED', 'FAILED')
        and e.completed_at >= v_year
      group by 1, 2
    ), old_type_minutes as (
      delete from capataz_ops.type_minutes as f
      where f.module_name = v_module.module_name
        and f.minute >= v_whole
        and not exists (select from type_counts as n where n.robot_type = f.robot_type and n.minute = f.minute)
    ), new_type_minutes as (
      insert into capataz_ops.type_minutes as f (
        module_name, robot_type, minute, completed_count, completed_ms, failed_count
      )
      select v_module.module_name, n.robot_type, n.minute, n.completed_count, n.completed_ms, n.failed_count
      from type_counts as n
      where n.minute >= v_minutes
      on conflict (module_name, minute, robot_type) do update set
        completed_count = case when f.minute >= v_whole then excluded.completed_count else greatest(f.completed_count, excluded.completed_count) end,
        completed_ms = case when f.minute >= v_whole then excluded.completed_ms else greatest(f.completed_ms, excluded.completed_ms) end,
        failed_count = case when f.minute >= v_whole then excluded.failed_count else greatest(f.failed_count, excluded.failed_count) end
    ), type_hour_counts as materialized (
      select
        n.robot_type, date_trunc('hour', n.minute) as hour,
        sum(n.completed_count) as completed_count, sum(n.completed_ms) as completed_ms,
        sum(n.failed_count) as failed_count, coalesce(sum(n.failed_ms), 0) as failed_ms,
        coalesce(sum(n.retried_count), 0) as retried_count, coalesce(sum(n.waited_count), 0) as waited_count,
        coalesce(sum(n.waited_ms), 0) as waited_ms, coalesce(sum(n.estimated_count), 0) as estimated_count,
        coalesce(sum(n.estimated_ms), 0) as estimated_ms, coalesce(sum(n.estimated_actual_ms), 0) as estimated_actual_ms,
        coalesce(sum(n.cpu_ms), 0) as cpu_ms, coalesce(sum(n.memory_mb_ms), 0) as memory_mb_ms,
        coalesce(sum(n.disk_io_mb), 0) as disk_io_mb, coalesce(sum(n.network_io_mb), 0) as network_io_mb,
        coalesce(sum(n.api_calls), 0) as api_calls, coalesce(sum(n.api_ms), 0) as api_ms
      from type_counts as n
      group by n.robot_type, date_trunc('hour', n.minute)
    ), old_type_hours as (
      delete from capataz_ops.type_hours as f
      where f.module_name = v_module.module_name
        and f.hour >= v_whole
        and not exists (select from type_hour_counts as n where n.robot_type = f.robot_type and n.hour = f.hour)
    ), new_type_hours as (
      insert into capataz_ops.type_hours as f (
        module_name, robot_type, hour, completed_count, completed_ms, failed_count, failed_ms, retried_count,
        waited_count, waited_ms, estimated_count, estimated_ms, estimated_actual_ms, cpu_ms, memory_mb_ms, disk_io_mb,
        network_io_mb, api_calls, api_ms
      )
      select
        v_module.module_name, n.robot_type, n.hour, n.completed_count, n.completed_ms, n.failed_count, n.failed_ms,
        n.retried_count, n.waited_count, n.waited_ms, n.estimated_count, n.estimated_ms, n.estimated_actual_ms, n.cpu_ms,
        n.memory_mb_ms, n.disk_io_mb, n.network_io_mb, n.api_calls, n.api_ms
      from type_hour_counts as n
      order by n.hour, n.robot_type  -- hours that are read together lie together
      on conflict (module_name, hour, robot_type) do update set
        completed_count = case when f.hour >= v_whole then excluded.completed_count else greatest(f.completed_count, excluded.completed_count) end,
        completed_ms = case when f.hour >= v_whole then excluded.completed_ms else greatest(f.completed_ms, excluded.completed_ms) end,
        failed_count = case when f.hour >= v_whole then excluded.failed_count else greatest(f.failed_count, excluded.failed_count) end,
        failed_ms = case when f.hour >= v_whole then excluded.failed_ms else greatest(f.failed_ms, excluded.failed_ms) end,
        retried_count = case when f.hour >= v_whole then excluded.retried_count else greatest(f.retried_count, excluded.retried_count) end,
        waited_count = case when f.hour >= v_whole then excluded.waited_count else greatest(f.waited_count, excluded.waited_count) end,
        waited_ms = case when f.hour >= v_whole then excluded.waited_ms else greatest(f.waited_ms, excluded.waited_ms) end,
        estimated_count = case when f.hour >= v_whole then excluded.estimated_count else greatest(f.estimated_count, excluded.estimated_count) end,
        estimated_ms = case when f.hour >= v_whole then excluded.estimated_ms else greatest(f.estimated_ms, excluded.estimated_ms) end,
        estimated_actual_ms = case when f.hour >= v_whole then excluded.estimated_actual_ms else greatest(f.estimated_actual_ms, excluded.estimated_actual_ms) end,
        cpu_ms = case when f.hour >= v_whole then excluded.cpu_ms else greatest(f.cpu_ms, excluded.cpu_ms) end,
        memory_mb_ms = case when f.hour >= v_whole then excluded.memory_mb_ms else greatest(f.memory_mb_ms, excluded.memory_mb_ms) end,
        disk_io_mb = case when f.hour >= v_whole then excluded.disk_io_mb else greatest(f.disk_io_mb, excluded.disk_io_mb) end,
        network_io_mb = case when f.hour >= v_whole then excluded.network_io_mb else greatest(f.network_io_mb, excluded.network_io_mb) end,
        api_calls = case when f.hour >= v_whole then excluded.api_calls else greatest(f.api_calls, excluded.api_calls) end,
        api_ms = case when f.hour >= v_whole then excluded.api_ms else greatest(f.api_ms, excluded.api_ms) end
    ), type_day_counts as materialized (
      select
        n.robot_type, n.hour::date as day,
        sum(n.completed_count) as completed_count, sum(n.completed_ms) as completed_ms,
        sum(n.failed_count) as failed_count, sum(n.failed_ms) as failed_ms, sum(n.retried_count) as retried_count,
        sum(n.waited_count) as waited_count, sum(n.waited_ms) as waited_ms, sum(n.estimated_count) as estimated_count,
        sum(n.estimated_ms) as estimated_ms, sum(n.estimated_actual_ms) as estimated_actual_ms, sum(n.cpu_ms) as cpu_ms,
        sum(n.memory_mb_ms) as memory_mb_ms, sum(n.disk_io_mb) as disk_io_mb, sum(n.network_io_mb) as network_io_mb,
        sum(n.api_calls) as api_calls, sum(n.api_ms) as api_ms
      from type_hour_counts as n
      group by n.robot_type, n.hour::date
    ), old_type_days as (
      delete from capataz_ops.type_days as f
      where f.module_name = v_module.module_name
        and f.day > v_whole::date
        and not exists (select from type_day_counts as n where n.robot_type = f.robot_type and n.day = f.day)
    ), new_type_days as (
      insert into capataz_ops.type_days as f (
        module_name, robot_type, day, completed_count, completed_ms, failed_count, failed_ms, retried_count,
        waited_count, waited_ms, estimated_count, estimated_ms, estimated_actual_ms, cpu_ms, memory_mb_ms, disk_io_mb,
        network_io_mb, api_calls, api_ms
      )
      select
        v_module.module_name, n.robot_type, n.day, n.completed_count, n.completed_ms, n.failed_count, n.failed_ms,
        n.retried_count, n.waited_count, n.waited_ms, n.estimated_count, n.estimated_ms, n.estimated_actual_ms, n.cpu_ms,
        n.memory_mb_ms, n.disk_io_mb, n.network_io_mb, n.api_calls, n.api_ms
      from type_day_counts as n
      order by n.day, n.robot_type
      on conflict (module_name, day, robot_type) do update set
        completed_count = case when f.day > v_whole::date then excluded.completed_count else greatest(f.completed_count, excluded.completed_count) end,
        completed_ms = case when f.day > v_whole::date then excluded.completed_ms else greatest(f.completed_ms, excluded.completed_ms) end,
        failed_count = case when f.day > v_whole::date then excluded.failed_count else greatest(f.failed_count, excluded.failed_count) end,
        failed_ms = case when f.day > v_whole::date then excluded.failed_ms else greatest(f.failed_ms, excluded.failed_ms) end,
        retried_count = case when f.day > v_whole::date then excluded.retried_count else greatest(f.retried_count, excluded.retried_count) end,
        waited_count = case when f.day > v_whole::date then excluded.waited_count else greatest(f.waited_count, excluded.waited_count) end,
        waited_ms = case when f.day > v_whole::date then excluded.waited_ms else greatest(f.waited_ms, excluded.waited_ms) end,
        estimated_count = case when f.day > v_whole::date then excluded.estimated_count else greatest(f.estimated_count, excluded.estimated_count) end,
        estimated_ms = case when f.day > v_whole::date then excluded.estimated_ms else greatest(f.estimated_ms, excluded.estimated_ms) end,
        estimated_actual_ms = case when f.day > v_whole::date then excluded.estimated_actual_ms else greatest(f.estimated_actual_ms, excluded.estimated_actual_ms) end,
        cpu_ms = case when f.day > v_whole::date then excluded.cpu_ms else greatest(f.cpu_ms, excluded.cpu_ms) end,
        memory_mb_ms = case when f.day > v_whole::date then excluded.memory_mb_ms else greatest(f.memory_mb_ms, excluded.memory_mb_ms) end,
        disk_io_mb = case when f.day > v_whole::date then excluded.disk_io_mb else greatest(f.disk_io_mb, excluded.disk_io_mb) end,
        network_io_mb = case when f.day > v_whole::date then excluded.network_io_mb else greatest(f.network_io_mb, excluded.network_io_mb) end,
        api_calls = case when f.day > v_whole::date then excluded.api_calls else greatest(f.api_calls, excluded.api_calls) end,
        api_ms = case when f.day > v_whole::date then excluded.api_ms else greatest(f.api_ms, excluded.api_ms) end
    ), minutes as materialized (
      select
        u.minute, sum(u.completed) as completed_count, sum(u.completed_ms) as completed_ms, sum(u.failed) as failed_count,
        sum(u.retried) as retried_count, sum(u.good) as good_checks, sum(u.bad) as failed_checks
      from (
        select
          date_trunc('minute', e.completed_at) as minute,
          case when e.execution_state = 'COMPLETED' then 1 else 0 end as completed,
          case when e.execution_state = 'COMPLETED' then e.duration_ms else 0 end as completed_ms,
          case when e.execution_state = 'FAILED' then 1 else 0 end as failed,
          case
            when e.execution_state = 'COMPLETED' then 0
            when e.answered_status is null and exists (
              select
              from capataz.robot_execute as l
              where l.robot_id = e.robot_id
                and l.started_at >= e.completed_at
                and l.execute_id <> e.execute_id
            ) then 1
            when capataz_ops._is_retried(e.answered_status, e.robot_id) then 1
            else 0
          end as retried,
          0 as good,
          0 as bad
        from capataz.robot_execute as e
        where e.module_name = v_module.module_name
          and e.execution_state in ('COMPLETED', 'FAILED')
          and e.completed_at >= v_minutes
        union all
        select
          date_trunc('minute', c.checked_at), 0, 0, 0, 0,
          case when c.is_healthy then 1 else 0 end, case when c.is_healthy then 0 else 1 end
        from capataz_ops.health_checks as c
        where c.module_name = v_module.module_name
          and c.checked_at >= v_minutes
      ) as u
      group by u.minute
    ), old_minutes as (
      delete from capataz_ops.module_minutes as f
      where f.module_name = v_module.module_name
        and f.minute >= v_whole
        and not exists (select from minutes as n where n.minute = f.minute)
    ), new_minutes as (
      insert into capataz_ops.module_minutes as f (
        module_name, minute, completed_count, completed_ms, failed_count, retried_count, good_checks, failed_checks
      )
      select
        v_module.module_name, n.minute, n.completed_count, n.completed_ms, n.failed_count, n.retried_count, n.good_checks,
        n.failed_checks
      from minutes as n
      on conflict (module_name, minute) do update set
        completed_count = case when f.minute >= v_whole then excluded.completed_count else greatest(f.completed_count, excluded.completed_count) end,
        completed_ms = case when f.minute >= v_whole then excluded.completed_ms else greatest(f.completed_ms, excluded.completed_ms) end,
        failed_count = case when f.minute >= v_whole then excluded.failed_count else greatest(f.failed_count, excluded.failed_count) end,
        retried_count = case when f.minute >= v_whole then excluded.retried_count else greatest(f.retried_count, excluded.retried_count) end,
        good_checks = case when f.minute >= v_whole then excluded.good_checks else greatest(f.good_checks, excluded.good_checks) end,
        failed_checks = case when f.minute >= v_whole then excluded.failed_checks else greatest(f.failed_checks, excluded.failed_checks) end
    ), buckets as materialized (
      select v.measure, p.period, p.period_start, capataz_ops._bucket(v.value) as bucket, count(*) as bucket_count
      from capataz.robot_execute as e
      cross join lateral (
        values ('duration', e.duration_ms), ('efficiency', (coalesce(e.efficiency_score, 1) * 100)::integer)
      ) as v (measure, value)
      cross join lateral (
        select
          case when e.completed_at >= v_hours then 'hour' else 'day' end as period,
          date_trunc(case when e.completed_at >= v_hours then 'hour' else 'day' end, e.completed_at) as period_start
      ) as p
      where e.module_name = v_module.module_name
        and e.execution_state = 'COMPLETED'
        and e.completed_at >= v_days
      group by v.measure, p.period, p.period_start, capataz_ops._bucket(v.value)
    ), old_buckets as (
      delete from capataz_ops.module_histograms as h
      where h.module_name = v_module.module_name
        and h.period_start >= v_purged
        and not exists (
          select
          from buckets as n
          where n.measure = h.measure
            and n.period = h.period
            and n.period_start = h.period_start
            and n.bucket = h.bucket
        )
    ), new_buckets as (
      insert into capataz_ops.module_histograms as h (module_name, measure, period, period_start, bucket, bucket_count)
      select v_module.module_name, n.measure, n.period, n.period_start, n.bucket, n.bucket_count
      from buckets as n
      on conflict (module_name, measure, period, period_start, bucket) do update set
        bucket_count = case when h.period_start >= v_purged then excluded.bucket_count else greatest(h.bucket_count, excluded.bucket_count) end
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
  perform capataz_ops._rebuild_steps(), capataz_ops._rebuild_errors();
end
$$;

comment on function capataz.rebuild_derived() is
  'Recomputes derived state from the three core tables.';

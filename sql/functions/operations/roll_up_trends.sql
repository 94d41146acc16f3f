-- capataz.roll_up_trends() -> integer: hours that were rolled up
--
-- Makes hours out of the minutes of the trends: each hour that is over, has samples and was not rolled up yet, however long
-- nobody called, and wherever the clock was meanwhile. Means, and maxima where they matter; sample_count tells of gaps. Done
-- twice it changes nothing.
-- Locks:  none that others wait for. Writes: module_trend_hours, fleet_trend_hours. Raises: nothing.
create or replace function capataz.roll_up_trends()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_until constant timestamp := date_trunc('hour', capataz.utc_now());
  v_hours timestamp[];
  v_hour timestamp;
begin
  select array_agg(distinct date_trunc('hour', f.sampled_at)) into v_hours
  from capataz_ops.fleet_trends as f
  where f.sampled_at < v_until
    and not exists (
      select
      from capataz_ops.fleet_trend_hours as h
      where h.hour = date_trunc('hour', f.sampled_at)
    );
  if v_hours is null then
    return 0;
  end if;

  foreach v_hour in array v_hours loop
    perform capataz_ops._make_partition(
      'module_trend_hours', date_trunc('month', v_hour), date_trunc('month', v_hour) + interval '1 month'
    );
    -- minutes in which a module had no row were idle: the mean is over all samples of the hour
    insert into capataz_ops.module_trend_hours (
      module_name, hour, sample_count, pending, retrying, not_due, waiting_max, in_flight, in_flight_max, capacity,
      oldest_due_seconds, cpu_percent, memory_mb, disk_io_mb, network_io_mb, is_estimate
    )
    select
      t.module_name,
      v_hour,
      s.sample_count,
      array[
        sum(t.pending[1])::double precision / s.sample_count, sum(t.pending[2])::double precision / s.sample_count,
        sum(t.pending[3])::double precision / s.sample_count, sum(t.pending[4])::double precision / s.sample_count
      ],
      array[
        sum(t.retrying[1])::double precision / s.sample_count, sum(t.retrying[2])::double precision / s.sample_count,
        sum(t.retrying[3])::double precision / s.sample_count, sum(t.retrying[4])::double precision / s.sample_count
      ],
      sum(t.not_due)::double precision / s.sample_count,
      max(w.waiting),
      sum(t.in_flight)::double precision / s.sample_count,
      max(t.in_flight),
      max(t.capacity),
      max(t.oldest_due_seconds),
      sum(t.cpu_percent)::double precision / s.sample_count,
      sum(t.memory_mb)::double precision / s.sample_count,
      sum(t.disk_io_mb)::double precision / s.sample_count,
      sum(t.network_io_mb)::double precision / s.sample_count,
      bool_or(t.is_estimate)
    from capataz_ops.module_trends as t
    cross join lateral (select sum(u.n)::integer as waiting from unnest(t.pending || t.retrying) as u (n)) as w
    cross join (
      select count(*)::integer as sample_count
      from capataz_ops.fleet_trends as f
      where f.sampled_at >= v_hour
        and f.sampled_at < v_hour + interval '1 hour'
    ) as s
    where t.sampled_at >= v_hour
      and t.sampled_at < v_hour + interval '1 hour'
    group by t.module_name, s.sample_count
    on conflict (module_name, hour) do nothing;

    insert into capataz_ops.fleet_trend_hours (
      hour, sample_count, cache_hit_percent, database_bytes, dead_robots, dead_executions, dead_modules,
      oldest_snapshot_seconds, replication_lag_seconds, replication_lag_bytes, archive_lag_seconds, sample_ms
    )
    select
      v_hour, count(*), avg(f.cache_hit_percent), avg(f.database_bytes), max(f.dead_robots), max(f.dead_executions),
      max(f.dead_modules), max(f.oldest_snapshot_seconds), max(f.replication_lag_seconds), max(f.replication_lag_bytes),
      max(f.archive_lag_seconds), avg(f.sample_ms)
    from capataz_ops.fleet_trends as f
    where f.sampled_at >= v_hour
      and f.sampled_at < v_hour + interval '1 hour'
    on conflict (hour) do nothing;
  end loop;
  return cardinality(v_hours);
end
$$;

comment on function capataz.roll_up_trends() is
  'Makes hours out of the minutes of the trends; returns how many hours.';

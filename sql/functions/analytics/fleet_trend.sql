-- capataz.fleet_trend(p_from, p_to, p_step_seconds) -> rows, one per step, the earliest first
--
-- Figures of the database over time (specification 5.2): cache hit rate, size, dead rows of the three tables, age of the
-- oldest snapshot, how far replicas and the archive are behind, what a sample costs. Means of cache_hit_percent,
-- database_bytes and sample_ms, maxima of the rest; null where it cannot be seen. Steps and gaps as in resource_trend.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 you may not reach every module.
create or replace function capataz.fleet_trend(
  p_from timestamp default null,
  p_to timestamp default null,
  p_step_seconds bigint default null
)
  returns table (
    step_at timestamp,
    sample_count bigint,
    cache_hit_percent numeric,
    database_bytes bigint,
    dead_robots bigint,
    dead_executions bigint,
    dead_modules bigint,
    oldest_snapshot_seconds bigint,
    replication_lag_seconds double precision,
    replication_lag_bytes bigint,
    archive_lag_seconds bigint,
    sample_ms double precision
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_range record;
  v_rolled timestamp;
begin
  perform capataz_ops._require_fleet();
  select r.from_at, r.to_at, r.step, r.is_hourly into v_range
  from capataz_ops._trend_range(p_from, p_to, p_step_seconds) as r;
  v_rolled := case
    when v_range.is_hourly
      then (
        select max(h.hour) + interval '1 hour'
        from capataz_ops.fleet_trend_hours as h
        where h.hour < capataz.utc_now()  -- a clock that was ahead has left others
      )
  end;
  v_rolled := coalesce(v_rolled, '-infinity');

  return query
  with figures as (
    select
      date_bin(v_range.step, f.sampled_at, v_range.from_at) as at, 1 as n, f.cache_hit_percent, f.database_bytes, f.dead_robots,
      f.dead_executions, f.dead_modules, f.oldest_snapshot_seconds, f.replication_lag_seconds, f.replication_lag_bytes,
      f.archive_lag_seconds, f.sample_ms
    from capataz_ops.fleet_trends as f
    where f.sampled_at >= greatest(v_range.from_at, v_rolled)
      and f.sampled_at < v_range.to_at
    union all
    select
      date_bin(v_range.step, h.hour, v_range.from_at), h.sample_count, h.cache_hit_percent, h.database_bytes, h.dead_robots,
      h.dead_executions, h.dead_modules, h.oldest_snapshot_seconds, h.replication_lag_seconds, h.replication_lag_bytes,
      h.archive_lag_seconds, h.sample_ms
    from capataz_ops.fleet_trend_hours as h
    where v_range.is_hourly
      and h.hour >= v_range.from_at
      and h.hour < least(v_range.to_at, v_rolled)
  )
  select
    g.at,
    coalesce(sum(f.n), 0)::bigint,
    round(sum(f.n * f.cache_hit_percent) / nullif(sum(f.n) filter (where f.cache_hit_percent is not null), 0), 2),
    (sum(f.n * f.database_bytes) / nullif(sum(f.n) filter (where f.database_bytes is not null), 0))::bigint,
    max(f.dead_robots),
    max(f.dead_executions),
    max(f.dead_modules),
    max(f.oldest_snapshot_seconds),
    max(f.replication_lag_seconds),
    max(f.replication_lag_bytes),
    max(f.archive_lag_seconds),
    sum(f.n * f.sample_ms) / nullif(sum(f.n), 0)
  from generate_series(v_range.from_at, v_range.to_at - interval '1 microsecond', v_range.step) as g (at)
  left join figures as f on f.at = g.at
  group by g.at
  order by g.at;
end
$$;

comment on function capataz.fleet_trend(timestamp, timestamp, bigint) is
  'Figures of the database over time: cache, size, dead rows, snapshots, lag. RB400, RB401, RB403.';

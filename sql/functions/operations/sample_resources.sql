-- capataz.sample_resources() -> integer: modules with a row in the sample; 0 where this minute is sampled already
--
-- Takes the sample of the minute under way (specification 5.2: resource usage trending): per module the queue by status and
-- priority, the age of the oldest due robot, what runs and what that uses; over all modules their sum; of the database the
-- cache, its size, dead rows, the oldest snapshot, how far replicas and the archive are behind. Never counts history.
-- A queue that took more than 50 ms to count is counted again once a hundred times as long has passed, and marked
-- is_estimate in between; so are queues that the call has no time left for (10 s). Modules that are idle get no row
-- (ADR 0024).
-- Locks:  jobs row, as run_job; none else that others wait for. Writes: module_trends, fleet_trends, queue_counts. Raises: nothing.
create or replace function capataz.sample_resources()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_begun constant timestamptz := clock_timestamp();
  v_now constant timestamp := capataz.utc_now();
  v_minute constant timestamp := date_trunc('minute', v_now);
  v_module record;
  v_known capataz_ops.queue_counts;
  v_counts record;
  v_started timestamptz;
  v_cost double precision;
  v_is_estimate boolean;
  v_rows integer;
begin
  perform capataz_ops._make_partition(
    'module_trends', date_trunc('day', v_now), date_trunc('day', v_now) + interval '1 day'
  );
  -- one after the other: the second one finds what the first one wrote
  perform from capataz_ops.jobs as j where j.job_name = 'sample_resources' for no key update;
  if exists (select from capataz_ops.fleet_trends as f where f.sampled_at = v_minute) then
    return 0;
  end if;

  for v_module in
    select m.module_name, s.max_concurrency, capataz_ops._oldest_due(m.module_name, v_now) as oldest_due, e.*
    from capataz.module_registry as m
    join capataz_ops.module_settings as s on s.module_name = m.module_name
    cross join lateral (
      select
        count(*)::integer as in_flight,
        coalesce(sum(a.cpu_usage_percent), 0) as cpu_percent,
        coalesce(sum(a.memory_usage_mb), 0) as memory_mb,
        coalesce(sum(a.disk_io_mb), 0) as disk_io_mb,
        coalesce(sum(a.network_io_mb), 0) as network_io_mb
      from capataz.robot_execute as a
      where a.module_name = m.module_name
        and a.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
    ) as e
    order by m.module_name
  loop
    select q.* into v_known
    from capataz_ops.queue_counts as q
    where q.module_name = v_module.module_name;
    v_is_estimate :=
      v_known.next_count_at between v_now + interval '1 microsecond' and v_now + interval '1 day'
      or clock_timestamp() > v_begun + interval '10 seconds';
    if coalesce(v_is_estimate, false) then
      v_counts := v_known;
    else
      v_started := clock_timestamp();
      select c.pending, c.retrying, c.not_due into v_counts
      from capataz_ops._queue_counts(v_module.module_name, v_now) as c;
      v_cost := (extract(epoch from clock_timestamp() - v_started) * 1000)::double precision;
      if v_cost > 50 then
        insert into capataz_ops.queue_counts as q (
          module_name, counted_at, next_count_at, cost_ms, pending, retrying, not_due
        )
        values (
          v_module.module_name, v_now, v_now + v_cost * interval '100 milliseconds', v_cost, v_counts.pending,
          v_counts.retrying, v_counts.not_due
        )
        on conflict (module_name) do update set
          counted_at = excluded.counted_at,
          next_count_at = excluded.next_count_at,
          cost_ms = excluded.cost_ms,
          pending = excluded.pending,
          retrying = excluded.retrying,
          not_due = excluded.not_due;
      elsif v_known.module_name is not null then
        delete from capataz_ops.queue_counts as q where q.module_name = v_module.module_name;
      end if;
    end if;

    insert into capataz_ops.module_trends (
      module_name, sampled_at, pending, retrying, not_due, in_flight, capacity, oldest_due_seconds, cpu_percent, memory_mb,
      disk_io_mb, network_io_mb, is_estimate
    )
    select
      v_module.module_name, v_minute, c.pending, c.retrying, c.not_due, v_module.in_flight, v_module.max_concurrency,
      case
        when v_module.oldest_due is not null
          then least(extract(epoch from v_now - v_module.oldest_due), 2147483647)::integer
      end,
      v_module.cpu_percent, v_module.memory_mb,
      v_module.disk_io_mb, v_module.network_io_mb, coalesce(v_is_estimate, false)
    from (
      select
        coalesce(v_counts.pending, array[0, 0, 0, 0]) as pending,
        coalesce(v_counts.retrying, array[0, 0, 0, 0]) as retrying,
        coalesce(v_counts.not_due, 0) as not_due
    ) as c
    where v_module.in_flight > 0
      or v_module.oldest_due is not null
      or c.not_due > 0
      or (c.pending, c.retrying) <> (array[0, 0, 0, 0], array[0, 0, 0, 0]);
  end loop;

  insert into capataz_ops.module_trends (
    module_name, sampled_at, pending, retrying, not_due, in_flight, capacity, oldest_due_seconds, cpu_percent, memory_mb,
    disk_io_mb, network_io_mb, is_estimate
  )
  select
    '',
    v_minute,
    array[
      coalesce(sum(t.pending[1]), 0), coalesce(sum(t.pending[2]), 0), coalesce(sum(t.pending[3]), 0),
      coalesce(sum(t.pending[4]), 0)
    ]::integer[],
    array[
      coalesce(sum(t.retrying[1]), 0), coalesce(sum(t.retrying[2]), 0), coalesce(sum(t.retrying[3]), 0),
      coalesce(sum(t.retrying[4]), 0)
    ]::integer[],
    coalesce(sum(t.not_due), 0),
    coalesce(sum(t.in_flight), 0),
    (
      select case when bool_and(s.max_concurrency is not null) then sum(s.max_concurrency) end
      from capataz_ops.module_settings as s
    ),
    max(t.oldest_due_seconds),
    coalesce(sum(t.cpu_percent), 0),
    coalesce(sum(t.memory_mb), 0),
    coalesce(sum(t.disk_io_mb), 0),
    coalesce(sum(t.network_io_mb), 0),
    coalesce(bool_or(t.is_estimate), false)
  from capataz_ops.module_trends as t
  where t.sampled_at = v_minute;

  select count(*)::integer into v_rows
  from capataz_ops.module_trends as t
  where t.sampled_at = v_minute
    and t.module_name <> '';

  insert into capataz_ops.fleet_trends (
    sampled_at, blocks_hit, blocks_read, cache_hit_percent, database_bytes, dead_robots, dead_executions, dead_modules,
    oldest_snapshot_seconds, replication_lag_seconds, replication_lag_bytes, archive_lag_seconds, sample_ms
  )
  select
    v_minute,
    d.blks_hit,
    d.blks_read,
    -- of the time since the sample before; counters that fell were reset
    case
      when d.blks_hit >= l.blocks_hit and d.blks_read >= l.blocks_read
        then round(
          100.0 * (d.blks_hit - l.blocks_hit)
          / nullif(d.blks_hit - l.blocks_hit + d.blks_read - l.blocks_read, 0), 2
        )
    end,
    case when has_database_privilege(d.datid, 'connect') then pg_database_size(d.datid) end,
    pg_stat_get_dead_tuples('capataz.robots'::regclass),
    pg_stat_get_dead_tuples('capataz.robot_execute'::regclass),
    pg_stat_get_dead_tuples('capataz.module_registry'::regclass),
    (
      select greatest(
        (
          select max(extract(epoch from clock_timestamp() - a.xact_start))
          from pg_stat_activity as a
          where a.backend_xmin is not null
            and a.pid <> pg_backend_pid()
        ),
        (select max(extract(epoch from clock_timestamp() - x.prepared)) from pg_prepared_xacts as x)
      )
    )::bigint,
    (select max(extract(epoch from r.replay_lag)) from pg_stat_replication as r),
    (select max(pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn))::bigint from pg_stat_replication as r),
    (
      -- 0 where the segment before the current one is archived: nothing waits
      select case
        when left(a.last_archived_wal, 24)
             >= pg_walfile_name(pg_current_wal_lsn() - pg_size_bytes(current_setting('wal_segment_size')))
          then 0
        else extract(epoch from clock_timestamp() - a.last_archived_time)::bigint
      end
      from pg_stat_archiver as a
      where current_setting('archive_mode') <> 'off'
    ),
    extract(epoch from clock_timestamp() - v_begun) * 1000
  from pg_stat_database as d
  left join lateral (
    select f.blocks_hit, f.blocks_read
    from capataz_ops.fleet_trends as f
    where f.sampled_at < v_minute
    order by f.sampled_at desc
    limit 1
  ) as l on true
  where d.datname = current_database();
  return v_rows;
end
$$;

comment on function capataz.sample_resources() is
  'Takes the sample of this minute: queues, resources, database; returns how many modules were not idle.';

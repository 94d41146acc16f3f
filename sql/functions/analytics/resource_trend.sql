-- capataz.resource_trend(p_module_name, p_from, p_to, p_step_seconds) -> rows, one per step, the earliest first
--
-- Queue and resources over time (specification 5.2: resource usage trending), from the samples of each minute: means over
-- the step; maxima of waiting_max, in_flight_max and oldest_due_seconds. Every step has a row; sample_count 0 and nulls are
-- a gap: nobody took samples. is_estimate: the queue was too deep to be counted every minute (ADR 0024).
-- p_module_name: null for the sum over all modules that the caller may reach. Times UTC: p_to null = now, p_from null = a day
-- before; 400 days at most. p_step_seconds: 60 and more, at most 2000 steps; null: some 240 of them. Steps of an hour and
-- more, and ranges that begin more than 30 days ago, are read from hours.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.resource_trend(
  p_module_name text default null,
  p_from timestamp default null,
  p_to timestamp default null,
  p_step_seconds bigint default null
)
  returns table (
    step_at timestamp,
    sample_count bigint,
    waiting_low numeric,
    waiting_normal numeric,
    waiting_high numeric,
    waiting_critical numeric,
    pending numeric,
    retrying numeric,
    not_due numeric,
    waiting_max bigint,
    oldest_due_seconds bigint,
    in_flight numeric,
    in_flight_max bigint,
    capacity bigint,
    cpu_percent numeric,
    memory_mb numeric,
    disk_io_mb numeric,
    network_io_mb numeric,
    is_estimate boolean
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
  v_modules text[] := capataz_ops._scope('read');
  v_range record;
  v_rolled timestamp;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
    v_modules := array[p_module_name];
  end if;
  v_modules := coalesce(v_modules, array['']);  -- the row of the sum
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
  with samples as (
    select date_bin(v_range.step, f.sampled_at, v_range.from_at) as at, count(*) as n
    from capataz_ops.fleet_trends as f
    where f.sampled_at >= greatest(v_range.from_at, v_rolled)
      and f.sampled_at < v_range.to_at
    group by 1
    union all
    select date_bin(v_range.step, h.hour, v_range.from_at), sum(h.sample_count)
    from capataz_ops.fleet_trend_hours as h
    where v_range.is_hourly
      and h.hour >= v_range.from_at
      and h.hour < least(v_range.to_at, v_rolled)
    group by 1
  ), counted as (
    select s.at, sum(s.n)::bigint as n
    from samples as s
    group by s.at
  ), figures as (
    select
      date_bin(v_range.step, t.sampled_at, v_range.from_at) as at, t.sampled_at as sampled_at, 1 as n,
      t.pending::double precision[] as pending, t.retrying::double precision[] as retrying,
      t.not_due::double precision as not_due,
      t.pending[1] + t.pending[2] + t.pending[3] + t.pending[4]
      + t.retrying[1] + t.retrying[2] + t.retrying[3] + t.retrying[4] as waiting_max,
      t.oldest_due_seconds, t.in_flight::double precision as in_flight, t.in_flight as in_flight_max, t.capacity,
      t.cpu_percent::double precision as cpu_percent, t.memory_mb::double precision as memory_mb,
      t.disk_io_mb::double precision as disk_io_mb, t.network_io_mb::double precision as network_io_mb, t.is_estimate
    from capataz_ops.module_trends as t
    where t.module_name = any (v_modules)
      and t.sampled_at >= greatest(v_range.from_at, v_rolled)
      and t.sampled_at < v_range.to_at
    union all
    select
      date_bin(v_range.step, h.hour, v_range.from_at), h.hour, h.sample_count, h.pending, h.retrying, h.not_due,
      h.waiting_max, h.oldest_due_seconds, h.in_flight, h.in_flight_max, h.capacity, h.cpu_percent, h.memory_mb,
      h.disk_io_mb, h.network_io_mb, h.is_estimate
    from capataz_ops.module_trend_hours as h
    where v_range.is_hourly
      and h.module_name = any (v_modules)
      and h.hour >= v_range.from_at
      and h.hour < least(v_range.to_at, v_rolled)
  ), moments as (  -- modules side by side are added up
    select
      f.at, f.sampled_at,
      sum(f.n * f.pending[1]) as pending_1, sum(f.n * f.pending[2]) as pending_2, sum(f.n * f.pending[3]) as pending_3,
      sum(f.n * f.pending[4]) as pending_4,
      sum(f.n * f.retrying[1]) as retrying_1, sum(f.n * f.retrying[2]) as retrying_2, sum(f.n * f.retrying[3]) as retrying_3,
      sum(f.n * f.retrying[4]) as retrying_4,
      sum(f.n * f.not_due) as not_due, sum(f.waiting_max) as waiting_max, max(f.oldest_due_seconds) as oldest_due_seconds,
      sum(f.n * f.in_flight) as in_flight, sum(f.in_flight_max) as in_flight_max, sum(f.capacity) as capacity,
      sum(f.n * f.cpu_percent) as cpu_percent, sum(f.n * f.memory_mb) as memory_mb, sum(f.n * f.disk_io_mb) as disk_io_mb,
      sum(f.n * f.network_io_mb) as network_io_mb, bool_or(f.is_estimate) as is_estimate
    from figures as f
    group by f.at, f.sampled_at
  ), summed as (
    select
      o.at,
      sum(o.pending_1 + o.retrying_1) as low, sum(o.pending_2 + o.retrying_2) as normal,
      sum(o.pending_3 + o.retrying_3) as high, sum(o.pending_4 + o.retrying_4) as critical,
      sum(o.pending_1 + o.pending_2 + o.pending_3 + o.pending_4) as pending,
      sum(o.retrying_1 + o.retrying_2 + o.retrying_3 + o.retrying_4) as retrying,
      sum(o.not_due) as not_due, max(o.waiting_max) as waiting_max, max(o.oldest_due_seconds) as oldest_due_seconds,
      sum(o.in_flight) as in_flight, max(o.in_flight_max) as in_flight_max, max(o.capacity) as capacity,
      sum(o.cpu_percent) as cpu_percent, sum(o.memory_mb) as memory_mb, sum(o.disk_io_mb) as disk_io_mb,
      sum(o.network_io_mb) as network_io_mb, bool_or(o.is_estimate) as is_estimate
    from moments as o
    group by o.at
  )
  select
    g.at,
    coalesce(c.n, 0),
    case when c.n > 0 then round((coalesce(s.low, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.normal, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.high, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.critical, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.pending, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.retrying, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.not_due, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then coalesce(s.waiting_max, 0)::bigint end,
    s.oldest_due_seconds::bigint,
    case when c.n > 0 then round((coalesce(s.in_flight, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then coalesce(s.in_flight_max, 0)::bigint end,
    s.capacity::bigint,
    case when c.n > 0 then round((coalesce(s.cpu_percent, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.memory_mb, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.disk_io_mb, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then round((coalesce(s.network_io_mb, 0) / c.n)::numeric, 2) end,
    case when c.n > 0 then coalesce(s.is_estimate, false) end
  from generate_series(v_range.from_at, v_range.to_at - interval '1 microsecond', v_range.step) as g (at)
  left join counted as c on c.at = g.at
  left join summed as s on s.at = g.at
  order by g.at;
end
$$;

comment on function capataz.resource_trend(text, timestamp, timestamp, bigint) is
  'Queue and resources over time, of one module or all. RB400, RB401, RB403, RB404.';

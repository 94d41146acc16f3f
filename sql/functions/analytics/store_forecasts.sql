-- capataz.store_forecasts() -> integer: forecasts it stored
--
-- Stores for each module in which due robots wait when its backlog will be empty, and compares what was stored before with what
-- came (specification 4.2, ADR 0025): a backlog was empty at the first sample of its queue (sample_resources) after the forecast
-- in which no due robot waits; where nobody takes samples, when this finds none. Where nobody looked for a while before, it is not
-- compared. After 24 hours, or twice the time forecast where that is longer, a forecast is no longer watched. Kept for 90 days.
-- queue_forecast shows the latest of all modules from here.
-- Safe at any time, by anyone, twice at once: while another session is at it, it returns 0.
-- Locks:  one row of walks (skip locked). Writes: queue_forecasts. Raises: nothing.
create or replace function capataz.store_forecasts()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_stored integer;
begin
  perform from capataz_ops.walks as w where w.walk_name = 'store_forecasts' for no key update skip locked;
  if not found then
    return 0;
  end if;

  update capataz_ops.queue_forecasts as q
  set ended_at = v_now,
      actual_seconds = case
        -- nobody looked for a while: when it was empty is not known
        when s.empty_at - s.seen_at > interval '3 minutes' or s.empty_at is null and v_now - s.seen_at > interval '15 minutes'
          then null
        else extract(epoch from coalesce(s.empty_at, case when s.is_empty_now then v_now end) - q.made_at)
      end
  from (
    select
      o.module_name, o.made_at, capataz_ops._oldest_due(o.module_name, v_now) is null as is_empty_now, e.empty_at,
      -- when it was last seen not to be empty: at a sample, or at a later forecast
      greatest(
        (
          select max(f.sampled_at)
          from capataz_ops.fleet_trends as f
          where f.sampled_at > o.made_at
            and f.sampled_at < coalesce(e.empty_at, v_now)
        ),
        (
          select max(l.made_at)
          from capataz_ops.queue_forecasts as l
          where l.module_name = o.module_name
            and l.made_at < coalesce(e.empty_at, v_now)
        )
      ) as seen_at
    from capataz_ops.queue_forecasts as o
    left join lateral (
      select f.sampled_at as empty_at
      from capataz_ops.fleet_trends as f
      left join capataz_ops.module_trends as t on t.module_name = o.module_name and t.sampled_at = f.sampled_at
      where f.sampled_at > o.made_at
        and f.sampled_at <= v_now
        and t.oldest_due_seconds is null
      order by f.sampled_at
      limit 1
    ) as e on true
    where o.ended_at is null
  ) as s
  where q.module_name = s.module_name
    and q.made_at = s.made_at
    and (
      s.empty_at is not null
      or s.is_empty_now
      or q.made_at < v_now - greatest(interval '24 hours', 2 * least(q.forecast_seconds, 3153600000) * interval '1 second')
    );

  insert into capataz_ops.queue_forecasts as q (
    module_name, made_at, waiting, forecast_seconds, not_due, in_flight, busy, arrivals_per_minute, done_seconds, late_count,
    late_robot_ids, basis, is_estimate
  )
  select
    m.module_name, v_now, f.waiting, f.empty_seconds, f.not_due, f.in_flight, f.busy, f.arrivals_per_minute, f.done_seconds,
    f.late_count, f.late_robot_ids, f.basis, f.is_estimate
  from capataz.module_registry as m
  cross join lateral capataz_ops._forecast(m.module_name, v_now, 500) as f
  where capataz_ops._oldest_due(m.module_name, v_now) is not null
    and f.waiting > 0
  on conflict (module_name, made_at) do nothing;
  get diagnostics v_stored = row_count;

  delete from capataz_ops.queue_forecasts as q where q.made_at < v_now - interval '90 days';
  return v_stored;
end
$$;

comment on function capataz.store_forecasts() is
  'Stores when backlogs will be empty, and compares past forecasts; returns how many it stored. Run by a job.';

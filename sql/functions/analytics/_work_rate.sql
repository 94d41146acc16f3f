-- capataz_ops._work_rate(p_module_name, p_now) -> one row (busy, minutes, ended, arrivals)
--
-- How fast a module works: busy = how many attempts it has had under way on average while it was not idle, failed ones
-- included, over the last 15 minutes, or the last hour, 6 or 24 hours where fewer than 30 executions ended in less: as the samples
-- of the queue saw it while robots waited, or, where there are not 5 such, the time of what ended by the time that passed. minutes:
-- how long it was not idle of these. arrivals: robots that came in a minute (the median of the minutes since the last idle one,
-- so that a batch submitted at once is no steady stream), from the samples of queues; 0 where there are not 5 of them.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._work_rate(p_module_name text, p_now timestamp)
  returns table (busy double precision, minutes double precision, ended bigint, arrivals double precision)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_window integer;
  v_from timestamp;
  v_first timestamp;
  v_idle timestamp;
  v_ms numeric;
  v_seen double precision;
begin
  busy := null;
  ended := 0;
  arrivals := 0;
  foreach v_window in array array[15, 60, 360, 1440] loop
    v_from := date_trunc('minute', p_now) - make_interval(mins => v_window);
    -- failed time is known by the hour: it is spread over completed time of the type
    select sum(f.completed_count + f.failed_count)::bigint, min(f.minute), sum(f.completed_ms * t.failing)
    into ended, v_first, v_ms
    from (
      select u.robot_type, u.minute, sum(u.completed_count) as completed_count, sum(u.failed_count) as failed_count,
        sum(u.completed_ms) as completed_ms
      from (
        select m.robot_type, m.minute, m.completed_count, m.failed_count, m.completed_ms
        from capataz_ops.type_minutes as m
        where m.module_name = p_module_name
          and m.minute >= v_from
        union all
        select d.robot_type, d.minute, d.completed_count, d.failed_count, d.completed_ms
        from capataz_ops.type_deltas as d
        where d.module_name = p_module_name
          and d.minute >= v_from
      ) as u
      group by u.robot_type, u.minute
    ) as f
    left join lateral (
      select coalesce(1 + sum(h.failed_ms) / nullif(sum(h.completed_ms), 0), 1) as failing
      from capataz_ops.type_hours as h
      where h.module_name = p_module_name
        and h.robot_type = f.robot_type
        and h.hour >= date_trunc('hour', p_now) - interval '23 hours'
    ) as t on true;
    exit when ended >= 30;
  end loop;
  ended := coalesce(ended, 0);
  if ended = 0 then
    return next;
    return;
  end if;

  -- the last minute that was sampled and idle; where nobody takes samples, before the first end
  select max(s.sampled_at) into v_idle
  from capataz_ops.fleet_trends as s
  left join capataz_ops.module_trends as t on t.module_name = p_module_name and t.sampled_at = s.sampled_at
  where s.sampled_at >= v_from
    and s.sampled_at <= p_now
    and coalesce(t.in_flight, 0) = 0;
  v_from := greatest(v_from, coalesce(v_idle, v_first));
  minutes := greatest(extract(epoch from p_now - v_from) / 60, 1.0 / 60)::double precision;
  busy := v_ms::double precision / (minutes * 60000);

  -- seen is better than reckoned: attempts that ended began before the window
  select avg(t.in_flight)::double precision into v_seen
  from capataz_ops.module_trends as t
  where t.module_name = p_module_name
    and t.sampled_at > v_from
    and t.oldest_due_seconds is not null
  having count(*) >= 5;
  busy := coalesce(nullif(v_seen, 0), busy);

  select percentile_cont(0.5) within group (order by s.waiting - s.before + e.ended) into arrivals
  from (
    select
      w.sampled_at, w.waiting,
      lag(w.waiting) over (order by w.sampled_at) as before,
      lag(w.sampled_at) over (order by w.sampled_at) as before_at
    from (
      select t.sampled_at, t.in_flight + (select sum(n.n) from unnest(t.pending || t.retrying) as n (n)) as waiting
      from capataz_ops.module_trends as t
      where t.module_name = p_module_name
        and t.sampled_at > v_from
        and not t.is_estimate
      order by t.sampled_at desc
      limit 60
    ) as w
  ) as s
  cross join lateral (
    select coalesce(sum(m.completed_count + m.failed_count - m.retried_count), 0) as ended
    from capataz_ops.module_minutes as m
    where m.module_name = p_module_name
      and m.minute >= s.before_at
      and m.minute < s.sampled_at
  ) as e
  where s.before is not null
  having count(*) >= 5;
  arrivals := greatest(coalesce(arrivals, 0), 0);
  return next;
end
$$;

comment on function capataz_ops._work_rate(text, timestamp) is 'How fast a module works, and how many robots come in.';

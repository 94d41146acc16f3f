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
  v_until timestamp;
  v_first timestamp;
  v_last timestamp;
  v_idle record;
  v_seen double precision;
begin
  busy := null;
  ended := 0;
  arrivals := 0;
  foreach v_window in array array[15, 60, 360, 1440] loop
    v_from := date_trunc('minute', p_now) - make_interval(mins => v_window);
    select coalesce(sum(u.ended), 0)::bigint, min(u.minute), max(u.minute) into ended, v_first, v_last
    from (
      select m.minute, m.completed_count + m.failed_count as ended
      from capataz_ops.module_minutes as m
      where m.module_name = p_module_name
        and m.minute >= v_from
      union all
      select d.minute, d.completed_count + d.failed_count
      from capataz_ops.module_deltas as d
      where d.module_name = p_module_name
        and d.minute >= v_from
    ) as u
    where u.ended > 0;
    exit when ended >= 30;
  end loop;
  if ended = 0 then
    return next;
    return;
  end if;

  -- from the last idle minute before it worked, until it was idle again; where nobody takes samples, from the first end until now
  select
    max(s.sampled_at) filter (where s.sampled_at < v_last) as before,
    coalesce(bool_or(s.sampled_at >= v_last), false) as is_now
  into v_idle
  from capataz_ops.fleet_trends as s
  left join capataz_ops.module_trends as t on t.module_name = p_module_name and t.sampled_at = s.sampled_at
  where s.sampled_at >= v_from
    and s.sampled_at <= p_now
    and coalesce(t.in_flight, 0) = 0
    and t.oldest_due_seconds is null;
  v_from := greatest(v_from, coalesce(v_idle.before, v_first));
  v_until := case when v_idle.is_now then least(v_last + interval '1 minute', p_now) else p_now end;
  minutes := greatest(extract(epoch from v_until - v_from) / 60, 1.0 / 6)::double precision;

  -- failed time is known by the hour: it is spread over the completed time of the type
  select sum(f.completed_ms * t.failing)::double precision / (minutes * 60000), sum(f.ended)::bigint into busy, ended
  from (
    select u.robot_type, sum(u.completed_ms) as completed_ms, sum(u.ended) as ended
    from (
      select m.robot_type, m.completed_ms, m.completed_count + m.failed_count as ended
      from capataz_ops.type_minutes as m
      where m.module_name = p_module_name
        and m.minute >= date_trunc('minute', v_from)
      union all
      select d.robot_type, d.completed_ms, d.completed_count + d.failed_count
      from capataz_ops.type_deltas as d
      where d.module_name = p_module_name
        and d.minute >= date_trunc('minute', v_from)
    ) as u
    group by u.robot_type
  ) as f
  cross join lateral (
    select coalesce(1 + sum(h.failed_ms) / nullif(sum(h.completed_ms), 0), 1) as failing
    from capataz_ops.type_hours as h
    where h.module_name = p_module_name
      and h.robot_type = f.robot_type
      and h.hour >= date_trunc('hour', p_now) - interval '23 hours'
  ) as t;
  ended := coalesce(ended, 0);

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

-- capataz_ops._forecast(p_module_name, p_now, p_sample) -> one row
--
-- When the backlog of a module will be empty, and what will be late (ADR 0025). Work, not robots, is counted: each waiting
-- robot takes its estimate, corrected by how estimates of its type turned out, else the mean of its type (attempts that
-- failed included; 24 hours, or 7 days where few ended), else the mean of the module. empty_seconds = waiting work / attempts under
-- way on average (_work_rate), less what comes in meanwhile; robots that fall due before that are added. p_sample robots
-- of each priority are read; the rest is taken to be like them: is_estimate. Robots start in the order of the claim.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._forecast(p_module_name text, p_now timestamp, p_sample integer)
  returns table (
    waiting bigint,
    not_due bigint,
    in_flight bigint,
    busy double precision,
    arrivals_per_minute double precision,
    empty_seconds double precision,
    done_seconds double precision,
    late_count bigint,
    late_robot_ids text[],
    basis text,
    is_estimate boolean
  )
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
declare
  c_never constant double precision := 3153600000000::double precision;  -- ms: a hundred years
  v_settings record;
  v_rate record;
  v_types text[];
  v_work double precision[];       -- ms a robot of the type takes, retries included
  v_corrections double precision[];  -- actual / estimated
  v_module_work double precision;
  v_running record;
  v_speed double precision;
  v_queue record;
begin
  select s.max_concurrency, s.sla_seconds, m.is_active into v_settings
  from capataz.module_registry as m
  join capataz_ops.module_settings as s on s.module_name = m.module_name
  where m.module_name = p_module_name;
  select r.busy, r.minutes, r.ended, r.arrivals into v_rate
  from capataz_ops._work_rate(p_module_name, p_now) as r;

  -- what robots of a type take
  select
    array_agg(t.robot_type), array_agg(t.work), array_agg(t.correction),
    sum(t.work * t.ended) / nullif(sum(t.ended), 0)
  into v_types, v_work, v_corrections, v_module_work
  from (
    select
      k.robot_type::text as robot_type,
      (k.completed_ms + k.failed_ms)::double precision / nullif(k.completed_count + k.failed_count - k.retried_count, 0) as work,
      case
        when k.estimated_count >= 5 then k.estimated_actual_ms::double precision / nullif(k.estimated_ms, 0)
      end as correction,
      k.completed_count + k.failed_count as ended
    from (
      select distinct on (u.robot_type)
        u.robot_type, u.completed_count, u.completed_ms, u.failed_count, u.failed_ms, u.retried_count, u.estimated_count,
        u.estimated_ms, u.estimated_actual_ms
      from (
        select 1 as place, d.*
        from capataz_ops._type_sums(array[p_module_name], p_now - interval '1 day', p_now) as d
        where d.completed_count >= 10
        union all
        select 2, w.*
        from capataz_ops._type_sums(array[p_module_name], p_now - interval '7 days', p_now) as w
      ) as u
      order by u.robot_type, u.place
    ) as k
  ) as t;

  -- what runs
  select
    count(*) as n,
    sum(r.remaining_ms) as remaining_ms,
    max(r.remaining_ms) as longest_ms,
    count(*) filter (where o.deadline < p_now + r.remaining_ms * interval '1 millisecond') as late,
    array_agg(e.robot_id::text order by o.deadline) filter (where o.deadline < p_now + r.remaining_ms * interval '1 millisecond') as late_ids
  into v_running
  from (
    select a.robot_id, a.robot_type, a.progress_percentage, a.started_at, a.due_at
    from capataz.robot_execute as a
    where a.module_name = p_module_name
      and a.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
    order by a.started_at + a.timeout_seconds * interval '1 second'
    limit 5000
  ) as e
  cross join lateral (
    select extract(epoch from p_now - e.started_at)::double precision * 1000 as age_ms
  ) as g
  cross join lateral (
    -- what it says of itself, or what is left of the mean
    select case
      when e.progress_percentage between 5 and 99 then g.age_ms * (100 - e.progress_percentage) / e.progress_percentage
      else greatest(coalesce(v_work[array_position(v_types, e.robot_type::text)], v_module_work, 0) - g.age_ms, 0)
    end as remaining_ms
  ) as r
  left join capataz.robots as b on b.robot_id = e.robot_id
  cross join lateral (
    select coalesce(
      capataz_ops._due_at(b.enterprise_metadata),
      -- a retried one was due first when its first attempt was
      case
        when b.retry_count > 0 then (select min(f.due_at) from capataz.robot_execute as f where f.robot_id = e.robot_id)
        else e.due_at
      end + v_settings.sla_seconds * interval '1 second'
    ) as deadline
  ) as o;

  -- attempts under way at once
  v_speed := case when v_rate.ended >= 30 then v_rate.busy end;
  basis := format('%s executions of the last %s minutes', v_rate.ended, ceil(v_rate.minutes));
  if v_speed is null and v_running.n > 0 then
    v_speed := greatest(v_running.n, coalesce(v_rate.busy, 0));
    basis := format('%s attempts under way', v_running.n);
  elsif v_speed is null and v_rate.busy is not null then
    v_speed := v_rate.busy;
  elsif v_speed is null then
    basis := 'nothing has ended in 24 hours';
  end if;
  busy := v_speed;
  in_flight := v_running.n;
  arrivals_per_minute := v_rate.arrivals;

  with counted as materialized (
    select p.priority, w.n, d.n as not_due, s.n as sampled
    from unnest(enum_range(null::capataz.priority_enum)) with ordinality as p (priority, place)
    cross join lateral (
      select count(*) as n
      from (
        select
        from capataz.robots as r
        where r.module_name = p_module_name
          and r.priority = p.priority
          and r.status in ('PENDING', 'RETRYING')
          and r.available_at <= p_now
        limit greatest(p_sample, 2000)
      ) as c
    ) as w
    cross join lateral (
      select count(*) as n
      from (
        select
        from capataz.robots as r
        where r.module_name = p_module_name
          and r.priority = p.priority
          and r.status in ('PENDING', 'RETRYING')
          and r.available_at > p_now
        limit greatest(p_sample, 2000)
      ) as c
    ) as d
    left join lateral (
      -- what is due, of all that waits by the last sample
      select greatest((t.pending[p.place] + t.retrying[p.place])::bigint - d.n, 0) as n
      from capataz_ops.module_trends as t
      where t.module_name = p_module_name
        and t.sampled_at > p_now - interval '1 hour'
      order by t.sampled_at desc
      limit 1
    ) as s on w.n >= greatest(p_sample, 2000)
  ), totals as (
    select
      c.priority,
      greatest(c.n, coalesce(c.sampled, 0)) as due,
      c.not_due,
      c.n >= greatest(p_sample, 2000) or c.not_due >= greatest(p_sample, 2000) as is_many
    from counted as c
  ), sampled as materialized (
    select
      t.priority, t.due, q.robot_id, q.is_due, q.available_at, q.arrival, q.deadline,
      coalesce(
        q.estimated_duration_minutes * 60000.0 * v_corrections[y.place],
        v_work[y.place],
        q.estimated_duration_minutes * 60000.0,
        v_module_work,
        0
      ) as work_ms,
      -- one that was read stands for this many
      case when q.is_due then greatest(t.due::double precision / nullif(count(*) filter (where q.is_due) over (partition by t.priority), 0), 1) else 1 end as weight
    from totals as t
    cross join lateral (
      (
        select r.robot_id, r.robot_type, r.available_at, r.arrival, r.estimated_duration_minutes, true as is_due,
          r.retry_count, r.enterprise_metadata
        from capataz.robots as r
        where r.module_name = p_module_name
          and r.priority = t.priority
          and r.status in ('PENDING', 'RETRYING')
          and r.available_at <= p_now
        order by r.available_at, r.arrival
        limit p_sample
      )
      union all
      (
        select r.robot_id, r.robot_type, r.available_at, r.arrival, r.estimated_duration_minutes, false, r.retry_count,
          r.enterprise_metadata
        from capataz.robots as r
        where r.module_name = p_module_name
          and r.priority = t.priority
          and r.status in ('PENDING', 'RETRYING')
          and r.available_at > p_now
        order by r.available_at, r.arrival
        limit p_sample
      )
    ) as r
    cross join lateral (
      select
        r.robot_id, r.robot_type, r.available_at, r.arrival, r.estimated_duration_minutes, r.is_due,
        coalesce(
          case when r.enterprise_metadata ? 'due_at' then capataz_ops._due_at(r.enterprise_metadata) end,
          case
            when v_settings.sla_seconds is not null
              then least(
                r.available_at,
                case
                  when r.retry_count > 0
                    then (select min(e.due_at) from capataz.robot_execute as e where e.robot_id = r.robot_id)
                end
              ) + v_settings.sla_seconds * interval '1 second'
          end
        ) as deadline
    ) as q
    cross join lateral (select array_position(v_types, q.robot_type::text) as place) as y
  ), queued as (
    select
      s.robot_id, s.is_due, s.available_at, s.deadline, s.work_ms, s.weight,
      -- work before it, in the order of the claim
      coalesce(
        sum(s.work_ms * s.weight) over (
          partition by s.is_due order by s.priority desc, s.available_at, s.arrival
          rows between unbounded preceding and 1 preceding
        ), 0
      ) as before_ms,
      extract(epoch from s.available_at - p_now)::double precision * 1000 as due_in_ms
    from sampled as s
  ), predicted as (
    select
      q.robot_id, q.deadline, q.weight,
      -- at a speed that nobody knows: its own work at least
      p_now + least(
        case when q.is_due then coalesce(q.before_ms / nullif(v_speed, 0), 0) else q.due_in_ms end + q.work_ms, c_never
      ) * interval '1 millisecond' as ends_at
    from queued as q
    where q.deadline is not null
  ), backlog as (
    select coalesce(sum(q.work_ms * q.weight), 0) as ms
    from queued as q
    where q.is_due
  ), later as (  -- what falls due, in time, with all that fell due before it
    select
      q.due_in_ms,
      coalesce(
        sum(q.work_ms) over (order by q.due_in_ms, q.robot_id rows between unbounded preceding and 1 preceding), 0
      ) as fallen_ms,
      sum(q.work_ms) over () as all_ms
    from queued as q
    where not q.is_due
  )
  select
    (select sum(t.due) from totals as t)::bigint as waiting,
    (select sum(t.not_due) from totals as t)::bigint as not_due,
    (select bool_or(t.is_many or t.due > p_sample) from totals as t) as is_estimate,
    b.ms as backlog_ms,
    n.net,
    -- empty before the first that falls due later than that
    coalesce(
      (
        select (b.ms + l.fallen_ms) / n.net
        from later as l
        where n.net > 0
          and (b.ms + l.fallen_ms) / n.net <= l.due_in_ms
        order by l.due_in_ms
        limit 1
      ),
      (b.ms + coalesce((select max(l.all_ms) from later as l), 0)) / nullif(greatest(n.net, 0), 0)
    ) as empty_ms,
    (select round(sum(p.weight)) from predicted as p where p.ends_at > p.deadline)::bigint as late,
    (
      select array_agg(f.robot_id::text order by f.deadline, f.robot_id)
      from (
        select p.robot_id, p.deadline
        from predicted as p
        where p.ends_at > p.deadline
        order by p.deadline, p.robot_id
        limit 20
      ) as f
    ) as late_ids
  into v_queue
  from backlog as b
  cross join lateral (
    select v_speed - coalesce(v_rate.arrivals * v_module_work / 60000, 0) as net
  ) as n;

  waiting := coalesce(v_queue.waiting, 0);
  not_due := coalesce(v_queue.not_due, 0);
  is_estimate := coalesce(v_queue.is_estimate, false);
  empty_seconds := case when waiting = 0 then 0 else v_queue.empty_ms / 1000 end;
  done_seconds := case
    when waiting + in_flight = 0 then 0
    else greatest(
      (v_queue.backlog_ms + coalesce(v_running.remaining_ms, 0)) / nullif(v_speed, 0),
      v_running.longest_ms  -- one attempt is not shared out
    ) / 1000
  end;
  if waiting > 0 and coalesce(v_module_work, 0) = 0 and v_queue.backlog_ms = 0 then  -- nothing is known of what they take
    empty_seconds := null;
    done_seconds := null;
    if busy is not null then  -- attempts under way tell no pace
      busy := null;
      basis := 'nothing has ended in 7 days';
    end if;
  end if;
  if waiting > 0 and not v_settings.is_active then  -- what waits is not claimed
    empty_seconds := null;
    done_seconds := null;
    basis := 'the module is not active';
  end if;
  late_count := coalesce(v_queue.late, 0) + v_running.late;
  late_robot_ids := (coalesce(v_running.late_ids, '{}') || coalesce(v_queue.late_ids, '{}'))[1:20];
  return next;
end
$$;

comment on function capataz_ops._forecast(text, timestamp, integer) is
  'When the backlog of a module will be empty, and what will be late.';

-- capataz.queue_forecast(p_module_name) -> rows, one per module
--
-- When the backlog will be empty (specification 4.2: workload prediction): empty_at, when no due robot waits any more, with what
-- comes in meanwhile and what falls due before; null = not at this rate, or nothing is known of how long robots take. done_at:
-- when all that runs or is due now is done. busy: attempts under way at once that the forecast counts on, null where nothing is
-- known; basis: from what.
-- Which robots will miss their promise: late_count, and the ids of up to 20, the earliest deadline first, running ones
-- included. A robot is to be done at enterprise_metadata.due_at (UTC, or with a zone), else sla_seconds of its module after it
-- was first due, else never. past_count, past_error: forecasts of the last 7 days that could be compared, and by how many percent
-- they were off on average (the mean absolute percentage error). is_estimate: only the head of the queue was read.
-- p_module_name: null for all modules that the caller may reach in which due robots wait: as last stored (store_forecasts: up
-- to 10 minutes old, see forecast_at; now at the earliest); up to 5 modules of which nothing is stored are reckoned now.
-- Locks: none. Writes: nothing. Raises: RB400 bad name, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.queue_forecast(p_module_name text default null)
  returns table (
    module_name varchar(100),
    forecast_at timestamp,
    waiting bigint,
    not_due bigint,
    in_flight bigint,
    busy numeric,
    arrivals_per_minute numeric,
    empty_at timestamp,
    done_at timestamp,
    basis text,
    late_count bigint,
    late_robot_ids text[],
    past_count bigint,
    past_error numeric,
    is_estimate boolean
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_now constant timestamp := capataz.utc_now();
  v_live text[];
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
    v_live := array[p_module_name];
  else
    v_live := array(
      select m.module_name
      from capataz.module_registry as m
      where (v_modules is null or m.module_name = any (v_modules))
        and not exists (
          select
          from capataz_ops.queue_forecasts as q
          where q.module_name = m.module_name
            and q.made_at > v_now - interval '10 minutes'
            and q.made_at <= v_now
        )
        and capataz_ops._oldest_due(m.module_name, v_now) is not null
      limit 5
    );
  end if;

  return query
  with forecasts as (
    select
      n.module_name, v_now as made_at, f.waiting, f.not_due, f.in_flight, f.busy, f.arrivals_per_minute, f.empty_seconds,
      f.done_seconds, f.basis, f.late_count, f.late_robot_ids, f.is_estimate
    from unnest(v_live) as n (module_name)
    cross join lateral capataz_ops._forecast(
      n.module_name, v_now, case when p_module_name is null then 100 else 1000 end
    ) as f
    union all
    select
      m.module_name, q.made_at, q.waiting, q.not_due, q.in_flight, q.busy, q.arrivals_per_minute, q.forecast_seconds,
      q.done_seconds, q.basis, q.late_count, q.late_robot_ids, q.is_estimate
    from capataz.module_registry as m
    cross join lateral (
      select l.*
      from capataz_ops.queue_forecasts as l
      where l.module_name = m.module_name
        and l.made_at > v_now - interval '10 minutes'
        and l.made_at <= v_now
      order by l.made_at desc
      limit 1
    ) as q
    where p_module_name is null
      and (v_modules is null or m.module_name = any (v_modules))
      and capataz_ops._oldest_due(m.module_name, v_now) is not null
  )
  select
    f.module_name::varchar(100), f.made_at, f.waiting, f.not_due, f.in_flight, round(f.busy::numeric, 2),
    round(f.arrivals_per_minute::numeric, 2),
    case when f.empty_seconds < 3153600000 then greatest(f.made_at + f.empty_seconds * interval '1 second', v_now) end,
    case when f.done_seconds < 3153600000 then greatest(f.made_at + f.done_seconds * interval '1 second', v_now) end,
    f.basis, f.late_count, f.late_robot_ids, p.past_count, p.past_error, f.is_estimate
  from forecasts as f
  cross join lateral (
    select
      count(*) as past_count,
      round(avg(
        100 * abs(q.forecast_seconds - q.actual_seconds) / greatest(q.actual_seconds, 60)
      )::numeric, 1) as past_error
    from capataz_ops.queue_forecasts as q
    where q.module_name = f.module_name
      and q.made_at > v_now - interval '7 days'
      and q.actual_seconds is not null
      and q.forecast_seconds is not null
  ) as p
  order by f.module_name;
end
$$;

comment on function capataz.queue_forecast(text) is
  'When the backlog will be empty, which robots will be late, how good past forecasts were. RB400, RB401, RB403, RB404.';

-- capataz.queue_forecast(p_module_name) -> rows, one per module
--
-- When the backlog will be empty (specification 4.2: workload prediction): empty_at, when no due robot waits any more, with what
-- comes in meanwhile and what falls due before; null = not at this rate, or nothing is known of how long robots take. done_at:
-- when all that runs or is due now is done. busy: attempts under way at once that the forecast counts on; basis: from what.
-- Which robots will miss their promise: late_count, and the ids of up to 20, the earliest deadline first, running ones
-- included. A robot is to be done at enterprise_metadata.due_at (UTC, or with a zone), else sla_seconds of its module after it
-- was first due, else never. past_count, past_error: forecasts of the last 7 days that could be compared, and by how many percent
-- they were off on average (the mean absolute percentage error). is_estimate: only the head of the queue was read.
-- p_module_name: null for all modules that the caller may reach in which robots wait or run.
-- Locks: none. Writes: nothing. Raises: RB400 bad name, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.queue_forecast(p_module_name text default null)
  returns table (
    module_name varchar(100),
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
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_now constant timestamp := capataz.utc_now();
  v_names text[];
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
    v_names := array[p_module_name];
  else
    v_names := array(
      select m.module_name
      from capataz.module_registry as m
      where (v_modules is null or m.module_name = any (v_modules))
        and (
          capataz_ops._oldest_due(m.module_name, v_now) is not null
          or exists (
            select
            from capataz.robot_execute as e
            where e.module_name = m.module_name
              and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
          )
        )
    );
  end if;

  return query
  select
    n.module_name::varchar(100), f.waiting, f.not_due, f.in_flight, round(f.busy::numeric, 2),
    round(f.arrivals_per_minute::numeric, 2),
    case when f.empty_seconds < 3153600000 then v_now + f.empty_seconds * interval '1 second' end,
    case when f.done_seconds < 3153600000 then v_now + f.done_seconds * interval '1 second' end,
    f.basis, f.late_count, f.late_robot_ids, p.past_count, p.past_error, f.is_estimate
  from unnest(v_names) as n (module_name)
  cross join lateral capataz_ops._forecast(
    n.module_name, v_now, greatest(1000 / greatest(cardinality(v_names), 1), 25)
  ) as f
  cross join lateral (
    select
      count(*) as past_count,
      round(avg(
        100 * abs(q.forecast_seconds - q.actual_seconds) / greatest(q.actual_seconds, 60)
      )::numeric, 1) as past_error
    from capataz_ops.queue_forecasts as q
    where q.module_name = n.module_name
      and q.made_at > v_now - interval '7 days'
      and q.actual_seconds is not null
      and q.forecast_seconds is not null
  ) as p
  order by n.module_name;
end
$$;

comment on function capataz.queue_forecast(text) is
  'When the backlog will be empty, which robots will be late, how good past forecasts were. RB400, RB401, RB403, RB404.';

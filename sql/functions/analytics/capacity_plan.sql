-- capataz.capacity_plan(p_month) -> rows, one per module of which something ended in the 90 days before
--
-- Growth and capacity (specification 4.2: capacity planning, ADR 0025). Attempts ended a day, over the last 90 whole days before
-- the end of the month or before today, from the first day on which something ended: days_observed. growth_per_day: slope of the
-- regression line, growth_low and growth_high its 95 % confidence interval; r2: how much of the differences the line explains;
-- is_growing: the interval lies above 0. Fewer than 14 days give no growth, no r2 and no interval. forecast_per_day with forecast_low and forecast_high (95 %):
-- the last day of the month. month_total: attempts in the month, known days as they were, the others by the line.
-- Little's law: busy = attempts a second x seconds that each takes. busy_mean: of the last 7 of these days; busy_peak: in their
-- busiest hour, peak_per_hour; in_flight_peak: the most that samples of 30 days saw. service_seconds and wait_seconds: means of these
-- 7 days (wait: from due to begun). capacity: max_concurrency, null = no limit; peak_utilization: busy_peak in percent of it.
-- runs_out_on: when the busiest hour reaches the capacity, growing as the line (runs_out_earliest, runs_out_latest: as growth_high
-- and growth_low); null = not within ten years. workers_needed: attempts at once with which robots wait target_wait_seconds at most, on
-- average, in the busiest hour as forecast for the end of the month (Erlang C).
-- p_month: any time of the month, UTC; null = this month. From days and hours: as of the last fold.
-- Locks: none. Writes: nothing. Raises: RB400 bad month, RB401, RB403.
create or replace function capataz.capacity_plan(p_month timestamp default null)
  returns table (
    module_name varchar(100),
    month date,
    days_observed integer,
    per_day numeric,
    growth_per_day numeric,
    growth_low numeric,
    growth_high numeric,
    r2 numeric,
    is_growing boolean,
    forecast_per_day numeric,
    forecast_low numeric,
    forecast_high numeric,
    month_total numeric,
    peak_per_hour numeric,
    service_seconds numeric,
    wait_seconds numeric,
    busy_mean numeric,
    busy_peak numeric,
    in_flight_peak integer,
    capacity integer,
    peak_utilization numeric,
    runs_out_on date,
    runs_out_earliest date,
    runs_out_latest date,
    target_wait_seconds numeric,
    workers_needed integer
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_now constant timestamp := capataz.utc_now();
  v_month date;
  v_month_end date;
  v_end date;  -- the day after the last one observed
begin
  if p_month is not null and (not isfinite(p_month) or p_month not between v_now - interval '400 days' and v_now + interval '10 years') then
    raise exception using
      errcode = 'RB400',
      message = 'month is out of range',
      detail = format('month is %s.', p_month),
      hint = 'Give any time of a month, from 400 days ago to ten years ahead, such as 2026-01-01.';
  end if;
  v_month := date_trunc('month', coalesce(p_month, v_now))::date;
  v_month_end := (v_month + interval '1 month')::date;
  v_end := least(v_month_end, v_now::date);

  return query
  with days as materialized (
    select m.module_name, d.day, d.n, d.ms, d.waited, d.waited_ms
    from capataz.module_registry as m
    cross join lateral (
      select
        t.day,
        sum(t.completed_count + t.failed_count) as n, sum(t.completed_ms + t.failed_ms) as ms,
        sum(t.waited_count) as waited, sum(t.waited_ms) as waited_ms
      from capataz_ops.type_days as t
      where t.module_name = m.module_name
        and t.day >= v_end - 90
        and t.day < v_end
      group by t.day
    ) as d
    where (v_modules is null or m.module_name = any (v_modules))
      and d.n > 0
  ), firsts as (
    select d.module_name, min(d.day) as first_day, coalesce(sum(d.n) filter (where d.day >= v_month), 0) as month_n
    from days as d
    group by d.module_name
  ), observed as (  -- days on which nothing ended count as 0
    select f.module_name, (g.day - f.first_day)::double precision as x, coalesce(d.n, 0)::double precision as y, f.first_day
    from firsts as f
    cross join lateral (
      select f.first_day + i as day
      from generate_series(0, v_end - 1 - f.first_day) as i
    ) as g
    left join days as d on d.module_name = f.module_name and d.day = g.day
  ), lines as (
    select
      o.module_name, min(o.first_day) as first_day, count(*)::integer as n,
      case when count(*) >= 14 then regr_slope(o.y, o.x) end as slope,
      case when count(*) >= 14 then regr_intercept(o.y, o.x) end as intercept,
      case when count(*) >= 14 then regr_r2(o.y, o.x) end as r2,
      regr_avgx(o.y, o.x) as mean_x, regr_sxx(o.y, o.x) as sxx,
      greatest(regr_syy(o.y, o.x) - power(regr_sxy(o.y, o.x), 2) / nullif(regr_sxx(o.y, o.x), 0), 0) as residual
    from observed as o
    group by o.module_name
  ), weeks as (
    select
      d.module_name, sum(d.n) / least(7, v_end - min(f.first_day)) as per_day, sum(d.n) as n, sum(d.ms) as ms,
      sum(d.waited_ms) / nullif(sum(d.waited), 0) as wait_ms,
      (
        select max(h.n)
        from (
          select sum(t.completed_count + t.failed_count) as n
          from capataz_ops.type_hours as t
          where t.module_name = d.module_name
            and t.hour >= v_end - 7
            and t.hour < v_end
          group by t.hour
        ) as h
      ) as peak_n
    from days as d
    join firsts as f on f.module_name = d.module_name
    where d.day >= v_end - 7
    group by d.module_name
  ), figures as (
    select
      l.module_name, l.first_day, l.n, l.slope, l.intercept, l.r2, q.half_slope, q.half_forecast, c.x_last,
      w.per_day, w.peak_n, w.ms / nullif(w.n, 0) / 1000 as service, w.wait_ms / 1000 as wait,
      w.peak_n * 24 / nullif(w.per_day, 0) as peak_factor,
      s.max_concurrency, s.target_wait_seconds, b.month_n,
      i.in_flight
    from lines as l
    join firsts as b on b.module_name = l.module_name
    join capataz_ops.module_settings as s on s.module_name = l.module_name
    left join weeks as w on w.module_name = l.module_name
    cross join lateral (select (v_month_end - 1 - l.first_day)::double precision as x_last) as c
    cross join lateral (select capataz_ops._student_t(l.n) as t) as t
    cross join lateral (
      select
        t.t * sqrt(l.residual / nullif(l.n - 2, 0) / nullif(l.sxx, 0)) as half_slope,
        t.t * sqrt(l.residual / nullif(l.n - 2, 0) * (1 + 1.0 / l.n + power(c.x_last - l.mean_x, 2) / nullif(l.sxx, 0)))
          as half_forecast
    ) as q
    left join lateral (
      select max(u.in_flight) as in_flight
      from (
        select h.in_flight_max as in_flight
        from capataz_ops.module_trend_hours as h
        where h.module_name = l.module_name
          and h.hour >= v_end - 30
          and h.hour < v_end
      ) as u
    ) as i on true
  ), plans as (
    select
      f.module_name, f.first_day, f.n, f.slope, f.intercept, f.r2, f.half_slope, f.half_forecast, f.per_day, f.peak_n, f.service,
      f.wait, f.max_concurrency, f.target_wait_seconds, f.month_n, f.in_flight,
      greatest(coalesce(f.intercept + f.slope * f.x_last, f.per_day), 0) as forecast,
      f.peak_n / 3600 * f.service as busy_peak,
      -- attempts a day at which the busiest hour takes all of the capacity
      f.max_concurrency * 86400 / nullif(f.service * f.peak_factor, 0) as limit_per_day,
      f.peak_factor
    from figures as f
  )
  select
    p.module_name,
    v_month,
    p.n,
    round(p.per_day, 2),
    round(p.slope::numeric, 4),
    round((p.slope - p.half_slope)::numeric, 4),
    round((p.slope + p.half_slope)::numeric, 4),
    round(p.r2::numeric, 4),
    p.slope - p.half_slope > 0,
    round(p.forecast::numeric, 2),
    case when p.half_forecast is not null then round(greatest(p.forecast - p.half_forecast, 0)::numeric, 2) end,
    round((p.forecast + p.half_forecast)::numeric, 2),
    round(p.month_n + (
      select coalesce(sum(greatest(coalesce(p.intercept + p.slope * (g.day - p.first_day), p.per_day, 0), 0)), 0)::numeric
      from (
        select v_month + i as day
        from generate_series(greatest(v_end - v_month, 0), v_month_end - v_month - 1) as i
      ) as g
    ), 2),
    round(p.peak_n, 2),
    round(p.service, 3),
    round(p.wait, 3),
    round(p.per_day / 86400 * p.service, 3),
    round(p.busy_peak, 3),
    p.in_flight,
    p.max_concurrency,
    round(100 * p.busy_peak / p.max_concurrency, 2),
    o.runs_out_on,
    e.runs_out_on,
    a.runs_out_on,
    p.target_wait_seconds::numeric,
    capataz_ops._workers_needed(
      (p.forecast * p.peak_factor / 86400)::double precision, p.service::double precision, p.target_wait_seconds
    )
  from plans as p
  cross join lateral (
    select capataz_ops._runs_out_on(v_end, p.limit_per_day::double precision, p.slope, coalesce(p.intercept + p.slope * (v_end - p.first_day), p.per_day)) as runs_out_on
  ) as o
  cross join lateral (
    select capataz_ops._runs_out_on(v_end, p.limit_per_day::double precision, p.slope + p.half_slope, coalesce(p.intercept + p.slope * (v_end - p.first_day), p.per_day)) as runs_out_on
  ) as e
  cross join lateral (
    select capataz_ops._runs_out_on(v_end, p.limit_per_day::double precision, p.slope - p.half_slope, coalesce(p.intercept + p.slope * (v_end - p.first_day), p.per_day)) as runs_out_on
  ) as a
  order by p.module_name;
end
$$;

comment on function capataz.capacity_plan(timestamp) is
  'Growth, peaks and capacity of each module: when it runs out, and how many workers it takes. RB400, RB401, RB403.';

-- capataz_ops._report_capacity(p_from, p_to, p_days) -> jsonb: object
--
-- Is there enough of everything (specification 5.2: capacity planning), from the days of a month (_report_steps) since the
-- first that has figures: days of them, first_day on;
-- growth       executions ended per day and their growth by linear regression: low and high are the ends of its 95 %
--              confidence interval (Student's t, as capacity_plan; null below 14 days); r2 tells how much of the course
--              it explains; next_month: what it leads to, in sum
-- peak         the busiest hour: executions ended, and how many were at work at once to do so (Little's law: their
--              durations divided by the hour)
-- in_flight    mean, maximum and limit (the last that samples saw); runs_out_on: the day on which the mean of a day reaches the
--              limit if it grows on
-- database     size at the first and the last sample, growth per day, size in a year
-- modules      the plan of each module (capacity_plan), which looks 90 days back; empty for months it does not tell
-- null where there are less than three days to tell from, or no growth.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._report_capacity(p_from timestamp, p_to timestamp, p_days jsonb)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  c_far constant interval := interval '5 years';
  v_next_days constant integer := extract(day from p_to + interval '1 month' - interval '1 day')::integer;
  v_capacity jsonb;
begin
  with days as (
    select
      (d.day ->> 'at')::timestamp as at,
      extract(day from (d.day ->> 'at')::timestamp - p_from)::double precision as x,
      (d.day ->> 'completed')::double precision + (d.day ->> 'failed')::double precision as ended,
      (d.day ->> 'in_flight')::double precision as in_flight,
      (d.day ->> 'in_flight_max')::bigint as in_flight_max,
      (d.day ->> 'capacity')::bigint as capacity,
      (d.day ->> 'database_bytes')::double precision as bytes,
      d.place
    from jsonb_array_elements(p_days) with ordinality as d (day, place)
    -- of a month that is under way, the days that are over
    where (d.day ->> 'at')::timestamp + interval '1 day' <= greatest(capataz.utc_now(), p_from + interval '1 day')
      and (d.day ->> 'at')::timestamp >= (
      select min((f.day ->> 'at')::timestamp)
      from jsonb_array_elements(p_days) as f (day)
      where (f.day ->> 'completed')::bigint + (f.day ->> 'failed')::bigint + (f.day ->> 'sample_count')::bigint > 0
    )
  ), figures as (
    select
      count(*) as n,
      avg(y.ended) as ended_mean,
      regr_slope(y.ended, y.x) as ended_slope,
      regr_intercept(y.ended, y.x) as ended_base,
      regr_r2(y.ended, y.x) as ended_r2,
      sqrt(greatest(
        (regr_syy(y.ended, y.x) - regr_slope(y.ended, y.x) * regr_sxy(y.ended, y.x))
        / nullif((count(*) - 2) * regr_sxx(y.ended, y.x), 0), 0
      )) as ended_error,
      capataz_ops._student_t(count(*)) as t,
      min(y.at)::date as first_day,
      avg(y.in_flight) as in_flight_mean,
      max(y.in_flight_max) as in_flight_max,
      (array_agg(y.capacity order by y.x desc) filter (where y.capacity is not null))[1] as capacity,
      regr_slope(y.in_flight, y.x) as in_flight_slope,
      regr_intercept(y.in_flight, y.x) as in_flight_base,
      (array_agg(y.bytes order by y.x) filter (where y.bytes is not null))[1] as first_bytes,
      (array_agg(y.bytes order by y.x desc) filter (where y.bytes is not null))[1] as last_bytes,
      regr_slope(y.bytes, y.x) as bytes_slope
    from days as y
  ), peak as (
    select
      h.hour,
      sum(h.completed_count + h.failed_count) as ended,
      sum(h.completed_ms + h.failed_ms) as ended_ms
    from capataz_ops._ended_hours(p_from, p_to) as h
    group by h.hour
    order by ended desc, h.hour
    limit 1
  ), reach as (
    select
      case
        when f.n >= 3 and f.in_flight_slope > 0 and f.capacity > 0
          then (f.capacity - f.in_flight_base) / f.in_flight_slope
      end as days
    from figures as f
  )
  select jsonb_build_object(
    'days', f.n,
    'first_day', f.first_day,
    'growth', jsonb_build_object(
      'per_day', round(f.ended_mean::numeric, 1),
      'slope', case when f.n >= 3 then round(f.ended_slope::numeric, 2) end,
      'slope_low', round((f.ended_slope - f.t * f.ended_error)::numeric, 2),
      'slope_high', round((f.ended_slope + f.t * f.ended_error)::numeric, 2),
      'r2', case when f.n >= 3 then round(f.ended_r2::numeric, 3) end,
      'next_month', (
        select round(sum(greatest(f.ended_base + f.ended_slope * (extract(day from p_to - p_from) + g.n), 0))::numeric)
        from generate_series(0, v_next_days - 1) as g (n)
        where f.n >= 3
      )
    ),
    'peak', (
      select jsonb_build_object(
        'hour', k.hour,
        'ended', k.ended,
        'at_work', round(k.ended_ms / 3600000.0, 2)
      )
      from peak as k
    ),
    'in_flight', jsonb_build_object(
      'mean', round(f.in_flight_mean::numeric, 2),
      'max', f.in_flight_max,
      'capacity', f.capacity,
      'percent', round((100 * f.in_flight_mean / nullif(f.capacity, 0))::numeric, 2),
      'percent_max', round(100.0 * f.in_flight_max / nullif(f.capacity, 0), 2),
      'runs_out_on', (
        select (p_from + greatest(r.days, 0) * interval '1 day')::date
        from reach as r
        where r.days * interval '1 day' < c_far
      )
    ),
    'database', jsonb_build_object(
      'first_bytes', f.first_bytes::bigint,
      'last_bytes', f.last_bytes::bigint,
      'bytes_per_day', case when f.n >= 3 then round(f.bytes_slope::numeric) end,
      'in_a_year_bytes', case when f.n >= 3 then round((f.last_bytes + 365 * greatest(f.bytes_slope, 0))::numeric) end
    ),
    'modules', coalesce((
      select jsonb_agg(to_jsonb(c) - 'month' order by c.module_name)
      from capataz.capacity_plan(greatest(p_from, capataz.utc_now() - interval '399 days')) as c
      where c.month = p_from::date
    ), '[]'::jsonb)
  )
  into v_capacity
  from figures as f;
  return v_capacity;
end
$$;

comment on function capataz_ops._report_capacity(timestamp, timestamp, jsonb) is
  'Growth, peak and limits of a month.';

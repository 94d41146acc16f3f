-- capataz_ops._score_factors(p_module_name) -> rows (factor, value, weight, contribution, detail, samples)
--
-- What the performance score of a module is made of (specification 3.1, ADR 0017). Each factor has a value from 0 to 1; the
-- weights are these and stand nowhere else:
-- success_rate       0.40  share of the executions ended within 24 h that COMPLETED
-- speed_to_estimate  0.15  estimate / actual duration of the slowest 5 % of 24 h (5th percentile of efficiency_score)
-- speed_to_week      0.15  95th percentile of durations of 7 days / that of 24 h, at most 1
-- health             0.20  HEALTHY 1, UNKNOWN 0.8, DEGRADED 0.5, UNHEALTHY 0
-- retries            0.10  1 - share of the executions ended within 24 h that were followed by another attempt
-- A factor without enough samples has no value and is left out: the other weights are enlarged so that they add up to 1.
-- contribution = value x weight; the score is their sum, rounded to two places. Where fewer than 20 executions ended within
-- 24 h the score stays: the factors have weight 0, and one more row, kept_score, has the score as it is.
-- samples: executions ended within 24 h. Counts are those of the last fold. No rows where there is no such module.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._score_factors(p_module_name text)
  returns table (factor text, value numeric, weight numeric, contribution numeric, detail text, samples bigint)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_samples constant integer := 20;
  v_now constant timestamp := capataz.utc_now();
  v_day constant timestamp := date_trunc('hour', v_now) - interval '23 hours';
  v_week constant timestamp := date_trunc('day', v_now) - interval '6 days';
  v_module record;
  v_window record;
  v_estimate record;
  v_time record;
begin
  select m.performance_score, coalesce(m.health_status, 'UNKNOWN') as health_status into v_module
  from capataz.module_registry as m
  where m.module_name = p_module_name;
  if not found then
    return;
  end if;

  select
    coalesce(sum(f.completed_count), 0)::bigint as completed,
    coalesce(sum(f.completed_count + f.failed_count), 0)::bigint as ended,
    coalesce(sum(f.retried_count), 0)::bigint as retried
  into v_window
  from capataz_ops.module_minutes as f
  where f.module_name = p_module_name
    and f.minute > date_trunc('minute', v_now) - interval '24 hours';

  select
    capataz_ops._percentile(array_agg(b.bucket), array_agg(b.day_count), 0.05) as day_p5,
    coalesce(sum(b.day_count), 0)::bigint as day_samples
  into v_estimate
  from (
    select h.bucket, sum(h.bucket_count)::bigint as day_count
    from capataz_ops.module_histograms as h
    where h.module_name = p_module_name
      and h.measure = 'efficiency'
      and h.period in ('hour', 'day')
      and h.period_start >= v_day
    group by h.bucket
  ) as b;

  select
    capataz_ops._percentile(array_agg(b.bucket), array_agg(b.day_count), 0.95) as day_p95,
    capataz_ops._percentile(array_agg(b.bucket), array_agg(b.week_count), 0.95) as week_p95,
    coalesce(sum(b.day_count), 0)::bigint as day_samples,
    coalesce(sum(b.week_count), 0)::bigint as week_samples
  into v_time
  from (
    select
      h.bucket,
      coalesce(sum(h.bucket_count) filter (where h.period_start >= v_day), 0)::bigint as day_count,
      sum(h.bucket_count)::bigint as week_count
    from capataz_ops.module_histograms as h
    where h.module_name = p_module_name
      and h.measure = 'duration'
      and h.period in ('hour', 'day')
      and h.period_start >= v_week
    group by h.bucket
  ) as b;

  return query
  with factors (place, factor, value, weight, detail) as (
    select
      1, 'success_rate', v_window.completed::numeric / nullif(v_window.ended, 0), 0.40,
      format('%s of %s executions of 24 hours COMPLETED', v_window.completed, v_window.ended)
    union all
    select
      2, 'speed_to_estimate',
      case when v_estimate.day_samples > 0 then least(v_estimate.day_p5 / 100, 1) end,
      0.15,
      case
        when v_estimate.day_samples = 0 then 'no execution of 24 hours COMPLETED: left out'
        when v_estimate.day_p5 = 0 then 'the slowest 5 % took more than 100 times their estimate'
        else format('95 %% took at most about %s times their estimate', round(greatest(100 / v_estimate.day_p5, 1), 2))
      end
    union all
    select
      3, 'speed_to_week',
      case
        when v_time.day_samples > 0 and v_time.week_samples >= c_samples
          then least(greatest(v_time.week_p95, 1) / greatest(v_time.day_p95, 1), 1)
      end,
      0.15,
      case
        when v_time.day_samples = 0 then 'no execution of 24 hours COMPLETED: left out'
        when v_time.week_samples < c_samples
          then format('%s of %s executions of a week needed: left out', v_time.week_samples, c_samples)
        else format(
          '95 %% took at most about %s ms; in the week, %s ms', round(v_time.day_p95), round(v_time.week_p95)
        )
      end
    union all
    select
      4, 'health',
      case v_module.health_status
        when 'HEALTHY' then 1
        when 'UNKNOWN' then 0.8
        when 'DEGRADED' then 0.5
        else 0
      end,
      0.20, format('the module is %s', v_module.health_status)
    union all
    select
      5, 'retries', 1 - v_window.retried::numeric / nullif(v_window.ended, 0), 0.10,
      format('%s of %s executions of 24 hours were followed by another attempt', v_window.retried, v_window.ended)
  ), weighted as (
    select
      f.place, f.factor, f.value, f.detail,
      case
        when v_window.ended < c_samples or f.value is null then 0
        else f.weight / sum(f.weight) filter (where f.value is not null) over ()
      end as weight
    from factors as f
    union all
    select
      0, 'kept_score', v_module.performance_score,
      format('%s of %s executions needed: the score stays', v_window.ended, c_samples), 1
    where v_window.ended < c_samples
  )
  select
    w.factor, round(w.value, 4), round(w.weight, 4), coalesce(round(w.value * w.weight, 4), 0), w.detail, v_window.ended
  from weighted as w
  order by w.place;
end
$$;

comment on function capataz_ops._score_factors(text) is
  'The factors of a module''s performance score: the one place where their weights stand.';

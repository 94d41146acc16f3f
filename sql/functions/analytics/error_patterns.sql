-- capataz.error_patterns(p_from, p_to) -> rows, the most frequent first
--
-- What fails (specification 4.2: error patterns): FAILED executions by category, step, module and fingerprint of the message
-- (numbers, ids, quoted values and paths left out, then hashed: no text can be read from it). change, against the period of
-- the same length before: new (none then), growing, shrinking, steady, vanished (none now; growing and shrinking: by more
-- than chance would make of it, two standard deviations); null where days of that period are no longer kept (400 days). hour_counts: by hour of the day, 24 values from 00:00 UTC; peak_hour:
-- the hour with most. example_execute_id: one of them; whoever may read it finds the message there.
-- Times UTC, in whole hours: p_to null = now, p_from null = 7 days before; 400 days at most. As of the last fold_analytics.
-- Locks: none. Writes: nothing. Raises: RB400 bad range, RB401, RB403.
create or replace function capataz.error_patterns(p_from timestamp default null, p_to timestamp default null)
  returns table (
    module_name varchar(100),
    error_category varchar(50),
    step_category capataz.step_category_enum,
    step_name varchar(100),
    fingerprint text,
    error_count bigint,
    previous_count bigint,
    change text,
    share numeric,
    peak_hour integer,
    hour_counts bigint[],
    example_execute_id varchar(50)
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
  v_range record;
  v_before timestamp;
  v_kept constant date := capataz.utc_now()::date - 400;
begin
  select r.from_at, r.to_at into v_range
  from capataz_ops._analysis_range(p_from, p_to) as r;
  v_before := v_range.from_at - (v_range.to_at - v_range.from_at);

  return query
  with days as (
    select
      e.module_name, e.error_category, e.step_category, e.step_name, e.fingerprint, e.day, e.error_count, e.hour_counts,
      e.last_execute_id,
      -- hours of the day that lie in the range: first_hour < n <= last_hour
      case
        when e.day >= v_range.from_at then 0
        else greatest(ceil(extract(epoch from v_range.from_at - e.day) / 3600), 0)::integer
      end as first_hour,
      case
        when e.day + 1 <= v_range.to_at then 24
        else least(ceil(extract(epoch from v_range.to_at - e.day) / 3600), 24)::integer
      end as last_hour,
      case
        when e.day >= v_before and e.day + 1 <= v_range.from_at then e.error_count
        when e.day < v_range.from_at then capataz_ops._hours_between(e.hour_counts, e.day, v_before, v_range.from_at)
        else 0
      end as previous_count
    from capataz.module_registry as m
    join capataz_ops.error_days as e on e.module_name = m.module_name
    where e.day >= v_before::date
      and e.day < v_range.to_at
      and (v_modules is null or m.module_name = any (v_modules))
  ), patterns as (
    select
      d.module_name, d.error_category, d.step_category, d.step_name, d.fingerprint,
      greatest(sum(d.previous_count), 0)::bigint as previous_count,
      max(d.last_execute_id) as last_execute_id,
      array[
        coalesce(sum(d.hour_counts[1]) filter (where d.first_hour < 1 and d.last_hour >= 1), 0),
        coalesce(sum(d.hour_counts[2]) filter (where d.first_hour < 2 and d.last_hour >= 2), 0),
        coalesce(sum(d.hour_counts[3]) filter (where d.first_hour < 3 and d.last_hour >= 3), 0),
        coalesce(sum(d.hour_counts[4]) filter (where d.first_hour < 4 and d.last_hour >= 4), 0),
        coalesce(sum(d.hour_counts[5]) filter (where d.first_hour < 5 and d.last_hour >= 5), 0),
        coalesce(sum(d.hour_counts[6]) filter (where d.first_hour < 6 and d.last_hour >= 6), 0),
        coalesce(sum(d.hour_counts[7]) filter (where d.first_hour < 7 and d.last_hour >= 7), 0),
        coalesce(sum(d.hour_counts[8]) filter (where d.first_hour < 8 and d.last_hour >= 8), 0),
        coalesce(sum(d.hour_counts[9]) filter (where d.first_hour < 9 and d.last_hour >= 9), 0),
        coalesce(sum(d.hour_counts[10]) filter (where d.first_hour < 10 and d.last_hour >= 10), 0),
        coalesce(sum(d.hour_counts[11]) filter (where d.first_hour < 11 and d.last_hour >= 11), 0),
        coalesce(sum(d.hour_counts[12]) filter (where d.first_hour < 12 and d.last_hour >= 12), 0),
        coalesce(sum(d.hour_counts[13]) filter (where d.first_hour < 13 and d.last_hour >= 13), 0),
        coalesce(sum(d.hour_counts[14]) filter (where d.first_hour < 14 and d.last_hour >= 14), 0),
        coalesce(sum(d.hour_counts[15]) filter (where d.first_hour < 15 and d.last_hour >= 15), 0),
        coalesce(sum(d.hour_counts[16]) filter (where d.first_hour < 16 and d.last_hour >= 16), 0),
        coalesce(sum(d.hour_counts[17]) filter (where d.first_hour < 17 and d.last_hour >= 17), 0),
        coalesce(sum(d.hour_counts[18]) filter (where d.first_hour < 18 and d.last_hour >= 18), 0),
        coalesce(sum(d.hour_counts[19]) filter (where d.first_hour < 19 and d.last_hour >= 19), 0),
        coalesce(sum(d.hour_counts[20]) filter (where d.first_hour < 20 and d.last_hour >= 20), 0),
        coalesce(sum(d.hour_counts[21]) filter (where d.first_hour < 21 and d.last_hour >= 21), 0),
        coalesce(sum(d.hour_counts[22]) filter (where d.first_hour < 22 and d.last_hour >= 22), 0),
        coalesce(sum(d.hour_counts[23]) filter (where d.first_hour < 23 and d.last_hour >= 23), 0),
        coalesce(sum(d.hour_counts[24]) filter (where d.first_hour < 24 and d.last_hour >= 24), 0)
      ]::bigint[] as hour_counts
    from days as d
    group by d.module_name, d.error_category, d.step_category, d.step_name, d.fingerprint
  ), counted as (
    select
      p.module_name, p.error_category, p.step_category, p.step_name, p.fingerprint, p.previous_count, p.last_execute_id,
      p.hour_counts, h.error_count, h.peak_hour
    from patterns as p
    cross join lateral (
      select
        greatest(sum(u.n), 0)::bigint as error_count,
        (array_agg((u.place - 1)::integer order by u.n desc, u.place))[1] as peak_hour
      from unnest(p.hour_counts) with ordinality as u (n, place)
    ) as h
    where h.error_count > 0
       or p.previous_count > 0
  )
  select
    c.module_name, c.error_category, nullif(c.step_category, '')::capataz.step_category_enum, nullif(c.step_name, '')::varchar(100),
    c.fingerprint, c.error_count, c.previous_count,
    case
      when v_before::date < v_kept then null
      when c.previous_count = 0 then 'new'
      when c.error_count = 0 then 'vanished'
      when power(c.error_count - c.previous_count, 2) <= 4.0 * (c.error_count + c.previous_count) then 'steady'
      when c.error_count > c.previous_count then 'growing'
      else 'shrinking'
    end,
    round(100.0 * c.error_count / nullif(sum(c.error_count) over (), 0), 2),
    case when c.error_count > 0 then c.peak_hour end,
    c.hour_counts,
    c.last_execute_id::varchar(50)
  from counted as c
  order by c.error_count desc, c.previous_count desc, c.module_name, c.error_category, c.step_name, c.fingerprint;
end
$$;

comment on function capataz.error_patterns(timestamp, timestamp) is
  'What fails: by category, step, module, fingerprint and hour of day; what is new, growing, vanished. RB400, RB401, RB403.';

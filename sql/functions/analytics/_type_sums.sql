-- capataz_ops._type_sums(p_modules, p_from, p_to) -> rows of type_days (day is null), one per module and robot type
--
-- What ended in a range (_analysis_range), added up from days, hours and what is not folded yet. p_modules null: of all modules.
-- Locks: none. Writes: nothing. Raises: RB400 for a bad range.
create or replace function capataz_ops._type_sums(p_modules text[], p_from timestamp, p_to timestamp)
  returns setof capataz_ops.type_days
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_range record;
begin
  select r.from_at, r.to_at, r.first_day, r.end_day into v_range
  from capataz_ops._analysis_range(p_from, p_to) as r;

  return query
  select
    m.module_name, u.robot_type, null::date,
    greatest(sum(u.completed_count), 0)::bigint, greatest(sum(u.completed_ms), 0)::bigint,
    greatest(sum(u.failed_count), 0)::bigint, greatest(sum(u.failed_ms), 0)::bigint,
    -- a deleted execution may no longer say that it was retried
    greatest(least(sum(u.retried_count), sum(u.failed_count)), 0)::bigint,
    greatest(sum(u.waited_count), 0)::bigint, greatest(sum(u.waited_ms), 0)::bigint,
    greatest(sum(u.estimated_count), 0)::bigint, greatest(sum(u.estimated_ms), 0)::bigint,
    greatest(sum(u.estimated_actual_ms), 0)::bigint, greatest(sum(u.cpu_ms), 0)::bigint,
    greatest(sum(u.memory_mb_ms), 0), greatest(sum(u.disk_io_mb), 0)::bigint,
    greatest(sum(u.network_io_mb), 0)::bigint, greatest(sum(u.api_calls), 0)::bigint, greatest(sum(u.api_ms), 0)::bigint
  from capataz.module_registry as m
  cross join lateral (
    select
      d.robot_type, d.completed_count, d.completed_ms, d.failed_count, d.failed_ms, d.retried_count, d.waited_count,
      d.waited_ms, d.estimated_count, d.estimated_ms, d.estimated_actual_ms, d.cpu_ms, d.memory_mb_ms, d.disk_io_mb,
      d.network_io_mb, d.api_calls, d.api_ms
    from capataz_ops.type_days as d
    where d.module_name = m.module_name
      and d.day >= v_range.first_day
      and d.day < v_range.end_day
    union all
    select
      h.robot_type, h.completed_count, h.completed_ms, h.failed_count, h.failed_ms, h.retried_count, h.waited_count,
      h.waited_ms, h.estimated_count, h.estimated_ms, h.estimated_actual_ms, h.cpu_ms, h.memory_mb_ms, h.disk_io_mb,
      h.network_io_mb, h.api_calls, h.api_ms
    from capataz_ops.type_hours as h
    where h.module_name = m.module_name
      and h.hour >= v_range.from_at
      and h.hour < least(v_range.first_day::timestamp, v_range.to_at)
    union all
    select
      h.robot_type, h.completed_count, h.completed_ms, h.failed_count, h.failed_ms, h.retried_count, h.waited_count,
      h.waited_ms, h.estimated_count, h.estimated_ms, h.estimated_actual_ms, h.cpu_ms, h.memory_mb_ms, h.disk_io_mb,
      h.network_io_mb, h.api_calls, h.api_ms
    from capataz_ops.type_hours as h
    where h.module_name = m.module_name
      and h.hour >= greatest(v_range.end_day::timestamp, v_range.from_at)
      and h.hour < v_range.to_at
    union all
    select
      t.robot_type, t.completed_count, t.completed_ms, t.failed_count, coalesce(t.failed_ms, 0), coalesce(t.retried_count, 0),
      coalesce(t.waited_count, 0), coalesce(t.waited_ms, 0), coalesce(t.estimated_count, 0), coalesce(t.estimated_ms, 0),
      coalesce(t.estimated_actual_ms, 0), coalesce(t.cpu_ms, 0), coalesce(t.memory_mb_ms, 0), coalesce(t.disk_io_mb, 0),
      coalesce(t.network_io_mb, 0), coalesce(t.api_calls, 0), coalesce(t.api_ms, 0)
    from capataz_ops.type_deltas as t
    where t.module_name = m.module_name
      and t.minute >= v_range.from_at
      and t.minute < v_range.to_at
  ) as u
  where p_modules is null
     or m.module_name = any (p_modules)
  group by m.module_name, u.robot_type
  having sum(u.completed_count) > 0 or sum(u.failed_count) > 0;
end
$$;

comment on function capataz_ops._type_sums(text[], timestamp, timestamp) is
  'What ended in a range per module and robot type. RB400.';

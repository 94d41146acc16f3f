-- capataz.module_benchmark(p_from, p_to) -> rows, one per module and robot type of which something ended
--
-- How a module does the work of a type, against the other modules that do it (specification 4.2, ADR 0025): duration,
-- efficiency (estimated / actual duration of COMPLETED executions that had an estimate; above 1 = quicker than estimated) and
-- cost. peer_...: median of the other modules with executions of the type; ..._difference: percent above (below: negative) it.
-- Per COMPLETED robot, FAILED executions included: core-seconds, GB-seconds of memory, MB of I/O, calls to external APIs.
-- cost_per_robot = core-seconds + 0.125 x GB-seconds: a unit is one core for one second; I/O and APIs are shown, not priced.
-- Times UTC, in whole hours: p_to null = now, p_from null = 7 days before; 400 days at most. What is not folded yet is counted.
-- Locks: none. Writes: nothing. Raises: RB400 bad range, RB401, RB403.
create or replace function capataz.module_benchmark(p_from timestamp default null, p_to timestamp default null)
  returns table (
    module_name varchar(100),
    robot_type varchar(50),
    completed_count bigint,
    failed_count bigint,
    avg_duration_ms bigint,
    peer_duration_ms bigint,
    duration_difference numeric,
    efficiency numeric,
    peer_efficiency numeric,
    efficiency_difference numeric,
    cpu_seconds numeric,
    memory_gb_seconds numeric,
    io_mb numeric,
    api_calls numeric,
    cost_per_robot numeric,
    peer_cost numeric,
    cost_difference numeric,
    peer_count bigint
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
begin
  return query
  with figures as (
    select
      s.module_name, s.robot_type, s.completed_count, s.failed_count,
      s.completed_ms::numeric / nullif(s.completed_count, 0) as duration,
      s.estimated_ms::numeric / nullif(s.estimated_actual_ms, 0) as efficiency,
      s.cpu_ms / 1000.0 / nullif(s.completed_count, 0) as cpu_seconds,
      s.memory_mb_ms / 1024000.0 / nullif(s.completed_count, 0) as memory_gb_seconds,
      (s.disk_io_mb + s.network_io_mb)::numeric / nullif(s.completed_count, 0) as io_mb,
      s.api_calls::numeric / nullif(s.completed_count, 0) as api_calls,
      (s.cpu_ms / 1000.0 + 0.125 * s.memory_mb_ms / 1024000.0) / nullif(s.completed_count, 0) as cost
    from capataz_ops._type_sums(v_modules, p_from, p_to) as s
  ), ranked as (
    select
      f.module_name, f.robot_type, f.completed_count, f.failed_count, f.duration, f.efficiency, f.cpu_seconds,
      f.memory_gb_seconds, f.io_mb, f.api_calls, f.cost,
      case
        when f.duration is not null
          then row_number() over (partition by f.robot_type order by f.duration nulls last, f.module_name)
      end as duration_place,
      case
        when f.efficiency is not null
          then row_number() over (partition by f.robot_type order by f.efficiency nulls last, f.module_name)
      end as efficiency_place,
      case
        when f.cost is not null then row_number() over (partition by f.robot_type order by f.cost nulls last, f.module_name)
      end as cost_place
    from figures as f
  ), types as (
    select
      f.robot_type,
      count(*) as modules,
      array_agg(f.duration order by f.duration) filter (where f.duration is not null) as durations,
      array_agg(f.efficiency order by f.efficiency) filter (where f.efficiency is not null) as efficiencies,
      array_agg(f.cost order by f.cost) filter (where f.cost is not null) as costs
    from figures as f
    group by f.robot_type
  )
  select
    r.module_name, r.robot_type, r.completed_count, r.failed_count,
    round(r.duration)::bigint, round(p.duration)::bigint,
    round(100 * (r.duration - p.duration) / nullif(p.duration, 0), 1),
    round(r.efficiency, 3), round(p.efficiency, 3),
    round(100 * (r.efficiency - p.efficiency) / nullif(p.efficiency, 0), 1),
    round(r.cpu_seconds, 3), round(r.memory_gb_seconds, 3), round(r.io_mb, 2), round(r.api_calls, 2),
    round(r.cost, 3), round(p.cost, 3),
    round(100 * (r.cost - p.cost) / nullif(p.cost, 0), 1),
    t.modules - 1
  from ranked as r
  join types as t on t.robot_type = r.robot_type
  cross join lateral (
    select
      capataz_ops._median_of_others(t.durations, r.duration_place) as duration,
      capataz_ops._median_of_others(t.efficiencies, r.efficiency_place) as efficiency,
      capataz_ops._median_of_others(t.costs, r.cost_place) as cost
  ) as p
  order by r.robot_type, r.module_name;
end
$$;

comment on function capataz.module_benchmark(timestamp, timestamp) is
  'Duration, efficiency and cost of each module and robot type against its peers. RB400, RB401, RB403.';

-- capataz_ops._ended_hours(p_from, p_to) -> rows, one per module, robot type and hour in which something ended
--
-- Executions ended from p_from until before p_to (whole hours, UTC), with what is not folded yet. Kept for a year.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._ended_hours(p_from timestamp, p_to timestamp)
  returns table (
    module_name varchar(100),
    robot_type varchar(50),
    hour timestamp,
    completed_count bigint,
    completed_ms bigint,
    failed_count bigint,
    failed_ms bigint,
    retried_count bigint
  )
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
#variable_conflict use_column
begin
  return query
  select
    u.module_name,
    u.robot_type,
    u.hour,
    greatest(sum(u.completed_count), 0)::bigint,
    greatest(sum(u.completed_ms), 0)::bigint,
    greatest(sum(u.failed_count), 0)::bigint,
    greatest(sum(u.failed_ms), 0)::bigint,
    greatest(sum(u.retried_count), 0)::bigint
  from (
    select f.module_name, f.robot_type, f.hour, f.completed_count, f.completed_ms, f.failed_count, f.failed_ms, f.retried_count
    from capataz_ops.type_hours as f
    where f.hour >= p_from
      and f.hour < p_to
    union all
    select d.module_name, d.robot_type, date_trunc('hour', d.minute), d.completed_count, d.completed_ms, d.failed_count,
      coalesce(d.failed_ms, 0), coalesce(d.retried_count, 0)
    from capataz_ops.type_deltas as d
    where d.minute >= p_from
      and d.minute < p_to
  ) as u
  group by u.module_name, u.robot_type, u.hour;
end
$$;

comment on function capataz_ops._ended_hours(timestamp, timestamp) is
  'Executions ended per module, robot type and hour.';

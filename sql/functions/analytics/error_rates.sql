-- capataz.error_rates(p_module_name, p_hours) -> rows, one per module and robot type of which something ended
--
-- What ended, by module and robot type, in the last p_hours hours of the clock with the one under way: error_rate (percent
-- of what ended that FAILED) and mean duration of COMPLETED executions. What is not folded yet is counted
-- (specification 5.2: continuous error rate; ADR 0024).
-- p_module_name: null for all modules that the caller may reach. p_hours: 1 to 2208 (92 days).
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.error_rates(p_module_name text default null, p_hours bigint default 24)
  returns table (
    module_name varchar(100),
    robot_type varchar(50),
    completed_count bigint,
    failed_count bigint,
    error_rate numeric,
    avg_duration_ms bigint
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_from timestamp;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('hours', p_hours, 1, 2208);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
  v_from := date_trunc('hour', capataz.utc_now()) - make_interval(hours => coalesce(p_hours, 24)::integer - 1);

  return query
  select
    m.module_name,
    c.robot_type,
    c.completed_count,
    c.failed_count,
    round(100.0 * c.failed_count / nullif(c.completed_count + c.failed_count, 0), 2),
    (c.completed_ms / nullif(c.completed_count, 0))::bigint
  from capataz.module_registry as m
  cross join lateral (
    select
      u.robot_type,
      greatest(sum(u.completed_count), 0)::bigint as completed_count,
      greatest(sum(u.failed_count), 0)::bigint as failed_count,
      greatest(sum(u.completed_ms), 0) as completed_ms
    from (
      select f.robot_type, f.completed_count, f.failed_count, f.completed_ms
      from capataz_ops.type_hours as f
      where f.module_name = m.module_name
        and f.hour >= v_from
      union all
      select d.robot_type, d.completed_count, d.failed_count, d.completed_ms
      from capataz_ops.type_deltas as d
      where d.module_name = m.module_name
        and d.minute >= v_from
    ) as u
    group by u.robot_type
  ) as c
  where (p_module_name is null or m.module_name = p_module_name)
    and (v_modules is null or m.module_name = any (v_modules))
    and c.completed_count + c.failed_count > 0
  order by m.module_name, c.robot_type;
end
$$;

comment on function capataz.error_rates(text, bigint) is
  'What ended per module and robot type, with its error rate. RB400, RB401, RB403, RB404.';

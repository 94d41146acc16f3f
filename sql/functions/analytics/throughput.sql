-- capataz.throughput(p_module_name, p_robot_type, p_minutes) -> rows, one per minute, the earliest first
--
-- What ended, minute by minute of completed_at (UTC), over the last p_minutes with the one under way: every minute has a row.
-- error_rate: percent of what ended that FAILED; null where nothing ended. From the counters of the windows: no robot is
-- read, what is not folded yet is counted (specification 4.2, 5.2: continuous error rate; ADR 0024).
-- p_module_name: null for all modules that the caller may reach. p_robot_type: null for all types. p_minutes: 1 to 1440.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.throughput(
  p_module_name text default null,
  p_robot_type text default null,
  p_minutes bigint default 60
)
  returns table (
    minute timestamp,
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
  v_modules text[] := capataz_ops._scope('read');
  v_until constant timestamp := date_trunc('minute', capataz.utc_now());
  v_from timestamp;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._check_text('robot_type', p_robot_type, 50, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('minutes', p_minutes, 1, 1440);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
  v_from := v_until - make_interval(mins => coalesce(p_minutes, 60)::integer);
  v_modules := array(
    select m.module_name
    from capataz.module_registry as m
    where (p_module_name is null or m.module_name = p_module_name)
      and (v_modules is null or m.module_name = any (v_modules))
  );

  return query
  select
    g.minute,
    coalesce(c.completed_count, 0),
    coalesce(c.failed_count, 0),
    round(100.0 * c.failed_count / nullif(c.completed_count + c.failed_count, 0), 2),
    (c.completed_ms / nullif(c.completed_count, 0))::bigint
  from generate_series(v_from + interval '1 minute', v_until, interval '1 minute') as g (minute)
  left join (
    select
      u.minute,
      greatest(sum(u.completed_count), 0)::bigint as completed_count,
      greatest(sum(u.failed_count), 0)::bigint as failed_count,
      greatest(sum(u.completed_ms), 0) as completed_ms
    from unnest(v_modules) as m (module_name)
    cross join lateral (
      select f.minute, f.completed_count, f.failed_count, f.completed_ms
      from capataz_ops.module_minutes as f
      where p_robot_type is null
        and f.module_name = m.module_name
        and f.minute > v_from
      union all
      select d.minute, d.completed_count, d.failed_count, d.completed_ms
      from capataz_ops.module_deltas as d
      where p_robot_type is null
        and d.module_name = m.module_name
        and d.minute > v_from
      union all
      select f.minute, f.completed_count, f.failed_count, f.completed_ms
      from capataz_ops.type_minutes as f
      where f.robot_type = p_robot_type
        and f.module_name = m.module_name
        and f.minute > v_from
      union all
      select d.minute, d.completed_count, d.failed_count, d.completed_ms
      from capataz_ops.type_deltas as d
      where d.robot_type = p_robot_type
        and d.module_name = m.module_name
        and d.minute > v_from
    ) as u
    group by u.minute
  ) as c on c.minute = g.minute
  order by g.minute;
end
$$;

comment on function capataz.throughput(text, text, bigint) is
  'What ended per minute: COMPLETED, FAILED, error rate, mean duration. RB400, RB401, RB403, RB404.';

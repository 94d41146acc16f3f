-- capataz.module_activity(p_module_name, p_minutes) -> rows (module_name, minute, completed_count, failed_count)
--
-- Executions that ended COMPLETED and FAILED, by module and minute of completed_at, UTC: the last p_minutes minutes with the
-- one under way (specification 4.2: throughput). Minutes in which nothing ended are left out. What is not folded yet is counted.
-- p_module_name: null for all modules that the caller may reach. p_minutes: 1 to 1440.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.module_activity(p_module_name text default null, p_minutes bigint default 60)
  returns table (
    module_name varchar(100),
    minute timestamp,
    completed_count bigint,
    failed_count bigint
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
  perform capataz_ops._check_number('minutes', p_minutes, 1, 1440);
  v_from := date_trunc('minute', capataz.utc_now()) - make_interval(mins => coalesce(p_minutes, 60)::integer);

  return query
  select m.module_name, a.minute, a.completed_count, a.failed_count
  from capataz.module_registry as m
  cross join lateral (
    select u.minute, sum(u.completed_count)::bigint as completed_count, sum(u.failed_count)::bigint as failed_count
    from (
      select f.minute, f.completed_count, f.failed_count
      from capataz_ops.module_minutes as f
      where f.module_name = m.module_name
        and f.minute > v_from
      union all
      select d.minute, d.completed_count, d.failed_count
      from capataz_ops.module_deltas as d
      where d.module_name = m.module_name
        and d.minute > v_from
    ) as u
    group by u.minute
    having sum(u.completed_count) <> 0 or sum(u.failed_count) <> 0
  ) as a
  where (p_module_name is null or m.module_name = p_module_name)
    and (v_modules is null or m.module_name = any (v_modules))
  order by m.module_name, a.minute;

  if not found and p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
end
$$;

comment on function capataz.module_activity(text, bigint) is
  'Executions ended per module and minute, COMPLETED and FAILED. RB400, RB401, RB403, RB404.';

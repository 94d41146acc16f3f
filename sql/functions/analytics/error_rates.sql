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
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_until constant timestamp := date_trunc('hour', capataz.utc_now()) + interval '1 hour';
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('hours', p_hours, 1, 2208);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;

  return query
  select
    t.module_name,
    t.robot_type,
    t.completed_count,
    t.failed_count,
    round(100.0 * t.failed_count / nullif(t.completed_count + t.failed_count, 0), 2),
    t.completed_ms / nullif(t.completed_count, 0)
  from capataz_ops._type_sums(
    case when p_module_name is null then v_modules else array[p_module_name] end,
    v_until - make_interval(hours => coalesce(p_hours, 24)::integer),
    v_until
  ) as t
  order by t.module_name, t.robot_type;
end
$$;

comment on function capataz.error_rates(text, bigint) is
  'What ended per module and robot type, with its error rate. RB400, RB401, RB403, RB404.';

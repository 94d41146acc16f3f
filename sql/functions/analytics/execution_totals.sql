-- capataz.execution_totals(p_module_name) -> rows, one per module, by name
--
-- What ended since the module was registered, for counters of metrics: figures that only grow, also where history is purged
-- or an execution is deleted. A minute behind at most (they are counted by the fold). duration_limits: upper limits in
-- milliseconds of the buckets of durations of COMPLETED executions; duration_counts: how many are in each, the last one
-- above all limits (specification 5.2; ADR 0027).
-- p_module_name: null for all modules that the caller may reach.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.execution_totals(p_module_name text default null)
  returns table (
    module_name varchar(100),
    completed_count bigint,
    completed_ms bigint,
    failed_count bigint,
    duration_limits integer[],
    duration_counts bigint[],
    counted_since timestamp
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
  return query
  select
    m.module_name,
    coalesce(t.completed_count, 0),
    coalesce(t.completed_ms, 0),
    coalesce(t.failed_count, 0),
    capataz_ops._duration_limits(),
    coalesce(t.duration_counts, capataz_ops._count_durations(null, null)),
    coalesce(t.counted_since, m.registered_at)
  from capataz.module_registry as m
  left join capataz_ops.module_totals as t on t.module_name = m.module_name
  where (p_module_name is null or m.module_name = p_module_name)
    and (v_modules is null or m.module_name = any (v_modules))
  order by m.module_name;
end
$$;

comment on function capataz.execution_totals(text) is
  'What ended per module since it was registered, with a histogram of durations. RB400, RB401, RB403, RB404.';

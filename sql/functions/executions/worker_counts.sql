-- capataz.worker_counts(p_module_name) -> rows, one per module and state that has workers
--
-- How many workers a module has: alive, stopped (in order) or lost within a day. Silent ones count as alive until the sweep
-- finds them (specification 5.2). p_module_name: null for all modules that the caller may reach.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.worker_counts(p_module_name text default null)
  returns table (module_name varchar(100), state text, worker_count bigint)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
  v_modules constant text[] := capataz_ops._scope('read');
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
  return query
  select w.module_name, s.state, count(*)
  from capataz_ops.workers as w
  cross join lateral (
    select case when w.lost_at is not null then 'lost' when w.stopped_at is not null then 'stopped' else 'alive' end as state
  ) as s
  where (p_module_name is null or w.module_name = p_module_name)
    and (v_modules is null or w.module_name = any (v_modules))
    and (s.state = 'alive' or coalesce(w.lost_at, w.stopped_at) > v_now - interval '1 day')
  group by w.module_name, s.state
  order by w.module_name, s.state;
end
$$;

comment on function capataz.worker_counts(text) is
  'How many workers a module has: alive, stopped or lost within a day. RB400, RB401, RB403, RB404.';

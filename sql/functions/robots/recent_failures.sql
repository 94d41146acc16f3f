-- capataz.recent_failures(p_module_name, p_limit) -> rows, one per robot, the latest first
--
-- Robots that are FAILED, or RETRYING after an error, by the time of their last error. At most p_limit (1 to 200).
-- Reads no more than the latest errors of each category: idx_robots_error_tracking is probed once per status, category and
-- retry count (up to 500 of these combinations), so it costs the same at any number of failed robots.
-- p_module_name: null for all modules that the caller may reach; with a module, of the last 200 errors of each combination.
-- Error messages are payload: execution_data shows them.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.recent_failures(p_module_name text default null, p_limit bigint default 20)
  returns table (
    robot_id varchar(50),
    module_name varchar(100),
    robot_type varchar(50),
    status capataz.robot_status_enum,
    error_category varchar(50),
    retry_count integer,
    retry_limit integer,
    last_error_at timestamp,
    available_at timestamp
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_each bigint;
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);
  perform capataz_ops._check_number('limit', p_limit, 1, 200);
  if p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
  v_each := case when p_module_name is null and v_modules is null then coalesce(p_limit, 20) else 200 end;

  return query
  with recursive combinations as (  -- a loose scan: from one combination of the index to the next
    select n.status, n.error_category, n.retry_count, 1 as place
    from (
      select r.status, r.error_category, r.retry_count
      from capataz.robots as r
      where r.status in ('FAILED', 'RETRYING')
        and r.error_category is not null
      order by r.status, r.error_category, r.retry_count
      limit 1
    ) as n
    union all
    select n.status, n.error_category, n.retry_count, c.place + 1
    from combinations as c
    cross join lateral (
      select r.status, r.error_category, r.retry_count
      from capataz.robots as r
      where r.status in ('FAILED', 'RETRYING')
        and r.error_category is not null
        and (r.status, r.error_category, r.retry_count) > (c.status, c.error_category, c.retry_count)
      order by r.status, r.error_category, r.retry_count
      limit 1
    ) as n
    where c.place < 500
  )
  select
    f.robot_id, f.module_name, f.robot_type, f.status, f.error_category, f.retry_count::integer, f.retry_limit::integer,
    f.last_error_at, f.available_at
  from combinations as c
  cross join lateral (
    select
      r.robot_id, r.module_name, r.robot_type, r.status, r.error_category, r.retry_count, r.retry_limit, r.last_error_at,
      r.available_at
    from capataz.robots as r
    where r.status = c.status
      and r.status in ('FAILED', 'RETRYING')
      and r.error_category = c.error_category
      and r.retry_count = c.retry_count
      and r.last_error_at is not null
    order by r.last_error_at desc
    limit v_each
  ) as f
  where (p_module_name is null or f.module_name = p_module_name)
    and (v_modules is null or f.module_name = any (v_modules))
  order by f.last_error_at desc, f.robot_id
  limit coalesce(p_limit, 20);
end
$$;

comment on function capataz.recent_failures(text, bigint) is
  'Robots with the latest errors, FAILED or RETRYING. RB400, RB401, RB403, RB404.';

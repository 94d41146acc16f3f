-- capataz.queue_state(p_module_name) -> rows, one per module and priority in which robots wait
--
-- What waits, now: PENDING and RETRYING robots, how many of them are not due yet, and since when the oldest due one waits.
-- Up to 500 robots of a module and priority are counted; of more the last sample tells (sample_resources), or 500 where
-- there is none: is_estimate. not_due is 500 at most unless none is due. So it costs the same however deep the queue is.
-- p_module_name: null for all modules that the caller may reach.
-- Locks: none. Writes: nothing. Raises: RB400 bad argument, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.queue_state(p_module_name text default null)
  returns table (
    module_name varchar(100),
    priority capataz.priority_enum,
    waiting bigint,
    not_due bigint,
    oldest_due_at timestamp,
    is_estimate boolean
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_sort = off
  set jit = off
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
  select
    m.module_name,
    p.priority,
    a.n,
    case when o.available_at is null then a.n else d.n end,  -- none is due: then all that wait are not
    o.available_at,
    w.n = 500 or d.n = 500
  from capataz.module_registry as m
  cross join unnest(enum_range(null::capataz.priority_enum)) with ordinality as p (priority, place)
  cross join lateral (
    select count(*) as n
    from (
      select
      from capataz.robots as r
      where r.module_name = m.module_name
        and r.priority = p.priority
        and r.status in ('PENDING', 'RETRYING')
      limit 500
    ) as c
  ) as w
  cross join lateral (
    select count(*) as n
    from (
      select
      from capataz.robots as r
      where r.module_name = m.module_name
        and r.priority = p.priority
        and r.status in ('PENDING', 'RETRYING')
        and r.available_at > v_now
      limit 500
    ) as c
  ) as d
  left join lateral (
    select r.available_at
    from capataz.robots as r
    where r.module_name = m.module_name
      and r.priority = p.priority
      and r.status in ('PENDING', 'RETRYING')
      and r.available_at <= v_now
    order by r.available_at, r.arrival
    limit 1
  ) as o on true
  left join lateral (
    select (t.pending[p.place] + t.retrying[p.place])::bigint as n
    from capataz_ops.module_trends as t
    where t.module_name = m.module_name
      and t.sampled_at > v_now - interval '1 hour'
    order by t.sampled_at desc
    limit 1
  ) as s on w.n = 500
  cross join lateral (select case when w.n = 500 then greatest(coalesce(s.n, 0), 500) else w.n end as n) as a
  where (p_module_name is null or m.module_name = p_module_name)
    and (v_modules is null or m.module_name = any (v_modules))
    and w.n > 0
  order by m.module_name, p.priority desc;
end
$$;

comment on function capataz.queue_state(text) is
  'What waits now, per module and priority. RB400, RB401, RB403, RB404.';

-- capataz_ops._oldest_due(p_module_name, p_now) -> timestamp
--
-- Since when the oldest due robot of a module waits; null = none is due. One index probe per priority.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._oldest_due(p_module_name text, p_now timestamp)
  returns timestamp
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_sort = off
  set jit = off
as $$
  select min(o.available_at)
  from unnest(enum_range(null::capataz.priority_enum)) as p (priority)
  cross join lateral (
    select r.available_at
    from capataz.robots as r
    where r.module_name = p_module_name
      and r.priority = p.priority
      and r.status in ('PENDING', 'RETRYING')
      and r.available_at <= p_now
    order by r.available_at, r.arrival
    limit 1
  ) as o
$$;

comment on function capataz_ops._oldest_due(text, timestamp) is
  'Since when the oldest due robot of a module waits.';

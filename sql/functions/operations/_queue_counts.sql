-- capataz_ops._queue_counts(p_module_name, p_now) -> rows (pending, retrying, not_due), one row
--
-- Counts the waiting robots of a module by status and priority (LOW, NORMAL, HIGH, CRITICAL), and those that are not due
-- yet. Reads index entries alone, one per waiting robot: what it costs follows the queue, never history.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._queue_counts(p_module_name text, p_now timestamp)
  returns table (pending integer[], retrying integer[], not_due integer)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
  select
    array[
      coalesce(sum(c.n) filter (where c.status = 'PENDING' and c.priority = 'LOW'), 0)::integer,
      coalesce(sum(c.n) filter (where c.status = 'PENDING' and c.priority = 'NORMAL'), 0)::integer,
      coalesce(sum(c.n) filter (where c.status = 'PENDING' and c.priority = 'HIGH'), 0)::integer,
      coalesce(sum(c.n) filter (where c.status = 'PENDING' and c.priority = 'CRITICAL'), 0)::integer
    ],
    array[
      coalesce(sum(c.n) filter (where c.status = 'RETRYING' and c.priority = 'LOW'), 0)::integer,
      coalesce(sum(c.n) filter (where c.status = 'RETRYING' and c.priority = 'NORMAL'), 0)::integer,
      coalesce(sum(c.n) filter (where c.status = 'RETRYING' and c.priority = 'HIGH'), 0)::integer,
      coalesce(sum(c.n) filter (where c.status = 'RETRYING' and c.priority = 'CRITICAL'), 0)::integer
    ],
    (
      select count(*)::integer
      from capataz.robots as r
      where r.module_name = p_module_name
        and r.priority = any (enum_range(null::capataz.priority_enum))
        and r.status in ('PENDING', 'RETRYING')
        and r.available_at > p_now
    )
  from (
    select r.status, r.priority, count(*) as n
    from capataz.robots as r
    where r.module_name = p_module_name
      and r.status in ('PENDING', 'RETRYING')
    group by r.status, r.priority
  ) as c
$$;

comment on function capataz_ops._queue_counts(text, timestamp) is
  'Waiting robots of a module by status and priority.';

-- capataz.find_stragglers() -> integer
--
-- Brings robots back that scans have passed: waiting ones, due for a minute or more, that stand before all robots of the same
-- module and priority that were claimed within five minutes and run (a transaction committed late, or a claim was undone).
-- They are put behind the last of those, which is before the scans again. Returns how many, at most 1000 a call (ADR 0005).
-- Safe at any time, by anyone, twice at once.
-- Locks:  robots, by robot_id, skip locked. Writes: robots.available_at.
-- Raises: nothing.
create or replace function capataz.find_stragglers()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_now constant timestamp := capataz.utc_now();
  v_found integer;
begin
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);  -- not the caller's (ADR 0008)
  with passed as (
    select r.module_name, r.priority, min(r.available_at) as available_at, max(r.available_at) as last_available_at
    from capataz.robots as r
    where r.status = 'PROCESSING'
      and r.started_at > v_now - interval '5 minutes'
    group by r.module_name, r.priority
  ), stragglers as (
    select s.robot_id, least(p.last_available_at + interval '1 microsecond', v_now) as available_at
    from passed as p
    cross join lateral (
      select r.robot_id
      from capataz.robots as r
      where r.module_name = p.module_name
        and r.priority = p.priority
        and r.status in ('PENDING', 'RETRYING')
        and r.available_at < p.available_at - interval '5 seconds'
        and r.available_at < v_now - interval '1 minute'
      order by r.available_at, r.arrival
      limit 1000
    ) as s
    limit 1000
  ), held as (
    select r.robot_id
    from capataz.robots as r
    where r.robot_id in (select s.robot_id from stragglers as s)
      and r.status in ('PENDING', 'RETRYING')
    order by r.robot_id
    for no key update skip locked
  )
  update capataz.robots as r
  set available_at = s.available_at
  from stragglers as s
  where r.robot_id = s.robot_id
    and r.robot_id in (select h.robot_id from held as h);
  get diagnostics v_found = row_count;
  return v_found;
end
$$;

comment on function capataz.find_stragglers() is
  'Puts waiting robots that scans have passed before the scans again; returns how many.';

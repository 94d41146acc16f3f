-- capataz_ops._inconsistencies() -> rows (check_name, subject, detail)
--
-- The checks of validate_consistency that look at everything each time: they read what is under way, and counters; at most
-- 100 rows each. One statement, one snapshot: work that goes on meanwhile bends nothing.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._inconsistencies()
  returns table (check_name text, subject text, detail text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
  (
    select 'robots under way'::text, r.robot_id::text, 'PROCESSING without an active execution'::text
    from capataz.robots as r
    where r.status = 'PROCESSING'
      and not exists (
        select
        from capataz.robot_execute as e
        where e.robot_id = r.robot_id
          and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
      )
    limit 100
  )
  union all
  (
    select 'executions under way', e.execute_id, format('%s, but its robot %s is %s', e.execution_state, r.robot_id, r.status)
    from capataz.robot_execute as e
    join capataz.robots as r on r.robot_id = e.robot_id
    where e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
      and r.status <> 'PROCESSING'
    limit 100
  )
  union all
  (
    select
      'permits', s.module_name,
      format('%s units free and %s held make not %s, its max_concurrency', p.free, h.held, s.max_concurrency)
    from capataz_ops.module_settings as s
    cross join lateral (
      select coalesce(sum(p.free_count), 0) as free
      from capataz_ops.module_permits as p
      where p.module_name = s.module_name
    ) as p
    cross join lateral (
      select count(*) as held, coalesce(bool_or(not e.has_permit), false) as is_adopting
      from capataz.robot_execute as e
      where e.module_name = s.module_name
        and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
    ) as h
    where s.max_concurrency is not null
      and p.free + h.held <> s.max_concurrency
      and not h.is_adopting  -- a limit was set on a running module; fold_counters is about to
    limit 100
  )
  union all
  (
    select 'settings', f.module_name, f.finding
    from (
      select m.module_name, capataz_ops._settings_finding(m.module_name, m.registration_data) as finding
      from capataz.module_registry as m
    ) as f
    where f.finding is not null
    limit 100
  )
  union all
  (
    -- a row that was folded in this minute shows this minute's window
    select
      'windows', m.module_name,
      format('error_count_24h is %s and not %s', m.error_count_24h, least(greatest(w.failed_count, 0), 2147483647))
    from capataz.module_registry as m
    join capataz_ops.module_state as s on s.module_name = m.module_name
    cross join lateral (
      select coalesce(sum(f.failed_count), 0) as failed_count
      from capataz_ops.module_minutes as f
      where f.module_name = m.module_name
        and f.minute > s.window_from
    ) as w
    where s.window_from > '-infinity'
      and m.error_count_24h <> least(greatest(w.failed_count, 0), 2147483647)
    limit 100
  )
  union all
  (
    select
      'counts per type', x.module_name,
      format(
        '%s completed and %s failed of 24 hours, per type %s and %s', x.completed, x.failed, x.type_completed, x.type_failed
      )
    from (
      select
        m.module_name,
        coalesce(sum(u.completed) filter (where not u.is_typed), 0) as completed,
        coalesce(sum(u.failed) filter (where not u.is_typed), 0) as failed,
        coalesce(sum(u.completed) filter (where u.is_typed), 0) as type_completed,
        coalesce(sum(u.failed) filter (where u.is_typed), 0) as type_failed
      from capataz.module_registry as m
      join capataz_ops.module_state as s on s.module_name = m.module_name
      cross join lateral (
        select false as is_typed, f.completed_count as completed, f.failed_count as failed
        from capataz_ops.module_minutes as f
        where f.module_name = m.module_name
          and f.minute > s.window_from
        union all
        select true, f.completed_count, f.failed_count
        from capataz_ops.type_minutes as f
        where f.module_name = m.module_name
          and f.minute > s.window_from
      ) as u
      -- counted per type since then
      where s.window_from > (select w.defined_at from capataz_ops.walks as w where w.walk_name = 'validate_consistency')
      group by m.module_name
    ) as x
    where (x.completed, x.failed) <> (x.type_completed, x.type_failed)
    limit 100
  )
  union all
  (
    select 'counts', f.module_name || ' ' || f.minute, format('%s completed, %s failed', f.completed_count, f.failed_count)
    from capataz.module_registry as m
    join capataz_ops.module_minutes as f on f.module_name = m.module_name
    where f.completed_count < 0
      or f.failed_count < 0
    limit 100
  )
  union all
  (
    select 'totals', m.module_name, format('%s processed in all, %s in its window', s.processed_count, w.ended)
    from capataz.module_registry as m
    join capataz_ops.module_state as s on s.module_name = m.module_name
    cross join lateral (
      select coalesce(sum(f.completed_count + f.failed_count), 0) as ended
      from capataz_ops.module_minutes as f
      where f.module_name = m.module_name
    ) as w
    where s.processed_count < w.ended
    limit 100
  )
$$;

comment on function capataz_ops._inconsistencies() is
  'What does not hold between the three tables and derived state, of what can be checked whole.';

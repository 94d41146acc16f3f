-- capataz_ops._system_health(p_is_live) -> rows (check_name, status, detail)
--
-- What capataz.system_health() answers. Reads heads of indexes and small tables only: it costs the same at any number of
-- robots. With more than 250 modules the queues' heads may come from the cache system_health, unless p_is_live.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace function capataz_ops._system_health(p_is_live boolean)
  returns table (check_name text, status text, detail text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamp := capataz.utc_now();
  v_is_found boolean := false;
  v_oldest record;
begin
  return query
  select
    'jobs'::text,
    case
      when bool_or(j.last_outcome like 'failed%') then 'CRITICAL'
      when bool_or(s.is_late) then 'WARNING'
      else 'OK'
    end,
    coalesce(
      string_agg(
        case
          when j.last_outcome like 'failed%' then format(
            '%s %s: %s', j.job_name, split_part(j.last_outcome, ':', 1), capataz_ops._told_error(j.last_error)
          )
          when s.is_late then format('%s is overdue since %s UTC', j.job_name, j.next_due_at)
        end,
        '; ' order by j.job_name
      ),
      format('%s jobs ran in time', count(*))
    )
  from capataz_ops.jobs as j
  join capataz_ops._job_states as s on s.job_name = j.job_name;

  return query
  select
    'modules'::text,
    case
      when bool_or(m.health_status = 'UNHEALTHY') then 'CRITICAL'
      when bool_or(m.health_status = 'DEGRADED') then 'WARNING'
      else 'OK'
    end,
    coalesce(
      string_agg(
        format('%s is %s', m.module_name, m.health_status), '; ' order by m.module_name
      ) filter (where m.health_status in ('UNHEALTHY', 'DEGRADED')),
      format('%s active modules', count(*))
    )
  from capataz.module_registry as m
  where m.is_active;

  -- a probe per module and priority: where there are many modules, what the cache found in the last two minutes will do
  if not p_is_live and (select count(*) from capataz.module_registry as m) > 250 then
    return query
    select q.check_name, q.status, q.detail
    from capataz_ops.caches as c
    cross join lateral json_to_recordset(c.value) as q (check_name text, status text, detail text)
    where c.cache_name = 'system_health'
      and v_now between c.refreshed_at - interval '1 minute' and c.refreshed_at + interval '2 minutes'
      and q.check_name = 'queue';
    v_is_found := found;
  end if;
  if not v_is_found then
    select m.module_name, o.available_at into v_oldest
    from capataz.module_registry as m
    cross join unnest(enum_range(null::capataz.priority_enum)) as p (priority)
    cross join lateral (
      select r.available_at
      from capataz.robots as r
      where r.module_name = m.module_name
        and r.priority = p.priority
        and r.status in ('PENDING', 'RETRYING')
        and r.available_at <= v_now
      order by r.available_at, r.arrival
      limit 1
    ) as o
    order by o.available_at, m.module_name
    limit 1;
    return query
    select
      'queue'::text,
      case when v_oldest.available_at < v_now - interval '1 hour' then 'WARNING' else 'OK' end,
      coalesce(
        'oldest due robot waits since ' || v_oldest.available_at || ' UTC in ' || v_oldest.module_name, 'no robot is due'
      );
  end if;

  return query
  select
    'executions'::text,
    case when count(*) > 0 then 'WARNING' else 'OK' end,
    case
      when count(*) > 0 then format('%s executions are past their timeout and not yet ended', count(*))
      else 'none past its timeout'
    end
  from (
    select e.execute_id
    from capataz.module_registry as m
    join capataz.robot_execute as e
      on e.module_name = m.module_name
      and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
      and e.started_at + e.timeout_seconds * interval '1 second' < v_now - interval '2 minutes'
    limit 1000
  ) as late;

  return query
  select
    'workers'::text,
    case when count(*) filter (where w.lost_at is not null) > 0 then 'WARNING' else 'OK' end,
    format(
      '%s alive, %s lost within a day',
      count(*) filter (where w.stopped_at is null and w.lost_at is null),
      count(*) filter (where w.lost_at is not null)
    )
  from capataz_ops.workers as w
  where w.lost_at is null or w.lost_at > v_now - interval '1 day';

  return query
  select
    'snapshots'::text,
    case
      when not pg_has_role('capataz_owner', 'pg_read_all_stats', 'usage') then 'WARNING'
      when max(clock_timestamp() - a.xact_start) > interval '10 minutes' then 'WARNING'
      else 'OK'
    end,
    case
      when not pg_has_role('capataz_owner', 'pg_read_all_stats', 'usage')
        then 'cannot see other sessions: grant pg_read_all_stats to capataz_owner'
      when count(*) = 0 then 'no other open transaction'
      else format(
        'oldest open transaction: %s (pid %s)', date_trunc('second', max(clock_timestamp() - a.xact_start)),
        (array_agg(a.pid order by a.xact_start))[1]
      )
    end
  from pg_stat_activity as a
  where a.backend_xmin is not null
    and a.pid <> pg_backend_pid()
    and a.xact_start is not null;

  -- one row, whoever runs the jobs
  return query
  select
    'scheduler'::text,
    case
      when exists (select from pg_extension as x where x.extname = 'pg_cron') then 'OK'
      when max(j.last_end_at) > v_now - interval '5 minutes' then 'OK'
      else 'WARNING'
    end,
    concat_ws(
      '; ',
      case
        when exists (select from pg_extension as x where x.extname = 'pg_cron') then 'pg_cron is installed'
        when max(j.last_end_at) > v_now - interval '5 minutes' then 'jobs are run from outside (capataz tick)'
        else 'no pg_cron and no tick: run `capataz tick`'
      end,
      (
        -- the latest gap of a day, and how many jobs it hit
        select format(
          '%s%s did not run from %s to %s UTC', (array_agg(g.job_name order by g.gap_from desc, g.job_name))[1],
          case when count(*) > 1 then format(' and %s more', count(*) - 1) end, max(g.gap_from), min(g.gap_until)
        )
        from capataz_ops.jobs as g
        where g.gap_until between v_now - interval '24 hours' and v_now
          and g.gap_until - g.gap_from > interval '5 minutes'
          and g.gap_until > (select max(l.gap_from) from capataz_ops.jobs as l)
        having count(*) > 0
      )
    )
  from capataz_ops.jobs as j;

  return query
  select
    'consistency'::text,
    case when count(f.subject) > 0 then 'CRITICAL' else 'OK' end,
    case
      when count(f.subject) > 0
        then format(
          '%s findings; the latest: %s', count(f.subject),
          (array_agg(format('%s: %s: %s', f.check_name, f.subject, f.detail) order by f.last_seen_at desc, f.subject))[1]
        )
      when max(w.started_at) is null then 'not validated yet'
      else format('nothing found; %s robots read since %s UTC', max(w.row_count), max(w.started_at))
    end
  from capataz_ops.walks as w
  left join capataz_ops.findings as f on true
  where w.walk_name = 'validate_consistency';
end
$$;

comment on function capataz_ops._system_health(boolean) is
  'The system''s own health, one row per check.';

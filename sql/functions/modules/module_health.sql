-- capataz.module_health(p_module_name) -> rows, one per module, by name
--
-- How each module is and what it holds (specification 3.1, 5.2; ADR 0016):
-- reason       why it has its health_status; health_since: since when, UTC; both null where it never changed;
--              error messages in it are masked for readers (ADR 0022)
-- opened_by    work, checks or hand while its circuit breaker is open; probe_after: before this time it gets no probe
-- is_probing   whether a probe is running now
-- failed_checks, consecutive_failures   in a row
-- in_flight    executions that have not ended; waiting: robots PENDING or RETRYING, counted up to 1,000
-- p_module_name: null for all modules that the caller may reach.
-- Locks: none. Writes: nothing. Raises: RB400 bad name, RB401, RB403 not your module, RB404 unknown module.
create or replace function capataz.module_health(p_module_name text default null)
  returns table (
    module_name varchar(100),
    is_active boolean,
    health_status capataz.module_health_enum,
    reason text,
    health_since timestamp,
    opened_by text,
    probe_after timestamp,
    is_probing boolean,
    failed_checks integer,
    consecutive_failures integer,
    last_health_check timestamp,
    in_flight bigint,
    max_concurrency integer,
    waiting bigint
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_sees_all constant boolean := capataz_ops._sees_payload(p_module_name);
begin
  perform capataz_ops._check_text('module_name', p_module_name, 100, false);
  perform capataz_ops._require_access(v_modules, p_module_name);

  return query
  select
    m.module_name, m.is_active, m.health_status,
    case
      when v_sees_all then h.reason
      else capataz_ops._shown_text(capataz_ops._payload_view(m.module_name, null, false), h.reason)
    end,
    h.changed_at, t.opened_by, t.probe_after,
    exists (
      select
      from capataz_ops.module_probes as q
      join capataz.robot_execute as p on p.execute_id = q.probe_execute_id
      where q.module_name = m.module_name
        and p.completed_at is null
    ),
    t.failed_checks, m.consecutive_failures, m.last_health_check, e.in_flight, s.max_concurrency, w.waiting
  from capataz.module_registry as m
  join capataz_ops.module_state as t on t.module_name = m.module_name
  join capataz_ops.module_settings as s on s.module_name = m.module_name
  left join lateral (
    select c.reason, c.changed_at
    from capataz_ops.health_changes as c
    where c.module_name = m.module_name
    order by c.changed_at desc, c.change_id desc
    limit 1
  ) as h on true
  cross join lateral (
    select count(*) as in_flight
    from capataz.robot_execute as x
    where x.module_name = m.module_name
      and x.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
  ) as e
  cross join lateral (
    select count(*) as waiting
    from (
      select
      from capataz.robots as r
      where r.module_name = m.module_name
        and r.status in ('PENDING', 'RETRYING')
      limit 1000
    ) as q
  ) as w
  where (p_module_name is null or m.module_name = p_module_name)
    and (v_modules is null or m.module_name = any (v_modules))
  order by m.module_name;

  if not found and p_module_name is not null then
    perform capataz_ops._require_module(p_module_name);
  end if;
end
$$;

comment on function capataz.module_health(text) is
  'Health of modules with its reason, circuit breaker, robots running and waiting. RB400, RB401, RB403, RB404.';

-- capataz.claim_robots(p_module_name, p_batch_size, p_worker_id, p_timeout_seconds) -> rows, one per robot claimed
--
-- Hands due robots to a worker and opens their executions; execute_id is the lease of the attempt (ADR 0005).
-- Order: CRITICAL, HIGH, NORMAL, LOW; then due time; then arrival. Of every ten robots a session is given, one goes to the
-- longest-waiting aged robot of any priority: due for more than priority_aging_seconds (600), so that none starves.
-- Nothing for an inactive module; for an UNHEALTHY one, one probe at a time after its cool-down; never more than max_concurrency allows.
-- Also sweeps a bounded number of executions of the module that are past their timeout or whose worker is lost.
-- p_batch_size: 1 to 1000. p_timeout_seconds: time limit of the attempts, default timeout_seconds of the module (1800).
-- Locks:  robots, module_permits, limit_guards (all skip locked); the sweep as expire_executions. Writes: robots, robot_execute.
-- Raises: RB400 bad argument, RB401, RB403 not yours, RB404 unknown module.
create or replace function capataz.claim_robots(
  p_module_name text,
  p_batch_size bigint default 1,
  p_worker_id text default null,
  p_timeout_seconds bigint default null
)
  returns table (
    robot_id varchar(50),
    execute_id varchar(50),
    robot_type varchar(50),
    priority capataz.priority_enum,
    input_data jsonb,
    attempt integer,
    correlation_id varchar(100),
    timeout_seconds integer
  )
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_sort = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('work', p_module_name);
  v_now constant timestamp := capataz.utc_now();
  v_wanted integer := least(greatest(coalesce(p_batch_size, 1), 0), 1001)::integer;
  v_module record;
  v_rows tid[];
  v_prefix text;
  v_is_probe boolean := false;
  v_free bigint;
begin
  if not (v_wanted between 1 and 1000 and num_nulls(p_worker_id, p_timeout_seconds) = 2) then
    perform capataz_ops._check_number('batch_size', p_batch_size, 1, 1000);
    perform capataz_ops._check_text('worker_id', p_worker_id, 100, false);
    perform capataz_ops._check_number('timeout_seconds', p_timeout_seconds, 1, 2147483647);
  end if;

  if v_modules is not null then
    perform capataz_ops._check_text('module_name', p_module_name, 100, true);
    perform capataz_ops._require_access(v_modules, p_module_name);
  end if;

  select m.is_active, m.health_status, s.max_concurrency, s.timeout_seconds, s.priority_aging_seconds,
    s.worker_timeout_seconds * interval '1 second' as worker_timeout
  into v_module
  from capataz.module_registry as m
  join capataz_ops.module_settings as s on s.module_name = m.module_name
  where m.module_name = p_module_name;
  if not found then
    perform capataz_ops._check_text('module_name', p_module_name, 100, true);
    perform capataz_ops._raise_unknown_module(p_module_name);
  end if;

  -- The sweep: two index probes that find nothing, as a rule. The order, with sorts off, leaves the planner only the index
  -- over the expiry; it would read another partial index whole, which fills with dead entries (ADR 0009).
  if (
       select e.execute_id
       from capataz.robot_execute as e
       where e.module_name = p_module_name
         and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
         and e.started_at + e.timeout_seconds * interval '1 second' < v_now
       order by e.started_at + e.timeout_seconds * interval '1 second'
       limit 1
     ) is not null  -- not `exists`: the planner drops the order within
     or exists (
       select
       from capataz_ops.workers as w
       where w.module_name = p_module_name
         and w.stopped_at is null
         and w.lost_at is null
         and w.last_heartbeat_at < v_now - v_module.worker_timeout
     )
  then
    perform capataz_ops._expire_module(p_module_name, 20);
    -- what it ended may have made the module UNHEALTHY
    select m.health_status into v_module.health_status
    from capataz.module_registry as m
    where m.module_name = p_module_name;
  end if;

  if not v_module.is_active then
    return;
  end if;

  if v_module.health_status = 'UNHEALTHY' then
    if exists (
      select from capataz_ops.module_state as s where s.module_name = p_module_name and s.probe_after > v_now
    ) then
      return;
    end if;
    -- the row lock keeps a second probe out until this one is committed
    perform from capataz_ops.module_probes as p where p.module_name = p_module_name for no key update skip locked;
    if not found or exists (
      select
      from capataz_ops.module_probes as p
      join capataz.robot_execute as e on e.execute_id = p.probe_execute_id
      where p.module_name = p_module_name
        and e.completed_at is null
    ) then
      return;
    end if;
    v_wanted := 1;
    v_is_probe := true;
  end if;

  if v_module.max_concurrency is not null then
    select coalesce(sum(p.free_count), 0) into v_free
    from capataz_ops.module_permits as p
    where p.module_name = p_module_name;
    v_wanted := least(v_wanted, v_free)::integer;
    if v_wanted <= 0 then
      return;
    end if;
  end if;

  v_rows := capataz_ops._lock_next_robots(p_module_name, v_wanted, v_now, v_module.priority_aging_seconds);
  if v_rows is null then
    return;
  end if;
  if v_module.max_concurrency is not null then
    v_wanted := capataz_ops._take_permits(p_module_name, cardinality(v_rows));
    if v_wanted = 0 then
      return;
    end if;
    v_rows := v_rows[1:v_wanted];
  else
    -- a first limit is set only while no claim that saw none is under way (ADR 0007); nobody waits here
    perform
    from capataz_ops.limit_guards as g
    where g.module_name = p_module_name
      and g.slot = pg_backend_pid() % 32 + 1
      and not g.is_limited
    for share skip locked;
    if not found then
      return;
    end if;
  end if;

  v_prefix := capataz_ops._execute_id_prefix();
  -- see the triggers robots__executions and robots__normalize: this statement changes both tables, derived columns too
  perform
    set_config('capataz.paired', pg_current_xact_id_if_assigned()::text, true),
    set_config('capataz.derived', pg_current_xact_id_if_assigned()::text, true);
  return query
  with claimed as (
    update capataz.robots as r
    set status = 'PROCESSING',
        started_at = greatest(r.created_at, v_now),
        updated_at = greatest(r.created_at, v_now),
        error_category = nullif(r.error_category, 'CANCELLED')  -- of an earlier life
    where r.ctid = any (v_rows)
    returning
      r.robot_id, r.robot_type, r.priority, r.input_data, r.retry_count, r.correlation_id, r.started_at,
      r.available_at, r.arrival, r.estimated_duration_minutes,
      v_prefix || substr(gen_random_uuid()::text, 16) as execute_id
  ), opened as (
    insert into capataz.robot_execute (
      execute_id, robot_id, module_name, execution_state, started_at, timeout_seconds, worker_id, has_permit, robot_type,
      due_at, estimated_minutes
    )
    select
      c.execute_id, c.robot_id, p_module_name, 'RUNNING', c.started_at,
      coalesce(p_timeout_seconds, v_module.timeout_seconds), p_worker_id, v_module.max_concurrency is not null, c.robot_type,
      c.available_at, c.estimated_duration_minutes
    from claimed as c
  ), probed as (
    update capataz_ops.module_probes as p
    set probe_execute_id = c.execute_id,
        is_wanted = false
    from claimed as c
    where v_is_probe
      and p.module_name = p_module_name
  )
  select
    c.robot_id, c.execute_id::varchar(50), c.robot_type, c.priority, c.input_data, c.retry_count + 1, c.correlation_id,
    coalesce(p_timeout_seconds, v_module.timeout_seconds)::integer
  from claimed as c
  order by c.priority desc, c.available_at, c.arrival;
  perform set_config('capataz.paired', '', true), set_config('capataz.derived', '', true);
end
$$;

comment on function capataz.claim_robots(text, bigint, text, bigint) is
  'Hands due robots to a worker and opens their executions, best first. RB400, RB401, RB403, RB404.';

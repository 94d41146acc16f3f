-- robot_execute: windows, totals, failures in a row and permits (ADR 0006, ADR 0007), however executions change.
-- What a statement changed is new rows less old rows: one append-only delta per module and minute, no shared row.
-- Failures lock their module row, fold and count at once; successes write it when due, without waiting (ADR 0006).
-- Durations and efficiencies of COMPLETED executions go along for the histograms (ADR 0017): x = one more of value x,
-- ~x (negative) = one less. FAILED executions count as retried where their robot goes on to another attempt (_is_retried).
-- Rows of type_deltas beside them tell the same per robot type (ADR 0024); executions of before that column look it up. They
-- also add up what the executions took, waited and used, and each FAILED one leaves a row in error_deltas (ADR 0025).
-- Locks:  module_permits (skip locked), module_registry rows by name, last. Writes: module_deltas, type_deltas, error_deltas,
--         module_permits and, by folding, module_minutes, module_state, module_registry.
-- Raises: RB429 where a new execution finds no free unit of max_concurrency.
create or replace function capataz_ops.tg_robot_execute__accounts_insert()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_failed text[];
  v_completed text[];
  v_permit record;
begin
  if current_setting('capataz.paired', true) = pg_current_xact_id_if_assigned()::text then
    return null;  -- the claim has taken its permits, and opens executions only
  end if;

  -- executions that plain SQL opened in a module with a limit: the claim has taken its permits already
  for v_permit in
    select n.module_name, count(*)::integer as wanted
    from new_rows as n
    join capataz_ops.module_settings as s on s.module_name = n.module_name
    where n.completed_at is null
      and not n.has_permit
      and s.max_concurrency is not null
    group by n.module_name
    order by n.module_name
  loop
    if capataz_ops._take_permits(v_permit.module_name, v_permit.wanted) < v_permit.wanted then
      raise exception using
        errcode = 'RB429',
        message = format('module "%s" has reached its max_concurrency', v_permit.module_name),
        detail = format('%s executions were to begin.', v_permit.wanted),
        hint = 'Wait until executions end, or raise max_concurrency with register_module.';
    end if;
    update capataz.robot_execute as e
    set has_permit = true
    where e.execute_id in (
      select n.execute_id
      from new_rows as n
      where n.module_name = v_permit.module_name
        and n.completed_at is null
        and not n.has_permit
    );
  end loop;
  if not exists (select from new_rows as n where n.completed_at is not null) then
    return null;
  end if;
  with typed as (
    insert into capataz_ops.type_deltas (
      module_name, robot_type, minute, completed_count, completed_ms, failed_count, failed_ms, retried_count, waited_count,
      waited_ms, estimated_count, estimated_ms, estimated_actual_ms, cpu_ms, memory_mb_ms, disk_io_mb, network_io_mb, api_calls,
      api_ms
    )
    select
      n.module_name,
      n.robot_type,
      date_trunc('minute', n.completed_at),
      count(*) filter (where n.execution_state = 'COMPLETED'),
      coalesce(sum(n.duration_ms) filter (where n.execution_state = 'COMPLETED'), 0),
      count(*) filter (where n.execution_state = 'FAILED'),
      coalesce(sum(n.duration_ms) filter (where n.execution_state = 'FAILED'), 0),
      count(*) filter (
        where n.execution_state = 'FAILED'
          and capataz_ops._is_retried(n.answered_status, n.robot_id)
      ),
      count(n.due_at),
      sum(greatest(round(extract(epoch from n.started_at - n.due_at) * 1000), 0)),
      count(n.estimated_minutes) filter (where n.execution_state = 'COMPLETED'),
      sum(n.estimated_minutes * 60000::bigint) filter (where n.execution_state = 'COMPLETED'),
      sum(n.duration_ms) filter (where n.execution_state = 'COMPLETED' and n.estimated_minutes is not null),
      sum(round(n.cpu_usage_percent * n.duration_ms / 100)),
      sum(n.memory_usage_mb * n.duration_ms::bigint),
      sum(n.disk_io_mb),
      sum(n.network_io_mb),
      sum(n.external_api_calls),
      sum(n.external_api_duration_ms)
    from new_rows as n
    where n.execution_state in ('COMPLETED', 'FAILED')
      and n.robot_type is not null
    group by n.module_name, n.robot_type, date_trunc('minute', n.completed_at)
  ), counted as (
    insert into capataz_ops.module_deltas (
      module_name, minute, completed_count, completed_ms, failed_count, processed_count, processed_ms,
      failures_in_row, succeeded, error_message, retried_count, durations, efficiencies
    )
    select
      n.module_name,
      date_trunc('minute', n.completed_at),
      count(*) filter (where n.execution_state = 'COMPLETED'),
      coalesce(sum(n.duration_ms) filter (where n.execution_state = 'COMPLETED'), 0),
      count(*) filter (where n.execution_state = 'FAILED'),
      count(*),
      coalesce(sum(n.duration_ms), 0),
      0,  -- history that is imported is no run of failures now, and no success either
      false,
      max(left(n.error_message, 10000)) filter (where n.execution_state = 'FAILED'),
      count(*) filter (
        where n.execution_state = 'FAILED'
          and capataz_ops._is_retried(n.answered_status, n.robot_id)
      ),
      array_agg(n.duration_ms) filter (where n.execution_state = 'COMPLETED'),
      array_agg((coalesce(n.efficiency_score, 1) * 100)::smallint) filter (where n.execution_state = 'COMPLETED')
    from new_rows as n
    where n.execution_state in ('COMPLETED', 'FAILED')
    group by n.module_name, date_trunc('minute', n.completed_at)
    returning module_name, failures_in_row
  )
  select
    array_agg(distinct c.module_name::text) filter (where c.failures_in_row > 0),
    array_agg(distinct c.module_name::text) filter (where c.failures_in_row = 0)
  into v_failed, v_completed
  from counted as c;

  insert into capataz_ops.error_deltas (
    module_name, hour, error_category, step_category, step_name, error_message, execute_id, sign
  )
  select
    n.module_name, date_trunc('hour', n.completed_at), n.error_category,
    case when n.current_step is not null then n.step_category end, n.current_step, left(n.error_message, 300), n.execute_id, 1
  from new_rows as n
  where n.execution_state = 'FAILED';

  perform capataz_ops._note_ends(v_failed, v_completed);
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__accounts_insert() is
  'Takes permits for executions that plain SQL opened, and counts those inserted as ended.';

create or replace function capataz_ops.tg_robot_execute__accounts_update()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_failed text[];
  v_completed text[];
  v_permit record;
  v_has_ended boolean;
  v_is_one boolean;
  v_had_permit boolean;
begin
  select
    bool_or(n.completed_at is not null),
    count(*) = 1 and bool_and(n.execution_state = 'COMPLETED' and n.robot_type is not null and not n.has_permit)
  into v_has_ended, v_is_one
  from new_rows as n;
  if v_has_ended is not true then
    return null;
  end if;

  -- the usual statement, one execution that completes, is its own sum: what follows below, without grouping
  if v_is_one then
    select o.has_permit into v_had_permit
    from old_rows as o
    where o.completed_at is null;
    if found then
      if v_had_permit then
        perform capataz_ops._give_permits(n.module_name, 1) from new_rows as n;
      end if;
      with typed as (
        insert into capataz_ops.type_deltas (
          module_name, robot_type, minute, completed_count, completed_ms, failed_count, failed_ms, waited_count, waited_ms,
          estimated_count, estimated_ms, estimated_actual_ms, cpu_ms, memory_mb_ms, disk_io_mb, network_io_mb, api_calls, api_ms
        )
        select
          n.module_name, n.robot_type, date_trunc('minute', n.completed_at), 1, coalesce(n.duration_ms, 0), 0, 0,
          num_nonnulls(n.due_at), greatest(round(extract(epoch from n.started_at - n.due_at) * 1000), 0),
          num_nonnulls(n.estimated_minutes), n.estimated_minutes * 60000::bigint,
          case when n.estimated_minutes is not null then n.duration_ms end,
          round(n.cpu_usage_percent * n.duration_ms / 100), n.memory_usage_mb * n.duration_ms::bigint,
          n.disk_io_mb, n.network_io_mb, n.external_api_calls, n.external_api_duration_ms
        from new_rows as n
      )
      insert into capataz_ops.module_deltas (
        module_name, minute, completed_count, completed_ms, failed_count, processed_count, processed_ms, succeeded, durations,
        efficiencies
      )
      select
        n.module_name, date_trunc('minute', n.completed_at), 1, coalesce(n.duration_ms, 0), 0, 1, coalesce(n.duration_ms, 0), true,
        array[n.duration_ms], array[(coalesce(n.efficiency_score, 1) * 100)::smallint]
      from new_rows as n
      returning array[module_name::text] into v_completed;
      perform capataz_ops._note_ends(null, v_completed);
      return null;
    end if;
  end if;

  for v_permit in  -- nothing where no row held a permit
    select p.module_name, sum(p.permits)::integer as given
    from (
      select o.module_name, 1 as permits from old_rows as o where o.has_permit
      union all
      select n.module_name, -1 from new_rows as n where n.has_permit
    ) as p
    group by p.module_name
    having sum(p.permits) > 0
    order by p.module_name
  loop
    perform capataz_ops._give_permits(v_permit.module_name, v_permit.given);
  end loop;

  with changed as materialized (
    select
      n.module_name,
      coalesce(n.robot_type, (select r.robot_type from capataz.robots as r where r.robot_id = n.robot_id)) as robot_type,
      n.execution_state, n.completed_at, n.duration_ms, n.error_category, n.worker_id, n.error_message,
      n.execution_state = 'FAILED' and capataz_ops._is_retried(n.answered_status, n.robot_id) as is_retried,
      n.duration_ms as duration,
      (coalesce(n.efficiency_score, 1) * 100)::smallint as efficiency,
      greatest(round(extract(epoch from n.started_at - n.due_at) * 1000), 0)::bigint as waited_ms,
      n.estimated_minutes,
      round(n.cpu_usage_percent * n.duration_ms / 100)::bigint as cpu_ms,
      n.memory_usage_mb * n.duration_ms::bigint as memory_mb_ms,
      n.disk_io_mb, n.network_io_mb, n.external_api_calls, n.external_api_duration_ms,
      1 as sign
    from new_rows as n
    where n.execution_state in ('COMPLETED', 'FAILED')
    union all
    select
      o.module_name,
      coalesce(o.robot_type, (select r.robot_type from capataz.robots as r where r.robot_id = o.robot_id)),
      o.execution_state, o.completed_at, o.duration_ms, o.error_category, o.worker_id, null,
      o.execution_state = 'FAILED' and capataz_ops._is_retried(o.answered_status, o.robot_id),
      ~ o.duration_ms,
      ~ (coalesce(o.efficiency_score, 1) * 100)::smallint,
      greatest(round(extract(epoch from o.started_at - o.due_at) * 1000), 0)::bigint,
      o.estimated_minutes,
      round(o.cpu_usage_percent * o.duration_ms / 100)::bigint,
      o.memory_usage_mb * o.duration_ms::bigint,
      o.disk_io_mb, o.network_io_mb, o.external_api_calls, o.external_api_duration_ms,
      -1
    from old_rows as o
    where o.execution_state in ('COMPLETED', 'FAILED')
  ), typed as (
    insert into capataz_ops.type_deltas (
      module_name, robot_type, minute, completed_count, completed_ms, failed_count, failed_ms, retried_count, waited_count,
      waited_ms, estimated_count, estimated_ms, estimated_actual_ms, cpu_ms, memory_mb_ms, disk_io_mb, network_io_mb, api_calls,
      api_ms
    )
    select
      s.module_name, s.robot_type, s.minute, s.completed_count, s.completed_ms, s.failed_count, s.failed_ms, s.retried_count,
      s.waited_count, s.waited_ms, s.estimated_count, s.estimated_ms, s.estimated_actual_ms, s.cpu_ms, s.memory_mb_ms,
      s.disk_io_mb, s.network_io_mb, s.api_calls, s.api_ms
    from (
      select
        c.module_name,
        c.robot_type,
        date_trunc('minute', c.completed_at) as minute,
        coalesce(sum(c.sign) filter (where c.execution_state = 'COMPLETED'), 0) as completed_count,
        coalesce(sum(c.sign * c.duration_ms::bigint) filter (where c.execution_state = 'COMPLETED'), 0) as completed_ms,
        coalesce(sum(c.sign) filter (where c.execution_state = 'FAILED'), 0) as failed_count,
        coalesce(sum(c.sign * c.duration_ms::bigint) filter (where c.execution_state = 'FAILED'), 0) as failed_ms,
        sum(c.sign) filter (where c.is_retried) as retried_count,
        sum(c.sign) filter (where c.waited_ms is not null) as waited_count,
        sum(c.sign * c.waited_ms) as waited_ms,
        sum(c.sign) filter (where c.execution_state = 'COMPLETED' and c.estimated_minutes is not null) as estimated_count,
        sum(c.sign * c.estimated_minutes * 60000::bigint) filter (where c.execution_state = 'COMPLETED') as estimated_ms,
        sum(c.sign * c.duration_ms::bigint)
          filter (where c.execution_state = 'COMPLETED' and c.estimated_minutes is not null) as estimated_actual_ms,
        sum(c.sign * c.cpu_ms) as cpu_ms,
        sum(c.sign * c.memory_mb_ms) as memory_mb_ms,
        sum(c.sign * c.disk_io_mb) as disk_io_mb,
        sum(c.sign * c.network_io_mb) as network_io_mb,
        sum(c.sign * c.external_api_calls) as api_calls,
        sum(c.sign * c.external_api_duration_ms) as api_ms
      from changed as c
      where c.robot_type is not null
      group by c.module_name, c.robot_type, date_trunc('minute', c.completed_at)
    ) as s
    where (s.completed_count, s.completed_ms, s.failed_count, s.failed_ms) <> (0, 0, 0, 0)
       or (
         coalesce(s.waited_ms, 0), coalesce(s.estimated_ms, 0), coalesce(s.cpu_ms, 0), coalesce(s.memory_mb_ms, 0),
         coalesce(s.disk_io_mb, 0), coalesce(s.network_io_mb, 0), coalesce(s.api_calls, 0), coalesce(s.api_ms, 0)
       ) <> (0, 0, 0, 0, 0, 0, 0, 0)
  ), counted as (
    insert into capataz_ops.module_deltas (
      module_name, minute, completed_count, completed_ms, failed_count, processed_count, processed_ms,
      failures_in_row, succeeded, error_message, retried_count, durations, efficiencies
    )
    select
      s.module_name, s.minute, s.completed_count, s.completed_ms, s.failed_count, s.processed_count, s.processed_ms,
      greatest(s.failures_in_row, 0), s.completed_count > 0, s.error_message, s.retried_count, s.durations, s.efficiencies
    from (
      select
        c.module_name,
        date_trunc('minute', c.completed_at) as minute,
        coalesce(sum(c.sign) filter (where c.execution_state = 'COMPLETED'), 0) as completed_count,
        coalesce(sum(c.sign * c.duration_ms::bigint) filter (where c.execution_state = 'COMPLETED'), 0) as completed_ms,
        coalesce(sum(c.sign) filter (where c.execution_state = 'FAILED'), 0) as failed_count,
        sum(c.sign) as processed_count,
        sum(c.sign * c.duration_ms::bigint) as processed_ms,
        -- one lost worker counts once, however many executions it held
        coalesce(
          sum(c.sign) filter (
            where c.execution_state = 'FAILED' and (c.error_category <> 'WORKER_LOST' or c.worker_id is null)
          ), 0
        )
        + count(distinct c.worker_id) filter (where c.error_category = 'WORKER_LOST' and c.sign = 1)
        - count(distinct c.worker_id) filter (where c.error_category = 'WORKER_LOST' and c.sign = -1)
          as failures_in_row,
        max(left(c.error_message, 10000)) filter (where c.execution_state = 'FAILED') as error_message,
        coalesce(sum(c.sign) filter (where c.is_retried), 0) as retried_count,
        array_agg(c.duration) filter (where c.execution_state = 'COMPLETED') as durations,
        array_agg(c.efficiency) filter (where c.execution_state = 'COMPLETED') as efficiencies
      from changed as c
      group by c.module_name, date_trunc('minute', c.completed_at)
    ) as s
    where (s.completed_count, s.completed_ms, s.failed_count, s.processed_ms) <> (0, 0, 0, 0)
    returning module_name, failures_in_row, succeeded
  )
  select
    array_agg(distinct c.module_name::text) filter (where c.failures_in_row > 0),
    array_agg(distinct c.module_name::text) filter (where c.failures_in_row = 0 and c.succeeded)
  into v_failed, v_completed
  from counted as c;

  if exists (select from new_rows as n where n.execution_state = 'FAILED') then
    insert into capataz_ops.error_deltas (
      module_name, hour, error_category, step_category, step_name, error_message, execute_id, sign
    )
    select
      b.module_name, date_trunc('hour', b.completed_at), b.error_category,
      case when b.current_step is not null then b.step_category end, b.current_step, left(b.error_message, 300), b.execute_id,
      b.sign
    from (
      select
        n.module_name, n.completed_at, n.error_category, n.step_category, n.current_step, n.error_message, n.execute_id,
        1 as sign
      from new_rows as n
      where n.execution_state = 'FAILED'
      union all
      select
        o.module_name, o.completed_at, o.error_category, o.step_category, o.current_step, o.error_message, o.execute_id, -1
      from old_rows as o
      where o.execution_state = 'FAILED'
    ) as b;
  end if;

  perform capataz_ops._note_ends(v_failed, v_completed);
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__accounts_update() is
  'Counts ended executions into windows and totals, and gives their permits back.';

create or replace function capataz_ops.tg_robot_execute__accounts_delete()
  returns trigger
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_permit record;
begin
  for v_permit in
    select o.module_name, count(*)::integer as given
    from old_rows as o
    where o.has_permit
    group by o.module_name
    order by o.module_name
  loop
    perform capataz_ops._give_permits(v_permit.module_name, v_permit.given);
  end loop;

  -- a deleted row leaves the window; totals stay, and so does the week's histogram once the row has left the window
  insert into capataz_ops.type_deltas (
    module_name, robot_type, minute, completed_count, completed_ms, failed_count, failed_ms, retried_count, waited_count,
    waited_ms, estimated_count, estimated_ms, estimated_actual_ms, cpu_ms, memory_mb_ms, disk_io_mb, network_io_mb, api_calls,
    api_ms
  )
  select
    o.module_name,
    o.robot_type,
    date_trunc('minute', o.completed_at),
    - count(*) filter (where o.execution_state = 'COMPLETED'),
    - coalesce(sum(o.duration_ms) filter (where o.execution_state = 'COMPLETED'), 0),
    - count(*) filter (where o.execution_state = 'FAILED'),
    - coalesce(sum(o.duration_ms) filter (where o.execution_state = 'FAILED'), 0),
    - count(*) filter (
      where o.execution_state = 'FAILED'
        and capataz_ops._is_retried(o.answered_status, o.robot_id)
    ),
    - count(o.due_at),
    - sum(greatest(round(extract(epoch from o.started_at - o.due_at) * 1000), 0)),
    - count(o.estimated_minutes) filter (where o.execution_state = 'COMPLETED'),
    - sum(o.estimated_minutes * 60000::bigint) filter (where o.execution_state = 'COMPLETED'),
    - sum(o.duration_ms) filter (where o.execution_state = 'COMPLETED' and o.estimated_minutes is not null),
    - sum(round(o.cpu_usage_percent * o.duration_ms / 100)),
    - sum(o.memory_usage_mb * o.duration_ms::bigint),
    - sum(o.disk_io_mb),
    - sum(o.network_io_mb),
    - sum(o.external_api_calls),
    - sum(o.external_api_duration_ms)
  from old_rows as o
  where o.execution_state in ('COMPLETED', 'FAILED')
    and o.completed_at > capataz.utc_now() - interval '25 hours'
    and o.robot_type is not null
  group by o.module_name, o.robot_type, date_trunc('minute', o.completed_at);

  insert into capataz_ops.error_deltas (
    module_name, hour, error_category, step_category, step_name, error_message, execute_id, sign
  )
  select
    o.module_name, date_trunc('hour', o.completed_at), o.error_category,
    case when o.current_step is not null then o.step_category end, o.current_step, left(o.error_message, 300), o.execute_id, -1
  from old_rows as o
  where o.execution_state = 'FAILED'
    and o.completed_at > capataz.utc_now() - interval '25 hours';

  insert into capataz_ops.module_deltas (
    module_name, minute, completed_count, completed_ms, failed_count, retried_count, durations, efficiencies
  )
  select
    o.module_name,
    date_trunc('minute', o.completed_at),
    - count(*) filter (where o.execution_state = 'COMPLETED'),
    - coalesce(sum(o.duration_ms) filter (where o.execution_state = 'COMPLETED'), 0),
    - count(*) filter (where o.execution_state = 'FAILED'),
    - count(*) filter (
      where o.execution_state = 'FAILED'
        and capataz_ops._is_retried(o.answered_status, o.robot_id)
    ),
    array_agg(~ o.duration_ms) filter (where o.execution_state = 'COMPLETED'),
    array_agg(~ (coalesce(o.efficiency_score, 1) * 100)::smallint) filter (where o.execution_state = 'COMPLETED')
  from old_rows as o
  where o.execution_state in ('COMPLETED', 'FAILED')
    and o.completed_at > capataz.utc_now() - interval '25 hours'
  group by o.module_name, date_trunc('minute', o.completed_at);
  return null;
end
$$;

comment on function capataz_ops.tg_robot_execute__accounts_delete() is
  'Takes deleted executions out of the windows and gives their permits back.';

create or replace trigger _700_accounts_insert
  after insert on capataz.robot_execute
  referencing new table as new_rows
  for each statement
  execute function capataz_ops.tg_robot_execute__accounts_insert();

create or replace trigger _700_accounts_update
  after update on capataz.robot_execute
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function capataz_ops.tg_robot_execute__accounts_update();

create or replace trigger _700_accounts_delete
  after delete on capataz.robot_execute
  referencing old table as old_rows
  for each statement
  execute function capataz_ops.tg_robot_execute__accounts_delete();

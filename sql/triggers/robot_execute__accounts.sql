-- robot_execute: windows, totals, failures in a row and permits (ADR 0006, ADR 0007), however executions change.
-- What a statement changed is new rows less old rows: one append-only delta per module and minute, no shared row.
-- Failures lock their module row, fold and count at once; successes write it when due, without waiting (ADR 0006).
-- Durations and efficiencies of COMPLETED executions go along for the histograms (ADR 0017): x = one more of value x,
-- ~x (negative) = one less. FAILED executions count as retried where their robot goes on to another attempt (_is_retried).
-- Rows of type_deltas beside them tell the same per robot type (ADR 0024); executions of before that column look it up.
-- Locks:  module_permits (skip locked), module_registry rows by name, last. Writes: module_deltas, type_deltas, module_permits and,
--         by folding, module_minutes, module_state, module_registry.
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
    insert into capataz_ops.type_deltas (module_name, robot_type, minute, completed_count, completed_ms, failed_count)
    select
      n.module_name,
      n.robot_type,
      date_trunc('minute', n.completed_at),
      count(*) filter (where n.execution_state = 'COMPLETED'),
      coalesce(sum(n.duration_ms) filter (where n.execution_state = 'COMPLETED'), 0),
      count(*) filter (where n.execution_state = 'FAILED')
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
begin
  if not exists (select from new_rows as n where n.completed_at is not null) then
    return null;
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
      -1
    from old_rows as o
    where o.execution_state in ('COMPLETED', 'FAILED')
  ), typed as (
    insert into capataz_ops.type_deltas (module_name, robot_type, minute, completed_count, completed_ms, failed_count)
    select s.module_name, s.robot_type, s.minute, s.completed_count, s.completed_ms, s.failed_count
    from (
      select
        c.module_name,
        c.robot_type,
        date_trunc('minute', c.completed_at) as minute,
        coalesce(sum(c.sign) filter (where c.execution_state = 'COMPLETED'), 0) as completed_count,
        coalesce(sum(c.sign * c.duration_ms::bigint) filter (where c.execution_state = 'COMPLETED'), 0) as completed_ms,
        coalesce(sum(c.sign) filter (where c.execution_state = 'FAILED'), 0) as failed_count
      from changed as c
      where c.robot_type is not null
      group by c.module_name, c.robot_type, date_trunc('minute', c.completed_at)
    ) as s
    where (s.completed_count, s.completed_ms, s.failed_count) <> (0, 0, 0)
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
  insert into capataz_ops.type_deltas (module_name, robot_type, minute, completed_count, completed_ms, failed_count)
  select
    o.module_name,
    o.robot_type,
    date_trunc('minute', o.completed_at),
    - count(*) filter (where o.execution_state = 'COMPLETED'),
    - coalesce(sum(o.duration_ms) filter (where o.execution_state = 'COMPLETED'), 0),
    - count(*) filter (where o.execution_state = 'FAILED')
  from old_rows as o
  where o.execution_state in ('COMPLETED', 'FAILED')
    and o.completed_at > capataz.utc_now() - interval '25 hours'
    and o.robot_type is not null
  group by o.module_name, o.robot_type, date_trunc('minute', o.completed_at);

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

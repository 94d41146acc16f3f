-- capataz.validate_consistency() -> integer: findings that stand
--
-- Checks what must hold between the three tables and what is derived from them (specification 5.3), and keeps what does not
-- in capataz_ops.findings, which system_health() shows. Nothing is repaired: rebuild_derived() does that.
-- Whole, each time (_inconsistencies): robots and executions under way, permits, typed settings, windows, counts per type.
-- A piece each time: ended robots and their executions, by robot_id, 5,000 at a time for at most 10 seconds; the next call
-- goes on there.
-- Locks:  walks row (skip locked). Writes: findings, walks. Raises: nothing.
create or replace function capataz.validate_consistency()
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_begun constant timestamptz := clock_timestamp();
  v_now constant timestamp := capataz.utc_now();
  v_walk capataz_ops.walks;
  v_piece record;
  v_findings integer;
begin
  select w.* into v_walk
  from capataz_ops.walks as w
  where w.walk_name = 'validate_consistency'
  for update skip locked;
  if not found then
    return (select count(*)::integer from capataz_ops.findings as f);
  end if;

  with found as (
    select f.check_name, f.subject, f.detail
    from capataz_ops._inconsistencies() as f
  ), gone as (
    delete from capataz_ops.findings as f
    where f.check_name <> 'ended robots'
      and not exists (select from found as n where n.check_name = f.check_name and n.subject = f.subject)
  )
  insert into capataz_ops.findings as f (check_name, subject, detail)
  select n.check_name, n.subject, n.detail
  from found as n
  on conflict (check_name, subject) do update set
    detail = excluded.detail,
    last_seen_at = v_now;

  if v_walk.position is null then
    v_walk.started_at := v_now;
    v_walk.row_count := 0;
  end if;
  while clock_timestamp() < v_begun + interval '10 seconds' loop
    select count(*) as read, min(b.robot_id) as first_id, max(b.robot_id) as last_id into v_piece
    from (
      select r.robot_id
      from capataz.robots as r
      where r.robot_id > coalesce(v_walk.position, '')
      order by r.robot_id
      limit 5000
    ) as b;
    if v_piece.read = 0 then
      v_walk.position := null;
      exit;
    end if;

    with found as (
      select r.robot_id, c.detail
      from capataz.robots as r
      cross join lateral (
        select
          count(*) filter (where e.execution_state = 'COMPLETED') as completed,
          count(*) filter (where e.module_name <> r.module_name) as elsewhere,
          count(*) as attempts
        from capataz.robot_execute as e
        where e.robot_id = r.robot_id
      ) as x
      cross join lateral (
        select case
          when r.status <> 'COMPLETED' and x.completed > 0 then format('%s, with a COMPLETED execution', r.status)
          when x.completed > 1 then format('%s COMPLETED executions', x.completed)
          when r.status = 'COMPLETED' and x.completed = 0 and x.attempts > 0 then 'COMPLETED, but none of its executions is'
          when r.cache_hit and x.attempts > 0 then 'answered from the cache, with executions'
        end as detail
      ) as c
      where r.robot_id between v_piece.first_id and v_piece.last_id
        and c.detail is not null
    ), gone as (
      delete from capataz_ops.findings as f
      where f.check_name = 'ended robots'
        and f.subject between v_piece.first_id and v_piece.last_id
        and not exists (select from found as n where n.robot_id = f.subject)
    )
    insert into capataz_ops.findings as f (check_name, subject, detail)
    select 'ended robots', n.robot_id, n.detail
    from found as n
    order by n.robot_id
    limit 1000
    on conflict (check_name, subject) do update set
      detail = excluded.detail,
      last_seen_at = v_now;

    v_walk.position := v_piece.last_id;
    v_walk.row_count := v_walk.row_count + v_piece.read;
  end loop;
  -- robots that were removed since
  delete from capataz_ops.findings as f
  where f.check_name = 'ended robots'
    and not exists (select from capataz.robots as r where r.robot_id = f.subject);

  update capataz_ops.walks as w
  set position = v_walk.position,
      started_at = v_walk.started_at,
      ended_at = case when v_walk.position is null then v_now end,
      row_count = v_walk.row_count
  where w.walk_name = 'validate_consistency';

  select count(*)::integer into v_findings
  from capataz_ops.findings as f;
  return v_findings;
end
$$;

comment on function capataz.validate_consistency() is
  'Checks the three tables and derived state against each other; returns how many findings stand.';

-- capataz_ops._reconcile_permits(p_module_name) -> void
--
-- Makes free units + active executions = max_concurrency again, exactly, and spreads the free units over 8 rows.
-- Needed after a limit was set on a running module, and harmless at any time: whoever takes a unit holds a row (then this
-- leaves it for the next time), and whoever gives one back adds to what is counted here (ADR 0007). Adopts executions
-- without a permit. It never waits.
-- Locks:  module_permits rows of the module, robot_execute rows it adopts (both skip locked).
-- Writes: module_permits, robot_execute.has_permit.
-- Raises: nothing.
create or replace function capataz_ops._reconcile_permits(p_module_name text)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit integer;
  v_locked bigint[];
begin
  select array_agg(l.permit_id) into v_locked
  from (
    select p.permit_id
    from capataz_ops.module_permits as p
    where p.module_name = p_module_name
    for update skip locked
  ) as l;
  if coalesce(cardinality(v_locked), 0) <> (
    select count(*) from capataz_ops.module_permits as p where p.module_name = p_module_name
  ) then
    return;
  end if;

  select s.max_concurrency into v_limit
  from capataz_ops.module_settings as s
  where s.module_name = p_module_name;
  if v_limit is null then
    delete from capataz_ops.module_permits as p where p.permit_id = any (v_locked);
    return;
  end if;

  update capataz.robot_execute as e
  set has_permit = true
  where e.execute_id in (
    select a.execute_id
    from capataz.robot_execute as a
    where a.module_name = p_module_name
      and a.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
      and not a.has_permit
    for no key update skip locked
  );

  -- One statement, one snapshot: the limit, what runs, what stands in rows that came since, and the rows that are replaced.
  with wanted as (
    select
      (
        select s.max_concurrency
        from capataz_ops.module_settings as s
        where s.module_name = p_module_name
      )
      - (
        select count(*)
        from capataz.robot_execute as e
        where e.module_name = p_module_name
          and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
      )
      - (
        select coalesce(sum(p.free_count), 0)
        from capataz_ops.module_permits as p
        where p.module_name = p_module_name
          and p.permit_id <> all (coalesce(v_locked, '{}'))
      ) as free_count
  ), changed as (
    select w.free_count
    from wanted as w
    where coalesce(cardinality(v_locked), 0) not between 1 and 8
      or w.free_count <> (
        select sum(p.free_count) from capataz_ops.module_permits as p where p.permit_id = any (v_locked)
      )
  ), gone as (
    delete from capataz_ops.module_permits as p
    where p.permit_id = any (v_locked)
      and exists (select from changed)
  )
  insert into capataz_ops.module_permits (module_name, free_count)
  select p_module_name, c.free_count
  from changed as c
  where c.free_count < 0
  union all
  select p_module_name, div(c.free_count, 8) + case when g.place <= c.free_count % 8 then 1 else 0 end
  from changed as c
  cross join generate_series(1, 8) as g (place)
  where c.free_count >= 0;
end
$$;

comment on function capataz_ops._reconcile_permits(text) is
  'Makes free units + active executions = max_concurrency of a module, exactly.';

-- capataz_ops._keep_steps(p_steps) -> void
--
-- Adds finished steps to the history of their executions, at most one per execution; past 200 they add up in row 200.
-- Locks: none. Writes: execution_steps. Raises: nothing.
create or replace function capataz_ops._keep_steps(p_steps capataz_ops.execution_steps[])
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  insert into capataz_ops.execution_steps as h (
    execute_id, step_number, step_name, step_category, started_at, duration_ms
  )
  select s.execute_id, least(coalesce(l.step_number, 0) + 1, 200), s.step_name, s.step_category, s.started_at, s.duration_ms
  from unnest(p_steps) as s
  left join lateral (
    select k.step_number
    from capataz_ops.execution_steps as k
    where k.execute_id = s.execute_id
    order by k.step_number desc
    limit 1
  ) as l on true
  on conflict (execute_id, step_number) do update set
    step_name = '(further steps)',
    duration_ms = h.duration_ms + excluded.duration_ms,
    visits = h.visits + 1
$$;

comment on function capataz_ops._keep_steps(capataz_ops.execution_steps[]) is
  'Adds finished steps to the history of their executions.';

-- capataz.fail_executions(p_results) -> rows (execute_id, status, error), one per element, in order
--
-- Ends many attempts with errors: a JSON array of objects with the arguments of fail_execution, less p_. error is
-- 'RB409: ...' or null; one bad element harms no other. Up to 10,000 elements.
-- Locks:  robots by robot_id, robot_execute, module_registry rows by name (by trigger, last).
-- Writes: robot_execute, robots, module_registry.
-- Raises: RB400 where p_results is no array of objects, or too long; RB401, RB403 an API key without scope work.
create or replace function capataz.fail_executions(p_results jsonb)
  returns table (execute_id text, status capataz.robot_status_enum, error text)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('work');
  v_failures capataz_ops.failure[];
  v_errors text[];
  v_ids text[];
  v_foreign text[];
  v_done bigint[];
  v_statuses capataz.robot_status_enum[];
begin
  perform capataz_ops._check_results(p_results);

  select
    array_agg(b.element ->> 'execute_id' order by b.place),
    array_agg(capataz_ops._failure_error(b.element) order by b.place)
  into v_ids, v_errors
  from jsonb_array_elements(p_results) with ordinality as b (element, place);
  if v_ids is null then
    return;
  end if;
  if v_modules is not null then
    v_foreign := capataz_ops._foreign_executions(v_ids, v_modules);
    if v_foreign <> '{}' then
      v_errors := array(
        select case when i.execute_id = any (v_foreign) then 'RB403: the execution is not yours' else v_errors[i.place] end
        from unnest(v_ids) with ordinality as i (execute_id, place)
        order by i.place
      );
    end if;
  end if;

  select array_agg(
    case when v_errors[b.place] is null and b.is_first then
      row(
        b.element ->> 'execute_id', coalesce(b.element ->> 'error_category', 'PROCESSING'),
        b.element ->> 'error_message', nullif(b.element -> 'error_details', 'null'),
        b.element ->> 'error_stack_trace', coalesce((b.element ->> 'retryable')::boolean, true)
      )::capataz_ops.failure
    else
      row(null, null, null, null, null, null)::capataz_ops.failure
    end
    order by b.place
  )
  into v_failures
  from (
    select
      r.element, r.place,
      row_number() over (
        partition by r.element ->> 'execute_id', v_errors[r.place] is null order by r.place
      ) = 1 as is_first
    from jsonb_array_elements(p_results) with ordinality as r (element, place)
  ) as b;

  -- no lock on what is not the caller's
  perform capataz_ops._lock_robots_of(
    case
      when v_foreign is null then v_ids
      else array(select i.execute_id from unnest(v_ids) as i (execute_id) where i.execute_id <> all (v_foreign))
    end
  );
  select array_agg(f.place), array_agg(f.status) into v_done, v_statuses
  from capataz_ops._fail_executions(v_failures, true) as f;

  return query
  select
    r.execute_id,
    case
      when v_errors[r.place] is not null then null
      when r.place = any (v_done) then v_statuses[array_position(v_done, r.place)]
      else r.status
    end,
    coalesce(
      v_errors[r.place],
      case when r.place = any (v_done) then null else r.code || ': ' || r.message end
    )
  from capataz_ops._refusals(v_ids, 'FAIL') as r
  order by r.place;
end
$$;

comment on function capataz.fail_executions(jsonb) is
  'Ends many attempts with errors; one answer per element, in order. RB400, RB401, RB403.';

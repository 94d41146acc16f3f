-- capataz.complete_executions(p_results) -> rows (execute_id, status, error), one per element, in order
--
-- Ends many attempts: a JSON array of objects with the arguments of complete_execution, less p_. error is 'RB409: ...' or
-- null; one bad element harms no other. Up to 10,000 elements.
-- Locks:  robots by robot_id, robot_execute; by trigger module_registry rows (skip locked). Writes: robot_execute, robots.
-- Raises: RB400 where p_results is no array of objects, or too long; RB401, RB403 an API key without scope work.
create or replace function capataz.complete_executions(p_results jsonb)
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
  v_completions capataz_ops.completion[];
  v_errors text[];
  v_ids text[];
  v_foreign text[];
  v_done bigint[];
begin
  perform capataz_ops._check_results(p_results);

  select
    array_agg(b.element ->> 'execute_id' order by b.place),
    array_agg(
      case
        -- the usual element, told apart in one look
        when jsonb_typeof(b.element) = 'object' and jsonb_typeof(b.element -> 'execute_id') = 'string'
          and capataz_ops._json_fault(b.element) is null
          and b.element - '{execute_id,output_data}'::text[] = '{}'
          then null
        else capataz_ops._completion_error(b.element)
      end
      order by b.place
    )
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

  -- a bad element, or a second one for the same attempt, stands as a row of nulls: places stay those of the elements
  select array_agg(
    case when v_errors[b.place] is null and b.is_first then
      row(
        b.element ->> 'execute_id', nullif(b.element -> 'output_data', 'null'),
        nullif(b.element -> 'performance_metrics', 'null'),
        round((b.element ->> 'confidence_score')::numeric, 4)::double precision,
        round((b.element ->> 'completeness_score')::numeric, 4)::double precision,
        (b.element ->> 'resource_usage_mb')::numeric::bigint
      )::capataz_ops.completion
    else
      row(null, null, null, null, null, null)::capataz_ops.completion
    end
    order by b.place
  )
  into v_completions
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
  select array_agg(c.place) into v_done
  from capataz_ops._complete_executions(v_completions) as c;

  if cardinality(v_done) = cardinality(v_ids) then
    return query
    select i.execute_id, 'COMPLETED'::capataz.robot_status_enum, null::text
    from unnest(v_ids) with ordinality as i (execute_id, place)
    order by i.place;
    return;
  end if;

  return query
  select
    r.execute_id,
    case
      when v_errors[r.place] is not null then null
      when r.place = any (v_done) then 'COMPLETED'
      else r.status
    end::capataz.robot_status_enum,
    coalesce(
      v_errors[r.place],
      case when r.place = any (v_done) then null else r.code || ': ' || r.message end
    )
  from capataz_ops._refusals(v_ids, 'COMPLETE') as r
  order by r.place;
end
$$;

comment on function capataz.complete_executions(jsonb) is
  'Ends many attempts as COMPLETED; one answer per element, in order. RB400, RB401, RB403.';

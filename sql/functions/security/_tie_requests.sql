-- capataz_ops._tie_requests(p_requests, p_modules) -> robot_request[]
--
-- Requests of a caller who may reach p_modules alone: where no module is named, one of these is chosen (_route_within).
-- Locks: none. Writes: nothing.
-- Raises: RB403 naming the index of a request for another module, RB503.
create or replace function capataz_ops._tie_requests(p_requests capataz_ops.robot_request[], p_modules text[])
  returns capataz_ops.robot_request[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_requests capataz_ops.robot_request[] := p_requests;
  v_foreign record;
  v_type record;
  v_chosen text[];
begin
  select q.place, q.module_name into v_foreign
  from unnest(p_requests) with ordinality as q (
    robot_type, input_data, module_name, priority, available_at, cache_key, correlation_id, source_reference,
    retry_limit, estimated_duration_minutes, complexity_score, processing_tier, security_classification,
    compliance_tags, metadata, robot_id, place
  )
  where q.module_name <> all (p_modules)
  order by q.place
  limit 1;
  if found then
    raise exception using
      errcode = 'RB403',
      message = format('robots[%s].module_name: module "%s" is not yours', v_foreign.place - 1, v_foreign.module_name),
      detail = format('%s may reach %s.', capataz_ops._caller_name(), capataz_ops._listed(p_modules)),
      hint = 'An admin grants a module to a role with grant_module, or issues an API key for it.';
  end if;

  for v_type in
    select q.robot_type, array_agg(q.place::integer order by q.place) as places
    from unnest(p_requests) with ordinality as q (
      robot_type, input_data, module_name, priority, available_at, cache_key, correlation_id, source_reference,
      retry_limit, estimated_duration_minutes, complexity_score, processing_tier, security_classification,
      compliance_tags, metadata, robot_id, place
    )
    where q.module_name is null
    group by q.robot_type
  loop
    v_chosen := capataz_ops._route_within(v_type.robot_type, cardinality(v_type.places), p_modules);
    for i in 1..cardinality(v_type.places) loop
      v_requests[v_type.places[i]].module_name := v_chosen[i];
    end loop;
  end loop;
  return v_requests;
end
$$;

comment on function capataz_ops._tie_requests(capataz_ops.robot_request[], text[]) is
  'Requests of a caller who may reach some modules alone, each with its module. RB403, RB503.';

-- capataz.trace_contexts(p_robot_ids) -> rows (robot_id, traceparent), one per robot that has a trace
--
-- The trace that each robot was submitted in: the key traceparent of its metadata (W3C trace context), so that a worker goes
-- on with it. Robots without one have no row, nor have unknown ones and those of modules that the caller may not reach
-- (specification 5.2; ADR 0027). p_robot_ids: up to 1,000.
-- Locks: none. Writes: nothing. Raises: RB400 no ids, or too many; RB401 gateway without a valid key, RB403 without its scope.
create or replace function capataz.trace_contexts(p_robot_ids text[])
  returns table (robot_id varchar(50), traceparent text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
#variable_conflict use_column
declare
  v_modules constant text[] := capataz_ops._scope('work');
begin
  if p_robot_ids is null or cardinality(p_robot_ids) > 1000 then
    raise exception using
      errcode = 'RB400',
      message = 'robot_ids must be an array of up to 1000 ids',
      detail = format('robot_ids has %s elements.', coalesce(cardinality(p_robot_ids)::text, 'no')),
      hint = 'Give the robot_ids that claim_robots answered with.';
  end if;
  return query
  select r.robot_id, r.enterprise_metadata ->> 'traceparent'
  from capataz.robots as r
  where r.robot_id = any (p_robot_ids)
    and (v_modules is null or r.module_name = any (v_modules))
    -- plain SQL may have stored anything
    and capataz_ops._is_traceparent(r.enterprise_metadata -> 'traceparent')
  order by r.robot_id;
end
$$;

comment on function capataz.trace_contexts(text[]) is
  'The trace that each robot was submitted in. RB400, RB401, RB403.';

-- capataz_ops._mark_executions(p_robot_ids) -> void
--
-- Hands the compliance_context of robots on to their executions, to those that began when the robot did; contains_sensitive_data
-- says whether anything was found (specification 3.3, 5.1; ADR 0022).
-- Locks: robot_execute rows. Writes: robot_execute, where it differs. Raises: nothing.
create or replace function capataz_ops._mark_executions(p_robot_ids text[])
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update capataz.robot_execute as e
  set compliance_context = r.compliance_context,
      contains_sensitive_data = r.compliance_context -> 'sensitive_data' <> '[]'
  from capataz.robots as r
  where r.robot_id = any (p_robot_ids)
    and e.robot_id = r.robot_id
    and e.started_at = r.started_at
    and e.compliance_context is distinct from r.compliance_context
$$;

comment on function capataz_ops._mark_executions(text[]) is
  'Hands on to executions where sensitive data was found in their robots.';

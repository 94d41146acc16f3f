-- capataz.complete_execution(...) -> robot_status_enum
--
-- Ends an attempt: execution and robot COMPLETED, with output, metrics and scores (0..1) (specification 3.2, 3.3).
-- p_resource_usage_mb: MB; null = the peak that was reported. Repeating the call gives the same answer and changes nothing.
-- Locks:  robots row, robot_execute row; by trigger module_registry row (skip locked). Writes: robot_execute, robots.
-- Raises: RB400 bad argument, RB401, RB403 not yours, RB404 unknown execution, RB409 it has ended or is past its timeout.
create or replace function capataz.complete_execution(
  p_execute_id text,
  p_output_data jsonb default '{}',
  p_performance_metrics jsonb default '{}',
  p_confidence_score double precision default null,
  p_completeness_score double precision default null,
  p_resource_usage_mb bigint default null
)
  returns capataz.robot_status_enum
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_modules constant text[] := capataz_ops._scope('work');
begin
  if v_modules is not null then
    perform capataz_ops._refuse_foreign_executions(array[p_execute_id], v_modules);
  end if;
  -- one expression for the good case; which rule is broken is looked up only where one is
  if (
    (p_output_data = '{}' or capataz_ops._json_fault(p_output_data) is null)
    and p_performance_metrics = '{}'
    and num_nulls(p_confidence_score, p_completeness_score, p_resource_usage_mb) = 3
  ) is not true then
    perform capataz_ops._check_json('output_data', p_output_data, false);
    perform capataz_ops._check_json('performance_metrics', p_performance_metrics, true);
    perform capataz_ops._check_number('confidence_score', p_confidence_score, 0, 1);
    perform capataz_ops._check_number('completeness_score', p_completeness_score, 0, 1);
    perform capataz_ops._check_number('resource_usage_mb', p_resource_usage_mb, 0, 2147483647);
  end if;

  perform
  from capataz.robots as r
  where r.robot_id = (select e.robot_id from capataz.robot_execute as e where e.execute_id = p_execute_id)
    and r.status is not distinct from 'PROCESSING'  -- not by the index over status: it fills with dead entries
  for no key update;
  perform
  from capataz_ops._complete_executions(array[row(
    p_execute_id, p_output_data, p_performance_metrics, p_confidence_score, p_completeness_score, p_resource_usage_mb
  )::capataz_ops.completion]);
  if not found then
    return capataz_ops._raise_refusal(p_execute_id, 'COMPLETE');
  end if;
  return 'COMPLETED'::capataz.robot_status_enum;
end
$$;

comment on function capataz.complete_execution(text, jsonb, jsonb, double precision, double precision, bigint) is
  'Ends an attempt: execution and robot COMPLETED. RB400, RB401, RB403, RB404, RB409.';

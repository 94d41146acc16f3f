-- capataz.robot_data(p_robot_id, p_field) -> jsonb
--
-- One payload column of a robot as the caller may see it: input_data, output_data, error_details, performance_metrics,
-- enterprise_metadata or compliance_context (specification 5.1, ADR 0022). For readers who may not select these columns: the view robot_details.
-- Locks: none. Writes: nothing.
-- Raises: RB400 bad argument, RB401, RB403 not yours, RB404 unknown robot.
create or replace function capataz.robot_data(p_robot_id text, p_field text)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_robot capataz.robots;
begin
  perform capataz_ops._check_text('field', p_field, 30, true);
  perform capataz_ops._check_enum(
    'field', p_field, array[
      'input_data', 'output_data', 'error_details', 'performance_metrics', 'enterprise_metadata', 'compliance_context'
    ]
  );
  v_robot := capataz.get_robot(p_robot_id);
  return case p_field
    when 'input_data' then v_robot.input_data
    when 'output_data' then v_robot.output_data
    when 'error_details' then v_robot.error_details
    when 'performance_metrics' then v_robot.performance_metrics
    when 'enterprise_metadata' then v_robot.enterprise_metadata
    else v_robot.compliance_context
  end;
end
$$;

comment on function capataz.robot_data(text, text) is
  'One payload column of a robot as the caller may see it. RB400, RB401, RB403, RB404.';

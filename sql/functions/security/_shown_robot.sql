-- capataz_ops._shown_robot(p_robot) -> robots row
--
-- A robot as the caller may see it: input_data, output_data, error_details, performance_metrics and enterprise_metadata in
-- full, masked or hidden (_payload_view), and compliance_context as they are: its paths name what is in them. What was found
-- when it was written counts, and what the module declares now.
-- Locks: none. Writes: nothing. Raises: RB401 gateway without a valid key.
create or replace function capataz_ops._shown_robot(p_robot capataz.robots)
  returns capataz.robots
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_view constant text := capataz_ops._payload_view(
    p_robot.module_name, p_robot.security_classification,
    coalesce(p_robot.compliance_context -> 'sensitive_data' <> '[]', false)
  );
  v_robot capataz.robots := p_robot;
  v_paths text[];
begin
  if v_view <> 'full' then
    select s.sensitive_paths into v_paths
    from capataz_ops.module_settings as s
    where s.module_name = p_robot.module_name;
    v_robot.input_data := capataz_ops._shown_json(v_view, p_robot.input_data, v_paths);
    v_robot.output_data := capataz_ops._shown_json(v_view, p_robot.output_data, v_paths);
    v_robot.error_details := capataz_ops._shown_json(v_view, p_robot.error_details, v_paths);
    v_robot.performance_metrics := capataz_ops._shown_json(v_view, p_robot.performance_metrics, v_paths);
    v_robot.enterprise_metadata := capataz_ops._shown_json(v_view, p_robot.enterprise_metadata, v_paths);
    v_robot.compliance_context := capataz_ops._shown_json(v_view, p_robot.compliance_context, null);
  end if;
  return v_robot;
end
$$;

comment on function capataz_ops._shown_robot(capataz.robots) is 'A robot as the caller may see it.';

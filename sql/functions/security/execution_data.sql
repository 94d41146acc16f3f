-- capataz.execution_data(p_execute_id, p_field) -> jsonb
--
-- One payload column of an execution as the caller may see it: step_details, execution_metadata, compliance_context,
-- error_message or error_stack_trace (the last two as JSON texts) (specification 5.1, ADR 0022). For readers who may not select these
-- columns: the view execution_details.
-- Locks: none. Writes: nothing.
-- Raises: RB400 bad argument, RB401, RB403 not yours, RB404 unknown execution.
create or replace function capataz.execution_data(p_execute_id text, p_field text)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_modules constant text[] := capataz_ops._scope('read');
  v_execution record;
  v_view text;
begin
  perform capataz_ops._check_text('field', p_field, 30, true);
  perform capataz_ops._check_enum(
    'field', p_field,
    array['step_details', 'execution_metadata', 'compliance_context', 'error_message', 'error_stack_trace']
  );
  perform capataz_ops._check_text('execute_id', p_execute_id, 50, true);
  perform capataz_ops._refuse_foreign_executions(array[p_execute_id], v_modules);

  select
    e.module_name, e.step_details, e.execution_metadata, e.error_message, e.error_stack_trace, e.contains_sensitive_data,
    e.compliance_context, r.security_classification, s.sensitive_paths
  into v_execution
  from capataz.robot_execute as e
  join capataz.robots as r on r.robot_id = e.robot_id
  join capataz_ops.module_settings as s on s.module_name = e.module_name
  where e.execute_id = p_execute_id;
  if not found then
    perform capataz_ops._raise_refusal(p_execute_id, 'READ');
  end if;

  v_view := capataz_ops._payload_view(
    v_execution.module_name, v_execution.security_classification, coalesce(v_execution.contains_sensitive_data, false)
  );
  return case p_field
    when 'step_details' then capataz_ops._shown_json(v_view, v_execution.step_details, v_execution.sensitive_paths)
    when 'execution_metadata' then capataz_ops._shown_json(v_view, v_execution.execution_metadata, v_execution.sensitive_paths)
    when 'compliance_context' then capataz_ops._shown_json(v_view, v_execution.compliance_context, null)
    when 'error_message' then to_jsonb(capataz_ops._shown_text(v_view, v_execution.error_message))
    else to_jsonb(capataz_ops._shown_text(v_view, v_execution.error_stack_trace))
  end;
end
$$;

comment on function capataz.execution_data(text, text) is
  'One payload column of an execution as the caller may see it. RB400, RB401, RB403, RB404.';

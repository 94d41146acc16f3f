-- capataz.execution_details: view, one row per execution, payload as the reader may see it
--
-- For readers who may not select the payload columns of robot_execute (specification 5.1, ADR 0022): the four last columns
-- and compliance_context come from execution_data, and cost a look-up each where they are selected. Filter by robot_id or state,
-- or limit.
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.execution_details
  with (security_invoker = true)
as
select
  e.execute_id,
  e.robot_id,
  e.module_name,
  e.execution_state,
  e.current_step,
  e.progress_percentage,
  e.step_category,
  e.total_steps,
  e.completed_steps,
  e.step_start_time,
  e.step_duration_ms,
  e.cpu_usage_percent,
  e.memory_usage_mb,
  e.disk_io_mb,
  e.network_io_mb,
  e.resource_peak_usage,
  e.throughput_items_per_sec,
  e.processing_rate,
  e.efficiency_score,
  e.started_at,
  e.completed_at,
  e.estimated_completion_at,
  e.duration_ms,
  e.retry_count,
  e.max_retries,
  e.last_retry_at,
  e.timeout_seconds,
  e.contains_sensitive_data,
  capataz.execution_data(e.execute_id, 'compliance_context') as compliance_context,
  e.external_api_calls,
  e.external_api_duration_ms,
  e.external_api_failures,
  e.worker_id,
  e.error_category,
  e.items_processed,
  e.answered_status,
  e.has_permit,
  capataz.execution_data(e.execute_id, 'step_details') as step_details,
  capataz.execution_data(e.execute_id, 'execution_metadata') as execution_metadata,
  capataz.execution_data(e.execute_id, 'error_message') #>> '{}' as error_message,
  capataz.execution_data(e.execute_id, 'error_stack_trace') #>> '{}' as error_stack_trace
from capataz.robot_execute as e;

comment on view capataz.execution_details is 'Executions with their payload as the reader may see it: in full, masked or hidden.';
comment on column capataz.execution_details.execute_id is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.robot_id is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.module_name is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.execution_state is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.current_step is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.progress_percentage is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.step_category is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.total_steps is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.completed_steps is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.step_start_time is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.step_duration_ms is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.cpu_usage_percent is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.memory_usage_mb is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.disk_io_mb is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.network_io_mb is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.resource_peak_usage is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.throughput_items_per_sec is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.processing_rate is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.efficiency_score is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.started_at is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.completed_at is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.estimated_completion_at is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.duration_ms is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.retry_count is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.max_retries is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.last_retry_at is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.timeout_seconds is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.contains_sensitive_data is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.compliance_context is 'As in capataz.robot_execute, where the reader may see it; else hidden.';
comment on column capataz.execution_details.external_api_calls is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.external_api_duration_ms is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.external_api_failures is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.worker_id is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.error_category is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.items_processed is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.answered_status is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.has_permit is 'As in capataz.robot_execute.';
comment on column capataz.execution_details.step_details is 'As in capataz.robot_execute, where the reader may see it; else masked or hidden.';
comment on column capataz.execution_details.execution_metadata is 'As in capataz.robot_execute, where the reader may see it; else masked or hidden.';
comment on column capataz.execution_details.error_message is 'As in capataz.robot_execute, where the reader may see it; else masked or hidden.';
comment on column capataz.execution_details.error_stack_trace is 'As in capataz.robot_execute, where the reader may see it; else masked or hidden.';

-- capataz.robot_details: view, one row per robot, payload as the reader may see it
--
-- For readers who may not select the payload columns of robots (specification 5.1, ADR 0022): the five last columns and
-- compliance_context come from robot_data, and cost a look-up each where they are selected. Filter by robot_id, module_name and
-- status, or limit.
-- Columns may be added at the end; a change of those that are there needs a migration that drops the view.
-- Locks: none. Writes: nothing. Raises: nothing.
create or replace view capataz.robot_details
  with (security_invoker = true)
as
select
  r.robot_id,
  r.robot_type,
  r.status,
  r.module_name,
  r.priority,
  r.processing_time_ms,
  r.processing_tier,
  r.cache_hit,
  r.cache_key,
  r.resource_usage_mb,
  r.retry_count,
  r.retry_limit,
  r.error_category,
  r.last_error_at,
  r.completeness_score,
  r.confidence_score,
  r.source_reference,
  r.correlation_id,
  r.estimated_duration_minutes,
  r.actual_duration_minutes,
  r.complexity_score,
  r.security_classification,
  r.compliance_tags,
  r.created_at,
  r.updated_at,
  r.started_at,
  r.completed_at,
  r.available_at,
  r.arrival,
  r.is_routed,
  capataz.robot_data(r.robot_id, 'compliance_context') as compliance_context,
  capataz.robot_data(r.robot_id, 'input_data') as input_data,
  capataz.robot_data(r.robot_id, 'output_data') as output_data,
  capataz.robot_data(r.robot_id, 'error_details') as error_details,
  capataz.robot_data(r.robot_id, 'performance_metrics') as performance_metrics,
  capataz.robot_data(r.robot_id, 'enterprise_metadata') as enterprise_metadata
from capataz.robots as r;

comment on view capataz.robot_details is 'Robots with their payload as the reader may see it: in full, masked or hidden.';
comment on column capataz.robot_details.robot_id is 'As in capataz.robots.';
comment on column capataz.robot_details.robot_type is 'As in capataz.robots.';
comment on column capataz.robot_details.status is 'As in capataz.robots.';
comment on column capataz.robot_details.module_name is 'As in capataz.robots.';
comment on column capataz.robot_details.priority is 'As in capataz.robots.';
comment on column capataz.robot_details.processing_time_ms is 'As in capataz.robots.';
comment on column capataz.robot_details.processing_tier is 'As in capataz.robots.';
comment on column capataz.robot_details.cache_hit is 'As in capataz.robots.';
comment on column capataz.robot_details.cache_key is 'As in capataz.robots.';
comment on column capataz.robot_details.resource_usage_mb is 'As in capataz.robots.';
comment on column capataz.robot_details.retry_count is 'As in capataz.robots.';
comment on column capataz.robot_details.retry_limit is 'As in capataz.robots.';
comment on column capataz.robot_details.error_category is 'As in capataz.robots.';
comment on column capataz.robot_details.last_error_at is 'As in capataz.robots.';
comment on column capataz.robot_details.completeness_score is 'As in capataz.robots.';
comment on column capataz.robot_details.confidence_score is 'As in capataz.robots.';
comment on column capataz.robot_details.source_reference is 'As in capataz.robots.';
comment on column capataz.robot_details.correlation_id is 'As in capataz.robots.';
comment on column capataz.robot_details.estimated_duration_minutes is 'As in capataz.robots.';
comment on column capataz.robot_details.actual_duration_minutes is 'As in capataz.robots.';
comment on column capataz.robot_details.complexity_score is 'As in capataz.robots.';
comment on column capataz.robot_details.security_classification is 'As in capataz.robots.';
comment on column capataz.robot_details.compliance_tags is 'As in capataz.robots.';
comment on column capataz.robot_details.created_at is 'As in capataz.robots.';
comment on column capataz.robot_details.updated_at is 'As in capataz.robots.';
comment on column capataz.robot_details.started_at is 'As in capataz.robots.';
comment on column capataz.robot_details.completed_at is 'As in capataz.robots.';
comment on column capataz.robot_details.available_at is 'As in capataz.robots.';
comment on column capataz.robot_details.arrival is 'As in capataz.robots.';
comment on column capataz.robot_details.is_routed is 'As in capataz.robots.';
comment on column capataz.robot_details.compliance_context is 'As in capataz.robots, where the reader may see it; else hidden.';
comment on column capataz.robot_details.input_data is 'As in capataz.robots, where the reader may see it; else masked or hidden.';
comment on column capataz.robot_details.output_data is 'As in capataz.robots, where the reader may see it; else masked or hidden.';
comment on column capataz.robot_details.error_details is 'As in capataz.robots, where the reader may see it; else masked or hidden.';
comment on column capataz.robot_details.performance_metrics is 'As in capataz.robots, where the reader may see it; else masked or hidden.';
comment on column capataz.robot_details.enterprise_metadata is 'As in capataz.robots, where the reader may see it; else masked or hidden.';

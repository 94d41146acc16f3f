"""What the command line reads from the three core tables: a viewer's selects. It changes nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ..errors import translated

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

OVERVIEW = """
select r.module_name,
       count(*) filter (where r.status = 'PENDING') as pending,
       count(*) filter (where r.status = 'RETRYING') as retrying,
       count(*) filter (where r.status = 'PROCESSING') as processing,
       min(r.created_at) filter (where r.status = 'PENDING') as oldest_pending
from capataz.robots r
where r.status in ('PENDING', 'PROCESSING', 'RETRYING')
group by r.module_name
"""

MODULES = """
select m.module_id, m.module_name, m.module_version, m.supported_robot_types, m.is_active, m.health_endpoint,
       m.performance_score, m.performance_tier, m.last_performance_check, m.error_count_24h, m.success_rate_24h,
       m.avg_processing_time_ms, m.capacity_utilization, m.health_status, m.last_health_check, m.consecutive_failures,
       m.uptime_percentage_24h, m.total_robots_processed, m.total_processing_time_hours, m.security_level,
       m.compliance_flags, m.registered_at, m.updated_at, m.max_concurrency
from capataz.module_registry m
where %(module)s::text is null or m.module_name = %(module)s
order by m.is_active desc, m.module_name
"""

ROBOTS = """
select r.robot_id, r.robot_type, r.status, r.module_name, r.priority, r.retry_count, r.retry_limit,
       r.cache_hit, r.error_category, r.correlation_id, r.source_reference, r.created_at, r.started_at,
       r.completed_at, r.available_at, r.processing_time_ms
from capataz.robots r
where (%(status)s::text[] is null or r.status = any (%(status)s::text[]::capataz.robot_status_enum[]))
  and (%(module)s::text is null or r.module_name = %(module)s)
  and (%(type)s::text is null or r.robot_type = %(type)s)
  and (%(batch)s::text is null or r.correlation_id = %(batch)s)
  and (%(category)s::text is null or r.error_category = %(category)s)
order by r.created_at desc, r.arrival desc
limit %(limit)s
"""

EXECUTIONS = """
select e.execute_id, e.execution_state, e.current_step, e.step_category, e.progress_percentage,
       e.completed_steps, e.total_steps, e.cpu_usage_percent, e.memory_usage_mb, e.disk_io_mb,
       e.resource_peak_usage, e.started_at, e.completed_at, e.estimated_completion_at, e.duration_ms,
       e.error_category, e.error_message, e.worker_id, e.throughput_items_per_sec, e.external_api_calls,
       e.external_api_duration_ms, e.external_api_failures
from capataz.execution_details e
where e.robot_id = %(robot_id)s
order by e.started_at, e.execute_id
"""

RUNNING = """
select e.execute_id, e.robot_id, e.module_name, e.execution_state, e.current_step, e.progress_percentage,
       e.started_at, e.estimated_completion_at, e.cpu_usage_percent, e.memory_usage_mb, e.worker_id
from capataz.robot_execute e
where e.execution_state in ('RUNNING', 'RETRYING', 'PAUSED')
order by e.started_at
limit %(limit)s
"""

FAILURES = """
select r.robot_id, r.module_name, r.status, r.error_category, r.last_error_at, r.retry_count,
       r.error_details ->> 'message' as message
from capataz.robot_details r
where r.status in ('FAILED', 'RETRYING')
  and r.last_error_at > %(since)s::timestamp
order by r.last_error_at desc
limit %(limit)s
"""


def rows(connection: Connection, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """Run a select and return its rows as dictionaries."""
    with translated(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(query.encode(), parameters)
        return cursor.fetchall()


def value(connection: Connection, query: str) -> Any:
    """Run a select and return its one value."""
    with translated():
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]

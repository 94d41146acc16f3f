"""Typed results of the Capataz API: one dataclass per row type.

The field names are the column names. Times are ``datetime`` without a zone and hold UTC (design §3, *Time*);
durations carry their unit in the name; scores are between 0 and 1, percentages between 0 and 100. ``numeric``
columns arrive as ``Decimal``, ``jsonb`` as whatever JSON they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

__all__ = [
    "ApiKey",
    "ApiKeyOwner",
    "BatchProgress",
    "BenchmarkRow",
    "BreakerCause",
    "CacheStatistics",
    "CapacityPlan",
    "Check",
    "ClaimedRobot",
    "DueHealthCheck",
    "ErrorHour",
    "ErrorPattern",
    "ErrorRate",
    "ExecutionState",
    "ExecutionTotals",
    "FleetStep",
    "HealthChange",
    "HealthCheck",
    "Job",
    "JobRun",
    "Json",
    "LatencyHour",
    "Module",
    "ModuleActivity",
    "ModuleGrant",
    "ModuleHealth",
    "ModuleState",
    "Outcome",
    "PerformanceTier",
    "Priority",
    "ProcessingTier",
    "QueueForecast",
    "QueueState",
    "RecentFailure",
    "ReportEntry",
    "ResourceStep",
    "Robot",
    "RobotAttempt",
    "RobotStatus",
    "RunningExecution",
    "Scope",
    "ScoreFactor",
    "ScoreboardRow",
    "SecurityLevel",
    "StepCategory",
    "StepRow",
    "StuckExecution",
    "Submitted",
    "ThroughputMinute",
    "TimelineEvent",
    "TraceContext",
    "WorkerCount",
]

Json = Any
"""Whatever ``json.loads`` returns."""

ModuleHealth = Literal["HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"]
BreakerCause = Literal["work", "checks", "hand"]
PerformanceTier = Literal["HIGH", "MEDIUM", "LOW", "CRITICAL"]
RobotStatus = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "RETRYING"]
Priority = Literal["LOW", "NORMAL", "HIGH", "CRITICAL"]
ProcessingTier = Literal["FAST", "STANDARD", "COMPLEX", "BULK"]
ExecutionState = Literal["PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "RETRYING", "CANCELLED"]
Scope = Literal["submit", "work", "read", "admin"]
SecurityLevel = Literal["OPEN", "BASIC", "STRICT"]
StepCategory = Literal["INIT", "VALIDATION", "PROCESSING", "EXTERNAL_API", "FINALIZATION"]


@dataclass(frozen=True, slots=True)
class Module:
    """A row of ``capataz.module_registry``: a service that does work (specification §3.1)."""

    module_id: str
    module_name: str
    module_version: str
    supported_robot_types: list[str]
    is_active: bool
    health_endpoint: str | None
    registration_data: Json
    performance_score: Decimal | None
    performance_tier: PerformanceTier | None
    last_performance_check: datetime | None
    error_count_24h: int | None
    success_rate_24h: Decimal | None
    avg_processing_time_ms: int | None
    capacity_utilization: Decimal | None
    health_status: ModuleHealth | None
    last_health_check: datetime | None
    consecutive_failures: int | None
    last_error_message: str | None
    uptime_percentage_24h: Decimal | None
    total_robots_processed: int | None
    total_processing_time_hours: Decimal | None
    security_level: str | None
    compliance_flags: Json
    enterprise_features: Json
    registered_at: datetime
    updated_at: datetime
    max_concurrency: Decimal | None


@dataclass(frozen=True, slots=True)
class ModuleState:
    """A line of ``module_health``: how a module is, and what it holds. ``waiting`` is counted up to 1,000."""

    module_name: str
    is_active: bool
    health_status: ModuleHealth | None
    reason: str | None
    health_since: datetime | None
    opened_by: BreakerCause | None
    probe_after: datetime | None
    is_probing: bool
    failed_checks: int
    consecutive_failures: int | None
    last_health_check: datetime | None
    in_flight: int
    max_concurrency: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class ModuleActivity:
    """A line of ``module_activity``: executions of a module that ended in one minute."""

    module_name: str
    minute: datetime
    completed_count: int
    failed_count: int


@dataclass(frozen=True, slots=True)
class ScoreFactor:
    """A line of ``explain_score``: a factor of a module's performance score; the contributions add up to it."""

    factor: str
    value: Decimal | None
    weight: Decimal
    contribution: Decimal
    detail: str


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A line of ``health_history``: a change of a module's health, and why."""

    changed_at: datetime
    from_status: ModuleHealth | None
    to_status: ModuleHealth | None
    reason: str


@dataclass(frozen=True, slots=True)
class DueHealthCheck:
    """A module whose ``health_endpoint`` is due to be called."""

    module_name: str
    health_endpoint: str
    last_health_check: datetime | None


@dataclass(frozen=True, slots=True)
class Robot:
    """A row of ``capataz.robots``: a unit of work handed to a module (specification §3.2)."""

    robot_id: str
    robot_type: str
    status: RobotStatus
    module_name: str
    input_data: Json
    output_data: Json
    priority: Priority
    performance_metrics: Json
    processing_time_ms: int | None
    processing_tier: ProcessingTier | None
    cache_hit: bool | None
    cache_key: str | None
    resource_usage_mb: int | None
    retry_count: int | None
    retry_limit: int | None
    error_details: Json
    error_category: str | None
    last_error_at: datetime | None
    completeness_score: Decimal | None
    confidence_score: Decimal | None
    source_reference: str | None
    correlation_id: str | None
    estimated_duration_minutes: int | None
    actual_duration_minutes: int | None
    complexity_score: Decimal | None
    security_classification: str | None
    compliance_tags: list[str] | None
    enterprise_metadata: Json
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    available_at: datetime
    compliance_context: Json | None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to a submit.

    ``cache_hit``: the robot was born COMPLETED with the output of an earlier one of the same cache key.
    ``deduplicated``: no robot was created, ``robot_id`` is the one already under way for the cache key.
    """

    robot_id: str
    module_name: str
    status: RobotStatus
    cache_hit: bool
    deduplicated: bool


@dataclass(frozen=True, slots=True)
class ClaimedRobot:
    """A robot handed to a worker. ``execute_id`` is the lease of this one attempt; ``attempt`` counts from 1."""

    robot_id: str
    execute_id: str
    robot_type: str
    priority: Priority
    input_data: Json
    attempt: int
    correlation_id: str | None
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one element of a bulk call: its robot's status, or ``error`` (``"RB409: message"``)."""

    execute_id: str
    status: RobotStatus | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``explain_robot``: whether this condition lets the robot run."""

    check_name: str
    ok: bool | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One line of ``system_health``."""

    check_name: str
    status: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """A line of ``cache_statistics``. ``hit_rate`` is 0..100; ``refresh_ms`` is what the last refresh took."""

    cache_name: str
    ttl_seconds: int
    age_seconds: float | None
    is_stale: bool
    hits: int
    misses: int
    hit_rate: Decimal | None
    refresh_count: int
    refresh_ms: float | None


@dataclass(frozen=True, slots=True)
class ModuleGrant:
    """A line of ``module_grants``: a role that may reach a module."""

    module_name: str
    role_name: str
    granted_at: datetime
    granted_by: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A line of ``list_api_keys``: an API key without its secret. ``last_used_at`` is to the minute."""

    key_id: str
    module_name: str
    label: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKeyOwner:
    """The answer of ``verify_api_key`` and ``authenticate``: whose key it is and what it may do."""

    key_id: str
    module_name: str
    label: str
    scopes: list[Scope]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far the robots of one correlation id are. ``percent`` is 0..100, ``eta`` a time in UTC."""

    correlation_id: str
    total: int
    pending: int
    processing: int
    retrying: int
    completed: int
    failed: int
    percent: Decimal | None
    eta: datetime | None


@dataclass(frozen=True, slots=True)
class ThroughputMinute:
    """A line of ``throughput``: what ended in one minute. ``error_rate`` in percent, None where nothing ended."""

    minute: datetime
    completed_count: int
    failed_count: int
    error_rate: Decimal | None
    avg_duration_ms: int | None


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """A line of ``error_rates``: what ended of one module and robot type. ``error_rate`` in percent."""

    module_name: str
    robot_type: str
    completed_count: int
    failed_count: int
    error_rate: Decimal | None
    avg_duration_ms: int | None


@dataclass(frozen=True, slots=True)
class ResourceStep:
    """A line of ``resource_trend``: means over a step; nothing but ``step_at`` and 0 samples where there is a gap."""

    step_at: datetime
    sample_count: int
    waiting_low: Decimal | None
    waiting_normal: Decimal | None
    waiting_high: Decimal | None
    waiting_critical: Decimal | None
    pending: Decimal | None
    retrying: Decimal | None
    not_due: Decimal | None
    waiting_max: int | None
    oldest_due_seconds: int | None
    in_flight: Decimal | None
    in_flight_max: int | None
    capacity: int | None
    cpu_percent: Decimal | None
    memory_mb: Decimal | None
    disk_io_mb: Decimal | None
    network_io_mb: Decimal | None
    is_estimate: bool | None


@dataclass(frozen=True, slots=True)
class FleetStep:
    """A line of ``fleet_trend``: figures of the database over a step; None where they cannot be seen."""

    step_at: datetime
    sample_count: int
    cache_hit_percent: Decimal | None
    database_bytes: int | None
    dead_robots: int | None
    dead_executions: int | None
    dead_modules: int | None
    oldest_snapshot_seconds: int | None
    replication_lag_seconds: float | None
    replication_lag_bytes: int | None
    archive_lag_seconds: int | None
    sample_ms: float | None


@dataclass(frozen=True, slots=True)
class QueueState:
    """A line of ``queue_state``: what waits for a module, of one priority."""

    module_name: str
    priority: Priority
    waiting: int
    not_due: int
    oldest_due_at: datetime | None
    is_estimate: bool


@dataclass(frozen=True, slots=True)
class StuckExecution:
    """A line of ``stuck_executions``: an execution that does not get on, and why."""

    robot_id: str
    execute_id: str
    module_name: str
    robot_type: str | None
    reason: Literal["past timeout", "silent worker", "no progress"]
    since: datetime
    execution_state: ExecutionState
    current_step: str | None
    progress_percentage: int | None
    started_at: datetime
    worker_id: str | None


@dataclass(frozen=True, slots=True)
class LatencyHour:
    """A line of ``latency``: how long what COMPLETED in an hour took."""

    hour: datetime
    completed_count: int
    p50_ms: int
    p95_ms: int
    p99_ms: int


@dataclass(frozen=True, slots=True)
class ErrorHour:
    """A line of ``errors_by_hour``: what ended in a module in an hour."""

    module_name: str
    hour: datetime
    completed_count: int
    failed_count: int
    error_rate: Decimal | None


@dataclass(frozen=True, slots=True)
class RecentFailure:
    """A line of ``recent_failures``: a robot whose last attempt went wrong."""

    robot_id: str
    module_name: str
    robot_type: str
    status: RobotStatus
    error_category: str
    retry_count: int
    retry_limit: int
    last_error_at: datetime
    available_at: datetime


@dataclass(frozen=True, slots=True)
class RunningExecution:
    """A line of ``running_executions``: an attempt that is under way."""

    robot_id: str
    execute_id: str
    module_name: str
    robot_type: str | None
    priority: Priority
    execution_state: ExecutionState
    attempt: int
    progress_percentage: int | None
    current_step: str | None
    step_category: StepCategory | None
    completed_steps: int | None
    total_steps: int | None
    started_at: datetime
    estimated_completion_at: datetime | None
    timeout_at: datetime
    is_slow: bool
    cpu_usage_percent: Decimal | None
    memory_usage_mb: int | None
    worker_id: str | None


@dataclass(frozen=True, slots=True)
class RobotAttempt:
    """A line of ``robot_attempts``: an attempt at a robot; ``steps`` are those that are finished."""

    execute_id: str
    execution_state: ExecutionState
    started_at: datetime
    completed_at: datetime | None
    timeout_at: datetime
    estimated_completion_at: datetime | None
    duration_ms: int | None
    worker_id: str | None
    error_category: str | None
    progress_percentage: int | None
    current_step: str | None
    step_category: StepCategory | None
    step_start_time: datetime | None
    completed_steps: int | None
    total_steps: int | None
    steps: list[dict[str, Any]]
    cpu_usage_percent: Decimal | None
    memory_usage_mb: int | None
    disk_io_mb: int | None
    network_io_mb: int | None
    resource_peak_usage: dict[str, Any] | None
    items_processed: int | None
    external_api_calls: int | None
    external_api_failures: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A line of ``list_jobs``: a scheduled job, its last run and when it is due next."""

    job_name: str
    description: str
    schedule: str
    command: str
    job_owner: str
    timeout_seconds: int
    last_start_at: datetime | None
    last_end_at: datetime | None
    last_duration_ms: int | None
    last_outcome: str | None
    last_error: str | None
    next_due_at: datetime | None
    is_due: bool
    is_late: bool
    run_count: int
    failure_count: int
    missed_count: int
    gap_from: datetime | None
    gap_until: datetime | None
    last_success_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobRun:
    """One job that ``run_due_jobs`` looked at."""

    job_name: str
    outcome: str
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A line of ``list_reports``: a stored report."""

    kind: Literal["daily", "weekly", "monthly"]
    period_start: date
    period_end: date
    built_at: datetime
    completed_count: int
    failed_count: int
    finding_count: int


@dataclass(frozen=True, slots=True)
class ExecutionTotals:
    """A line of ``execution_totals``: what ended in a module since it was registered; these figures only grow."""

    module_name: str
    completed_count: int
    completed_ms: int
    failed_count: int
    duration_limits: list[int]
    duration_counts: list[int]
    counted_since: datetime


@dataclass(frozen=True, slots=True)
class WorkerCount:
    """A line of ``worker_counts``: how many workers of a module are in a state."""

    module_name: str
    state: Literal["alive", "stopped", "lost"]
    worker_count: int


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A line of ``trace_contexts``: the trace that a robot was submitted in."""

    robot_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class ScoreboardRow:
    """A line of ``performance_scoreboard``: 24 hours of a module. Rates in percent; percentiles within 5 %."""

    rank: int
    module_name: str
    performance_score: Decimal | None
    performance_tier: PerformanceTier | None
    health_status: ModuleHealth | None
    completed_count: int
    failed_count: int
    success_rate: Decimal
    error_rate: Decimal
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None
    throughput_per_hour: Decimal
    efficiency: Decimal | None
    retry_rate: Decimal | None
    avg_wait_ms: int | None
    capacity_utilization: Decimal | None


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A line of ``module_benchmark``: a module and robot type against its peers (differences in percent)."""

    module_name: str
    robot_type: str
    completed_count: int
    failed_count: int
    avg_duration_ms: int | None
    peer_duration_ms: int | None
    duration_difference: Decimal | None
    efficiency: Decimal | None
    peer_efficiency: Decimal | None
    efficiency_difference: Decimal | None
    cpu_seconds: Decimal | None
    memory_gb_seconds: Decimal | None
    io_mb: Decimal | None
    api_calls: Decimal | None
    cost_per_robot: Decimal | None
    peer_cost: Decimal | None
    cost_difference: Decimal | None
    peer_count: int


@dataclass(frozen=True, slots=True)
class StepRow:
    """A line of ``step_analysis``: time spent in a step in 7 days; without name: in none. Shares in percent."""

    module_name: str
    step_category: StepCategory | None
    step_name: str | None
    step_count: int | None
    total_ms: int
    avg_ms: int | None
    max_ms: int | None
    share: Decimal | None
    category_share: Decimal | None
    previous_avg_ms: int | None
    change: Decimal | None
    is_bottleneck: bool


@dataclass(frozen=True, slots=True)
class ErrorPattern:
    """A line of ``error_patterns``: what fails alike, and whether it is new, growing, steady, shrinking or vanished."""

    module_name: str
    error_category: str
    step_category: StepCategory | None
    step_name: str | None
    fingerprint: str
    error_count: int
    previous_count: int
    change: str | None
    share: Decimal | None
    peak_hour: int | None
    hour_counts: list[int]
    example_execute_id: str


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """A line of ``capacity_plan``: growth, peaks and capacity of a module."""

    module_name: str
    month: date
    days_observed: int
    per_day: Decimal | None
    growth_per_day: Decimal | None
    growth_low: Decimal | None
    growth_high: Decimal | None
    r2: Decimal | None
    is_growing: bool | None
    forecast_per_day: Decimal
    forecast_low: Decimal | None
    forecast_high: Decimal | None
    month_total: Decimal
    peak_per_hour: Decimal | None
    service_seconds: Decimal | None
    wait_seconds: Decimal | None
    busy_mean: Decimal | None
    busy_peak: Decimal | None
    in_flight_peak: int | None
    capacity: int | None
    peak_utilization: Decimal | None
    runs_out_on: date | None
    runs_out_earliest: date | None
    runs_out_latest: date | None
    target_wait_seconds: Decimal
    workers_needed: int | None


@dataclass(frozen=True, slots=True)
class QueueForecast:
    """A line of ``queue_forecast``: when a backlog will be empty, and what will be late."""

    module_name: str
    forecast_at: datetime
    waiting: int
    not_due: int
    in_flight: int
    busy: Decimal | None
    arrivals_per_minute: Decimal
    empty_at: datetime | None
    done_at: datetime | None
    basis: str
    late_count: int
    late_robot_ids: list[str]
    past_count: int
    past_error: Decimal | None
    is_estimate: bool


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """A line of ``robot_timeline``: one event of the life of a robot."""

    happened_at: datetime
    event: str
    attempt: int | None
    execute_id: str | None
    step_category: StepCategory | None
    step_name: str | None
    duration_ms: int | None
    detail: str | None

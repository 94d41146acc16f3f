"""Every function of the SQL API as a call: its text, its arguments, the type of its answer. No connection, no rules.

A function here has the name of the SQL function and its parameters less ``p_``; ``None`` stands for "the default"
and is what the database makes of it (design §4). The clients in :mod:`capataz.client` take their methods from
this module, once blocking and once for asyncio, so nothing is written twice. The SQL text of each call is built
when the module is imported, never per call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg.types.json import Jsonb

from .errors import InvalidInput
from .models import (
    ApiKey,
    ApiKeyOwner,
    BatchProgress,
    BenchmarkRow,
    CacheStatistics,
    CapacityPlan,
    Check,
    ClaimedRobot,
    DueHealthCheck,
    ErrorHour,
    ErrorPattern,
    ErrorRate,
    ExecutionState,
    ExecutionTotals,
    FleetStep,
    HealthChange,
    HealthCheck,
    Job,
    JobRun,
    Json,
    LatencyHour,
    Module,
    ModuleActivity,
    ModuleGrant,
    ModuleHealth,
    ModuleState,
    Outcome,
    Priority,
    ProcessingTier,
    QueueForecast,
    QueueState,
    RecentFailure,
    ReportEntry,
    ResourceStep,
    Robot,
    RobotAttempt,
    RobotStatus,
    RunningExecution,
    Scope,
    ScoreboardRow,
    ScoreFactor,
    SecurityLevel,
    StepCategory,
    StepRow,
    StuckExecution,
    Submitted,
    ThroughputMinute,
    TimelineEvent,
    TraceContext,
    WorkerCount,
)
from .tracing import current_traceparent, with_traceparent

T = TypeVar("T")
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Statement(Generic[T]):
    """A prepared call: SQL text, and how its rows become the result."""

    function: str
    sql: bytes
    collect: Callable[[Rows], T]
    lease: bool


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A statement and its arguments, ready to be executed on any connection."""

    statement: Statement[T]
    arguments: tuple[Any, ...]


def _text(function: str, parameters: str, columns: str | None) -> bytes:
    arguments = ", ".join(f"p_{name} => %s" for name in parameters.split())
    call = f"capataz.{function}({arguments})"
    return (f"select {columns} from {call}" if columns else f"select {call}").encode()


def _columns(row: type[Any]) -> str:
    return ", ".join(field.name for field in fields(row))


def _one(function: str, parameters: str, row: Callable[..., T], *, lease: bool = False) -> Statement[T]:
    """A function that answers with exactly one row."""

    def collect(rows: Rows) -> T:
        return row(*rows[0])

    assert isinstance(row, type)
    return Statement(function, _text(function, parameters, _columns(row)), collect, lease)


def _many(function: str, parameters: str, row: Callable[..., T], *, lease: bool = False) -> Statement[list[T]]:
    """A function that answers with any number of rows."""

    def collect(rows: Rows) -> list[T]:
        return [row(*values) for values in rows]

    assert isinstance(row, type)
    return Statement(function, _text(function, parameters, _columns(row)), collect, lease)


def _value(function: str, parameters: str, *, lease: bool = False) -> Statement[Any]:
    """A function that answers with one value; the name it is given says of which type."""

    def collect(rows: Rows) -> Any:
        return rows[0][0]

    return Statement(function, _text(function, parameters, None), collect, lease)


def _nothing(function: str, parameters: str) -> Statement[None]:
    """A function that answers with nothing."""

    def collect(rows: Rows) -> None:
        del rows

    return Statement(function, _text(function, parameters, None), collect, False)


# --- arguments -------------------------------------------------------------------------------------------------


class JsonText(str):
    """A JSON document that is already text: sent as it is, its content is checked by the database alone."""

    __slots__ = ()


def _encode_extra(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_encode_extra)


def to_json(value: Json, name: str = "value") -> str:
    """Return ``value`` as JSON text. Dates become ISO texts, UUIDs texts, Decimals numbers.

    Raises:
        InvalidInput: ``value`` (called ``name`` in the message) holds something JSON has no word for, or NaN.
    """
    if isinstance(value, JsonText):
        return value
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, ArithmeticError) as error:
        raise InvalidInput(f"{name} cannot be written as JSON: {error}", hint="Use JSON types only.") from error


def _same(text: str) -> str:
    return text


def _jsonb(value: Json | None, name: str) -> Jsonb | None:
    if value is None:
        return None
    return Jsonb(to_json(value, name), dumps=_same)


def _utc(value: datetime | None) -> datetime | None:
    """Times of the API are UTC without a zone; a time that has a zone is converted."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _array(values: Iterable[str] | None) -> list[str] | str | None:
    if values is None or isinstance(values, str):
        return values  # a single text is no array: the database says so
    return list(values)


# --- modules ---------------------------------------------------------------------------------------------------

_REGISTER_MODULE = _one(
    "register_module",
    "module_name module_version supported_robot_types environment health_endpoint registration_data",
    Module,
)
_ACTIVATE_MODULE = _one("activate_module", "module_name", Module)
_DEACTIVATE_MODULE = _one("deactivate_module", "module_name reason", Module)
_RECORD_HEALTH_CHECK: Statement[ModuleHealth] = _value(
    "record_health_check", "module_name healthy response_time_ms error_message"
)
_RECORD_DUE_HEALTH_CHECK: Statement[ModuleHealth | None] = _value(
    "record_due_health_check", "module_name healthy response_time_ms error_message"
)
_DUE_HEALTH_CHECKS = _many("due_health_checks", "limit", DueHealthCheck)
_EVALUATE_HEALTH: Statement[int] = _value("evaluate_health", "")
_MODULE_HEALTH = _many("module_health", "module_name", ModuleState)
_HEALTH_HISTORY = _many("health_history", "module_name limit", HealthChange)
_MODULE_ACTIVITY = _many("module_activity", "module_name minutes", ModuleActivity)
_SCORE_MODULES: Statement[int] = _value("score_modules", "")
_EXPLAIN_SCORE = _many("explain_score", "module_name", ScoreFactor)
_ROUTE_ROBOT: Statement[str] = _value("route_robot", "robot_type")


def register_module(
    module_name: str,
    module_version: str,
    supported_robot_types: Iterable[str],
    *,
    environment: str | None = None,
    health_endpoint: str | None = None,
    registration_data: Mapping[str, Json] | None = None,
) -> Call[Module]:
    """Register a module, or update it: an upsert by name that keeps its robots and counters.

    Keys of ``registration_data`` (``max_concurrency``, ``retry_policy``, ``cache_ttl_seconds``, ...) replace those
    stored, absent keys stay, a null removes one.

    Raises:
        InvalidInput: a name, type or setting is malformed, or a reserved key was given.
    """
    return Call(
        _REGISTER_MODULE,
        (
            module_name,
            module_version,
            _array(supported_robot_types),
            environment,
            health_endpoint,
            _jsonb(registration_data, "registration_data"),
        ),
    )


def activate_module(module_name: str) -> Call[Module]:
    """Let a module be given robots again; resets its consecutive failures.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_ACTIVATE_MODULE, (module_name,))


def deactivate_module(module_name: str, *, reason: str | None = None) -> Call[Module]:
    """Give a module no more robots; those running may finish.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_DEACTIVATE_MODULE, (module_name, reason))


def record_health_check(
    module_name: str,
    healthy: bool,
    *,
    response_time_ms: int | None = None,
    error_message: str | None = None,
) -> Call[ModuleHealth]:
    """Store the result of a health check (response time in milliseconds) and return the module's health.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_RECORD_HEALTH_CHECK, (module_name, healthy, response_time_ms, error_message))


def record_due_health_check(
    module_name: str,
    healthy: bool,
    *,
    response_time_ms: int | None = None,
    error_message: str | None = None,
) -> Call[ModuleHealth | None]:
    """The same where the module's check is still due; None where it is not: somebody else was quicker.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_RECORD_DUE_HEALTH_CHECK, (module_name, healthy, response_time_ms, error_message))


def due_health_checks(*, limit: int | None = None) -> Call[list[DueHealthCheck]]:
    """Return the modules whose health endpoint is due to be called, the longest waiting first, at most ``limit``."""
    return Call(_DUE_HEALTH_CHECKS, (limit,))


def evaluate_health() -> Call[int]:
    """Bring the health of modules up to date where time alone changes it; return how many changed."""
    return Call(_EVALUATE_HEALTH, ())


def module_health(module_name: str | None = None) -> Call[list[ModuleState]]:
    """Return health, circuit breaker, running and waiting robots of one module, or of all.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_MODULE_HEALTH, (module_name,))


def health_history(module_name: str, *, limit: int | None = None) -> Call[list[HealthChange]]:
    """Return the changes of a module's health, the latest first, at most ``limit``.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_HEALTH_HISTORY, (module_name, limit))


def module_activity(module_name: str | None = None, *, minutes: int | None = None) -> Call[list[ModuleActivity]]:
    """Return how many executions of one module, or of all, ended in each of the last ``minutes`` (1..1440).

    Minutes in which nothing ended are left out.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_MODULE_ACTIVITY, (module_name, minutes))


def score_modules() -> Call[int]:
    """Compute performance score and tier of every module; return how many have another one now."""
    return Call(_SCORE_MODULES, ())


def explain_score(module_name: str) -> Call[list[ScoreFactor]]:
    """Return what a module's performance score is made of: the contributions add up to the score.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_EXPLAIN_SCORE, (module_name,))


def route_robot(robot_type: str) -> Call[str]:
    """Return the name of the module that should take a robot of this type now.

    Raises:
        NoModuleAvailable: no active and healthy module supports the type.
    """
    return Call(_ROUTE_ROBOT, (robot_type,))


# --- robots ----------------------------------------------------------------------------------------------------

SUBMIT_ROBOT = _one(
    "submit_robot",
    "robot_type input_data module_name priority available_at cache_key correlation_id source_reference retry_limit"
    " estimated_duration_minutes complexity_score processing_tier security_classification compliance_tags metadata"
    " robot_id",
    Submitted,
)
SUBMIT_ROBOTS = _many("submit_robots", "robots", Submitted)
_CLAIM_ROBOTS = _many("claim_robots", "module_name batch_size worker_id timeout_seconds", ClaimedRobot)
_MOVE_WAITING_ROBOTS: Statement[int] = _value("move_waiting_robots", "")
_RELEASE_ROBOTS: Statement[int] = _value("release_robots", "execute_ids")
_CANCEL_ROBOT: Statement[RobotStatus] = _value("cancel_robot", "robot_id reason")
_RETRY_ROBOT: Statement[RobotStatus] = _value("retry_robot", "robot_id")
_GET_ROBOT = _one("get_robot", "robot_id", Robot)
_EXPLAIN_ROBOT = _many("explain_robot", "robot_id", Check)
_BATCH_PROGRESS = _one("batch_progress", "correlation_id", BatchProgress)


def submit_robot(
    robot_type: str,
    input_data: Json | None = None,
    *,
    module_name: str | None = None,
    priority: Priority | str | None = None,
    available_at: datetime | None = None,
    cache_key: str | None = None,
    correlation_id: str | None = None,
    source_reference: str | None = None,
    retry_limit: int | None = None,
    estimated_duration_minutes: int | None = None,
    complexity_score: float | None = None,
    processing_tier: ProcessingTier | str | None = None,
    security_classification: str | None = None,
    compliance_tags: Iterable[str] | None = None,
    metadata: Mapping[str, Json] | None = None,
    robot_id: str | None = None,
) -> Call[Submitted]:
    """Submit one robot; without ``module_name`` it is routed to a module of its type.

    ``available_at`` is when it is due (a zone is honoured, none means UTC). With a ``cache_key`` a robot under way
    is returned instead of a second one, and a completed one's output is reused (design §6, *Deduplication*): a robot
    of the same type and, where one is named, of the same module.
    Where the process uses OpenTelemetry, the current trace goes along in ``metadata`` (:mod:`capataz.tracing`).

    Raises:
        InvalidInput: a value is malformed or out of range, or the module does not support the type.
        NotFound: there is no such module.
        Conflict: ``robot_id`` is already taken, or the key is held by a robot in progress of another type or module.
        NoModuleAvailable: the module is inactive, or none supports the type.
    """
    traceparent = current_traceparent()
    if traceparent is not None:
        metadata = with_traceparent(metadata, traceparent)
    return Call(
        SUBMIT_ROBOT,
        (
            robot_type,
            _jsonb(input_data, "input_data"),
            module_name,
            priority,
            _utc(available_at),
            cache_key,
            correlation_id,
            source_reference,
            retry_limit,
            estimated_duration_minutes,
            complexity_score,
            processing_tier,
            security_classification,
            _array(compliance_tags),
            _jsonb(metadata, "metadata"),
            robot_id,
        ),
    )


def submit_robots(robots: Iterable[Mapping[str, Json]] | JsonText) -> Call[list[Submitted]]:
    """Submit many robots, all or nothing: mappings with the keyword names of :func:`submit_robot`.

    The answers come in the order of the elements.

    Raises:
        InvalidInput: an element is wrong; the message names its index.
    """
    traceparent = current_traceparent()
    if traceparent is not None and not isinstance(robots, JsonText):
        robots = [
            {**robot, "metadata": with_traceparent(robot.get("metadata"), traceparent)}
            if isinstance(robot, Mapping)
            else robot
            for robot in robots
        ]
    return Call(SUBMIT_ROBOTS, (_jsonb(robots, "robots"),))


def claim_robots(
    module_name: str,
    *,
    batch_size: int | None = None,
    worker_id: str | None = None,
    timeout_seconds: int | None = None,
) -> Call[list[ClaimedRobot]]:
    """Claim up to ``batch_size`` (1..1000) due robots of a module; none is no error.

    Each carries an ``execute_id``, the lease of its attempt, valid for ``timeout_seconds``.

    Raises:
        InvalidInput: the batch size or timeout is out of range.
        NotFound: there is no such module.
    """
    return Call(_CLAIM_ROBOTS, (module_name, batch_size, worker_id, timeout_seconds))


def release_robots(execute_ids: Iterable[str]) -> Call[int]:
    """Hand attempts back unfinished, at no cost of retries; return how many were (or had been) released."""
    return Call(_RELEASE_ROBOTS, (_array(execute_ids),))


def move_waiting_robots() -> Call[int]:
    """Move waiting routed robots away from modules that cannot work; return how many."""
    return Call(_MOVE_WAITING_ROBOTS, ())


def cancel_robot(robot_id: str, *, reason: str | None = None) -> Call[RobotStatus]:
    """Cancel a robot that waits or runs; its worker's next call learns it. Repeatable.

    Raises:
        NotFound: there is no such robot.
        Conflict: it has already ended otherwise.
    """
    return Call(_CANCEL_ROBOT, (robot_id, reason))


def retry_robot(robot_id: str) -> Call[RobotStatus]:
    """Put a FAILED robot back in the queue with a fresh count of retries.

    Raises:
        NotFound: there is no such robot.
        Conflict: it has not failed.
    """
    return Call(_RETRY_ROBOT, (robot_id,))


def get_robot(robot_id: str) -> Call[Robot]:
    """Return the robot.

    Raises:
        NotFound: there is no such robot.
    """
    return Call(_GET_ROBOT, (robot_id,))


def explain_robot(robot_id: str) -> Call[list[Check]]:
    """Say why a robot is not running: one line per condition (status, due, module, capacity, queue, lease).

    Raises:
        NotFound: there is no such robot.
    """
    return Call(_EXPLAIN_ROBOT, (robot_id,))


def batch_progress(correlation_id: str) -> Call[BatchProgress]:
    """Count the robots of a correlation id by status, and estimate when the last one will be done."""
    return Call(_BATCH_PROGRESS, (correlation_id,))


# --- executions ------------------------------------------------------------------------------------------------

_REPORT_PROGRESS: Statement[ExecutionState] = _value(
    "report_progress",
    "execute_id progress_percentage current_step step_category completed_steps total_steps step_details"
    " cpu_usage_percent memory_usage_mb disk_io_mb network_io_mb items_processed external_api_calls"
    " external_api_duration_ms external_api_failures",
    lease=True,
)
_PAUSE_EXECUTION: Statement[ExecutionState] = _value("pause_execution", "execute_id", lease=True)
_RESUME_EXECUTION: Statement[ExecutionState] = _value("resume_execution", "execute_id", lease=True)
_RETRY_STEP: Statement[ExecutionState] = _value("retry_step", "execute_id error_message", lease=True)
_COMPLETE_EXECUTION: Statement[RobotStatus] = _value(
    "complete_execution",
    "execute_id output_data performance_metrics confidence_score completeness_score resource_usage_mb",
    lease=True,
)
_FAIL_EXECUTION: Statement[RobotStatus] = _value(
    "fail_execution",
    "execute_id error_message error_category error_details error_stack_trace retryable",
    lease=True,
)
_COMPLETE_EXECUTIONS = _many("complete_executions", "results", Outcome, lease=True)
_FAIL_EXECUTIONS = _many("fail_executions", "results", Outcome, lease=True)
_EXPIRE_EXECUTIONS: Statement[int] = _value("expire_executions", "limit")
_HEARTBEAT_WORKER = _nothing("heartbeat_worker", "worker_id module_name info")
_STOP_WORKER: Statement[int] = _value("stop_worker", "worker_id")


def report_progress(
    execute_id: str,
    *,
    progress_percentage: float | None = None,
    current_step: str | None = None,
    step_category: StepCategory | str | None = None,
    completed_steps: int | None = None,
    total_steps: int | None = None,
    step_details: Mapping[str, Json] | None = None,
    cpu_usage_percent: float | None = None,
    memory_usage_mb: int | None = None,
    disk_io_mb: int | None = None,
    network_io_mb: int | None = None,
    items_processed: int | None = None,
    external_api_calls: int | None = None,
    external_api_duration_ms: int | None = None,
    external_api_failures: int | None = None,
) -> Call[ExecutionState]:
    """Report how far an attempt is; what is not given stays. Counters and I/O are running totals of the attempt.

    Percentages are 0..100 (CPU: 100 is one core), memory and I/O in MB, durations in milliseconds.

    Returns:
        ``"RUNNING"``: go on; ``"PAUSED"``: recorded, now wait.

    Raises:
        LeaseLost: the attempt has ended or timed out.
        NotFound: there is no such execution.
        InvalidInput: a value is out of range.
    """
    return Call(
        _REPORT_PROGRESS,
        (
            execute_id,
            progress_percentage,
            current_step,
            step_category,
            completed_steps,
            total_steps,
            _jsonb(step_details, "step_details"),
            cpu_usage_percent,
            memory_usage_mb,
            disk_io_mb,
            network_io_mb,
            items_processed,
            external_api_calls,
            external_api_duration_ms,
            external_api_failures,
        ),
    )


def pause_execution(execute_id: str) -> Call[ExecutionState]:
    """Ask a running attempt to wait; its worker sees it at the next report.

    Raises:
        LeaseLost: the attempt has ended, or its state does not allow it.
        NotFound: there is no such execution.
    """
    return Call(_PAUSE_EXECUTION, (execute_id,))


def resume_execution(execute_id: str) -> Call[ExecutionState]:
    """Let a paused attempt go on.

    Raises:
        LeaseLost: the attempt has ended, or its state does not allow it.
        NotFound: there is no such execution.
    """
    return Call(_RESUME_EXECUTION, (execute_id,))


def retry_step(execute_id: str, error_message: str) -> Call[ExecutionState]:
    """Record that the attempt repeats its current step after this error.

    Raises:
        LeaseLost: the attempt has ended.
        LimitReached, Conflict: the step was repeated too often.
        NotFound: there is no such execution.
    """
    return Call(_RETRY_STEP, (execute_id, error_message))


def complete_execution(
    execute_id: str,
    output_data: Json | None = None,
    *,
    performance_metrics: Mapping[str, Json] | None = None,
    confidence_score: float | None = None,
    completeness_score: float | None = None,
    resource_usage_mb: int | None = None,
) -> Call[RobotStatus]:
    """End an attempt with its output; scores are 0..1. Repeating it is harmless.

    Raises:
        LeaseLost: the attempt has ended otherwise or timed out: the output is not accepted.
        NotFound: there is no such execution.
        InvalidInput: a score is out of range.
    """
    return Call(
        _COMPLETE_EXECUTION,
        (
            execute_id,
            _jsonb(output_data, "output_data"),
            _jsonb(performance_metrics, "performance_metrics"),
            confidence_score,
            completeness_score,
            resource_usage_mb,
        ),
    )


def fail_execution(
    execute_id: str,
    error_message: str,
    *,
    error_category: str | None = None,
    error_details: Mapping[str, Json] | None = None,
    error_stack_trace: str | None = None,
    retryable: bool | None = None,
) -> Call[RobotStatus]:
    """End an attempt with an error; return RETRYING or FAILED, as the database decides.

    Raises:
        LeaseLost: the attempt has ended otherwise or timed out.
        NotFound: there is no such execution.
    """
    return Call(
        _FAIL_EXECUTION,
        (
            execute_id,
            error_message,
            error_category,
            _jsonb(error_details, "error_details"),
            error_stack_trace,
            retryable,
        ),
    )


def complete_executions(results: Iterable[Mapping[str, Json]] | JsonText) -> Call[list[Outcome]]:
    """Complete many attempts: mappings with the keyword names of :func:`complete_execution`.

    One :class:`Outcome` per element, in order; a bad element has an ``error`` and harms no other.
    """
    return Call(_COMPLETE_EXECUTIONS, (_jsonb(results, "results"),))


def fail_executions(results: Iterable[Mapping[str, Json]] | JsonText) -> Call[list[Outcome]]:
    """Fail many attempts: mappings with the keyword names of :func:`fail_execution`.

    One :class:`Outcome` per element, in order; a bad element has an ``error`` and harms no other.
    """
    return Call(_FAIL_EXECUTIONS, (_jsonb(results, "results"),))


def expire_executions(*, limit: int | None = None) -> Call[int]:
    """Fail attempts that timed out or whose worker is lost, at most ``limit``; return how many."""
    return Call(_EXPIRE_EXECUTIONS, (limit,))


def heartbeat_worker(worker_id: str, module_name: str, *, info: Mapping[str, Json] | None = None) -> Call[None]:
    """Say that a worker lives. From its first heartbeat on a worker is watched, and lost after 30 s of silence.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_HEARTBEAT_WORKER, (worker_id, module_name, _jsonb(info, "info")))


def stop_worker(worker_id: str) -> Call[int]:
    """Say goodbye in order: whatever the worker still holds is released. Return how many robots that were."""
    return Call(_STOP_WORKER, (worker_id,))


# --- caches ----------------------------------------------------------------------------------------------------

_CACHED: Statement[Json] = _value("cached", "cache_name")
_CACHE_STATISTICS = _many("cache_statistics", "", CacheStatistics)
_WARM_CACHES: Statement[int] = _value("warm_caches", "")


def cached(cache_name: str) -> Call[Json]:
    """Return the value of a cache: what a dashboard asks for again and again, at the cost of reading one row.

    The caches: ``active_modules`` (5 minutes), ``routing_table`` (1 minute), ``performance_scoreboard`` (10 minutes),
    ``system_health`` (30 seconds). A client with ``local_cache`` keeps values in the process; do not change them.

    Raises:
        NotFound: there is no such cache.
    """
    return Call(_CACHED, (cache_name,))


def cache_statistics() -> Call[list[CacheStatistics]]:
    """Return age, hits, misses and refreshes of each cache. Reads of other sessions show up to a minute later."""
    return Call(_CACHE_STATISTICS, ())


def warm_caches() -> Call[int]:
    """Refresh the caches that are stale or soon will be; return how many."""
    return Call(_WARM_CACHES, ())


# --- analytics -------------------------------------------------------------------------------------------------

_PERFORMANCE_SCOREBOARD = _many("performance_scoreboard", "", ScoreboardRow)
_MODULE_BENCHMARK = _many("module_benchmark", "from to", BenchmarkRow)
_STEP_ANALYSIS = _many("step_analysis", "", StepRow)
_ERROR_PATTERNS = _many("error_patterns", "from to", ErrorPattern)
_CAPACITY_PLAN = _many("capacity_plan", "month", CapacityPlan)
_QUEUE_FORECAST = _many("queue_forecast", "module_name", QueueForecast)
_ROBOT_TIMELINE = _many("robot_timeline", "robot_id", TimelineEvent)
_FOLD_ANALYTICS: Statement[int] = _value("fold_analytics", "")
_STORE_FORECASTS: Statement[int] = _value("store_forecasts", "")


def performance_scoreboard() -> Call[list[ScoreboardRow]]:
    """Return the active modules side by side, the best first: score, and rates and percentiles of 24 hours."""
    return Call(_PERFORMANCE_SCOREBOARD, ())


def module_benchmark(*, from_: datetime | None = None, to: datetime | None = None) -> Call[list[BenchmarkRow]]:
    """Return how each module does each type of robot against its peers: duration, efficiency, cost.

    The last 7 days, or ``from_`` up to ``to``, in whole hours.
    """
    return Call(_MODULE_BENCHMARK, (_utc(from_), _utc(to)))


def step_analysis() -> Call[list[StepRow]]:
    """Return in which steps the time of 7 days went, per module, and the bottleneck of each."""
    return Call(_STEP_ANALYSIS, ())


def error_patterns(*, from_: datetime | None = None, to: datetime | None = None) -> Call[list[ErrorPattern]]:
    """Return what fails, the most frequent first, against the period of the same length before.

    The last 7 days, or ``from_`` up to ``to``, in whole hours.
    """
    return Call(_ERROR_PATTERNS, (_utc(from_), _utc(to)))


def capacity_plan(*, month: datetime | date | None = None) -> Call[list[CapacityPlan]]:
    """Return growth, peaks and capacity of each module for this month, or the one that ``month`` lies in."""
    return Call(_CAPACITY_PLAN, (_utc(month) if isinstance(month, datetime) else month,))


def queue_forecast(module_name: str | None = None) -> Call[list[QueueForecast]]:
    """Return when backlogs will be empty, which robots will be late, and how good past forecasts were.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_QUEUE_FORECAST, (module_name,))


def robot_timeline(robot_id: str) -> Call[list[TimelineEvent]]:
    """Return every event of the life of a robot, in order of time.

    Raises:
        NotFound: there is no such robot.
    """
    return Call(_ROBOT_TIMELINE, (robot_id,))


def fold_analytics() -> Call[int]:
    """Job: bring steps and errors up to date for analytics; return how many changes it took in."""
    return Call(_FOLD_ANALYTICS, ())


def store_forecasts() -> Call[int]:
    """Job: store when backlogs will be empty, and compare past forecasts; return how many it stored."""
    return Call(_STORE_FORECASTS, ())


# --- trends and jobs -------------------------------------------------------------------------------------------

_THROUGHPUT = _many("throughput", "module_name robot_type minutes", ThroughputMinute)
_ERROR_RATES = _many("error_rates", "module_name hours", ErrorRate)
_RESOURCE_TREND = _many("resource_trend", "module_name from to step_seconds", ResourceStep)
_FLEET_TREND = _many("fleet_trend", "from to step_seconds", FleetStep)
_QUEUE_STATE = _many("queue_state", "module_name", QueueState)
_STUCK_EXECUTIONS = _many("stuck_executions", "module_name", StuckExecution)
_LATENCY = _many("latency", "module_name hours", LatencyHour)
_ERRORS_BY_HOUR = _many("errors_by_hour", "hours", ErrorHour)
_RECENT_FAILURES = _many("recent_failures", "module_name limit", RecentFailure)
_RUNNING_EXECUTIONS = _many("running_executions", "module_name limit", RunningExecution)
_ROBOT_ATTEMPTS = _many("robot_attempts", "robot_id", RobotAttempt)
_SAMPLE_RESOURCES: Statement[int] = _value("sample_resources", "")
_ROLL_UP_TRENDS: Statement[int] = _value("roll_up_trends", "")
_TRIM_WINDOWS: Statement[int] = _value("trim_windows", "")
_VALIDATE_CONSISTENCY: Statement[int] = _value("validate_consistency", "")
_PURGE_HISTORY: Statement[int] = _value("purge_history", "")
_LIST_JOBS = _many("list_jobs", "", Job)
_HOLD_TICKER: Statement[bool] = _value("hold_ticker", "ticker_id patience_seconds")
_RELEASE_TICKER: Statement[bool] = _value("release_ticker", "ticker_id")


def throughput(
    module_name: str | None = None, *, robot_type: str | None = None, minutes: int | None = None
) -> Call[list[ThroughputMinute]]:
    """Return what ended minute by minute, the earliest first: the last 60, or ``minutes`` (up to 1440).

    Raises:
        NotFound: there is no such module.
    """
    return Call(_THROUGHPUT, (module_name, robot_type, minutes))


def error_rates(module_name: str | None = None, *, hours: int | None = None) -> Call[list[ErrorRate]]:
    """Return what ended per module and robot type in the last 24 hours, or ``hours`` (up to 2208)."""
    return Call(_ERROR_RATES, (module_name, hours))


def resource_trend(
    module_name: str | None = None,
    *,
    from_: datetime | None = None,
    to: datetime | None = None,
    step_seconds: int | None = None,
) -> Call[list[ResourceStep]]:
    """Return queue and resources over time, of one module or of all: the last day, or ``from_`` up to ``to``.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_RESOURCE_TREND, (module_name, _utc(from_), _utc(to), step_seconds))


def fleet_trend(
    *, from_: datetime | None = None, to: datetime | None = None, step_seconds: int | None = None
) -> Call[list[FleetStep]]:
    """Return figures of the database over time: cache, size, dead rows, snapshots, replicas, archive."""
    return Call(_FLEET_TREND, (_utc(from_), _utc(to), step_seconds))


def queue_state(module_name: str | None = None) -> Call[list[QueueState]]:
    """Return what waits now, per module and priority."""
    return Call(_QUEUE_STATE, (module_name,))


def stuck_executions(module_name: str | None = None) -> Call[list[StuckExecution]]:
    """Return executions that do not get on, and why; the longest first."""
    return Call(_STUCK_EXECUTIONS, (module_name,))


def latency(module_name: str | None = None, *, hours: int | None = None) -> Call[list[LatencyHour]]:
    """Return how long COMPLETED executions took, hour by hour: the last 24, or ``hours`` (up to 48)."""
    return Call(_LATENCY, (module_name, hours))


def errors_by_hour(*, hours: int | None = None) -> Call[list[ErrorHour]]:
    """Return what ended per module and hour: the last 24, or ``hours`` (up to 168)."""
    return Call(_ERRORS_BY_HOUR, (hours,))


def recent_failures(module_name: str | None = None, *, limit: int | None = None) -> Call[list[RecentFailure]]:
    """Return the robots with the latest errors: 20, or ``limit`` (up to 200)."""
    return Call(_RECENT_FAILURES, (module_name, limit))


def running_executions(module_name: str | None = None, *, limit: int | None = None) -> Call[list[RunningExecution]]:
    """Return what runs now, the next to time out first: 100, or ``limit`` (up to 1000)."""
    return Call(_RUNNING_EXECUTIONS, (module_name, limit))


def robot_attempts(robot_id: str) -> Call[list[RobotAttempt]]:
    """Return the attempts at a robot, the first one first.

    Raises:
        NotFound: there is no such robot.
    """
    return Call(_ROBOT_ATTEMPTS, (robot_id,))


def sample_resources() -> Call[int]:
    """Job: take the sample of this minute; return how many modules were not idle, 0 where it is taken already."""
    return Call(_SAMPLE_RESOURCES, ())


def roll_up_trends() -> Call[int]:
    """Job: make hours out of the minutes of trends; return how many."""
    return Call(_ROLL_UP_TRENDS, ())


def trim_windows() -> Call[int]:
    """Job: drop what no window and no trend needs any more; return how many modules were trimmed."""
    return Call(_TRIM_WINDOWS, ())


def validate_consistency() -> Call[int]:
    """Job: check the tables and derived state against each other; return how many findings stand."""
    return Call(_VALIDATE_CONSISTENCY, ())


def purge_history() -> Call[int]:
    """Job: remove ended robots of modules with ``retention_days``; return how many."""
    return Call(_PURGE_HISTORY, ())


def list_jobs() -> Call[list[Job]]:
    """Return the scheduled jobs: schedule, owner, last run, next due, gaps."""
    return Call(_LIST_JOBS, ())


def hold_ticker(ticker_id: str, *, patience_seconds: int | None = None) -> Call[bool]:
    """Take or keep the lease of the one active ticker; False: another one is active (see :mod:`capataz.ticker`)."""
    return Call(_HOLD_TICKER, (ticker_id, patience_seconds))


def release_ticker(ticker_id: str) -> Call[bool]:
    """Give the lease of the active ticker back; True where this one had it."""
    return Call(_RELEASE_TICKER, (ticker_id,))


# --- reports, metrics and traces -------------------------------------------------------------------------------

_REPORT: Statement[dict[str, Json]] = _value("report", "kind date")
_LIST_REPORTS = _many("list_reports", "kind limit", ReportEntry)
_BUILD_DAILY_REPORT: Statement[int] = _value("build_daily_report", "")
_BUILD_WEEKLY_REPORT: Statement[int] = _value("build_weekly_report", "")
_BUILD_MONTHLY_REPORT: Statement[int] = _value("build_monthly_report", "")
_EXECUTION_TOTALS = _many("execution_totals", "module_name", ExecutionTotals)
_WORKER_COUNTS = _many("worker_counts", "module_name", WorkerCount)
_TRACE_CONTEXTS = _many("trace_contexts", "robot_ids", TraceContext)


def report(kind: str, *, date: date | None = None) -> Call[dict[str, Json]]:
    """Return a report ("daily", "weekly", "monthly"): the last stored one, or that of the period ``date`` lies in.

    Raises:
        NotFound: there is no such report.
    """
    return Call(_REPORT, (kind, date))


def list_reports(kind: str | None = None, *, limit: int | None = None) -> Call[list[ReportEntry]]:
    """Return the stored reports, the latest first."""
    return Call(_LIST_REPORTS, (kind, limit))


def build_daily_report() -> Call[int]:
    """Job: store the report of yesterday, and those of days that were missed; return how many."""
    return Call(_BUILD_DAILY_REPORT, ())


def build_weekly_report() -> Call[int]:
    """Job: store the report of last week, and those of weeks that were missed; return how many."""
    return Call(_BUILD_WEEKLY_REPORT, ())


def build_monthly_report() -> Call[int]:
    """Job: store the report of last month, and those of months that were missed; return how many."""
    return Call(_BUILD_MONTHLY_REPORT, ())


def execution_totals(module_name: str | None = None) -> Call[list[ExecutionTotals]]:
    """Return what ended per module since it was registered: counters that only grow."""
    return Call(_EXECUTION_TOTALS, (module_name,))


def worker_counts(module_name: str | None = None) -> Call[list[WorkerCount]]:
    """Return how many workers a module has: alive, stopped, or lost within a day."""
    return Call(_WORKER_COUNTS, (module_name,))


def trace_contexts(robot_ids: Sequence[str]) -> Call[list[TraceContext]]:
    """Return the trace that each robot was submitted in; robots without one have no row."""
    return Call(_TRACE_CONTEXTS, (list(robot_ids),))


# --- security --------------------------------------------------------------------------------------------------

_MY_MODULES: Statement[list[str]] = _value("my_modules", "")
_GRANT_MODULE: Statement[bool] = _value("grant_module", "module_name role_name")
_REVOKE_MODULE: Statement[bool] = _value("revoke_module", "module_name role_name")
_MODULE_GRANTS = _many("module_grants", "module_name", ModuleGrant)
_SET_MODULE_SECURITY = _nothing("set_module_security", "module_name security_level compliance_flags")
_ISSUE_API_KEY: Statement[str] = _value("issue_api_key", "module_name label scopes expires_at")
_VERIFY_API_KEY = _one("verify_api_key", "key", ApiKeyOwner)
_AUTHENTICATE = _one("authenticate", "key", ApiKeyOwner)
_BEGIN_IDEMPOTENT: Statement[str | None] = _value("begin_idempotent", "idempotency_key function_name request_sha256")
_FINISH_IDEMPOTENT = _nothing("finish_idempotent", "idempotency_key response")
_REVOKE_API_KEY: Statement[bool] = _value("revoke_api_key", "key_id")
_ROTATE_API_KEY: Statement[str] = _value("rotate_api_key", "key_id overlap_seconds expires_at")
_LIST_API_KEYS = _many("list_api_keys", "module_name", ApiKey)
_TAKE_RATE_TOKEN: Statement[float | None] = _value("take_rate_token", "module_name cost")
_ROBOT_DATA: Statement[Json] = _value("robot_data", "robot_id field")
_INPUT_SCHEMA: Statement[Json] = _value("input_schema", "module_name robot_type")
_EXECUTION_DATA: Statement[Json] = _value("execution_data", "execute_id field", lease=True)


def my_modules() -> Call[list[str]]:
    """Return the names of the modules that this connection's role, or API key, may reach."""
    return Call(_MY_MODULES, ())


def grant_module(module_name: str, role_name: str) -> Call[bool]:
    """Let a database role reach a module; True where that is new.

    Raises:
        NotFound: there is no such module or role.
    """
    return Call(_GRANT_MODULE, (module_name, role_name))


def revoke_module(module_name: str, role_name: str) -> Call[bool]:
    """Take a module away from a database role; True where it had it."""
    return Call(_REVOKE_MODULE, (module_name, role_name))


def module_grants(module_name: str | None = None) -> Call[list[ModuleGrant]]:
    """Return which roles were granted one module, or all.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_MODULE_GRANTS, (module_name,))


def set_module_security(
    module_name: str,
    *,
    security_level: SecurityLevel | None = None,
    compliance_flags: Mapping[str, Json] | None = None,
) -> Call[None]:
    """Decide what readers who do not work for a module see of what its robots carry. None leaves as it is.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_SET_MODULE_SECURITY, (module_name, security_level, _jsonb(compliance_flags, "compliance_flags")))


def issue_api_key(
    module_name: str, label: str, scopes: Iterable[Scope], *, expires_at: datetime | None = None
) -> Call[str]:
    """Issue an API key for a module and return it: it is shown this once.

    Raises:
        InvalidInput: no label, no scope or an unknown one, or a time in the past.
        NotFound: there is no such module.
    """
    return Call(_ISSUE_API_KEY, (module_name, label, _array(scopes), _utc(expires_at)))


def verify_api_key(key: str) -> Call[ApiKeyOwner]:
    """Return whose API key it is.

    Raises:
        Unauthorized: it is unknown, expired or revoked.
    """
    return Call(_VERIFY_API_KEY, (key,))


def authenticate(key: str) -> Call[ApiKeyOwner]:
    """Act for an API key until the end of the transaction; for members of ``capataz_gateway`` alone.

    Raises:
        Unauthorized: it is unknown, expired or revoked.
    """
    return Call(_AUTHENTICATE, (key,))


def begin_idempotent(idempotency_key: str, function_name: str, request_sha256: str) -> Call[str | None]:
    """Return the answer the gateway gave to this request before; None: carry it out, in this transaction.

    Raises:
        Conflict: the key was used for another request.
    """
    return Call(_BEGIN_IDEMPOTENT, (idempotency_key, function_name, request_sha256))


def finish_idempotent(idempotency_key: str, response: str) -> Call[None]:
    """Store the answer to a request that :func:`begin_idempotent` let through, in the same transaction.

    Raises:
        NotFound: it was not.
    """
    return Call(_FINISH_IDEMPOTENT, (idempotency_key, response))


def revoke_api_key(key_id: str) -> Call[bool]:
    """End an API key at once; True where it was valid until now.

    Raises:
        NotFound: there is no such key.
    """
    return Call(_REVOKE_API_KEY, (key_id,))


def rotate_api_key(key_id: str, *, overlap_seconds: int | None = None, expires_at: datetime | None = None) -> Call[str]:
    """Issue a key in the place of another one, which stays valid for ``overlap_seconds`` (a day), and return it.

    Without ``expires_at`` it lives as long from now as the other one was to live from its issue.

    Raises:
        Conflict: the key has expired or was revoked.
        NotFound: there is no such key.
    """
    return Call(_ROTATE_API_KEY, (key_id, overlap_seconds, _utc(expires_at)))


def list_api_keys(module_name: str | None = None) -> Call[list[ApiKey]]:
    """Return the API keys of one module, or of all, without their secrets.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_LIST_API_KEYS, (module_name,))


def take_rate_token(module_name: str, *, cost: float | None = None) -> Call[float | None]:
    """Take tokens (1) from the rate limit of a module; return how many are left, None where there is no limit.

    Raises:
        LimitReached: there are not enough; its hint says when to try again.
        NotFound: there is no such module.
    """
    return Call(_TAKE_RATE_TOKEN, (module_name, cost))


def input_schema(module_name: str, robot_type: str) -> Call[Json]:
    """Return the JSON Schema of the input of a robot type of a module, None where there is none.

    Raises:
        NotFound: there is no such module.
    """
    return Call(_INPUT_SCHEMA, (module_name, robot_type))


def robot_data(robot_id: str, field: str) -> Call[Json]:
    """Return one payload column of a robot as this role may see it: in full, masked or hidden.

    Raises:
        NotFound: there is no such robot.
    """
    return Call(_ROBOT_DATA, (robot_id, field))


def execution_data(execute_id: str, field: str) -> Call[Json]:
    """Return one payload column of an execution as this role may see it: in full, masked or hidden.

    Raises:
        NotFound: there is no such execution.
    """
    return Call(_EXECUTION_DATA, (execute_id, field))


# --- operations ------------------------------------------------------------------------------------------------

_DEPLOYED_VERSION: Statement[str | None] = _value("deployed_version", "")
_UTC_NOW: Statement[datetime] = _value("utc_now", "")
_FOLD_COUNTERS: Statement[int] = _value("fold_counters", "")
_FIND_STRAGGLERS: Statement[int] = _value("find_stragglers", "")
_REBUILD_DERIVED = _nothing("rebuild_derived", "")
_RUN_DUE_JOBS = _many("run_due_jobs", "", JobRun)
_RUN_JOB: Statement[str] = _value("run_job", "job_name")
_SYSTEM_HEALTH = _many("system_health", "", HealthCheck)


def deployed_version() -> Call[str | None]:
    """Return the version of Capataz in the database."""
    return Call(_DEPLOYED_VERSION, ())


def utc_now() -> Call[datetime]:
    """Return the database's time in UTC, without a zone."""
    return Call(_UTC_NOW, ())


def fold_counters() -> Call[int]:
    """Fold the counters of finished work into the modules' figures; return how many were folded."""
    return Call(_FOLD_COUNTERS, ())


def find_stragglers() -> Call[int]:
    """Find waiting robots that the claims' scans may have passed; return how many."""
    return Call(_FIND_STRAGGLERS, ())


def rebuild_derived() -> Call[None]:
    """Recompute all derived state from the three core tables."""
    return Call(_REBUILD_DERIVED, ())


def run_due_jobs() -> Call[list[JobRun]]:
    """Run every scheduled job that is due and that nobody else runs now; one line per job, duration in ms."""
    return Call(_RUN_DUE_JOBS, ())


def run_job(job_name: str) -> Call[str]:
    """Run one job now, due or not; return its outcome.

    Raises:
        NotFound: there is no such job.
    """
    return Call(_RUN_JOB, (job_name,))


def system_health() -> Call[list[HealthCheck]]:
    """Return the system's own health: overdue jobs, long transactions, backlogs, ..."""
    return Call(_SYSTEM_HEALTH, ())

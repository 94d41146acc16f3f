"""Metrics for Prometheus and its like, in OpenMetrics: made of what the SQL API answers, nothing kept here. ::

    from capataz.metrics import render

    body, content_type = render(connection, request.headers["accept"])

What a scrape costs does not grow with robots: queues are counted up to a limit, totals are kept by the database,
figures of the database itself come from the sample of the last minute (docs/metrics.md). Labels are names of modules,
priorities, states, jobs, caches and tables: as many as there are, never names of robots, executions or workers.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from types import FrameType, TracebackType
from typing import Any, Final, get_args

import psycopg
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from . import calls
from ._version import __version__
from .client import connect_options, execute
from .errors import CapatazError
from .models import ExecutionTotals, FleetStep, HealthCheck, Job, ModuleHealth, ModuleState, Priority, QueueState

__all__ = ["OPENMETRICS", "MetricsServer", "collect", "collect_modules", "encode", "render"]

logger = logging.getLogger("capataz.metrics")

Connection = psycopg.Connection[Any]

OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"
PRIORITIES: Final[tuple[str, ...]] = get_args(Priority)
HEALTH: Final[tuple[str, ...]] = get_args(ModuleHealth)
WORKER_STATES: Final = ("alive", "lost", "stopped")
CHECK_VALUES: Final = {"OK": 0, "WARNING": 1, "CRITICAL": 2}
SAMPLE_AGE: Final = timedelta(minutes=10)  # an older sample of the database is none
SCRAPE_SECONDS: Final = 30  # limit of one statement of a scrape


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _gauge(name: str, text: str, labels: Iterable[str] = (), unit: str = "") -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=list(labels), unit=unit)


def collect(connection: Connection) -> Iterator[Metric]:
    """Yield the metric families, as read over ``connection``.

    Raises:
        Forbidden: the role may not read every module.
        CapatazError, psycopg.Error: anything else that went wrong.
    """
    begun = time.perf_counter()
    now = execute(connection, calls.utc_now())
    yield from _per_module(connection, now)
    yield from _jobs(execute(connection, calls.list_jobs()))
    yield from _caches(connection)
    yield from _checks(execute(connection, calls.system_health()))
    trend = execute(
        connection, calls.fleet_trend(from_=now - SAMPLE_AGE, to=now + timedelta(minutes=1), step_seconds=60)
    )
    yield from _database([step for step in trend if step.sample_count])
    yield from _scrape(begun)


def collect_modules(connection: Connection) -> Iterator[Metric]:
    """Yield the families that have a label ``module``, of the modules that the caller may reach.

    Raises:
        CapatazError, psycopg.Error: what went wrong.
    """
    begun = time.perf_counter()
    yield from _per_module(connection, execute(connection, calls.utc_now()))
    yield from _scrape(begun)


def _per_module(connection: Connection, now: datetime) -> Iterator[Metric]:
    states = execute(connection, calls.module_health())
    modules = [state.module_name for state in states]
    yield from _queues(modules, execute(connection, calls.queue_state()), now)
    yield from _modules(states)
    yield from _totals(execute(connection, calls.execution_totals()))

    workers = _gauge("capataz_workers", "Workers by state; lost and stopped ones for a day.", ("module", "state"))
    counts: dict[tuple[str, str], int] = {
        (row.module_name, row.state): row.worker_count for row in execute(connection, calls.worker_counts())
    }
    for module in modules:
        for state in WORKER_STATES:
            workers.add_metric([module, state], counts.get((module, state), 0))
    yield workers


def _scrape(begun: float) -> Iterator[Metric]:
    build = _gauge("capataz_build_info", "The version of the client that reads these metrics.", ("version",))
    build.add_metric([__version__], 1)
    yield build
    scrape = _gauge("capataz_scrape_duration_seconds", "How long reading these metrics took.", unit="seconds")
    scrape.add_metric([], time.perf_counter() - begun)
    yield scrape


def _queues(modules: list[str], queues: list[QueueState], now: datetime) -> Iterator[Metric]:
    found: dict[tuple[str, str], QueueState] = {(row.module_name, row.priority): row for row in queues}
    waiting = _gauge("capataz_robots_waiting", "Robots PENDING or RETRYING, due or not.", ("module", "priority"))
    not_due = _gauge("capataz_robots_not_due", "Of those waiting, robots that are not due yet.", ("module", "priority"))
    oldest = _gauge(
        "capataz_queue_oldest_seconds",
        "How long the oldest due robot has waited; 0: none is due.",
        ("module",),
        "seconds",
    )
    for module in modules:
        due: list[datetime] = []
        for priority in PRIORITIES:
            row = found.get((module, priority))
            waiting.add_metric([module, priority], row.waiting if row else 0)
            not_due.add_metric([module, priority], row.not_due if row else 0)
            if row and row.oldest_due_at:
                due.append(row.oldest_due_at)
        oldest.add_metric([module], max((now - min(due)).total_seconds(), 0) if due else 0)
    yield from (waiting, not_due, oldest)


def _modules(states: list[ModuleState]) -> Iterator[Metric]:
    running = _gauge("capataz_executions_running", "Executions that have not ended.", ("module",))
    limit = _gauge("capataz_module_concurrency_limit", "How many may run at once; absent: no limit.", ("module",))
    health = _gauge("capataz_module_health", "1 for the status a module has, 0 for the others.", ("module", "status"))
    active = _gauge("capataz_module_active", "1: robots are handed to the module.", ("module",))
    failures = _gauge("capataz_module_consecutive_failures", "Executions FAILED in a row.", ("module",))
    for state in states:
        name = state.module_name
        running.add_metric([name], state.in_flight)
        if state.max_concurrency is not None:
            limit.add_metric([name], state.max_concurrency)
        for status in HEALTH:
            health.add_metric([name, status], state.health_status == status)
        active.add_metric([name], state.is_active)
        failures.add_metric([name], state.consecutive_failures or 0)
    yield from (running, limit, health, active, failures)


def _totals(totals: list[ExecutionTotals]) -> Iterator[Metric]:
    ended = CounterMetricFamily("capataz_executions_ended", "Executions that ended.", labels=["module", "state"])
    durations = HistogramMetricFamily(
        "capataz_execution_duration_seconds",
        "How long executions that COMPLETED took.",
        labels=["module"],
        unit="seconds",
    )
    for row in totals:
        since = _seconds(row.counted_since)
        ended.add_metric([row.module_name, "COMPLETED"], row.completed_count, created=since)
        ended.add_metric([row.module_name, "FAILED"], row.failed_count, created=since)
        bounds = [str(limit / 1000) for limit in row.duration_limits] + ["+Inf"]
        cumulated = accumulate(row.duration_counts)
        durations.add_metric([row.module_name], list(zip(bounds, cumulated, strict=True)), row.completed_ms / 1000)
    yield from (ended, durations)


def _jobs(jobs: list[Job]) -> Iterator[Metric]:
    success = _gauge(
        "capataz_job_last_success_timestamp_seconds",
        "When the job last ended well; absent: never.",
        ("job",),
        "seconds",
    )
    late = _gauge("capataz_job_late", "1: the job should have run.", ("job",))
    failed = _gauge("capataz_job_failed", "1: the last run of the job failed.", ("job",))
    took = _gauge("capataz_job_last_duration_seconds", "How long the last run of the job took.", ("job",), "seconds")
    runs = CounterMetricFamily("capataz_job_runs", "Runs of the job.", labels=["job"])
    failures = CounterMetricFamily("capataz_job_failures", "Runs of the job that failed.", labels=["job"])
    missed = CounterMetricFamily("capataz_job_missed", "Times the job was due and nobody ran it.", labels=["job"])
    for job in jobs:
        name = [job.job_name]
        if job.last_success_at is not None:
            success.add_metric(name, _seconds(job.last_success_at))
        late.add_metric(name, job.is_late)
        failed.add_metric(name, (job.last_outcome or "").startswith("failed"))
        if job.last_duration_ms is not None:
            took.add_metric(name, job.last_duration_ms / 1000)
        runs.add_metric(name, job.run_count)
        failures.add_metric(name, job.failure_count)
        missed.add_metric(name, job.missed_count)
    yield from (success, late, failed, took, runs, failures, missed)


def _caches(connection: Connection) -> Iterator[Metric]:
    hits = CounterMetricFamily("capataz_cache_hits", "Reads answered from the cache.", labels=["cache"])
    misses = CounterMetricFamily("capataz_cache_misses", "Reads that the cache could not answer.", labels=["cache"])
    ratio = _gauge(
        "capataz_cache_hit_ratio",
        "Share of reads answered from the cache since it exists, 0 to 1; absent: no reads.",
        ("cache",),
    )
    for cache in execute(connection, calls.cache_statistics()):
        hits.add_metric([cache.cache_name], cache.hits)
        misses.add_metric([cache.cache_name], cache.misses)
        if cache.hits + cache.misses:
            ratio.add_metric([cache.cache_name], cache.hits / (cache.hits + cache.misses))
    yield from (hits, misses, ratio)


def _checks(checks: list[HealthCheck]) -> Iterator[Metric]:
    status = _gauge("capataz_check_status", "Checks of system_health: 0 OK, 1 WARNING, 2 CRITICAL.", ("check",))
    worst: dict[str, int] = {}
    for check in checks:
        worst[check.check_name] = max(worst.get(check.check_name, 0), CHECK_VALUES.get(check.status, 2))
    for name, value in worst.items():
        status.add_metric([name], value)
    yield status


def _database(steps: list[FleetStep]) -> Iterator[Metric]:
    last = steps[-1] if steps else None

    def single(name: str, text: str, value: float | None, unit: str = "") -> GaugeMetricFamily:
        family = _gauge(name, text, unit=unit)
        if value is not None:
            family.add_metric([], float(value))
        return family

    yield single(
        "capataz_sample_timestamp_seconds", "When the figures of the database were last sampled.",
        _seconds(last.step_at) if last else None, "seconds",
    )  # fmt: skip
    if last is None:
        return
    hit = last.cache_hit_percent
    yield single("capataz_database_size_bytes", "Size of the database.", last.database_bytes, "bytes")
    yield single(
        "capataz_database_cache_hit_ratio", "Share of blocks found in shared buffers within the minute, 0 to 1.",
        None if hit is None else float(hit) / 100,
    )  # fmt: skip
    dead = _gauge("capataz_dead_tuples", "Dead rows, as the statistics of the server count them.", ("table",))
    tables = (
        ("robots", last.dead_robots), ("robot_execute", last.dead_executions), ("module_registry", last.dead_modules)
    )  # fmt: skip
    for table, value in tables:
        if value is not None:
            dead.add_metric([table], value)
    yield dead
    yield single(
        "capataz_oldest_snapshot_seconds", "Age of the oldest transaction that holds a snapshot; absent: none is seen.",
        last.oldest_snapshot_seconds, "seconds",
    )  # fmt: skip
    yield single(
        "capataz_replication_lag_seconds", "How far the slowest replica is behind; absent: none.",
        last.replication_lag_seconds, "seconds",
    )  # fmt: skip
    yield single(
        "capataz_archive_lag_seconds",
        "Since WAL was last archived; absent: no archiving.",
        last.archive_lag_seconds,
        "seconds",
    )


class _Collected:
    """Families already read, for an encoder that asks a collector for them."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> list[Metric]:
        return self._families


def encode(families: list[Metric], accept: str | None = None) -> tuple[bytes, str]:
    """Return families as text and its content type, in the format that the header ``Accept`` asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families))
    encoder, content_type = choose_encoder(accept or "")
    return encoder(registry), content_type


def render(connection: Connection, accept: str | None = None) -> tuple[bytes, str]:
    """Return the metrics and their content type, in the format that the header ``Accept`` asks for.

    Raises:
        Forbidden: the role may not read every module.
        CapatazError, psycopg.Error: anything else that went wrong.
    """
    return encode(list(collect(connection)), accept)


class MetricsServer:
    """Serves ``/metrics`` over HTTP, one scrape after the other, each over a connection of its own."""

    def __init__(self, dsn: str, host: str, port: int) -> None:
        lock = threading.Lock()
        options = connect_options(dsn, application_name="capataz metrics")

        class Handler(BaseHTTPRequestHandler):
            timeout = 10
            server_version = f"capataz/{__version__}"
            sys_version = ""

            def do_GET(self) -> None:
                if self.path.partition("?")[0] != "/metrics":
                    self.answer(HTTPStatus.NOT_FOUND, b"Metrics are at /metrics.\n", "text/plain; charset=utf-8")
                    return
                try:
                    with lock, psycopg.connect(dsn, **options) as connection:
                        connection.execute(f"set statement_timeout = '{SCRAPE_SECONDS}s'")
                        body, content_type = render(connection, self.headers.get("accept"))
                except (CapatazError, psycopg.Error) as error:
                    logger.warning("scrape failed: %s", " ".join(str(error).split()))
                    self.answer(
                        HTTPStatus.SERVICE_UNAVAILABLE, b"The database did not answer.\n", "text/plain; charset=utf-8"
                    )
                    return
                self.answer(HTTPStatus.OK, body, content_type)

            def answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
                with suppress(OSError):  # whoever asked has gone
                    self.send_response(status)
                    self.send_header("Content-Type", content_type)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                logger.debug(format, *args)

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def serve(self) -> None:
        """Serve until SIGINT or SIGTERM."""

        def stop(number: int, frame: FrameType | None) -> None:
            threading.Thread(target=self._server.shutdown).start()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._server.serve_forever()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self) -> None:
        """Serve in a thread of its own, until it is closed."""
        threading.Thread(target=self._server.serve_forever, name="capataz metrics", daemon=True).start()

    def stop(self) -> None:
        """End what ``start`` began."""
        self._server.shutdown()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()

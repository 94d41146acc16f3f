"""The clients: :class:`Capataz` (blocking) and :class:`AsyncCapataz` (asyncio), one method per SQL function.

They call functions and nothing else; every rule is in the database. ::

    with Capataz("postgresql://localhost/work") as capataz:
        robot = capataz.submit_robot("LICENCE_AUDIT", {"path": "/usr/share/doc/bash/copyright"})
        print(capataz.get_robot(robot.robot_id).status)

A call runs in a transaction of its own on a pooled connection. To make it part of *your* transaction, so that a
robot exists if and only if your own rows do, give it your connection::

    with psycopg.connect(dsn) as connection, connection.transaction():
        connection.execute("insert into invoices ...")
        capataz.using(connection).submit_robot("INVOICE", {"id": 1})

No session state is needed: behind a pooler in transaction mode that does not know prepared statements pass
``prepare_threshold=None``.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from . import calls
from .calls import Call
from .errors import translated
from .local_cache import Listener, LocalCache, listen
from .models import Json
from .validation import InputSchemas

__all__ = ["AsyncCapataz", "Capataz", "connect_options", "default_dsn"]

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_POOL_SIZE = 4


def default_dsn(dsn: str | None = None) -> str:
    """Return ``dsn``, else ``$CAPATAZ_DSN``, else "" (libpq's own defaults: PGHOST, PGDATABASE, ...)."""
    return dsn if dsn is not None else os.environ.get("CAPATAZ_DSN", "")


def connect_options(dsn: str, *, application_name: str, prepare_threshold: int | None = 5) -> dict[str, Any]:
    """Return the keywords every connection of the runtime is opened with: autocommit and a name to be seen by."""
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": prepare_threshold}
    given = conninfo_to_dict(dsn)
    if "application_name" not in given and "PGAPPNAME" not in os.environ:
        options["application_name"] = application_name
    if "connect_timeout" not in given and "PGCONNECT_TIMEOUT" not in os.environ:
        options["connect_timeout"] = 10
    return options


def execute(connection: psycopg.Connection[Any], call: Call[T]) -> T:
    """Execute one call on a connection, in whatever transaction it is.

    Raises:
        CapatazError: the database refused it.
        psycopg.Error: anything else, such as a lost connection.
    """
    statement = call.statement
    with translated(lease=statement.lease), connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(statement.sql, call.arguments).fetchall()
    return statement.collect(rows)


async def execute_async(connection: psycopg.AsyncConnection[Any], call: Call[T]) -> T:
    """Execute one call on an asyncio connection, in whatever transaction it is.

    Raises:
        CapatazError: the database refused it.
        psycopg.Error: anything else, such as a lost connection.
    """
    statement = call.statement
    with translated(lease=statement.lease):
        async with connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(statement.sql, call.arguments)
            rows = await cursor.fetchall()
    return statement.collect(rows)


def _dress(method: Any, build: Callable[..., Any], owner: str, result: str) -> None:
    """Give a generated method the name, documentation and signature of the call it makes."""
    functools.update_wrapper(method, build)
    method.__qualname__ = f"{owner}.{build.__name__}"
    signature = inspect.signature(build)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    answer = str(signature.return_annotation).removeprefix("Call[").removesuffix("]")
    method.__signature__ = signature.replace(
        parameters=[this, *signature.parameters.values()], return_annotation=result.format(answer)
    )
    method.__annotations__ = {**build.__annotations__, "return": result.format(answer)}


def _blocking(build: Callable[P, Call[T]]) -> Callable[Concatenate[Capataz, P], T]:
    def method(self: Capataz, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.execute(build(*args, **kwargs))

    _dress(method, build, "Capataz", "{}")
    return method


def _awaitable(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncCapataz, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncCapataz, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.execute(build(*args, **kwargs))

    _dress(method, build, "AsyncCapataz", "{}")
    return method


class Capataz:
    """Blocking client; safe to share between threads.

    Args:
        dsn: connection string; by default ``$CAPATAZ_DSN``, else libpq's own defaults.
        pool: a pool of yours to borrow connections from, instead of one of its own; it is not closed.
        connection: a connection of yours to run every call on; nothing is committed or closed (see :meth:`using`).
        pool_size: most connections its own pool opens; they are opened when first needed.
        application_name: the name its connections have in ``pg_stat_activity``.
        prepare_threshold: executions after which psycopg prepares a statement; None: never (old poolers).
        local_cache: keep what :meth:`cached` answers in the process, for as long as the database would answer the
            same; not with ``connection``.
        listen: end what is kept on NOTIFY too, heard on a connection of its own to ``dsn``; without (behind a pooler)
            its lifetime alone counts.
        validate_inputs: check the input of robots submitted to a named module against the whole of the module's JSON
            Schema before it is sent (ADR 0022); the database checks the structural part in any case.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        pool: ConnectionPool[Any] | None = None,
        connection: psycopg.Connection[Any] | None = None,
        pool_size: int = DEFAULT_POOL_SIZE,
        application_name: str = "capataz",
        prepare_threshold: int | None = 5,
        local_cache: bool = False,
        listen: bool = True,
        validate_inputs: bool = False,
    ) -> None:
        self.dsn = default_dsn(dsn)
        self.prepare_threshold = prepare_threshold
        self._schemas = InputSchemas() if validate_inputs else None
        self._local = LocalCache() if local_cache and connection is None else None
        self._listener: Listener | None = None
        if self._local is not None and listen:
            options = connect_options(self.dsn, application_name=f"{application_name} (cache)", prepare_threshold=None)
            self._listener = Listener(self._local, self.dsn, options)
        self._connection = connection
        self._owns_pool = pool is None and connection is None
        self._pool = pool
        if self._owns_pool:
            self._pool = ConnectionPool(
                self.dsn,
                kwargs=connect_options(
                    self.dsn, application_name=application_name, prepare_threshold=prepare_threshold
                ),
                min_size=0,
                max_size=pool_size,
                open=False,
                name="capataz",
            )

    def __enter__(self) -> Capataz:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections it opened itself."""
        if self._listener is not None:
            self._listener.stop()
        if self._owns_pool and self._pool is not None:
            self._pool.close()

    def using(self, connection: psycopg.Connection[Any]) -> Capataz:
        """Return a client whose calls run on ``connection``, in its transaction. It commits and closes nothing.

        As with any statement, an error leaves an open transaction aborted; wrap a call in
        ``connection.transaction()`` to go on after one.
        """
        return Capataz(
            self.dsn,
            connection=connection,
            prepare_threshold=self.prepare_threshold,
            validate_inputs=self._schemas is not None,
        )

    def execute(self, call: Call[T]) -> T:
        """Execute a call built by :mod:`capataz.calls`; the methods below do nothing else.

        Raises:
            CapatazError: the database refused it.
            psycopg.OperationalError: there is no connection to be had.
        """
        if self._schemas is not None:
            for module_name, robot_type in self._schemas.missing(call):
                schema = self._run(calls.input_schema(module_name, robot_type))
                self._schemas.keep(module_name, robot_type, schema)
            self._schemas.check(call)
        return self._run(call)

    def _run(self, call: Call[T]) -> T:
        if self._connection is not None:
            return execute(self._connection, call)
        pool = self._pool
        assert pool is not None
        if self._owns_pool and pool.closed:
            pool.open()
        with pool.connection() as connection:
            return execute(connection, call)

    def cached(self, cache_name: str) -> Json:
        if self._local is None:
            return self.execute(calls.cached(cache_name))
        if self._listener is not None:
            self._listener.start()
        return self._local.read(cache_name, self.execute)

    cached.__doc__ = calls.cached.__doc__

    # modules
    register_module = _blocking(calls.register_module)
    activate_module = _blocking(calls.activate_module)
    deactivate_module = _blocking(calls.deactivate_module)
    record_health_check = _blocking(calls.record_health_check)
    record_due_health_check = _blocking(calls.record_due_health_check)
    due_health_checks = _blocking(calls.due_health_checks)
    evaluate_health = _blocking(calls.evaluate_health)
    module_health = _blocking(calls.module_health)
    health_history = _blocking(calls.health_history)
    module_activity = _blocking(calls.module_activity)
    score_modules = _blocking(calls.score_modules)
    explain_score = _blocking(calls.explain_score)
    route_robot = _blocking(calls.route_robot)

    # robots
    submit_robot = _blocking(calls.submit_robot)
    submit_robots = _blocking(calls.submit_robots)
    claim_robots = _blocking(calls.claim_robots)
    release_robots = _blocking(calls.release_robots)
    move_waiting_robots = _blocking(calls.move_waiting_robots)
    cancel_robot = _blocking(calls.cancel_robot)
    retry_robot = _blocking(calls.retry_robot)
    get_robot = _blocking(calls.get_robot)
    explain_robot = _blocking(calls.explain_robot)
    batch_progress = _blocking(calls.batch_progress)

    # executions
    report_progress = _blocking(calls.report_progress)
    pause_execution = _blocking(calls.pause_execution)
    resume_execution = _blocking(calls.resume_execution)
    retry_step = _blocking(calls.retry_step)
    complete_execution = _blocking(calls.complete_execution)
    fail_execution = _blocking(calls.fail_execution)
    complete_executions = _blocking(calls.complete_executions)
    fail_executions = _blocking(calls.fail_executions)
    expire_executions = _blocking(calls.expire_executions)
    heartbeat_worker = _blocking(calls.heartbeat_worker)
    stop_worker = _blocking(calls.stop_worker)

    # caches
    cache_statistics = _blocking(calls.cache_statistics)
    warm_caches = _blocking(calls.warm_caches)

    # analytics
    performance_scoreboard = _blocking(calls.performance_scoreboard)
    module_benchmark = _blocking(calls.module_benchmark)
    step_analysis = _blocking(calls.step_analysis)
    error_patterns = _blocking(calls.error_patterns)
    capacity_plan = _blocking(calls.capacity_plan)
    queue_forecast = _blocking(calls.queue_forecast)
    robot_timeline = _blocking(calls.robot_timeline)
    fold_analytics = _blocking(calls.fold_analytics)
    store_forecasts = _blocking(calls.store_forecasts)

    # trends and jobs
    throughput = _blocking(calls.throughput)
    error_rates = _blocking(calls.error_rates)
    resource_trend = _blocking(calls.resource_trend)
    fleet_trend = _blocking(calls.fleet_trend)
    queue_state = _blocking(calls.queue_state)
    stuck_executions = _blocking(calls.stuck_executions)
    latency = _blocking(calls.latency)
    errors_by_hour = _blocking(calls.errors_by_hour)
    recent_failures = _blocking(calls.recent_failures)
    running_executions = _blocking(calls.running_executions)
    robot_attempts = _blocking(calls.robot_attempts)
    sample_resources = _blocking(calls.sample_resources)
    roll_up_trends = _blocking(calls.roll_up_trends)
    trim_windows = _blocking(calls.trim_windows)
    validate_consistency = _blocking(calls.validate_consistency)
    purge_history = _blocking(calls.purge_history)
    list_jobs = _blocking(calls.list_jobs)
    hold_ticker = _blocking(calls.hold_ticker)
    release_ticker = _blocking(calls.release_ticker)

    # reports, metrics and traces
    report = _blocking(calls.report)
    list_reports = _blocking(calls.list_reports)
    build_daily_report = _blocking(calls.build_daily_report)
    build_weekly_report = _blocking(calls.build_weekly_report)
    build_monthly_report = _blocking(calls.build_monthly_report)
    execution_totals = _blocking(calls.execution_totals)
    worker_counts = _blocking(calls.worker_counts)
    trace_contexts = _blocking(calls.trace_contexts)

    # security
    my_modules = _blocking(calls.my_modules)
    grant_module = _blocking(calls.grant_module)
    revoke_module = _blocking(calls.revoke_module)
    module_grants = _blocking(calls.module_grants)
    set_module_security = _blocking(calls.set_module_security)
    issue_api_key = _blocking(calls.issue_api_key)
    verify_api_key = _blocking(calls.verify_api_key)
    authenticate = _blocking(calls.authenticate)
    begin_idempotent = _blocking(calls.begin_idempotent)
    finish_idempotent = _blocking(calls.finish_idempotent)
    revoke_api_key = _blocking(calls.revoke_api_key)
    rotate_api_key = _blocking(calls.rotate_api_key)
    list_api_keys = _blocking(calls.list_api_keys)
    take_rate_token = _blocking(calls.take_rate_token)
    input_schema = _blocking(calls.input_schema)
    robot_data = _blocking(calls.robot_data)
    execution_data = _blocking(calls.execution_data)

    # operations
    utc_now = _blocking(calls.utc_now)
    deployed_version = _blocking(calls.deployed_version)
    fold_counters = _blocking(calls.fold_counters)
    find_stragglers = _blocking(calls.find_stragglers)
    rebuild_derived = _blocking(calls.rebuild_derived)
    run_due_jobs = _blocking(calls.run_due_jobs)
    run_job = _blocking(calls.run_job)
    system_health = _blocking(calls.system_health)


class AsyncCapataz:
    """Client for asyncio, for use within one event loop. Its arguments are those of :class:`Capataz`."""

    def __init__(
        self,
        dsn: str | None = None,
        *,
        pool: AsyncConnectionPool[Any] | None = None,
        connection: psycopg.AsyncConnection[Any] | None = None,
        pool_size: int = DEFAULT_POOL_SIZE,
        application_name: str = "capataz",
        prepare_threshold: int | None = 5,
        local_cache: bool = False,
        listen: bool = True,
        validate_inputs: bool = False,
    ) -> None:
        self.dsn = default_dsn(dsn)
        self.prepare_threshold = prepare_threshold
        self._schemas = InputSchemas() if validate_inputs else None
        self._local = LocalCache() if local_cache and connection is None else None
        self._listens = listen
        self._listener: asyncio.Task[None] | None = None
        self._connection = connection
        self._owns_pool = pool is None and connection is None
        self._pool = pool
        self._pool_size = pool_size
        self._application_name = application_name

    async def __aenter__(self) -> AsyncCapataz:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections it opened itself."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.cancel()
            await asyncio.wait([listener])
        if self._owns_pool and self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    def using(self, connection: psycopg.AsyncConnection[Any]) -> AsyncCapataz:
        """Return a client whose calls run on ``connection``, in its transaction. It commits and closes nothing."""
        return AsyncCapataz(
            self.dsn,
            connection=connection,
            prepare_threshold=self.prepare_threshold,
            validate_inputs=self._schemas is not None,
        )

    async def execute(self, call: Call[T]) -> T:
        """Execute a call built by :mod:`capataz.calls`; the methods below do nothing else.

        Raises:
            CapatazError: the database refused it.
            psycopg.OperationalError: there is no connection to be had.
        """
        if self._schemas is not None:
            for module_name, robot_type in self._schemas.missing(call):
                schema = await self._run(calls.input_schema(module_name, robot_type))
                self._schemas.keep(module_name, robot_type, schema)
            self._schemas.check(call)
        return await self._run(call)

    async def _run(self, call: Call[T]) -> T:
        if self._connection is not None:
            return await execute_async(self._connection, call)
        pool = self._pool
        if pool is None:
            # Created here and not in __init__: a pool belongs to the event loop that runs it.
            pool = self._pool = AsyncConnectionPool(
                self.dsn,
                kwargs=connect_options(
                    self.dsn,
                    application_name=self._application_name,
                    prepare_threshold=self.prepare_threshold,
                ),
                min_size=0,
                max_size=self._pool_size,
                open=False,
                name="capataz",
            )
        if self._owns_pool and pool.closed:
            await pool.open()
        async with pool.connection() as connection:
            return await execute_async(connection, call)

    async def cached(self, cache_name: str) -> Json:
        if self._local is None:
            return await self.execute(calls.cached(cache_name))
        if self._listens and self._listener is None:
            options = connect_options(
                self.dsn, application_name=f"{self._application_name} (cache)", prepare_threshold=None
            )
            self._listener = asyncio.create_task(listen(self._local, self.dsn, options))
        return await self._local.read_async(cache_name, self.execute)

    cached.__doc__ = calls.cached.__doc__

    # modules
    register_module = _awaitable(calls.register_module)
    activate_module = _awaitable(calls.activate_module)
    deactivate_module = _awaitable(calls.deactivate_module)
    record_health_check = _awaitable(calls.record_health_check)
    record_due_health_check = _awaitable(calls.record_due_health_check)
    due_health_checks = _awaitable(calls.due_health_checks)
    evaluate_health = _awaitable(calls.evaluate_health)
    module_health = _awaitable(calls.module_health)
    health_history = _awaitable(calls.health_history)
    module_activity = _awaitable(calls.module_activity)
    score_modules = _awaitable(calls.score_modules)
    explain_score = _awaitable(calls.explain_score)
    route_robot = _awaitable(calls.route_robot)

    # robots
    submit_robot = _awaitable(calls.submit_robot)
    submit_robots = _awaitable(calls.submit_robots)
    claim_robots = _awaitable(calls.claim_robots)
    release_robots = _awaitable(calls.release_robots)
    move_waiting_robots = _awaitable(calls.move_waiting_robots)
    cancel_robot = _awaitable(calls.cancel_robot)
    retry_robot = _awaitable(calls.retry_robot)
    get_robot = _awaitable(calls.get_robot)
    explain_robot = _awaitable(calls.explain_robot)
    batch_progress = _awaitable(calls.batch_progress)

    # executions
    report_progress = _awaitable(calls.report_progress)
    pause_execution = _awaitable(calls.pause_execution)
    resume_execution = _awaitable(calls.resume_execution)
    retry_step = _awaitable(calls.retry_step)
    complete_execution = _awaitable(calls.complete_execution)
    fail_execution = _awaitable(calls.fail_execution)
    complete_executions = _awaitable(calls.complete_executions)
    fail_executions = _awaitable(calls.fail_executions)
    expire_executions = _awaitable(calls.expire_executions)
    heartbeat_worker = _awaitable(calls.heartbeat_worker)
    stop_worker = _awaitable(calls.stop_worker)

    # caches
    cache_statistics = _awaitable(calls.cache_statistics)
    warm_caches = _awaitable(calls.warm_caches)

    # analytics
    performance_scoreboard = _awaitable(calls.performance_scoreboard)
    module_benchmark = _awaitable(calls.module_benchmark)
    step_analysis = _awaitable(calls.step_analysis)
    error_patterns = _awaitable(calls.error_patterns)
    capacity_plan = _awaitable(calls.capacity_plan)
    queue_forecast = _awaitable(calls.queue_forecast)
    robot_timeline = _awaitable(calls.robot_timeline)
    fold_analytics = _awaitable(calls.fold_analytics)
    store_forecasts = _awaitable(calls.store_forecasts)

    # trends and jobs
    throughput = _awaitable(calls.throughput)
    error_rates = _awaitable(calls.error_rates)
    resource_trend = _awaitable(calls.resource_trend)
    fleet_trend = _awaitable(calls.fleet_trend)
    queue_state = _awaitable(calls.queue_state)
    stuck_executions = _awaitable(calls.stuck_executions)
    latency = _awaitable(calls.latency)
    errors_by_hour = _awaitable(calls.errors_by_hour)
    recent_failures = _awaitable(calls.recent_failures)
    running_executions = _awaitable(calls.running_executions)
    robot_attempts = _awaitable(calls.robot_attempts)
    sample_resources = _awaitable(calls.sample_resources)
    roll_up_trends = _awaitable(calls.roll_up_trends)
    trim_windows = _awaitable(calls.trim_windows)
    validate_consistency = _awaitable(calls.validate_consistency)
    purge_history = _awaitable(calls.purge_history)
    list_jobs = _awaitable(calls.list_jobs)
    hold_ticker = _awaitable(calls.hold_ticker)
    release_ticker = _awaitable(calls.release_ticker)

    # reports, metrics and traces
    report = _awaitable(calls.report)
    list_reports = _awaitable(calls.list_reports)
    build_daily_report = _awaitable(calls.build_daily_report)
    build_weekly_report = _awaitable(calls.build_weekly_report)
    build_monthly_report = _awaitable(calls.build_monthly_report)
    execution_totals = _awaitable(calls.execution_totals)
    worker_counts = _awaitable(calls.worker_counts)
    trace_contexts = _awaitable(calls.trace_contexts)

    # security
    my_modules = _awaitable(calls.my_modules)
    grant_module = _awaitable(calls.grant_module)
    revoke_module = _awaitable(calls.revoke_module)
    module_grants = _awaitable(calls.module_grants)
    set_module_security = _awaitable(calls.set_module_security)
    issue_api_key = _awaitable(calls.issue_api_key)
    verify_api_key = _awaitable(calls.verify_api_key)
    authenticate = _awaitable(calls.authenticate)
    begin_idempotent = _awaitable(calls.begin_idempotent)
    finish_idempotent = _awaitable(calls.finish_idempotent)
    revoke_api_key = _awaitable(calls.revoke_api_key)
    rotate_api_key = _awaitable(calls.rotate_api_key)
    list_api_keys = _awaitable(calls.list_api_keys)
    take_rate_token = _awaitable(calls.take_rate_token)
    input_schema = _awaitable(calls.input_schema)
    robot_data = _awaitable(calls.robot_data)
    execution_data = _awaitable(calls.execution_data)

    # operations
    utc_now = _awaitable(calls.utc_now)
    deployed_version = _awaitable(calls.deployed_version)
    fold_counters = _awaitable(calls.fold_counters)
    find_stragglers = _awaitable(calls.find_stragglers)
    rebuild_derived = _awaitable(calls.rebuild_derived)
    run_due_jobs = _awaitable(calls.run_due_jobs)
    run_job = _awaitable(calls.run_job)
    system_health = _awaitable(calls.system_health)

"""The worker against a real database: what it promises, seen from the handlers and from the tables.

Nothing here waits for a fixed time: tests wait for events of handlers, or poll the database until it says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from capataz import Cancelled, Capataz, Context, NotFound, Result, RobotError, ValidationError, Worker
from capataz import worker as worker_module
from capataz.client import execute_async
from capataz.link import ConnectionLostError, Link
from capataz.models import Robot

PATIENCE = 60.0  # seconds until a test gives up; no test depends on how long something takes

Db = psycopg.Connection[Any]


@pytest.fixture
def client(module_dsn: str) -> Iterator[Capataz]:
    with Capataz(module_dsn) as made:
        yield made


@pytest.fixture
def db(module_dsn: str) -> Iterator[Db]:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def module(client: Capataz) -> str:
    """A module of its own for each test; failed robots are due again at once, and it never turns UNHEALTHY."""
    name = f"Module{uuid4().hex[:8]}"
    client.register_module(
        name,
        "1.0.0",
        ["work", "other"],
        registration_data={
            "failure_threshold": 1000,
            "retry_policy": {"base_seconds": 0, "factor": 1, "max_seconds": 0, "jitter": 0},
        },
    )
    return name


MakeWorker = Callable[..., Worker]


@pytest.fixture
def make_worker(module_dsn: str, module: str) -> MakeWorker:
    def make(**options: Any) -> Worker:
        options.setdefault("poll_interval", 0.1)
        return Worker(module_dsn, module, **options)

    return make


@contextlib.contextmanager
def running(worker: Worker) -> Iterator[Worker]:
    """Run a worker in a thread for the length of a block, then stop it in order; its error is raised here."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            worker.run()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield worker
    finally:
        until(lambda: worker._loop is not None or not thread.is_alive())
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def until(condition: Callable[[], Any]) -> Any:
    """Wait until something is true; return it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.01)


def ended(client: Capataz, robot_id: str) -> Robot:
    def look() -> Robot | None:
        robot = client.get_robot(robot_id)
        return robot if robot.status in ("COMPLETED", "FAILED") else None

    robot: Robot = until(look)
    return robot


def submit(client: Capataz, module: str, count: int = 1, **options: Any) -> list[str]:
    elements = [{"robot_type": "work", "module_name": module, "input_data": {"n": n}, **options} for n in range(count)]
    return [submitted.robot_id for submitted in client.submit_robots(elements)]


def attempts(db: Db, robot_id: str) -> list[tuple[str, str | None]]:
    """State and category of the attempts at a robot, oldest first."""
    return db.execute(
        "select execution_state::text, error_category from capataz.robot_execute"
        " where robot_id = %s order by started_at, completed_at nulls last",
        [robot_id],
    ).fetchall()


def statuses(db: Db, module: str) -> dict[str, int]:
    return dict(
        db.execute(
            "select status::text, count(*) from capataz.robots where module_name = %s group by 1", [module]
        ).fetchall()
    )


# --- handlers and what they return


def test_plain_async_and_inline_handlers_complete_their_robots(
    client: Capataz, module: str, make_worker: MakeWorker
) -> None:
    client.register_module(module, "1.0.0", ["plain", "async", "inline"])
    worker = make_worker()

    @worker.robot("plain")
    def plain(ctx: Context) -> Any:
        return {"kind": "plain", "input": ctx.input, "thread": threading.current_thread().name}

    @worker.robot("async")
    async def asynchronous(ctx: Context) -> Any:
        await asyncio.sleep(0)
        return {"kind": "async", "input": ctx.input}

    @worker.robot("inline", inline=True)
    def inline(ctx: Context) -> Any:
        return [ctx.robot_type, ctx.attempt, ctx.priority, ctx.correlation_id]

    ids = [
        client.submit_robot(kind, {"x": 1}, module_name=module, correlation_id="c", priority="LOW").robot_id
        for kind in ("plain", "async", "inline")
    ]
    statistics = worker.run(drain=True)
    robots = [client.get_robot(robot_id) for robot_id in ids]
    assert [robot.status for robot in robots] == ["COMPLETED"] * 3
    assert robots[0].output_data["input"] == {"x": 1}
    assert robots[0].output_data["thread"].startswith(f"capataz-{module}")
    assert robots[1].output_data == {"kind": "async", "input": {"x": 1}}
    assert robots[2].output_data == ["inline", 1, "LOW", "c"]
    assert (statistics.claimed, statistics.completed, statistics.failed) == (3, 3, 0)


def test_a_result_carries_scores_and_metrics_and_usage_is_measured(
    client: Capataz, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker()

    @worker.robot("work")
    def work(ctx: Context) -> Result:
        sum(range(200_000))
        return Result({"ok": True}, confidence=0.75, completeness=1, metrics={"pages": 3})

    (robot_id,) = submit(client, module)
    worker.run(drain=True)
    robot = client.get_robot(robot_id)
    assert (float(robot.confidence_score or 0), float(robot.completeness_score or 0)) == (0.75, 1.0)
    assert robot.performance_metrics["pages"] == 3
    assert robot.performance_metrics["cpu_ms"] > 0
    assert robot.performance_metrics["memory_peak_mb"] == robot.resource_usage_mb
    assert (robot.resource_usage_mb or 0) > 10


def test_cpu_of_an_async_handler_is_its_own(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker(concurrency=2)
    both = asyncio.Event()
    started = 0

    @worker.robot("work")
    async def work(ctx: Context) -> None:
        nonlocal started
        started += 1
        if started == 2:
            both.set()
        await both.wait()  # both are under way: only one of them computes
        if ctx.input["n"] == 0:
            sum(range(5_000_000))

    busy, idle = submit(client, module, 2)
    worker.run(drain=True)
    cpu = [client.get_robot(robot_id).performance_metrics["cpu_ms"] for robot_id in (busy, idle)]
    assert cpu[0] > 10 * cpu[1]


def test_an_exception_fails_the_attempt_with_type_message_and_trace(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker()

    @worker.robot("work")
    def work(ctx: Context) -> None:
        raise KeyError("no such page \x00 \ud800")  # what PostgreSQL cannot store must not keep it from failing

    (robot_id,) = submit(client, module, retry_limit=1)
    worker.run(drain=True)
    robot = client.get_robot(robot_id)
    assert (robot.status, robot.error_category, robot.retry_count) == ("FAILED", "PROCESSING", 1)
    assert robot.error_details["type"] == "KeyError"
    assert "no such page" in robot.error_details["message"]
    assert attempts(db, robot_id) == [("FAILED", "PROCESSING")] * 2
    (trace,) = db.execute(
        "select error_stack_trace from capataz.robot_execute where robot_id = %s limit 1", [robot_id]
    ).fetchone() or ("",)
    assert "in work" in trace


def test_an_invalid_input_fails_at_once_and_a_category_is_kept(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker()

    @worker.robot("work")
    def work(ctx: Context) -> None:
        raise ValidationError("no document", details={"path": "/x"})

    @worker.robot("other")
    async def other(ctx: Context) -> None:
        raise RobotError("the register does not answer", category="EXTERNAL_API")

    (invalid,) = submit(client, module)
    (external,) = submit(client, module, robot_type="other", retry_limit=1)
    worker.run(drain=True)
    robot = client.get_robot(invalid)
    assert (robot.status, robot.error_category, robot.error_details["path"]) == ("FAILED", "VALIDATION", "/x")
    assert attempts(db, invalid) == [("FAILED", "VALIDATION")]
    assert attempts(db, external) == [("FAILED", "EXTERNAL_API")] * 2


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda: {"x": object()}, id="no-json"),
        pytest.param(lambda: {"x": float("nan")}, id="nan"),
        pytest.param(lambda: {"x": "\x00"}, id="nul"),
        pytest.param(lambda: {"x": "\ud800"}, id="surrogate"),
        pytest.param(lambda: Result({}, confidence=7), id="score"),
        pytest.param(lambda: Result({}, metrics={"x": {1, 2, object()}}), id="metrics"),
    ],
)
def test_an_output_the_database_cannot_take_fails_its_robot_and_no_other(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, bad: Callable[[], Any]
) -> None:
    worker = make_worker(concurrency=1)

    @worker.robot("work", inline=True)
    def work(ctx: Context) -> Any:
        return bad() if ctx.input["n"] == 7 else {"n": ctx.input["n"]}

    ids = submit(client, module, 20, retry_limit=0)
    worker.run(drain=True)
    assert statuses(db, module) == {"COMPLETED": 19, "FAILED": 1}
    robot = client.get_robot(ids[7])
    assert (robot.status, robot.error_category) == ("FAILED", "PROCESSING")


def test_a_bad_error_report_still_fails_the_robot(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker()

    @worker.robot("work")
    def work(ctx: Context) -> None:
        raise RobotError("x", category="not a category!", details={"o": object()})

    (robot_id,) = submit(client, module, retry_limit=0)
    worker.run(drain=True)
    assert client.get_robot(robot_id).status == "FAILED"


def test_an_exception_that_cannot_be_printed_fails_its_robot_too(
    client: Capataz, module: str, make_worker: MakeWorker
) -> None:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    worker = make_worker(concurrency=1)

    @worker.robot("work")
    def work(ctx: Context) -> None:
        raise UnspeakableError

    (robot_id,) = submit(client, module, retry_limit=0)
    worker.run(drain=True)
    assert client.get_robot(robot_id).error_details["type"] == "UnspeakableError"


def test_a_type_without_handler_is_a_failure_that_says_so(
    client: Capataz, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker()
    worker.robot("work")(lambda ctx: None)
    (robot_id,) = submit(client, module, robot_type="other", retry_limit=0)
    worker.run(drain=True)
    robot = client.get_robot(robot_id)
    assert (robot.status, robot.error_category) == ("FAILED", "NO_HANDLER")
    assert robot.error_details["handlers"] == ["work"]


def test_handlers_are_declared_once(make_worker: MakeWorker) -> None:
    worker = make_worker()
    worker.robot("work", "other")(lambda ctx: None)
    assert worker.robot_types == ["other", "work"]
    with pytest.raises(ValueError, match="already has a handler"):
        worker.robot("work")(lambda ctx: None)
    with pytest.raises(ValueError, match="at least one"):
        worker.robot()


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"batch_size": 1001}, {"poll_interval": 2.5}])
def test_senseless_options_are_refused(make_worker: MakeWorker, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        make_worker(**options)


# --- many


@pytest.mark.parametrize("kind", ["plain", "async", "inline"])
def test_many_robots_each_run_once(client: Capataz, db: Db, module: str, make_worker: MakeWorker, kind: str) -> None:
    worker = make_worker(concurrency=8)
    seen: list[int] = []

    if kind == "async":

        @worker.robot("work")
        async def work(ctx: Context) -> dict[str, int]:
            seen.append(ctx.input["n"])
            return {"n": ctx.input["n"]}

    else:

        @worker.robot("work", inline=kind == "inline")
        def work_plain(ctx: Context) -> dict[str, int]:
            seen.append(ctx.input["n"])
            return {"n": ctx.input["n"]}

    submit(client, module, 2000)
    statistics = worker.run(drain=True)
    assert sorted(seen) == list(range(2000))
    assert statuses(db, module) == {"COMPLETED": 2000}
    assert statistics.completed == 2000
    assert statistics.flushes < 1000  # outcomes travel together
    row = db.execute(
        "select count(*) from capataz.robots where module_name = %s and output_data is distinct from input_data",
        [module],
    ).fetchone()
    assert row == (0,)


def test_no_more_run_at_once_than_concurrency(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    client.register_module(module, "1.0.0", ["work", "other"])
    worker = make_worker(concurrency=3, prefetch=20)
    lock, now, most = threading.Lock(), 0, 0
    full = threading.Event()

    def enter() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            if now == 3:
                full.set()

    def leave() -> None:
        nonlocal now
        with lock:
            now -= 1

    @worker.robot("work")
    def work(ctx: Context) -> None:
        enter()
        full.wait(PATIENCE)  # until three run at once: concurrency is used
        leave()

    @worker.robot("other")
    async def other(ctx: Context) -> None:
        enter()
        await asyncio.sleep(0.001)
        leave()

    submit(client, module, 30)
    submit(client, module, 30, robot_type="other")
    worker.run(drain=True)
    assert most == 3


def test_a_module_with_a_limit_is_worked_through_without_waiting_for_polls(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    client.register_module(module, "1.0.0", ["work"], registration_data={"max_concurrency": 2})
    worker = make_worker(concurrency=8, listen=False)
    worker.poll_interval = 3600
    lock, now, most = threading.Lock(), 0, 0

    @worker.robot("work")
    def work(ctx: Context) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.001)
        with lock:
            now -= 1

    submit(client, module, 50)
    with running(worker):
        until(lambda: statuses(db, module) == {"COMPLETED": 50})
    assert most <= 2


def test_robots_claimed_ahead_that_find_no_slot_are_given_back(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "HOLD_SECONDS", 0.05)
    monkeypatch.setattr(worker_module, "TICK", 0.01)
    worker = make_worker(concurrency=1, prefetch=5)
    free = threading.Event()

    @worker.robot("work")
    def work(ctx: Context) -> None:
        free.wait(PATIENCE)

    submit(client, module, 6)
    with running(worker):
        until(lambda: worker.statistics.released >= 5)
        free.set()
        until(lambda: statuses(db, module) == {"COMPLETED": 6})
    row = db.execute("select sum(retry_count) from capataz.robots where module_name = %s", [module]).fetchone()
    assert row == (0,)


# --- waking


def test_a_notification_wakes_an_idle_worker(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker()
    worker.poll_interval = 3600  # so it can only be the notification
    ran = threading.Event()
    worker.robot("work")(lambda ctx: ran.set())
    with running(worker):
        # the first look at the queue, and the one when listening began, are over: nothing else looks any more
        until(lambda: worker.statistics.claims >= 2)
        submit(client, module)
        assert ran.wait(PATIENCE)


def test_without_notifications_polling_is_enough(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker(listen=False)
    worker.robot("work")(lambda ctx: None)
    with running(worker):
        until(lambda: worker.statistics.claims >= 2)
        (robot_id,) = submit(client, module)
        assert ended(client, robot_id).status == "COMPLETED"


# --- progress


def steps_of(db: Db, robot_id: str) -> list[tuple[str, str]]:
    return db.execute(
        "select s.step_name, s.step_category::text from capataz_ops.execution_steps s"
        " join capataz.robot_execute e using (execute_id) where e.robot_id = %s order by s.step_number",
        [robot_id],
    ).fetchall()


@pytest.mark.parametrize("kind", ["plain", "async", "inline"])
def test_steps_arrive_all_and_in_order(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, kind: str
) -> None:
    worker = make_worker(concurrency=4)
    categories = ["INIT", "VALIDATION", "PROCESSING", "FINALIZATION"]
    wanted = [(f"STEP {n}", categories[n % 4]) for n in range(12)]

    def report(ctx: Context) -> None:
        for name, category in wanted:
            ctx.step(name, category=category, total=12, details={"name": name})
            ctx.progress(completed=1, total=2, items=3)

    if kind == "async":

        @worker.robot("work")
        async def work(ctx: Context) -> None:
            report(ctx)

    else:
        worker.robot("work", inline=kind == "inline")(report)
    ids = submit(client, module, 8)
    worker.run(drain=True)
    for robot_id in ids:
        assert steps_of(db, robot_id) == wanted
        row = db.execute(
            "select execution_state::text, current_step, total_steps, items_processed, progress_percentage"
            " from capataz.robot_execute where robot_id = %s",
            [robot_id],
        ).fetchone()
        assert row == ("COMPLETED", "STEP 11", 12, 3, 100)


def test_progress_can_be_awaited_and_is_then_recorded(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, module_dsn: str
) -> None:
    worker = make_worker()
    seen: list[Any] = []

    def look(ctx: Context) -> None:
        with psycopg.connect(module_dsn) as connection:
            seen.append(
                connection.execute(
                    "select current_step, progress_percentage from capataz.robot_execute where execute_id = %s",
                    [ctx.execute_id],
                ).fetchone()
            )

    @worker.robot("work")
    def plain(ctx: Context) -> None:
        ctx.step("ONE", total=4).wait(PATIENCE)
        look(ctx)
        ctx.progress(40)
        ctx.progress(41).wait(PATIENCE)
        look(ctx)

    @worker.robot("other")
    async def asynchronous(ctx: Context) -> None:
        await ctx.step("TWO", total=4)
        look(ctx)
        await ctx.progress(completed=1, total=2)
        await ctx.progress(completed=1, total=1)
        look(ctx)

    submit(client, module)
    worker.run(drain=True)
    assert seen == [("ONE", 0), ("ONE", 41)]
    seen.clear()
    submit(client, module, robot_type="other")
    worker.run(drain=True)
    assert seen == [("TWO", 0), ("TWO", 25)]


def test_external_calls_are_counted_and_timed(client: Capataz, db: Db, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker()

    @worker.robot("work")
    def plain(ctx: Context) -> None:
        with ctx.external_call():
            time.sleep(0.002)
        with contextlib.suppress(OSError), ctx.external_call():
            raise OSError

    @worker.robot("other")
    async def asynchronous(ctx: Context) -> None:
        async with ctx.external_call():
            await asyncio.sleep(0.002)
        with ctx.external_call():
            pass

    ids = [*submit(client, module), *submit(client, module, robot_type="other")]
    worker.run(drain=True)
    rows = [
        db.execute(
            "select external_api_calls, external_api_failures, external_api_duration_ms > 0"
            " from capataz.robot_execute where robot_id = %s",
            [robot_id],
        ).fetchone()
        for robot_id in ids
    ]
    assert rows == [(2, 1, True), (2, 0, True)]


def test_a_report_the_database_refuses_harms_nothing_else(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker()

    @worker.robot("work")
    def work(ctx: Context) -> str:
        ctx.step("x" * 101)
        ctx.step("GOOD")
        ctx.progress(float("nan"))
        return "done"

    (robot_id,) = submit(client, module)
    worker.run(drain=True)
    assert client.get_robot(robot_id).output_data == "done"
    assert [name for name, _ in steps_of(db, robot_id)] == ["GOOD"]


def test_usage_of_a_silent_handler_is_reported_while_it_runs(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LONG_RUNNING", 0.05), ("TICK", 0.01)):
        monkeypatch.setattr(worker_module, name, value)
    monkeypatch.setattr("capataz.heartbeat.SAMPLE", 0.02)
    worker = make_worker(report_interval=0.05)
    stop = threading.Event()

    @worker.robot("work")
    def work(ctx: Context) -> None:
        while not stop.is_set():
            sum(range(10_000))

    (robot_id,) = submit(client, module)
    with running(worker):
        cpu, memory, disk = until(
            lambda: db.execute(
                "select cpu_usage_percent, memory_usage_mb, disk_io_mb from capataz.robot_execute"
                " where robot_id = %s and cpu_usage_percent > 0",
                [robot_id],
            ).fetchone()
        )
        stop.set()
        ended(client, robot_id)
    assert cpu > 0
    assert memory > 10
    assert disk is not None


# --- cancelling, pausing


def test_a_cancelled_robot_is_noticed_and_its_result_discarded(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LONG_RUNNING", 0.05), ("TICK", 0.01)):
        monkeypatch.setattr(worker_module, name, value)
    worker = make_worker(concurrency=4, report_interval=0.05)
    at_work = threading.Barrier(3)
    noticed: dict[str, Any] = {}

    @worker.robot("work")
    def silent(ctx: Context) -> str:
        at_work.wait(PATIENCE)
        noticed["plain"] = ctx.wait_cancelled(PATIENCE) and ctx.cancelled
        with pytest.raises(Cancelled):
            ctx.step("TOO LATE")
        return "nobody wants it"

    @worker.robot("other")
    async def patient(ctx: Context) -> str:
        await asyncio.to_thread(at_work.wait, PATIENCE)
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            noticed["async"] = ctx.cancelled
            raise
        return "nobody wants it"

    ids = [*submit(client, module), *submit(client, module, robot_type="other")]
    with running(worker):
        at_work.wait(PATIENCE)
        for robot_id in ids:
            client.cancel_robot(robot_id, reason="test")
        until(lambda: worker.statistics.discarded == 2)
    assert noticed == {"plain": True, "async": True}
    for robot_id in ids:
        robot = client.get_robot(robot_id)
        assert (robot.status, robot.error_category, robot.output_data) == ("FAILED", "CANCELLED", None)
        assert attempts(db, robot_id) == [("CANCELLED", "CANCELLED")]


def test_a_result_that_comes_after_the_end_is_discarded(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker()
    at_work, go_on = threading.Event(), threading.Event()

    @worker.robot("work")
    def work(ctx: Context) -> str:
        at_work.set()
        go_on.wait(PATIENCE)
        return "too late"

    (robot_id,) = submit(client, module)
    with running(worker):
        assert at_work.wait(PATIENCE)
        client.cancel_robot(robot_id)
        go_on.set()
        until(lambda: worker.statistics.discarded == 1)
    assert client.get_robot(robot_id).output_data is None
    assert worker.statistics.completed == 0


def test_a_paused_attempt_waits_at_its_next_report(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker(concurrency=2)
    reached: list[str] = []
    ids: dict[str, str] = {}
    both = threading.Barrier(3)

    @worker.robot("work")
    def plain(ctx: Context) -> None:
        ids["plain"] = ctx.execute_id
        both.wait(PATIENCE)
        both.wait(PATIENCE)
        ctx.step("ONE").wait(PATIENCE)
        reached.append("plain")

    @worker.robot("other")
    async def asynchronous(ctx: Context) -> None:
        ids["async"] = ctx.execute_id
        await asyncio.to_thread(both.wait, PATIENCE)
        await asyncio.to_thread(both.wait, PATIENCE)
        await ctx.step("ONE")
        reached.append("async")

    robot_ids = [*submit(client, module), *submit(client, module, robot_type="other")]
    with running(worker):
        both.wait(PATIENCE)
        for execute_id in ids.values():
            assert client.pause_execution(execute_id) == "PAUSED"
        both.wait(PATIENCE)

        def recorded() -> bool:
            row = db.execute(
                "select count(*) from capataz.robot_execute where current_step = 'ONE' and module_name = %s", [module]
            ).fetchone()
            return row == (2,)

        until(recorded)  # the step of a paused attempt is recorded ...
        assert reached == []  # ... and its handler waits
        for execute_id in ids.values():
            client.resume_execution(execute_id)
        assert [ended(client, robot_id).status for robot_id in robot_ids] == ["COMPLETED"] * 2
    assert sorted(reached) == ["async", "plain"]


# --- life of the worker


def test_it_heartbeats_even_while_a_handler_blocks_the_loop(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker(heartbeat_interval=0.05)
    blocked, free = threading.Event(), threading.Event()

    @worker.robot("work")
    async def work(ctx: Context) -> None:
        blocked.set()
        free.wait(PATIENCE)  # blocks the event loop, as no async handler should

    def last() -> Any:
        return db.execute(
            "select last_heartbeat_at, info from capataz_ops.workers where worker_id = %s", [worker.worker_id]
        ).fetchone()

    submit(client, module)
    with running(worker):
        assert blocked.wait(PATIENCE)
        first = last()
        until(lambda: last()[0] > first[0])
        assert last()[1]["pid"] == os.getpid()
        free.set()
    row = db.execute("select stopped_at from capataz_ops.workers where worker_id = %s", [worker.worker_id]).fetchone()
    assert row is not None
    assert row[0] is not None


def test_a_stopping_worker_finishes_what_runs_and_returns_the_rest(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker(concurrency=2, prefetch=5)
    at_work = threading.Semaphore(0)
    free = threading.Event()

    @worker.robot("work")
    def work(ctx: Context) -> str:
        at_work.release()
        free.wait(PATIENCE)
        return "finished"

    submit(client, module, 7)
    with running(worker):
        for _ in range(2):
            assert at_work.acquire(timeout=PATIENCE)
        until(lambda: worker.statistics.claimed == 7)
        worker.stop()
        until(lambda: statuses(db, module) == {"PROCESSING": 2, "PENDING": 5})
        free.set()
        until(lambda: statuses(db, module) == {"COMPLETED": 2, "PENDING": 5})
    row = db.execute("select max(retry_count) from capataz.robots where module_name = %s", [module]).fetchone()
    assert row == (0,)


def test_what_does_not_finish_within_the_grace_time_is_given_back(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker(grace_seconds=0.1)
    at_work, told = threading.Event(), threading.Event()

    @worker.robot("work")
    def work(ctx: Context) -> str:
        at_work.set()
        if ctx.wait_cancelled(PATIENCE):
            told.set()
        return "too late"

    (robot_id,) = submit(client, module)
    with running(worker):
        assert at_work.wait(PATIENCE)
    assert told.wait(PATIENCE)
    robot = client.get_robot(robot_id)
    assert (robot.status, robot.retry_count) == ("PENDING", 0)
    assert attempts(db, robot_id) == [("CANCELLED", None)]


def test_a_second_stop_gives_back_at_once(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker(grace_seconds=3600)
    at_work = threading.Event()

    @worker.robot("work")
    async def work(ctx: Context) -> None:
        at_work.set()
        await asyncio.sleep(3600)

    (robot_id,) = submit(client, module)
    with running(worker):
        assert at_work.wait(PATIENCE)
        worker.stop()  # the block's end stops a second time
    assert client.get_robot(robot_id).status == "PENDING"


def test_a_worker_may_run_again_under_a_new_name(client: Capataz, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker()
    worker.robot("work")(lambda ctx: None)
    names = set()
    for _ in range(2):
        submit(client, module, 3)
        assert worker.run(drain=True).completed == 3
        names.add(worker.worker_id)
    assert len(names) == 2


def test_it_registers_its_module_where_it_has_a_version(client: Capataz, module_dsn: str) -> None:
    name = f"Fresh{uuid4().hex[:8]}"
    worker = Worker(module_dsn, name, version="2.0.0", registration_data={"max_concurrency": 5})
    worker.robot("b", "a")(lambda ctx: None)
    worker.run(drain=True)
    module = client.activate_module(name)
    assert (module.module_version, module.supported_robot_types) == ("2.0.0", ["a", "b"])


def test_an_unknown_module_or_server_is_told_at_the_start(module_dsn: str) -> None:
    with pytest.raises(NotFound):
        Worker(module_dsn, "NoSuchModule").run()
    with pytest.raises(psycopg.OperationalError):
        Worker("host=/nowhere", "NoSuchModule").run()


def test_it_can_run_within_an_event_loop_of_the_application(
    client: Capataz, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker()
    done = asyncio.Event()

    @worker.robot("work")
    async def work(ctx: Context) -> None:
        done.set()

    async def application() -> None:
        task = asyncio.create_task(worker.run_async())
        await asyncio.wait_for(done.wait(), PATIENCE)
        worker.stop()
        assert (await task).completed == 1

    submit(client, module)
    asyncio.run(application())


# --- trouble


def disconnect(db: Db, module: str) -> int:
    """Terminate every session of the module's workers."""
    row = db.execute(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = %s",
        [f"capataz worker {module}"],
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_lost_connections_lose_no_robot(client: Capataz, db: Db, module: str, make_worker: MakeWorker) -> None:
    worker = make_worker(concurrency=4, heartbeat_interval=0.1)
    worker.robot("work")(lambda ctx: time.sleep(0.001))
    submit(client, module, 1000)
    with running(worker):
        for part in range(1, 6):
            wanted = part * 100
            until(lambda: worker.statistics.completed >= wanted)  # noqa: B023
            until(lambda: disconnect(db, module) >= 1)
        until(lambda: statuses(db, module) == {"COMPLETED": 1000})
        submit(client, module, 10)  # and it listens again, or polls
        until(lambda: statuses(db, module) == {"COMPLETED": 1010})


def test_a_result_is_kept_until_the_database_is_back(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker()
    ran: list[str] = []
    at_work, cut = threading.Event(), threading.Event()

    @worker.robot("work")
    def work(ctx: Context) -> str:
        ran.append(ctx.execute_id)
        ctx.step("BEFORE").wait(PATIENCE)
        at_work.set()
        cut.wait(PATIENCE)
        ctx.step("AFTER")
        return "kept"

    (robot_id,) = submit(client, module)
    with running(worker):
        assert at_work.wait(PATIENCE)
        disconnect(db, module)
        cut.set()
        robot = ended(client, robot_id)
    assert (robot.status, robot.output_data, len(ran)) == ("COMPLETED", "kept", 1)
    assert [name for name, _ in steps_of(db, robot_id)] == ["BEFORE", "AFTER"]


def test_a_claim_whose_answer_was_lost_is_found_again(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(concurrency=5)
    names = {worker.worker_id}
    real = Link.call
    lost = 0

    async def unlucky(self: Link, call: Any, *, repeat: bool = True) -> Any:
        nonlocal lost
        answer = await real(self, call, repeat=repeat)
        if call.statement.function == "claim_robots" and answer and lost < 2:
            lost += 1
            names.add(worker.worker_id)
            raise ConnectionLostError  # the database has done it, but nobody here knows
        return answer

    monkeypatch.setattr(Link, "call", unlucky)
    worker.robot("work")(lambda ctx: None)
    submit(client, module, 20)
    with running(worker):
        until(lambda: statuses(db, module) == {"COMPLETED": 20})
        assert worker.worker_id not in names
    assert lost == 2
    row = db.execute("select max(retry_count) from capataz.robots where module_name = %s", [module]).fetchone()
    assert row == (0,)


def test_an_outcome_whose_answer_was_lost_is_sent_again(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(concurrency=5)
    real = execute_async
    lost = 0

    async def unlucky(connection: Any, call: Any) -> Any:
        nonlocal lost
        answer = await real(connection, call)
        if call.statement.function in ("complete_executions", "fail_executions") and lost < 4:
            lost += 1
            await connection.close()
            raise psycopg.OperationalError("the connection broke after the commit")
        return answer

    monkeypatch.setattr("capataz.link.execute_async", unlucky)

    @worker.robot("work")
    def work(ctx: Context) -> str:
        if ctx.input["n"] % 2:
            raise ValidationError("odd")
        return "even"

    submit(client, module, 20)
    statistics = worker.run(drain=True)
    assert lost == 4
    assert statuses(db, module) == {"COMPLETED": 10, "FAILED": 10}
    assert (statistics.completed, statistics.failed, statistics.discarded) == (10, 10, 0)


def test_an_attempt_that_timed_out_meanwhile_is_discarded(
    client: Capataz, db: Db, module: str, make_worker: MakeWorker
) -> None:
    worker = make_worker(concurrency=1)
    first = threading.Event()
    expired = threading.Event()

    @worker.robot("work")
    def work(ctx: Context) -> int:
        if ctx.attempt == 1:
            first.set()
            expired.wait(PATIENCE)
        return ctx.attempt

    (robot_id,) = submit(client, module)
    with running(worker):
        assert first.wait(PATIENCE)
        db.execute(
            "update capataz.robot_execute set timeout_seconds = 1, started_at = started_at - interval '1 hour'"
            " where robot_id = %s",
            [robot_id],
        )
        client.expire_executions()
        expired.set()
        assert ended(client, robot_id).output_data == 2
    assert worker.statistics.discarded == 1
    assert ("FAILED", "TIMEOUT") in attempts(db, robot_id)


# --- processes

WORKER_FILE = """
import sys, time
from capataz import Worker
worker = Worker(None, sys.argv[-1] if sys.argv[0].endswith("crew.py") else __import__("os").environ["TEST_MODULE"],
                concurrency=2, poll_interval=0.1, heartbeat_interval=0.2, grace_seconds=30)

@worker.robot("work")
def work(ctx):
    ctx.step("WAIT").wait(60)
    print("at work", flush=True)
    deadline = time.monotonic() + 60
    while ctx.input.get("wait") and not ctx.cancelled and time.monotonic() < deadline:
        time.sleep(0.02)
        if __import__("os").path.exists(ctx.input["wait"]):
            break
    return "done"
"""


@pytest.fixture
def spawn(tmp_path: Path, module_dsn: str, module: str) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    (tmp_path / "crew.py").write_text(WORKER_FILE)
    made: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "capataz", "worker", "crew:worker"],
            cwd=tmp_path,
            env={**os.environ, "CAPATAZ_DSN": module_dsn, "TEST_MODULE": module},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        made.append(process)
        return process

    yield start
    for process in made:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_in_order(
    client: Capataz, db: Db, module: str, spawn: Any, tmp_path: Path, number: signal.Signals
) -> None:
    flag = tmp_path / "go on"
    submit(client, module, input_data={"wait": str(flag)})
    process = spawn()
    assert line(process) == "at work"
    process.send_signal(number)
    flag.touch()
    assert process.wait(PATIENCE) == 0
    assert statuses(db, module) == {"COMPLETED": 1}


def test_a_second_signal_ends_it_at_once_and_gives_back(
    client: Capataz, db: Db, module: str, spawn: Any, tmp_path: Path
) -> None:
    submit(client, module, input_data={"wait": str(tmp_path / "never")})
    process = spawn()
    assert line(process) == "at work"
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert statuses(db, module) == {"PENDING": 1}


def test_robots_of_a_killed_process_run_again(client: Capataz, db: Db, module: str, spawn: Any, tmp_path: Path) -> None:
    flag = tmp_path / "go on"
    (robot_id,) = submit(client, module, input_data={"wait": str(flag)})
    killed = spawn()
    assert line(killed) == "at work"
    killed.send_signal(signal.SIGKILL)
    killed.wait(PATIENCE)
    flag.touch()
    # 30 seconds of silence, seen from the database: its last sign of life is moved into the past
    db.execute(
        "update capataz_ops.workers set last_heartbeat_at = last_heartbeat_at - interval '40 seconds'"
        ", first_heartbeat_at = first_heartbeat_at - interval '40 seconds' where module_name = %s",
        [module],
    )
    other = spawn()
    assert line(other) == "at work"
    robot = ended(client, robot_id)
    assert (robot.status, robot.retry_count) == ("COMPLETED", 1)
    assert attempts(db, robot_id) == [("FAILED", "WORKER_LOST"), ("COMPLETED", None)]

"""A random walk through the API and through plain SQL, against a model of the two state machines (design 5 and 6).

Every example is one transaction on a clock that stands still until a rule moves it. After each step every robot, every
execution, the windows, totals, failures in a row, health and permits are compared with the model; a call that the model
forbids must raise the error the model foretells, and change nothing.

CAPATAZ_MACHINE_EXAMPLES sets the number of examples (40), CAPATAZ_MACHINE_STEPS the steps of each (30).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from support import (
    Connection,
    check_invariants,
    checksums,
    claim_one,
    execution,
    install_clock,
    register,
    run_machine,
    shift_clock,
    submit,
)
from support import (
    robot as robot_row,
)

START = datetime(2026, 3, 1, 12, 0, 0)
ACTIVE = ("PENDING", "RUNNING", "PAUSED", "RETRYING")
WAITING = ("PENDING", "RETRYING")
PRIORITIES = ("LOW", "NORMAL", "HIGH", "CRITICAL")

ROBOT_MOVES = {
    ("PENDING", "PROCESSING"),
    ("PENDING", "FAILED"),
    ("PROCESSING", "COMPLETED"),
    ("PROCESSING", "FAILED"),
    ("PROCESSING", "RETRYING"),
    ("PROCESSING", "PENDING"),
    ("RETRYING", "PROCESSING"),
    ("RETRYING", "FAILED"),
    ("FAILED", "PENDING"),
}
EXECUTION_MOVES = {
    *(("PENDING", to) for to in ("RUNNING", "FAILED", "CANCELLED")),
    *(("RUNNING", to) for to in ("PAUSED", "RETRYING", "COMPLETED", "FAILED", "CANCELLED")),
    *(("PAUSED", to) for to in ("RUNNING", "COMPLETED", "FAILED", "CANCELLED")),
    *(("RETRYING", to) for to in ("RUNNING", "COMPLETED", "FAILED", "CANCELLED")),
}


@dataclass
class Module:
    """A module, as the model sees it."""

    name: str
    threshold: int
    timeout: int
    jitter: float
    ttl: int | None
    limit: int | None
    cooldown: int
    is_active: bool = True
    failures: int = 0
    health: str = "UNKNOWN"
    processed: int = 0
    processed_ms: int = 0
    probe: str | None = None
    wait: int = 0
    probe_after: datetime = datetime.min

    def close(self) -> None:
        """The circuit breaker closes."""
        if self.health == "UNHEALTHY":
            self.health = "HEALTHY"
            self.probe = None
            self.probe_after = datetime.min


@dataclass
class Attempt:
    """An execution, as the model sees it."""

    execute_id: str
    robot_id: str
    module: str
    started_at: datetime
    timeout: int
    worker: str | None = None
    state: str = "RUNNING"
    completed_at: datetime | None = None
    category: str | None = None
    answer: str | None = None
    progress: int = 0
    total_steps: int = 1
    completed_steps: int = 0
    step: str | None = None
    step_category: str | None = "INIT"
    step_started_at: datetime | None = None
    step_ms: int | None = None
    steps_kept: int = 0
    retries: int = 0
    items: int | None = None
    memory: int | None = None
    peak_memory: int | None = None
    efficiency: Decimal = Decimal("1.00")


@dataclass
class Robot:
    """A robot, as the model sees it."""

    robot_id: str
    module: str
    created_at: datetime
    available_at: datetime
    priority: str = "NORMAL"
    status: str = "PENDING"
    retry_limit: int = 3
    retry_count: int = 0
    estimate: int | None = None
    tier: str = "STANDARD"
    started_at: datetime | None = None
    completed_at: datetime | None = None
    category: str | None = None
    last_error_at: datetime | None = None
    cache_key: str | None = None
    cache_hit: bool = False
    output: Any = None
    arrival: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def active(self) -> Attempt | None:
        """The active attempt."""
        return next((a for a in self.attempts if a.state in ACTIVE), None)


def milliseconds(start: datetime | None, end: datetime | None) -> int | None:
    """Whole milliseconds, as a column of integer type holds them."""
    if start is None or end is None:
        return None
    exact = Decimal((end - start) // timedelta(microseconds=1)) / 1000
    return int(min(max(exact.quantize(Decimal(1), ROUND_HALF_UP), Decimal(0)), Decimal(2147483647)))


def tier_of(estimate: int | None, complexity: float) -> str:
    """processing_tier where none was given: estimate (5 minutes where there is none) x complexity."""
    minutes = (5 if estimate is None else estimate) * complexity
    if minutes < 1:
        return "FAST"
    if minutes < 10:
        return "STANDARD"
    return "COMPLEX" if minutes < 60 else "BULK"


def assert_agrees(name: str, row: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every expected column, and only what differs in the message."""
    different = {key: (row[key], value) for key, value in expected.items() if row[key] != value}
    assert not different, f"{name} (shown, expected): {different}"


seconds = st.sampled_from([0.001, 0.4, 1, 9, 31, 61, 101, 700, 1801, 4000, 90000])
module_names = st.sampled_from(["Limited", "Free"])
workers = st.sampled_from([None, None, "w1", "w2"])
pick = st.integers(0, 10**6)
categories = st.sampled_from(["PROCESSING", "EXTERNAL_API", "VALIDATION"])


class Walk(RuleBasedStateMachine):
    """The rules. ``connection`` is set by the test."""

    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.modules: dict[str, Module] = {}
        self.robots: dict[str, Robot] = {}
        self.attempts: dict[str, Attempt] = {}
        self.heartbeats: dict[tuple[str, str], dict[str, Any]] = {}
        self.connection.execute("begin")

    def teardown(self) -> None:
        self.connection.execute("rollback")

    # the database

    def call(self, query: str, params: list[Any] | None = None) -> list[dict[str, Any]]:
        """Runs a statement that must succeed."""
        cursor = self.connection.cursor(row_factory=dict_row)
        cursor.execute(query.encode(), params or [])
        return cursor.fetchall() if cursor.description else []

    def refused(self, sqlstate: str, query: str, params: list[Any] | None = None) -> None:
        """Runs a statement that must raise this error, with DETAIL and HINT, and change nothing."""
        before = checksums(self.connection)
        with pytest.raises(psycopg.Error) as caught:
            with self.connection.transaction():
                self.connection.execute(query.encode(), params or [])
        error = caught.value
        assert error.sqlstate == sqlstate, f"{error.sqlstate} instead of {sqlstate}: {error}"
        if sqlstate.startswith("RB"):
            assert error.diag.message_detail
            assert error.diag.message_hint
        assert checksums(self.connection) == before

    # the model

    def choose_robot(self, number: int) -> Robot:
        return list(self.robots.values())[number % len(self.robots)]

    def choose_attempt(self, number: int) -> Attempt:
        # the active ones first of all: they are the interesting ones
        active = [a for a in self.attempts.values() if a.state in ACTIVE]
        pool = active if active and number % 4 else list(self.attempts.values())
        return pool[number // 4 % len(pool)]

    def active_in(self, module: str) -> list[Attempt]:
        return [a for a in self.attempts.values() if a.module == module and a.state in ACTIVE]

    def free_units(self, module: Module) -> int | None:
        return None if module.limit is None else module.limit - len(self.active_in(module.name))

    def is_late(self, attempt: Attempt) -> bool:
        return attempt.started_at + timedelta(seconds=attempt.timeout) < self.now

    def is_live(self, attempt: Attempt) -> bool:
        return attempt.state in ACTIVE and not self.is_late(attempt)

    def begin(self, robot: Robot, execute_id: str, timeout: int, worker: str | None = None) -> Attempt:
        attempt = Attempt(execute_id, robot.robot_id, robot.module, self.now, timeout, worker)
        robot.attempts.append(attempt)
        self.attempts[execute_id] = attempt
        robot.status = "PROCESSING"
        robot.started_at = self.now
        robot.completed_at = None
        if robot.category == "CANCELLED":
            robot.category = None  # of an earlier life
        return attempt

    def end_attempt(self, attempt: Attempt, state: str, category: str | None) -> None:
        robot = self.robots[attempt.robot_id]
        module = self.modules[attempt.module]
        attempt.state = state
        attempt.completed_at = self.now
        if attempt.step is not None:
            attempt.steps_kept += 1
            attempt.step_ms = milliseconds(attempt.step_started_at, self.now)
        duration = milliseconds(attempt.started_at, self.now) or 0
        if robot.estimate is None or duration == 0:
            attempt.efficiency = Decimal("1.00")
        else:
            exact = Decimal(robot.estimate * 60000) / duration
            attempt.efficiency = min(Decimal(1), exact).quantize(Decimal("0.01"), ROUND_HALF_UP)
        if state == "COMPLETED":
            attempt.progress = 100
            module.failures = 0
            module.close()
        if state in ("FAILED", "CANCELLED"):
            attempt.category = category
        if state in ("COMPLETED", "FAILED"):
            module.processed += 1
            module.processed_ms += duration

    def count_failures(self, module_name: str, number: int) -> None:
        module = self.modules[module_name]
        module.failures += number
        if number and module.health == "UNHEALTHY":
            probe = self.attempts.get(module.probe or "")
            if probe and probe.state == "FAILED":
                module.wait = min(module.wait * 3, 200)
                module.probe_after = self.now + timedelta(seconds=module.wait)
                module.probe = None
        elif number and module.failures >= module.threshold:
            module.health = "UNHEALTHY"
            module.wait = module.cooldown
            module.probe_after = self.now + timedelta(seconds=module.wait)
            module.probe = None

    def end_robot(self, robot: Robot, status: str, category: str | None = None) -> None:
        robot.status = status
        robot.completed_at = self.now
        if status == "FAILED":
            robot.category = category
            robot.last_error_at = self.now

    def retry(self, robot: Robot, category: str) -> None:
        robot.status = "RETRYING"
        robot.retry_count += 1
        robot.category = category
        robot.last_error_at = self.now
        robot.completed_at = None
        if category == "WORKER_LOST":
            robot.available_at = max(robot.available_at, self.now)
            return
        # exponential back-off with jitter: what the database chose must lie in the range, and is taken over
        module = self.modules[robot.module]
        exact = min(3600.0, 5.0 * 2.0 ** (robot.retry_count - 1))
        [row] = self.call("select available_at from capataz.robots where robot_id = %s", [robot.robot_id])
        rounding = timedelta(microseconds=2)
        earliest = self.now + timedelta(seconds=exact * (1 - module.jitter)) - rounding
        latest = self.now + timedelta(seconds=exact * (1 + module.jitter)) + rounding
        # never before the time it was due at all
        assert max(earliest, robot.available_at) <= row["available_at"] <= max(latest, robot.available_at)
        robot.available_at = row["available_at"]

    def fail_attempt(self, attempt: Attempt, category: str, retryable: bool = True) -> str:
        """Model of a failed attempt; the database must have done it already. Gives the robot's status."""
        robot = self.robots[attempt.robot_id]
        self.end_attempt(attempt, "FAILED", category)
        if retryable and category != "VALIDATION" and robot.retry_count < robot.retry_limit:
            self.retry(robot, category)
        else:
            self.end_robot(robot, "FAILED", category)
        return robot.status

    def release_attempt(self, attempt: Attempt) -> None:
        robot = self.robots[attempt.robot_id]
        self.end_attempt(attempt, "CANCELLED", None)
        robot.status = "PENDING"
        robot.started_at = None
        robot.completed_at = None
        robot.available_at = max(robot.available_at, self.now)

    def lose_worker(self, worker: str, module: str) -> int:
        lost = [a for a in self.active_in(module) if a.worker == worker]
        for attempt in lost:
            self.fail_attempt(attempt, "WORKER_LOST")
        self.count_failures(module, 1 if lost else 0)
        return len(lost)

    def expire_module(self, module: str) -> int:
        late = [a for a in self.active_in(module) if self.is_late(a)]
        for attempt in late:
            self.fail_attempt(attempt, "TIMEOUT")
        self.count_failures(module, len(late))
        ended = len(late)
        for (worker, name), heartbeat in sorted(self.heartbeats.items()):
            if name == module and not heartbeat["ended"] and heartbeat["at"] < self.now - timedelta(seconds=30):
                ended += self.lose_worker(worker, module)
                heartbeat["ended"] = True
        return ended

    # set-up and time

    @initialize()
    def deploy(self) -> None:
        self.call("update test_clock.clock set shift = '0', frozen_at = %s", [self.now])
        for module in (
            Module("Limited", threshold=3, timeout=1800, jitter=0.1, ttl=1000, limit=3, cooldown=30),
            Module("Free", threshold=5, timeout=100, jitter=0.0, ttl=None, limit=None, cooldown=0),
        ):
            data = {
                "failure_threshold": module.threshold,
                "timeout_seconds": module.timeout,
                "retry_policy": {"jitter": module.jitter},
                "min_success_rate": 0,
                "breaker": {"cooldown_seconds": module.cooldown, "factor": 3, "max_seconds": 200},
                **({"max_concurrency": module.limit} if module.limit else {}),
                **({"cache_ttl_seconds": module.ttl} if module.ttl else {}),
            }
            self.call(
                "select capataz.register_module(%s, '1', array['OCR'], p_registration_data => %s)",
                [module.name, Jsonb(data)],
            )
            self.modules[module.name] = module
            for number, retry_limit in enumerate((0, 1, 3)):
                self.submit_one(module.name, PRIORITIES[number], retry_limit, (None, 0, 3)[number], 1.0, 0, None)
            self.claim_some(module.name, 2, "w1" if module.limit is None else None)

    @rule(passed=seconds)
    def time_passes(self, passed: float) -> None:
        self.now += timedelta(seconds=passed)
        self.call("update test_clock.clock set frozen_at = %s", [self.now])

    # submit

    @rule(
        name=module_names,
        priority=st.sampled_from(PRIORITIES),
        retry_limit=st.integers(0, 3),
        estimate=st.sampled_from([None, 0, 1, 3, 30]),
        complexity=st.sampled_from([0.1, 1.0, 9.9]),
        delay=st.sampled_from([-50, 0, 0, 40]),
        key=st.sampled_from([None, None, "k1", "k2"]),
    )
    def submit(
        self,
        name: str,
        priority: str,
        retry_limit: int,
        estimate: int | None,
        complexity: float,
        delay: int,
        key: str | None,
    ) -> None:
        self.submit_one(name, priority, retry_limit, estimate, complexity, delay, key)

    def submit_one(
        self,
        name: str,
        priority: str,
        retry_limit: int,
        estimate: int | None,
        complexity: float,
        delay: int,
        key: str | None,
    ) -> None:
        query = "select * from capataz.submit_robot('OCR', %s, %s, %s, %s, %s, null, null, %s, %s, %s)"
        available_at = self.now + timedelta(seconds=delay)
        params = [Jsonb({"n": len(self.robots)}), name, priority, available_at, key, retry_limit, estimate, complexity]
        if not self.modules[name].is_active:
            self.refused("RB503", query, params)
            return
        holder = next((r for r in self.robots.values() if key and r.cache_key == key), None)
        if holder and holder.module != name and holder.status in ("PENDING", "PROCESSING", "RETRYING"):
            self.refused("RB409", query, params)
            return
        [row] = self.call(query, params)
        if holder and holder.status in ("PENDING", "PROCESSING", "RETRYING"):
            assert (row["robot_id"], row["status"], row["cache_hit"], row["deduplicated"]) == (
                holder.robot_id,
                holder.status,
                False,
                True,
            )
            return
        assert row["robot_id"] not in self.robots
        new = Robot(
            row["robot_id"],
            name,
            self.now,
            max(available_at, self.now),
            priority,
            retry_limit=retry_limit,
            estimate=estimate,
            tier=tier_of(estimate, complexity),
            cache_key=key,
            arrival=len(self.robots),
        )
        if holder and holder.module == name and holder.status == "COMPLETED" and self.is_fresh(holder):
            new.status, new.cache_hit, new.cache_key, new.output = "COMPLETED", True, None, holder.output
            new.started_at = new.completed_at = new.available_at = self.now
        elif holder:
            holder.cache_key = None
        assert (row["module_name"], row["status"], row["cache_hit"], row["deduplicated"]) == (
            name,
            new.status,
            new.cache_hit,
            False,
        )
        self.robots[new.robot_id] = new

    def is_fresh(self, holder: Robot) -> bool:
        ttl = self.modules[holder.module].ttl
        assert holder.completed_at
        return ttl is None or holder.completed_at + timedelta(seconds=ttl) >= self.now

    def insert_robot(self, name: str, status: str) -> None:
        robot_id = f"plain-{uuid.uuid4().hex[:12]}"
        query = (
            "insert into capataz.robots (robot_id, robot_type, module_name, input_data, status) "
            "values (%s, 'OCR', %s, '{}', %s)"
        )
        params = [robot_id, name, status]
        module = self.modules[name]
        if status == "RETRYING":
            self.refused("RB409", query, params)
            return
        free = self.free_units(module)
        if status == "PROCESSING" and free is not None and free < 1:
            self.refused("RB429", query, params)
            return
        self.call(query, params)
        robot = Robot(robot_id, name, self.now, self.now, arrival=len(self.robots))
        self.robots[robot_id] = robot
        if status == "PROCESSING":
            self.begin(robot, self.new_execution_of(robot), module.timeout)
        elif status != "PENDING":
            robot.status = status
            robot.completed_at = self.now
            robot.started_at = self.now if status == "COMPLETED" else None
            robot.last_error_at = self.now if status == "FAILED" else None

    def new_execution_of(self, robot: Robot) -> str:
        [row] = self.call(
            "select execute_id from capataz.robot_execute where robot_id = %s and completed_at is null",
            [robot.robot_id],
        )
        assert row["execute_id"] not in self.attempts
        return str(row["execute_id"])

    # claim

    @rule(name=module_names, count=st.integers(1, 6), worker=workers)
    def claim(self, name: str, count: int, worker: str | None) -> None:
        self.claim_some(name, count, worker)

    def claim_some(self, name: str, count: int, worker: str | None) -> None:
        rows = self.call("select * from capataz.claim_robots(%s, %s, %s)", [name, count, worker])
        module = self.modules[name]
        before = {a.execute_id for a in self.active_in(name)}
        self.expire_module(name)
        due = [
            r for r in self.robots.values() if r.module == name and r.status in WAITING and r.available_at <= self.now
        ]
        expected = min(count, len(due))
        free = self.free_units(module)
        if free is not None:
            expected = max(0, min(expected, free))
        is_probe = module.health == "UNHEALTHY"
        if is_probe:
            probe = self.attempts.get(module.probe or "")
            is_waiting = module.probe_after > self.now or (probe is not None and probe.state in ACTIVE)
            expected = 0 if is_waiting else min(expected, 1)
        if not module.is_active:
            expected = 0
        assert len(rows) == expected, f"{len(rows)} claimed, {expected} expected; active before: {before}"
        assert {row["robot_id"] for row in rows} <= {r.robot_id for r in due}
        if not any(r.available_at < self.now - timedelta(seconds=600) for r in due):
            # nobody is aged: strictly by priority, due time, arrival
            due.sort(key=lambda r: (-PRIORITIES.index(r.priority), r.available_at, r.arrival))
            assert [row["robot_id"] for row in rows] == [r.robot_id for r in due[:expected]]
        for row in rows:
            robot = self.robots[row["robot_id"]]
            assert (row["attempt"], row["priority"], row["timeout_seconds"]) == (
                robot.retry_count + 1,
                robot.priority,
                module.timeout,
            )
            self.begin(robot, row["execute_id"], module.timeout, worker)
            if is_probe:
                module.probe = row["execute_id"]

    # calls of the running attempt

    @precondition(lambda self: self.attempts)
    @rule(
        number=pick,
        progress=st.sampled_from([None, None, 0, 30, 99.9, 100]),
        step=st.sampled_from([None, "OCR", "CHECK"]),
        steps=st.sampled_from([None, (1, 4), (3, 4), (7, 7)]),
        items=st.sampled_from([None, 5, 50]),
        memory=st.sampled_from([None, 10, 300]),
    )
    def report(
        self,
        number: int,
        progress: float | None,
        step: str | None,
        steps: tuple[int, int] | None,
        items: int | None,
        memory: int | None,
    ) -> None:
        attempt = self.choose_attempt(number)
        query = (
            "select capataz.report_progress(%s, %s, %s, p_completed_steps => %s, p_total_steps => %s, "
            "p_items_processed => %s, p_memory_usage_mb => %s) as state"
        )
        params = [attempt.execute_id, progress, step, *(steps or (None, None)), items, memory]
        if not self.is_live(attempt):
            self.refused("RB409", query, params)
            return
        attempt.state = "PAUSED" if attempt.state == "PAUSED" else "RUNNING"
        assert self.call(query, params) == [{"state": attempt.state}]
        if step is not None and step != attempt.step:
            attempt.steps_kept += attempt.step is not None
            attempt.step, attempt.step_started_at, attempt.step_ms = step, self.now, 0
        elif attempt.step is not None:
            attempt.step_ms = milliseconds(attempt.step_started_at, self.now)
        if steps and steps != (attempt.completed_steps, attempt.total_steps):
            attempt.completed_steps, attempt.total_steps = steps
            attempt.progress = max(attempt.progress, 100 * steps[0] // steps[1])
        if progress is not None:
            attempt.progress = int(progress)
        if items is not None:
            attempt.items = max(items, attempt.items or 0)
        if memory is not None:
            attempt.memory = memory
            attempt.peak_memory = max(memory, attempt.peak_memory or 0)

    @precondition(lambda self: self.attempts)
    @rule(number=pick, call=st.sampled_from(["pause", "resume"]))
    def pause_or_resume(self, number: int, call: str) -> None:
        attempt = self.choose_attempt(number)
        origin, target = ("RUNNING", "PAUSED") if call == "pause" else ("PAUSED", "RUNNING")
        query = f"select capataz.{call}_execution(%s) as state"
        if not self.is_live(attempt) or attempt.state not in (origin, target):
            self.refused("RB409", query, [attempt.execute_id])
            return
        assert self.call(query, [attempt.execute_id]) == [{"state": target}]
        self.touch(attempt)
        attempt.state = target

    def touch(self, attempt: Attempt) -> None:
        """What every update of an active attempt brings up to date."""
        if attempt.step is not None:
            attempt.step_ms = milliseconds(attempt.step_started_at, self.now)

    @precondition(lambda self: self.attempts)
    @rule(number=pick)
    def retry_step(self, number: int) -> None:
        attempt = self.choose_attempt(number)
        query = "select capataz.retry_step(%s, 'again') as state"
        if not self.is_live(attempt) or attempt.state not in ("RUNNING", "RETRYING"):
            self.refused("RB409", query, [attempt.execute_id])
        elif attempt.retries >= 3:
            self.refused("RB429", query, [attempt.execute_id])
        else:
            assert self.call(query, [attempt.execute_id]) == [{"state": "RETRYING"}]
            self.touch(attempt)
            attempt.state = "RETRYING"
            attempt.retries += 1

    # ends

    @precondition(lambda self: self.attempts)
    @rule(number=pick)
    def complete(self, number: int) -> None:
        attempt = self.choose_attempt(number)
        query = "select capataz.complete_execution(%s, %s) as status"
        params = [attempt.execute_id, Jsonb({"by": attempt.execute_id})]
        if not self.is_live(attempt):
            if attempt.answer == "COMPLETED":
                assert self.call(query, params) == [{"status": "COMPLETED"}]
            else:
                self.refused("RB409", query, params)
            return
        assert self.call(query, params) == [{"status": "COMPLETED"}]
        self.model_completed(attempt)

    def model_completed(self, attempt: Attempt) -> None:
        robot = self.robots[attempt.robot_id]
        self.end_attempt(attempt, "COMPLETED", None)
        attempt.answer = "COMPLETED"
        self.end_robot(robot, "COMPLETED")
        robot.output = {"by": attempt.execute_id}

    @precondition(lambda self: self.attempts)
    @rule(number=pick, category=categories, retryable=st.booleans())
    def fail(self, number: int, category: str, retryable: bool) -> None:
        attempt = self.choose_attempt(number)
        query = "select capataz.fail_execution(%s, 'broken', %s, p_retryable => %s) as status"
        params = [attempt.execute_id, category, retryable]
        if not self.is_live(attempt):
            if attempt.answer in ("RETRYING", "FAILED"):
                assert self.call(query, params) == [{"status": attempt.answer}]
            else:
                self.refused("RB409", query, params)
            return
        [row] = self.call(query, params)
        attempt.answer = self.fail_attempt(attempt, category, retryable)
        self.count_failures(attempt.module, 1)
        assert row["status"] == attempt.answer

    @precondition(lambda self: self.attempts)
    @rule(numbers=st.lists(pick, min_size=1, max_size=5), succeed=st.booleans())
    def end_many(self, numbers: list[int], succeed: bool) -> None:
        attempts = list({a.execute_id: a for a in map(self.choose_attempt, numbers)}.values())
        elements = [
            {
                "execute_id": a.execute_id,
                **({"output_data": {"by": a.execute_id}} if succeed else {"error_message": "x"}),
            }
            for a in attempts
        ]
        function = "complete_executions" if succeed else "fail_executions"
        rows = self.call(f"select * from capataz.{function}(%s)", [Jsonb(elements)])
        assert [row["execute_id"] for row in rows] == [a.execute_id for a in attempts]
        failed: dict[str, int] = {}
        for row, attempt in zip(rows, attempts, strict=True):
            if self.is_live(attempt):
                if succeed:
                    self.model_completed(attempt)
                else:
                    attempt.answer = self.fail_attempt(attempt, "PROCESSING")
                    failed[attempt.module] = failed.get(attempt.module, 0) + 1
                assert (row["status"], row["error"]) == (attempt.answer, None)
            elif attempt.answer in (("COMPLETED",) if succeed else ("RETRYING", "FAILED")):
                assert (row["status"], row["error"]) == (attempt.answer, None)
            else:
                assert row["status"] is None
                assert row["error"].startswith("RB409: ")
        for module, count in failed.items():
            self.count_failures(module, count)

    @precondition(lambda self: self.attempts)
    @rule(numbers=st.lists(pick, min_size=1, max_size=4))
    def release(self, numbers: list[int]) -> None:
        attempts = list({a.execute_id: a for a in map(self.choose_attempt, numbers)}.values())
        rows = self.call(
            "select capataz.release_robots(%s) as released", [[a.execute_id for a in attempts] + ["unknown"]]
        )
        for attempt in attempts:
            if self.is_live(attempt):
                self.release_attempt(attempt)
                attempt.answer = "PENDING"
        assert rows == [{"released": sum(a.answer == "PENDING" for a in attempts)}]

    @precondition(lambda self: self.robots)
    @rule(number=pick)
    def cancel(self, number: int) -> None:
        robot = self.choose_robot(number)
        query = "select capataz.cancel_robot(%s, 'why') as status"
        was_cancelled = robot.status == "FAILED" and robot.category == "CANCELLED"
        if robot.status in ("COMPLETED", "FAILED") and not was_cancelled:
            self.refused("RB409", query, [robot.robot_id])
            return
        assert self.call(query, [robot.robot_id]) == [{"status": "FAILED"}]
        if not was_cancelled:
            if robot.active:
                self.end_attempt(robot.active, "CANCELLED", "CANCELLED")
            self.end_robot(robot, "FAILED", "CANCELLED")

    @precondition(lambda self: self.robots)
    @rule(number=pick)
    def retry_robot(self, number: int) -> None:
        robot = self.choose_robot(number)
        query = "select capataz.retry_robot(%s) as status"
        if robot.status != "FAILED":
            self.refused("RB409", query, [robot.robot_id])
            return
        assert self.call(query, [robot.robot_id]) == [{"status": "PENDING"}]
        self.revive(robot)

    def revive(self, robot: Robot) -> None:
        robot.status, robot.retry_count = "PENDING", 0
        robot.started_at = robot.completed_at = None
        robot.available_at = max(robot.available_at, self.now)

    # timeouts and workers

    def expire(self) -> None:
        [row] = self.call("select capataz.expire_executions() as ended")
        ended = sum(self.expire_module(name) for name in sorted(self.modules, key=str.lower))
        for (worker, name), heartbeat in sorted(self.heartbeats.items(), key=lambda item: (item[0][1], item[0][0])):
            if heartbeat["ended"] and any(
                a.worker == worker and a.started_at < self.now - timedelta(seconds=30) for a in self.active_in(name)
            ):
                ended += self.lose_worker(worker, name)
        for key, heartbeat in list(self.heartbeats.items()):
            holds = any(a.worker == key[0] for a in self.active_in(key[1]))
            if heartbeat["ended"] and heartbeat["at"] < self.now - timedelta(days=1) and not holds:
                del self.heartbeats[key]
        assert row["ended"] == ended

    def heartbeat(self, worker: str, name: str) -> None:
        self.call("select capataz.heartbeat_worker(%s, %s)", [worker, name])
        self.heartbeats[worker, name] = {"at": self.now, "ended": False}

    def stop_worker(self, worker: str) -> None:
        [row] = self.call("select capataz.stop_worker(%s) as released", [worker])
        mine = [a for a in self.attempts.values() if a.worker == worker and self.is_live(a)]
        for attempt in mine:
            self.release_attempt(attempt)
            attempt.answer = "PENDING"
        for (name, _), heartbeat in self.heartbeats.items():
            if name == worker:
                heartbeat["ended"] = True
        assert row["released"] == len(mine)

    # plain SQL, as the owner types it

    @precondition(lambda self: self.robots)
    @rule(number=pick, status=st.sampled_from(["PENDING", "PROCESSING", "COMPLETED", "FAILED", "RETRYING"]))
    def update_robot(self, number: int, status: str) -> None:
        robot = self.choose_robot(number)
        module = self.modules[robot.module]
        query = "update capataz.robots set status = %s where robot_id = %s"
        params = [status, robot.robot_id]
        free = self.free_units(module)
        if robot.status == status:
            self.call(query, params)
        elif (robot.status, status) not in ROBOT_MOVES or (
            status == "RETRYING" and robot.retry_count >= robot.retry_limit
        ):
            self.refused("RB409", query, params)
        elif status == "PROCESSING":
            if free is not None and free < 1:
                self.refused("RB429", query, params)
                return
            self.call(query, params)
            self.begin(robot, self.new_execution_of(robot), module.timeout)
        elif robot.status == "PROCESSING":
            self.call(query, params)
            attempt = robot.active
            assert attempt
            category = robot.category or "PROCESSING"
            if status == "COMPLETED":
                self.end_attempt(attempt, "COMPLETED", None)
                self.end_robot(robot, "COMPLETED")
            elif status == "PENDING":
                self.release_attempt(attempt)
            elif category == "CANCELLED" and status == "FAILED":
                self.end_attempt(attempt, "CANCELLED", category)
                self.end_robot(robot, status, category)
            else:
                self.end_attempt(attempt, "FAILED", category)
                self.count_failures(robot.module, 1)
                if status == "RETRYING":
                    self.retry(robot, category)
                else:
                    self.end_robot(robot, "FAILED", category)
        else:
            self.call(query, params)
            if status == "FAILED":
                self.end_robot(robot, "FAILED", "CANCELLED")
            else:
                self.revive(robot)

    @precondition(lambda self: self.attempts)
    @rule(
        number=pick,
        state=st.sampled_from(["PENDING", "RUNNING", "PAUSED", "RETRYING", "COMPLETED", "FAILED", "CANCELLED"]),
        category=st.sampled_from([None, "EXTERNAL_API", "VALIDATION"]),
    )
    def update_execution(self, number: int, state: str, category: str | None) -> None:
        attempt = self.choose_attempt(number)
        query = "update capataz.robot_execute set execution_state = %s where execute_id = %s"
        params: list[Any] = [state, attempt.execute_id]
        if state == "FAILED" and category and attempt.state in ACTIVE:
            query = "update capataz.robot_execute set execution_state = %s, error_category = %s where execute_id = %s"
            params = [state, category, attempt.execute_id]
        if state == attempt.state:
            self.call(query, params)
            if state in ACTIVE:
                self.touch(attempt)
            return
        if (attempt.state, state) not in EXECUTION_MOVES:
            self.refused("RB409", query, params)
            return
        self.call(query, params)
        robot = self.robots[attempt.robot_id]
        if state in ACTIVE:
            self.touch(attempt)
            attempt.state = state
        elif state == "FAILED":
            self.fail_attempt(attempt, category or "PROCESSING")
            self.count_failures(attempt.module, 1)
        else:
            self.end_attempt(attempt, state, None)
            self.end_robot(robot, "COMPLETED" if state == "COMPLETED" else "FAILED", "CANCELLED")
            if state == "CANCELLED":
                attempt.category = self.value_of(attempt, "error_category")

    def value_of(self, attempt: Attempt, column: str) -> Any:
        [row] = self.call(
            f"select {column} as v from capataz.robot_execute where execute_id = %s", [attempt.execute_id]
        )
        return row["v"]

    @precondition(lambda self: self.robots)
    @rule(number=pick)
    def insert_execution(self, number: int) -> None:
        robot = self.choose_robot(number)
        module = self.modules[robot.module]
        query = (
            "insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state) "
            "values (%s, %s, %s, 'RUNNING')"
        )
        execute_id = str(uuid.uuid4())
        params = [execute_id, robot.robot_id, robot.module]
        free = self.free_units(module)
        if robot.status == "PROCESSING":
            self.refused("23505", query, params)
        elif robot.status in ("COMPLETED", "FAILED"):
            self.refused("RB409", query, params)
        elif free is not None and free < 1:
            self.refused("RB429", query, params)
        else:
            self.call(query, params)
            self.begin(robot, execute_id, 1800)

    def delete_execution(self, number: int) -> None:
        attempt = self.choose_attempt(number)
        robot = self.robots[attempt.robot_id]
        self.call("delete from capataz.robot_execute where execute_id = %s", [attempt.execute_id])
        if attempt.state in ACTIVE:
            robot.status = "PENDING"
            robot.started_at = robot.completed_at = None
            robot.available_at = max(robot.available_at, self.now)
        robot.attempts.remove(attempt)
        del self.attempts[attempt.execute_id]

    def delete_robot(self, number: int) -> None:
        robot = self.choose_robot(number)
        self.call("delete from capataz.robots where robot_id = %s", [robot.robot_id])
        for attempt in robot.attempts:
            del self.attempts[attempt.execute_id]
        del self.robots[robot.robot_id]

    def change_priority(self, number: int, priority: str) -> None:
        robot = self.choose_robot(number)
        self.call("update capataz.robots set priority = %s where robot_id = %s", [priority, robot.robot_id])
        if robot.status in WAITING and priority != robot.priority:
            robot.available_at = max(robot.available_at, self.now)
        robot.priority = priority

    def move_robot(self, number: int, name: str) -> None:
        robot = self.choose_robot(number)
        query = "update capataz.robots set module_name = %s where robot_id = %s"
        if robot.status == "PROCESSING" and name != robot.module:
            self.refused("RB409", query, [name, robot.robot_id])
            return
        self.call(query, [name, robot.robot_id])
        if robot.status in WAITING and name != robot.module:
            robot.available_at = max(robot.available_at, self.now)
        robot.module = name

    # modules

    def change_limit(self, name: str, limit: int | None) -> None:
        self.call(
            "select capataz.register_module(%s, '1', array['OCR'], p_registration_data => %s)",
            [name, Jsonb({"max_concurrency": limit})],
        )
        self.modules[name].limit = limit

    def activate_module(self, name: str) -> None:
        self.call("select capataz.activate_module(%s)", [name])
        module = self.modules[name]
        module.is_active, module.failures = True, 0
        module.close()

    def deactivate_module(self, name: str) -> None:
        self.call("update capataz.module_registry set is_active = false where module_name = %s", [name])
        self.modules[name].is_active = False

    def rebuild(self) -> None:
        self.call("select capataz.rebuild_derived()")

    @rule(
        action=st.sampled_from(
            ["expire", "expire", "expire", "heartbeat", "heartbeat", "stop", "limit", "activate", "rebuild"]
        ),
        name=module_names,
        worker=st.sampled_from(["w1", "w2"]),
        limit=st.sampled_from([None, 1, 2, 5]),
    )
    def operate(self, action: str, name: str, worker: str, limit: int | None) -> None:
        """What operators and jobs do now and then."""
        match action:
            case "expire":
                self.expire()
            case "heartbeat":
                self.heartbeat(worker, name)
            case "stop":
                self.stop_worker(worker)
            case "limit":
                self.change_limit(name, limit)
            case "activate":
                # most of the time a module is active: an inactive one gets no work, and the walk learns little
                if self.modules[name].is_active:
                    self.deactivate_module(name)
                else:
                    self.activate_module(name)
            case _:
                self.rebuild()

    @precondition(lambda self: any(not m.is_active or m.health == "UNHEALTHY" for m in self.modules.values()))
    @rule()
    def help_modules(self) -> None:
        """Activates what is inactive or UNHEALTHY."""
        for module in self.modules.values():
            if not module.is_active or module.health == "UNHEALTHY":
                self.activate_module(module.name)

    @precondition(lambda self: self.robots)
    @rule(
        action=st.sampled_from(["insert", "delete robot", "delete execution", "priority", "move"]),
        number=pick,
        name=module_names,
        status=st.sampled_from(["PENDING", "PROCESSING", "COMPLETED", "FAILED", "RETRYING"]),
        priority=st.sampled_from(PRIORITIES),
    )
    def type_something(self, action: str, number: int, name: str, status: str, priority: str) -> None:
        """What a DBA types now and then."""
        match action:
            case "insert":
                self.insert_robot(name, status)
            case "delete robot":
                if len(self.robots) > 3:
                    self.delete_robot(number)
            case "delete execution":
                if self.attempts:
                    self.delete_execution(number)
            case "priority":
                self.change_priority(number, priority)
            case _:
                self.move_robot(number, name)

    # what must hold after every step

    @invariant()
    def the_database_agrees_with_the_model(self) -> None:
        if not self.modules:
            return
        check_invariants(self.connection, totals=False)
        shown = {row["robot_id"]: row for row in self.call("select * from capataz.robots")}
        assert shown.keys() == self.robots.keys()
        for robot_id, robot in self.robots.items():
            row = shown[robot_id]
            duration = milliseconds(robot.started_at, robot.completed_at)
            expected = {
                "status": robot.status,
                "module_name": robot.module,
                "priority": robot.priority,
                "retry_count": robot.retry_count,
                "retry_limit": robot.retry_limit,
                "created_at": robot.created_at,
                "available_at": robot.available_at,
                "started_at": robot.started_at,
                "completed_at": robot.completed_at,
                "processing_time_ms": duration,
                "actual_duration_minutes": None
                if duration is None
                else int((Decimal(duration) / 60000).quantize(Decimal(1), ROUND_HALF_UP)),
                "error_category": robot.category,
                "last_error_at": robot.last_error_at,
                "processing_tier": robot.tier,
                "cache_key": robot.cache_key,
                "cache_hit": robot.cache_hit,
                "output_data": robot.output,
            }
            assert_agrees(robot_id, row, expected)
            assert row["created_at"] <= row["updated_at"] <= self.now

        steps = {
            row["execute_id"]: row["kept"]
            for row in self.call("select execute_id, count(*) as kept from capataz_ops.execution_steps group by 1")
        }
        executions = {row["execute_id"]: row for row in self.call("select * from capataz.robot_execute")}
        assert executions.keys() == self.attempts.keys()
        for execute_id, attempt in self.attempts.items():
            row = executions[execute_id]
            wanted: dict[str, Any] = {
                "robot_id": attempt.robot_id,
                "module_name": attempt.module,
                "execution_state": attempt.state,
                "started_at": attempt.started_at,
                "completed_at": attempt.completed_at,
                "duration_ms": milliseconds(attempt.started_at, attempt.completed_at),
                "timeout_seconds": attempt.timeout,
                "worker_id": attempt.worker,
                "error_category": attempt.category,
                "progress_percentage": attempt.progress,
                "total_steps": attempt.total_steps,
                "completed_steps": attempt.completed_steps,
                "current_step": attempt.step,
                "step_category": attempt.step_category,
                "step_start_time": attempt.step_started_at,
                "step_duration_ms": attempt.step_ms,
                "retry_count": attempt.retries,
                "items_processed": attempt.items,
                "memory_usage_mb": attempt.memory,
                "efficiency_score": attempt.efficiency,
            }
            assert_agrees(execute_id, row, wanted)
            assert row["resource_peak_usage"].get("max_memory") == attempt.peak_memory
            assert steps.get(execute_id, 0) == attempt.steps_kept

        for row in self.call("select * from capataz.module_registry"):
            module = self.modules[row["module_name"]]
            hours = (Decimal(module.processed_ms) / 3600000).quantize(Decimal("0.01"), ROUND_HALF_UP)
            assert (
                row["consecutive_failures"],
                row["health_status"],
                row["total_robots_processed"],
                row["total_processing_time_hours"],
                row["is_active"],
            ) == (module.failures, module.health, module.processed, hours, module.is_active), module.name


# the calls that make a walk worth its while are more likely than others: the same rule under further names
for _name, _times in {
    "claim": 2,
    "complete": 2,
    "fail": 2,
    "end_many": 1,
    "report": 1,
    "submit": 1,
    "update_execution": 1,
    "update_robot": 1,
}.items():
    for _number in range(_times):
        setattr(Walk, f"{_name}_{_number}", getattr(Walk, _name))


def test_random_walk_agrees_with_the_model(db: Connection) -> None:
    install_clock(db)
    run_machine(Walk, db, steps=30)


@pytest.mark.parametrize("step_back", [0, -60])
@pytest.mark.parametrize(
    ("state", "status"), [("COMPLETED", "COMPLETED"), ("CANCELLED", "FAILED"), ("FAILED", "RETRYING")]
)
@pytest.mark.parametrize("first_end", ["release", "fail"])
def test_plain_end_of_a_second_attempt(db: Connection, step_back: int, state: str, status: str, first_end: str) -> None:
    """The attempt that the statement ended decides, not the one with the latest time."""
    install_clock(db)
    db.execute("update test_clock.clock set frozen_at = timezone('UTC', now())")
    register(db, retry_policy={"base_seconds": 0})
    submit(db)
    robot_id, first = claim_one(db)
    if first_end == "release":
        db.execute("select capataz.release_robots(%s)", [[first]])
    else:
        db.execute("select capataz.fail_execution(%s, 'broken', 'EXTERNAL_API')", [first])
    again, second = claim_one(db)
    assert again == robot_id
    shift_clock(db, step_back)
    db.execute("update capataz.robot_execute set execution_state = %s where execute_id = %s", [state, second])
    assert robot_row(db, robot_id)["status"] == status
    check_invariants(db)


def test_scores_of_a_failed_attempt_do_not_depend_on_the_path(db: Connection) -> None:
    """A plain update gives the same figures as the functions do."""
    install_clock(db)
    register(db)
    submit(db, 3, estimated_duration_minutes=3)
    attempts = [claim_one(db)[1] for _ in range(3)]
    db.execute("update test_clock.clock set frozen_at = timezone('UTC', now()) + interval '6 minutes'")
    db.execute("select capataz.fail_execution(%s, 'broken')", [attempts[0]])
    db.execute(
        "select from capataz.fail_executions(%s)", [Jsonb([{"execute_id": attempts[1], "error_message": "broken"}])]
    )
    db.execute("update capataz.robot_execute set execution_state = 'FAILED' where execute_id = %s", [attempts[2]])
    assert [execution(db, execute_id)["efficiency_score"] for execute_id in attempts] == [Decimal("0.50")] * 3

"""Real workflows, replayed: what Capataz adds up equals the sums over the traces, and its forecasts come true.

CAPATAZ_TRACES names a folder with traces in the format of wfcommons (JSON: tasks with run time, CPU, memory, I/O); without it
these tests are skipped. Each trace is a module; a robot is a handful of its tasks, each task a step. Run times are the real
ones: the clock is moved from event to event, so that hours take seconds. Failures are injected. Every minute of that
clock the jobs run.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support import Connection, Row, install_clock

START = datetime(2026, 3, 1, 22, 17, 0)
CATEGORIES = ("INIT", "VALIDATION", "PROCESSING", "EXTERNAL_API", "FINALIZATION")
# trace, workers, times it is replayed, tasks a robot has
MODULES = {
    "mag": (4, 3, 4),
    "montage": (1, 4, 4),
    "rnaseq": (4, 4, 4),
    "srasearch": (12, 3, 2),
    "viralrecon": (4, 4, 4),
}
MESSAGES = (
    ("EXTERNAL_API", "GET https://example.org/runs/{n} answered {n}"),
    ("PROCESSING", "Process 'task {n}' ended with status {n}"),
    ("VALIDATION", "file /data/run{n}/in.fastq is truncated at byte {n}"),
)
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Task:
    """A task of a trace: name, milliseconds, percent of a core, MB."""

    step: str
    category: str
    milliseconds: int
    cpu: Decimal
    memory_mb: int
    disk_mb: int


@dataclass
class Attempt:
    """What a worker did, as it told Capataz."""

    module: str
    robot_id: str
    execute_id: str
    robot_type: str
    started_at: datetime
    due_at: datetime
    estimated_minutes: int | None
    steps: list[tuple[str, str, datetime, int]] = field(default_factory=list)  # category, name, end, milliseconds
    cpu: Decimal | None = None
    memory_mb: int | None = None
    disk_mb: int = 0
    ended_at: datetime | None = None
    state: str = "RUNNING"
    category: str | None = None
    message: int | None = None
    retried: bool = False

    @property
    def milliseconds(self) -> int:
        assert self.ended_at is not None
        return round((self.ended_at - self.started_at) / timedelta(milliseconds=1))


def traces() -> Iterator[tuple[str, list[Task]]]:
    folder = os.environ.get("CAPATAZ_TRACES")
    if not folder:
        pytest.skip("CAPATAZ_TRACES is not set")
    for name in MODULES:
        [path] = sorted(Path(folder).glob(f"{name}*.json"))
        tasks = json.loads(path.read_text())["workflow"]["execution"]["tasks"]
        yield name, [_task(given) for given in tasks]


def _task(given: dict[str, Any]) -> Task:
    step = re.sub(r"_(ID)?\d+$", "", given["id"]).rsplit(".", 1)[-1][:100]
    return Task(
        step=step,
        category=CATEGORIES[sum(step.encode()) % len(CATEGORIES)],
        milliseconds=round(given["runtimeInSeconds"] * 1000),
        cpu=min(Decimal(str(given["avgCPU"])), Decimal("999.99")).quantize(Decimal("0.01"), ROUND_HALF_UP),
        memory_mb=round(given["memoryInBytes"] / 1e6),
        disk_mb=round((given.get("readBytes", 0) + given.get("writtenBytes", 0)) / 1e6),
    )


class Replay:
    """Workers of several modules on one clock."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.random = random.Random(20260301)
        self.now = START
        self.numbers = itertools.count()
        self.events: list[tuple[datetime, int, Iterator[float]]] = []
        self.attempts: list[Attempt] = []
        self.tasks: dict[str, list[Task]] = {}
        self.robots: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.forecasts: dict[str, list[tuple[datetime, Any]]] = defaultdict(list)
        self.emptied_at: dict[str, datetime] = {}
        self.deadlines: dict[str, datetime] = {}

    def rows(self, query: str, params: Sequence[Any] = ()) -> list[Row]:
        cursor = self.connection.execute(query.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def set_clock(self, now: datetime) -> None:
        if now != self.now:
            self.now = now
            self.rows("update test_clock.clock set frozen_at = %s", [now])

    def submit(self, module: str, tasks: list[Task]) -> None:
        """The trace as robots: of n robots, one has every n-th task, so that each is a mixture."""
        _, times, size = MODULES[module]
        self.rows(
            "select capataz.register_module(%s, '1.0', array['SMALL', 'BIG'], p_registration_data => %s)",
            [
                module,
                Jsonb(
                    {
                        "failure_threshold": 1_000_000,
                        "min_success_rate": 0,
                        "timeout_seconds": 86_400,
                        "sla_seconds": 5400,
                        "retry_policy": {"base_seconds": 5, "jitter": 0},
                    }
                ),
            ],
        )
        robots = []
        for turn in range(times):
            count = -(-len(tasks) // size)
            for first in range(count):
                mine = tasks[first::count]
                seconds = sum(task.milliseconds for task in mine) / 1000
                robots.append(
                    {
                        "robot_type": "BIG" if max(t.milliseconds for t in mine) > 30_000 else "SMALL",
                        "module_name": module,
                        "robot_id": f"{module}-{turn}-{first}",
                        # one module estimates, and is too hopeful
                        "estimated_duration_minutes": max(round(seconds / 90), 1) if module == "mag" else None,
                    }
                )
                self.tasks[f"{module}-{turn}-{first}"] = mine
        self.random.shuffle(robots)
        self.rows("select count(*) from capataz.submit_robots(%s)", [Jsonb(robots)])
        self.robots[module] = self.left[module] = len(robots)

    def start(self, worker: Iterator[float]) -> None:
        heapq.heappush(self.events, (self.now, next(self.numbers), worker))

    def run(self) -> None:
        while self.events and sum(self.left.values()):
            at, _, worker = heapq.heappop(self.events)
            self.set_clock(at)
            for milliseconds in worker:
                later = self.now + timedelta(milliseconds=milliseconds)
                heapq.heappush(self.events, (later, next(self.numbers), worker))
                break

    def work(self, module: str) -> Iterator[float]:
        """A worker: claims a robot, does its tasks, and so on."""
        while True:
            claimed = self.rows("select robot_id, execute_id, robot_type from capataz.claim_robots(%s)", [module])
            if not claimed:
                if not self.left[module]:
                    return
                yield 5000
                continue
            robot_id, execute_id, robot_type = claimed[0]
            [(started_at, due_at, estimate)] = self.rows(
                "select started_at, due_at, estimated_minutes from capataz.robot_execute where execute_id = %s",
                [execute_id],
            )
            attempt = Attempt(module, robot_id, execute_id, robot_type, started_at, due_at, estimate)
            self.attempts.append(attempt)
            if not self.rows("select from capataz.queue_state(%s) where oldest_due_at is not null", [module]):
                self.emptied_at[module] = self.now
            else:
                self.emptied_at.pop(module, None)
            yield from self.do_tasks(attempt)

    def do_tasks(self, attempt: Attempt) -> Iterator[float]:
        tasks = self.tasks[attempt.robot_id]
        breaks_in = self.random.randrange(len(tasks)) if self.random.random() < 0.12 else None
        cpu_ms = memory_ms = 0.0
        for place, task in enumerate(tasks):
            self.rows(
                "select capataz.report_progress(%s, p_current_step => %s, p_step_category => %s)",
                [attempt.execute_id, task.step, task.category],
            )
            attempt.steps.append((task.category, task.step, self.now, 0))
            share = self.random.random() if place == breaks_in else 1
            took = round(task.milliseconds * share)
            yield took
            # two tasks of one name in a row are one step
            cpu_ms += float(task.cpu) * took
            memory_ms += task.memory_mb * took
            attempt.disk_mb += task.disk_mb
            if place == breaks_in:
                break
        spent = max(self.now - attempt.started_at, timedelta(milliseconds=1)) / timedelta(milliseconds=1)
        # of the whole attempt: its means
        attempt.cpu = Decimal(str(cpu_ms / spent)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        attempt.memory_mb = round(memory_ms / spent)
        self.rows(
            "select capataz.report_progress(%s, p_cpu_usage_percent => %s, p_memory_usage_mb => %s, p_disk_io_mb => %s)",
            [attempt.execute_id, float(attempt.cpu), attempt.memory_mb, attempt.disk_mb],
        )
        attempt.ended_at = self.now
        if breaks_in is None:
            attempt.state = "COMPLETED"
            self.rows("select capataz.complete_execution(%s)", [attempt.execute_id])
            self.left[attempt.module] -= 1
            return
        number = self.random.randrange(len(MESSAGES))
        attempt.state, attempt.message, attempt.category = "FAILED", number, MESSAGES[number][0]
        text = MESSAGES[number][1].replace("{n}", str(self.random.randrange(1000)))
        [(status,)] = self.rows(
            "select capataz.fail_execution(%s, %s, %s)", [attempt.execute_id, text, attempt.category]
        )
        attempt.retried = status == "RETRYING"
        if not attempt.retried:
            self.left[attempt.module] -= 1

    def jobs(self) -> Iterator[float]:
        """What runs every minute, and forecasts every five."""
        for minute in itertools.count():
            for job in ("sample_resources", "fold_counters", "fold_analytics"):
                self.rows(f"select capataz.{job}()")
            if minute % 5 == 0:
                self.rows("select capataz.store_forecasts()")
                for row in self.rows(
                    "select module_name, empty_at, late_count, basis, busy from capataz.queue_forecast() where waiting > 0"
                ):
                    ended = sum(a.module == row[0] and a.ended_at is not None for a in self.attempts)
                    self.forecasts[row[0]].append((self.now, (ended, *row[1:])))
            yield 60_000


@pytest.fixture(scope="module")
def replay(module_dsn: str) -> Iterator[Replay]:
    given = list(traces())
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        install_clock(connection)
        connection.execute("set synchronous_commit = off")
        replayed = Replay(connection)
        replayed.rows("update test_clock.clock set frozen_at = %s", [START])
        for module, tasks in given:
            replayed.submit(module, tasks)
        for module, _ in given:
            for _ in range(MODULES[module][0]):
                replayed.start(replayed.work(module))
        replayed.start(replayed.jobs())
        replayed.run()
        replayed.rows("select capataz.sample_resources()")
        for job in ("fold_counters", "fold_analytics", "store_forecasts"):
            replayed.rows(f"select capataz.{job}()")
        yield replayed


def rounded(value: Decimal | float, places: int = 0) -> Decimal:
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def test_sums_by_type_equal_the_traces(replay: Replay) -> None:
    for table, period in (("type_hours", "hour"), ("type_days", "day")):
        wanted: dict[tuple[str, str, Any], Counter[str]] = defaultdict(Counter)
        for a in replay.attempts:
            assert a.ended_at is not None
            assert a.cpu is not None
            assert a.memory_mb is not None
            at: datetime | date = a.ended_at.replace(minute=0, second=0, microsecond=0)
            if period == "day":
                at = a.ended_at.date()
            sums = wanted[a.module, a.robot_type, at]
            done = a.state == "COMPLETED"
            sums["completed_count" if done else "failed_count"] += 1
            sums["completed_ms" if done else "failed_ms"] += a.milliseconds
            sums["retried_count"] += a.retried
            sums["waited_count"] += 1
            sums["waited_ms"] += int(rounded(Decimal((a.started_at - a.due_at) / timedelta(microseconds=1)) / 1000))
            if done and a.estimated_minutes is not None:
                sums["estimated_count"] += 1
                sums["estimated_ms"] += a.estimated_minutes * 60_000
                sums["estimated_actual_ms"] += a.milliseconds
            sums["cpu_ms"] += int(rounded(a.cpu * a.milliseconds / 100))
            sums["memory_mb_ms"] += a.memory_mb * a.milliseconds
            sums["disk_io_mb"] += a.disk_mb
        columns = ["completed_count", "completed_ms", "failed_count", "failed_ms", "retried_count", "waited_count", "waited_ms", "estimated_count", "estimated_ms", "estimated_actual_ms", "cpu_ms", "memory_mb_ms", "disk_io_mb", "network_io_mb"]
        found = {
            row[:3]: dict(zip(columns, row[3:], strict=True))
            for row in replay.rows(
                f"select module_name, robot_type, {period}, {', '.join(columns)} from capataz_ops.{table}"
            )
        }
        assert found == {key: {name: sums[name] for name in columns} for key, sums in wanted.items()}


def test_windows_equal_the_traces(replay: Replay) -> None:
    for module in MODULES:
        mine = [a for a in replay.attempts if a.module == module]
        done = [a.milliseconds for a in mine if a.state == "COMPLETED"]
        failed = len(mine) - len(done)
        [shown] = replay.rows(
            "select success_rate_24h, error_count_24h, avg_processing_time_ms, total_robots_processed"
            " from capataz.module_registry where module_name = %s",
            [module],
        )
        assert shown == (
            rounded(Decimal(100 * len(done)) / len(mine), 2),
            failed,
            int(rounded(Decimal(sum(done)) / len(done))),
            len(mine),
        )
        [counted] = replay.rows(
            "select sum(completed_count), sum(failed_count) from capataz.throughput(%s, p_minutes => 1440)", [module]
        )
        assert counted == (len(done), failed)


def test_benchmark_and_scoreboard_equal_the_traces(replay: Replay) -> None:
    modules: dict[str, list[Attempt]] = defaultdict(list)
    groups: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for a in replay.attempts:
        groups[a.module, a.robot_type].append(a)
        modules[a.module].append(a)
    means = {}
    for key, mine in groups.items():
        done = [a.milliseconds for a in mine if a.state == "COMPLETED"]
        means[key] = Decimal(sum(done)) / len(done)
    rows = replay.rows(
        "select module_name, robot_type, completed_count, failed_count, avg_duration_ms, peer_duration_ms, cpu_seconds,"
        " peer_count from capataz.module_benchmark()"
    )
    assert len(rows) == len(groups)
    for module, kind, completed, failed, mean, peers, cpu, count in rows:
        mine = groups[module, kind]
        assert completed + failed == len(mine)
        assert mean == rounded(means[module, kind])
        others = sorted(value for key, value in means.items() if key[1] == kind and key[0] != module)
        half = len(others) // 2
        median = others[half] if len(others) % 2 else (others[half - 1] + others[half]) / 2
        assert (peers, count) == (rounded(median), len(others))
        cpu_ms = sum(rounded(a.cpu * a.milliseconds / 100) for a in mine if a.cpu is not None)
        assert cpu == rounded(Decimal(cpu_ms) / 1000 / completed, 3)

    board = replay.rows(
        "select module_name, completed_count, failed_count, success_rate, p50_ms, p95_ms, p99_ms"
        " from capataz.performance_scoreboard()"
    )
    assert {row[0] for row in board} == set(MODULES)
    for module, completed, failed, rate, *percentiles in board:
        done = sorted(a.milliseconds for a in modules[module] if a.state == "COMPLETED")
        assert (completed, failed) == (len(done), len(modules[module]) - len(done))
        assert rate == rounded(Decimal(100 * completed) / (completed + failed), 2)
        for share, shown in zip((0.5, 0.95, 0.99), percentiles, strict=True):
            exact = done[max(int(-(-share * len(done) // 1)) - 1, 0)]
            assert abs(shown - exact) <= max(exact * 0.05, 1)


def test_steps_equal_the_traces_and_the_bottleneck_is_the_true_one(replay: Replay) -> None:
    spent: dict[tuple[str, str, str], int] = defaultdict(int)
    counts: Counter[tuple[str, str, str]] = Counter()
    whole: Counter[str] = Counter()
    for a in replay.attempts:
        assert a.ended_at is not None
        whole[a.module] += a.milliseconds
        previous = None
        ends = [start for _, _, start, _ in a.steps[1:]] + [a.ended_at]
        for (category, name, start, _), end in zip(a.steps, ends, strict=True):
            key = (a.module, category, name)
            spent[key] += round((end - start) / timedelta(milliseconds=1))
            counts[key] += key != previous
            previous = key
    rows = replay.rows(
        "select module_name, step_category::text, step_name, step_count, total_ms, share, is_bottleneck"
        " from capataz.step_analysis() where step_name is not null"
    )
    assert {row[:3]: row[3:5] for row in rows} == {key: (counts[key], spent[key]) for key in spent}
    for module in MODULES:
        [named] = [row[2] for row in rows if row[0] == module and row[6]]
        by_step: Counter[str] = Counter()
        for (owner, _, name), milliseconds in spent.items():
            if owner == module:
                by_step[name] += milliseconds
        assert named == by_step.most_common(1)[0][0]
        for row in rows:
            if row[0] == module:
                assert row[5] == rounded(Decimal(100 * row[4]) / whole[module], 2)


def test_errors_equal_the_traces(replay: Replay) -> None:
    failed = [a for a in replay.attempts if a.state == "FAILED"]
    assert len(failed) > 50
    wanted = Counter((a.module, a.category, a.steps[-1][1], a.message) for a in failed)
    rows = replay.rows(
        "select module_name, error_category, step_name, fingerprint, error_count, change, hour_counts, example_execute_id"
        " from capataz.error_patterns()"
    )
    # a fingerprint stands for one message, and a message has one
    message_of: dict[str, set[int | None]] = defaultdict(set)
    by_id = {a.execute_id: a for a in failed}
    for row in rows:
        message_of[row[3]].add(by_id[row[7]].message)
    assert sorted(sorted(map(str, found)) for found in message_of.values()) == [["0"], ["1"], ["2"]]
    assert {(*row[:3], next(iter(message_of[row[3]]))): row[4] for row in rows} == wanted
    assert {row[5] for row in rows} == {"new"}
    hours = Counter(a.ended_at.hour for a in failed if a.ended_at is not None)
    assert [sum(row[6][hour] for row in rows) for hour in range(24)] == [hours[hour] for hour in range(24)]


def test_timelines_tell_what_workers_did(replay: Replay) -> None:
    chosen = {a.robot_id for a in replay.attempts if a.state == "FAILED"}
    for robot_id in sorted(chosen)[:20]:
        mine = [a for a in replay.attempts if a.robot_id == robot_id]
        rows = replay.rows(
            "select happened_at, event, attempt, duration_ms, step_name from capataz.robot_timeline(%s)", [robot_id]
        )
        assert rows == sorted(rows, key=lambda row: row[0])
        assert rows[0][:2] == (START, "submitted")
        for number, a in enumerate(mine, 1):
            at = {row[1]: row for row in rows if row[2] == number and row[1] != "step"}
            assert at["due"][0] == a.due_at
            assert at["claimed"][0] == a.started_at
            end = "completed" if a.state == "COMPLETED" else "failed"
            assert (at[end][0], at[end][3]) == (a.ended_at, a.milliseconds)
        assert sum(row[3] for row in rows if row[1] == "step") == sum(a.milliseconds for a in mine)
        assert sum(row[1] == "retried" for row in rows) == sum(a.retried for a in mine)


def test_forecasts_come_true_within_20_percent(replay: Replay) -> None:
    """After a warm-up (30 attempts that ended), while more is left than ten minutes and what one robot takes."""
    compared = 0
    for module in MODULES:
        errors = []
        times = [a.milliseconds / 1000 for a in replay.attempts if a.module == module]
        longest = max(600, sum(times) / len(times))
        for at, (ended, empty_at, _, basis, busy) in replay.forecasts[module]:
            left = (replay.emptied_at[module] - at).total_seconds()
            if ended >= 30 and left >= longest:
                assert empty_at is not None
                off = (empty_at - at).total_seconds() - left
                errors.append(abs(off) / left)
                print(
                    f"{module:<12} {ended:>4} ended, {left:>6.0f} s left, off by {100 * off / left:>6.1f} %  {busy} ({basis})"
                )
        if errors:
            mean = sum(errors) / len(errors)
            print(f"{module:<12} mean {100 * mean:.1f} % of {len(errors)}")
            assert mean <= 0.2, module
            compared += len(errors)
    assert compared >= 20


def test_past_forecasts_are_compared(replay: Replay) -> None:
    stored = replay.rows("select count(*), count(ended_at), count(actual_seconds) from capataz_ops.queue_forecasts")
    assert stored[0][0] == stored[0][1] == stored[0][2] > 20
    for module in MODULES:
        [(count, error)] = replay.rows("select past_count, past_error from capataz.queue_forecast(%s)", [module])
        assert count > 0
        assert error is not None


def test_late_robots_are_foreseen(replay: Replay) -> None:
    """Of the module whose promise cannot be kept, in the middle of its work."""
    done = [a for a in replay.attempts if a.module == "srasearch" and a.state == "COMPLETED"]
    late = sum(a.ended_at > START + timedelta(seconds=5400) for a in done if a.ended_at is not None)
    assert late > 10
    foreseen = [
        (forecast[2], at) for at, forecast in replay.forecasts["srasearch"] if at <= START + timedelta(seconds=5000)
    ]
    count, at = foreseen[-1]
    print(f"{late} were late, {count} were foreseen at {at}")
    assert abs(count - late) <= 0.2 * late


def test_a_rebuild_finds_the_same(replay: Replay) -> None:
    tables = ("type_hours", "type_days", "step_days", "error_days")
    before = {name: sorted(map(str, replay.rows(f"select * from capataz_ops.{name}"))) for name in tables}
    for name in tables:
        replay.rows(f"delete from capataz_ops.{name}")
    replay.rows("select capataz.rebuild_derived()")
    for name in tables:
        assert sorted(map(str, replay.rows(f"select * from capataz_ops.{name}"))) == before[name], name

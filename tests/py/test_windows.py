"""Figures of 24 hours against a recomputation: success rate, errors, average time, uptime (design 6, "Windows").

A random walk over some days of two modules: work that ends in every way, health checks, imports, corrections, deletes
and jumps of the clock, also to the very microsecond at which a minute leaves the window. After `fold_counters()` each
figure must be equal, to the last digit, to what Python computes from the rows of `robot_execute` and from its own list
of checks; so must the histograms, and what `rebuild_derived()` makes of it all.

CAPATAZ_MACHINE_EXAMPLES sets the number of examples (40), CAPATAZ_MACHINE_STEPS the steps of each (40).
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from support import (
    Connection,
    Row,
    Session,
    Sessions,
    claim,
    claim_one,
    install_clock,
    module_row,
    register,
    run_machine,
    submit,
)

START = datetime(2026, 3, 1, 12, 0, 30)
MODULES = ("Alpha", "Beta")
TYPES = ("OCR", "MAIL")
DAY = timedelta(hours=24)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)

FIGURES = "success_rate_24h, error_count_24h, avg_processing_time_ms, uptime_percentage_24h"


def minute_of(time: datetime) -> datetime:
    """The minute a time is in."""
    return time.replace(second=0, microsecond=0)


def hour_of(time: datetime) -> datetime:
    """The hour a time is in."""
    return time.replace(minute=0, second=0, microsecond=0)


def rounded(value: Fraction, places: int) -> Decimal:
    """Rounds half up; exact, whatever the fraction."""
    scaled = math.floor(value * 10**places + Fraction(1, 2))
    return Decimal(scaled).scaleb(-places)


def percentage(part: int, whole: int) -> Decimal:
    """Percent, two places; 100.00 of nothing."""
    return rounded(Fraction(100 * part, whole), 2) if whole else Decimal("100.00")


def bucket_of(value: int) -> int:
    """The bucket of a histogram, by its definition: above 1.1^(n-1), up to 1.1^n."""
    if value <= 1:
        return value
    bound, bucket = Fraction(1), 0
    while bound < value:
        bound *= Fraction(11, 10)
        bucket += 1
    return bucket


durations = st.sampled_from([0, 1, 2, 7, 333, 999, 1000, 59_999, 61_000, 1_200_000])
names = st.sampled_from(MODULES)
pick = st.integers(0, 10_000)


class Activity(RuleBasedStateMachine):
    """What happens to two modules in some days; every example is one transaction, undone at its end."""

    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.checks: list[tuple[str, datetime, bool]] = []
        self.connection.execute("begin")

    def teardown(self) -> None:
        try:
            self.compare()
        finally:
            self.connection.execute("rollback")

    # means

    def rows(self, query: str, params: Sequence[Any] = ()) -> list[Row]:
        cursor = self.connection.execute(query.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def set_clock(self, now: datetime) -> None:
        self.now = now
        self.rows("update test_clock.clock set frozen_at = %s", [now])

    def ended(self) -> list[Row]:
        """Executions that have ended COMPLETED or FAILED: id, module, time, state, milliseconds, efficiency, type.

        In an order that does not depend on ids, so that an example can be repeated.
        """
        return self.rows(
            """
            select e.execute_id, e.module_name, e.completed_at, e.execution_state::text, e.duration_ms,
              e.efficiency_score, e.robot_type
            from capataz.robot_execute as e
            join capataz.robots as r on r.robot_id = e.robot_id
            where e.execution_state in ('COMPLETED', 'FAILED')
            order by e.completed_at, e.started_at, r.arrival, e.execution_state
            """
        )

    def in_window(self, time: datetime) -> bool:
        return minute_of(time) > minute_of(self.now) - DAY

    def compare(self) -> None:
        """Each figure of each module against the rows and the checks."""
        self.rows("select capataz.fold_counters()")
        ended = self.ended()
        for name in MODULES:
            window = [row for row in ended if row[1] == name and self.in_window(row[2])]
            times = [row[4] for row in window if row[3] == "COMPLETED"]
            checks = [good for module, time, good in self.checks if module == name and self.in_window(time)]
            expected = (
                percentage(len(times), len(window)),
                len(window) - len(times),
                int(rounded(Fraction(sum(times), len(times)), 0)) if times else 0,
                percentage(sum(checks), len(checks)),
            )
            [shown] = self.rows(f"select {FIGURES} from capataz.module_registry where module_name = %s", [name])
            assert shown == expected, f"{name} at {self.now}"

            # of the last 24 hours: a row deleted later stays in the histogram of its week
            first = hour_of(self.now) - timedelta(hours=23)
            wanted: Counter[tuple[str, datetime, int]] = Counter()
            for _, module, time, state, milliseconds, efficiency, _ in ended:
                if module == name and state == "COMPLETED" and time >= first:
                    wanted["duration", hour_of(time), bucket_of(milliseconds)] += 1
                    wanted["efficiency", hour_of(time), bucket_of(int(efficiency * 100))] += 1
            histogram = self.rows(
                """
                select measure, period_start, bucket, bucket_count
                from capataz_ops.module_histograms
                where module_name = %s
                  and period = 'hour'
                  and period_start >= %s
                  and bucket_count <> 0
                """,
                [name, first],
            )
            assert {row[:3]: row[3] for row in histogram} == wanted, f"{name} at {self.now}"

            # per robot type: minutes of the window, and whole hours of it
            minutes: dict[tuple[str, datetime], list[int]] = {}
            hours: dict[tuple[str, datetime], list[int]] = {}
            for _, _, time, state, milliseconds, _, robot_type in window:
                for counts, period in ((minutes, minute_of(time)), (hours, hour_of(time))):
                    if counts is hours and time < first:
                        continue
                    count = counts.setdefault((robot_type, period), [0, 0, 0])
                    count[0 if state == "COMPLETED" else 1] += 1
                    count[2] += milliseconds if state == "COMPLETED" else 0
            for table, period, since, counts in (
                ("type_minutes", "minute", minute_of(self.now) - DAY + MINUTE, minutes),
                ("type_hours", "hour", first, hours),
            ):
                rows = self.rows(
                    f"select robot_type, {period}, completed_count, failed_count, completed_ms from capataz_ops.{table}"
                    f" where module_name = %s and {period} >= %s"
                    " and (completed_count, failed_count, completed_ms) <> (0, 0, 0)",
                    [name, since],
                )
                assert {row[:2]: list(row[2:]) for row in rows} == counts, f"{table} of {name} at {self.now}"

    # what happens

    @initialize()
    def begin(self) -> None:
        self.set_clock(START)
        for name in MODULES:
            register(
                self.connection,
                name,
                TYPES,
                failure_threshold=1_000_000,
                health_failure_threshold=1_000_000,
                retry_policy={"base_seconds": 0},
            )

    @rule(
        name=names,
        count=st.integers(1, 8),
        took=durations,
        estimate=st.sampled_from([None, 1, 20]),
        end=st.sampled_from(
            ["complete", "complete", "fail", "fail for good", "cancel", "release", "update", "fail by hand", "time out"]
        ),
        robot_type=st.sampled_from(TYPES),
    )
    def work(self, name: str, count: int, took: int, estimate: int | None, end: str, robot_type: str) -> None:
        submit(self.connection, count, name, estimated_duration_minutes=estimate, robot_type=robot_type)
        attempts = claim(self.connection, count, name)
        robots, executions = [row[0] for row in attempts], [row[1] for row in attempts]
        self.set_clock(self.now + (timedelta(hours=1) if end == "time out" else timedelta(milliseconds=took)))
        match end:
            case "complete":
                for execute_id in executions:
                    self.rows("select capataz.complete_execution(%s)", [execute_id])
            case "fail" | "fail for good":
                for execute_id in executions:
                    self.rows(
                        "select capataz.fail_execution(%s, 'broken', p_retryable => %s)", [execute_id, end == "fail"]
                    )
            case "cancel":
                for robot_id in robots:
                    self.rows("select capataz.cancel_robot(%s)", [robot_id])
            case "release":
                self.rows("select capataz.release_robots(%s)", [executions])
            case "update" | "fail by hand":
                self.rows(
                    "update capataz.robot_execute set execution_state = %s where execute_id = any (%s)",
                    ["COMPLETED" if end == "update" else "FAILED", executions],
                )
            case _:
                self.rows("select capataz.expire_executions()")

    @rule(name=names, healthy=st.booleans(), count=st.integers(1, 3))
    def check_health(self, name: str, healthy: bool, count: int) -> None:
        for _ in range(count):
            self.rows("select capataz.record_health_check(%s, %s, 5)", [name, healthy])
            self.checks.append((name, self.now, healthy))

    @rule(
        name=names,
        state=st.sampled_from(["COMPLETED", "FAILED", "CANCELLED"]),
        count=st.integers(1, 20),
        ago=st.sampled_from([0, 59, 3600, 43_200, 82_801, 86_340, 86_399, 86_400, 86_401, 86_460, 172_800, 200_000]),
        apart=st.sampled_from([0, 1, 61, 3600, 10_007]),
        took=durations,
        robot_type=st.sampled_from(TYPES),
    )
    def import_history(
        self, name: str, state: str, count: int, ago: int, apart: int, took: int, robot_type: str
    ) -> None:
        robot_id = f"import-{uuid.uuid4()}"
        self.rows(
            "insert into capataz.robots (robot_id, robot_type, module_name, input_data, status)"
            " values (%s, %s, %s, '{}', 'COMPLETED')",
            [robot_id, robot_type, name],
        )
        self.rows(
            """
            insert into capataz.robot_execute
              (execute_id, robot_id, module_name, execution_state, started_at, completed_at)
            select gen_random_uuid(), %s, %s, %s, t.ended_at - %s * interval '1 millisecond', t.ended_at
            from generate_series(0, %s - 1) as i
            cross join lateral (select %s - (%s + i * %s) * interval '1 second' as ended_at) as t
            """,
            [robot_id, name, state, took, count, self.now, ago, apart],
        )

    @precondition(lambda self: self.ended())
    @rule(number=pick, by=st.integers(-7200, 7200))
    def correct_a_time(self, number: int, by: int) -> None:
        rows = self.ended()
        execute_id, _, completed_at = rows[number % len(rows)][:3]
        corrected = min(completed_at + timedelta(seconds=by), self.now)
        self.rows(
            "update capataz.robot_execute set completed_at = greatest(%s, started_at) where execute_id = %s",
            [corrected, execute_id],
        )

    @precondition(lambda self: self.ended())
    @rule(number=pick, robot_type=st.sampled_from(TYPES))
    def correct_a_type(self, number: int, robot_type: str) -> None:
        rows = self.ended()
        execute_id = rows[number % len(rows)][0]
        self.rows("update capataz.robot_execute set robot_type = %s where execute_id = %s", [robot_type, execute_id])

    @precondition(lambda self: self.ended())
    @rule(number=pick, count=st.integers(1, 5), whole_robot=st.booleans())
    def delete(self, number: int, count: int, whole_robot: bool) -> None:
        rows = [row for row in self.ended() if number % 3 == 0 or self.in_window(row[2])] or self.ended()
        chosen = [rows[(number + i) % len(rows)][0] for i in range(count)]
        if whole_robot:
            self.rows(
                "delete from capataz.robots where robot_id in"
                " (select robot_id from capataz.robot_execute where execute_id = any (%s))",
                [chosen],
            )
        else:
            self.rows("delete from capataz.robot_execute where execute_id = any (%s)", [chosen])

    @rule(
        by=st.sampled_from([1, 7, 61, 600, 601, 3600, 3600, 7200, 5 * 3600, 12 * 3600, 86_340, 2 * 86_400 + 3600]),
        compare=st.booleans(),
    )
    def wait(self, by: int, compare: bool) -> None:
        self.set_clock(self.now + timedelta(seconds=by))
        if compare:
            self.compare()

    @rule()
    def look(self) -> None:
        self.compare()

    @precondition(lambda self: self.ended() or self.checks)
    @rule(number=pick)
    def wait_until_a_minute_leaves(self, number: int) -> None:
        """To the last instant at which something counts, and to the next."""
        times = sorted({row[2] for row in self.ended()} | {check[1] for check in self.checks})
        times = [time for time in times if minute_of(time) + DAY - INSTANT >= self.now]
        if not times:
            return
        time = times[number % len(times)]
        self.set_clock(minute_of(time) + DAY - INSTANT)
        assert self.in_window(time)
        self.compare()
        self.set_clock(self.now + INSTANT)
        assert not self.in_window(time)
        self.compare()

    @rule(
        destroyed=st.sampled_from(
            ["nothing", "module_minutes", "module_histograms", "module_deltas", "type_minutes", "type_hours"]
        )
    )
    def rebuild(self, destroyed: str) -> None:
        self.rows("select capataz.fold_counters()")
        if destroyed != "nothing":
            self.rows(f"delete from capataz_ops.{destroyed}")
        self.rows("select capataz.rebuild_derived()")
        self.compare()


# what fills the windows is more likely than what empties them: the same rule under further names
for _name, _times in {"work": 2, "import_history": 2, "check_health": 1, "delete": 2}.items():
    for _number in range(_times):
        setattr(Activity, f"{_name}_{_number}", getattr(Activity, _name))


def test_figures_of_24_hours_are_exact(db: Connection) -> None:
    install_clock(db)
    run_machine(Activity, db, steps=40)


SHARES = ("0", "0.01", "0.05", "0.5", "0.9", "0.95", "0.99", "1")


def test_percentiles_are_within_five_percent(db: Connection) -> None:
    """Of any values, in one histogram or merged from several."""

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(
        values=st.lists(
            st.one_of(st.integers(0, 20), st.integers(0, 5000), st.integers(0, 2_147_483_647)), min_size=1, max_size=200
        ),
        cut=st.integers(0, 200),
    )
    def check(values: list[int], cut: int) -> None:
        parts = [Counter(bucket_of(value) for value in part) for part in (values[:cut], values[cut:])]
        merged = [pair for part in parts for pair in part.items()]
        values = sorted(values)
        found = db.execute(
            """
            select f.share, capataz_ops._percentile(%s::smallint[], %s::bigint[], f.share)
            from unnest(%s::numeric[]) as f (share)
            """,
            [[bucket for bucket, _ in merged], [count for _, count in merged], list(SHARES)],
        ).fetchall()
        assert len(found) == len(SHARES)
        for share, near in found:
            exact = values[max(math.ceil(Fraction(share) * len(values)) - 1, 0)]
            assert abs(Fraction(near) - exact) <= Fraction(5, 100) * exact, (share, near, exact)

    check()


def test_buckets_are_exact_at_their_bounds(db: Connection) -> None:
    bounds = [math.floor(Fraction(11, 10) ** power) for power in range(1, 226)]
    values = sorted({value for bound in bounds for value in (bound - 1, bound, bound + 1)})
    found = db.execute(
        "select v, capataz_ops._bucket(v) from unnest(%s::integer[]) as v order by v", [values]
    ).fetchall()
    assert found == [(value, bucket_of(value)) for value in values]


def samples(connection: Connection) -> int:
    """Executions in the histograms of durations."""
    [(count,)] = connection.execute(
        "select coalesce(sum(bucket_count), 0)::integer from capataz_ops.module_histograms where measure = 'duration'"
    ).fetchall()
    return int(count)


def test_what_commits_during_a_fold_is_in_the_histograms_once(db: Connection, new_session: Sessions) -> None:
    register(db)
    submit(db, 3)
    attempts = [claim_one(db)[1] for _ in range(3)]
    db.execute("select capataz.complete_execution(%s)", [attempts[0]])
    slow: Session = new_session()
    slow.begin()
    slow.rows("select capataz.complete_execution(%s)", [attempts[1]])
    # whoever holds the module's row folds it; the others go on
    new_session().must_not_wait("select capataz.complete_execution(%s)", [attempts[2]])
    new_session().must_not_wait("select capataz.fold_counters()")
    slow.commit()
    db.execute("select capataz.fold_counters()")
    db.execute("select capataz.fold_counters()")
    assert samples(db) == 3


def test_scoring_waits_for_nobody(db: Connection, new_session: Sessions) -> None:
    for name in ("Held", "Free", "Probed"):
        register(db, name)
        submit(db, 25, name)
        for _, execute_id in claim(db, 25, name):
            db.execute("select capataz.complete_execution(%s)", [execute_id])
    db.execute("select capataz.fold_counters()")
    holder = new_session()
    holder.begin()
    holder.rows("select from capataz.module_registry where module_name = 'Held' for no key update")
    holder.rows("select from capataz_ops.module_state where module_name = 'Probed' for no key update")
    assert new_session().must_not_wait("select capataz.score_modules()") == [(1,)]
    assert module_row(db, "Free")["last_performance_check"] is not None
    assert module_row(db, "Held")["last_performance_check"] is None
    assert module_row(db, "Probed")["last_performance_check"] is None
    holder.commit()
    assert new_session().must_not_wait("select capataz.score_modules()") == [(2,)]
    assert module_row(db, "Held")["last_performance_check"] is not None
    # two at once: the second leaves the modules to the first
    holder.begin()
    assert holder.value("select capataz.score_modules()") == 0
    assert new_session().must_not_wait("select capataz.score_modules()") == [(0,)]
    holder.commit()

"""Health and circuit breaker with several sessions: no update lost, no deadlock, no robot lost (ADR 0016)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import (
    MODULE,
    PATIENCE,
    Connection,
    Session,
    Sessions,
    check_invariants,
    claim,
    install_clock,
    module_row,
    register,
    result_of,
    shift_clock,
    submit,
)

COMPLETE = "select capataz.complete_execution(%s)"
FAIL = "select capataz.fail_execution(%s, 'broken')"
CHECK = f"select capataz.record_health_check('{MODULE}', %s)"


@pytest.fixture
def a(db: Connection, new_session: Sessions) -> Session:
    """The session that comes first; the database has a module, and the clock can be moved."""
    install_clock(db)
    register(db, health_failure_threshold=3, failure_threshold=3)
    return new_session()


def state(db: Connection) -> dict[str, Any]:
    """The module's row of capataz_ops.module_state."""
    cursor = db.execute(
        "select failed_checks, opened_by from capataz_ops.module_state where module_name = %s", [MODULE]
    )
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    return dict(zip(names, cursor.fetchone() or (), strict=True))


def test_two_failed_checks_at_once_both_count(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    a.rows(CHECK, [False])
    second = b.start_and_wait_for_lock(CHECK, [False])
    a.commit()
    result_of(second)
    assert state(db)["failed_checks"] == 2
    check_invariants(db)


def test_of_two_probers_at_once_one_counts(db: Connection, a: Session, b: Session) -> None:
    due = f"select capataz.record_due_health_check('{MODULE}', false)"
    a.begin()
    assert a.rows(due) == [("DEGRADED",)]
    second = b.start_and_wait_for_lock(due)
    a.commit()
    assert result_of(second) == [(None,)]
    assert state(db)["failed_checks"] == 1
    shift_clock(db, 60)
    a.begin()
    a.rows(due)
    second = b.start_and_wait_for_lock(due)
    a.rollback()
    assert result_of(second) == [("DEGRADED",)], "the first was undone"
    assert state(db)["failed_checks"] == 2
    check_invariants(db)


def test_an_undone_check_counts_nothing(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    a.rows(CHECK, [False])
    second = b.start_and_wait_for_lock(CHECK, [True])
    a.rollback()
    assert result_of(second) == [("HEALTHY",)]
    assert state(db)["failed_checks"] == 0
    check_invariants(db)


def test_a_good_check_does_not_close_what_work_opens_meanwhile(db: Connection, a: Session, b: Session) -> None:
    submit(db, 3, retry_limit=0)
    attempts = claim(db, 3)
    for _ in range(2):
        a.rows(CHECK, [False])
    for _, execute_id in attempts[:2]:
        db.execute(FAIL, [execute_id])
    a.begin()
    a.rows(FAIL, [attempts[2][1]])
    check = b.start_and_wait_for_lock(CHECK, [True])
    a.commit()
    assert result_of(check) == [("UNHEALTHY",)]
    assert state(db)["opened_by"] == "work"
    check_invariants(db)


def test_evaluation_waits_for_nobody(db: Connection, a: Session, b: Session) -> None:
    a.rows(CHECK, [True])
    shift_clock(db, 3600)
    a.begin()
    a.rows(CHECK, [True])
    b.must_not_wait("select capataz.evaluate_health()")
    a.commit()
    assert module_row(db)["health_status"] == "HEALTHY"
    check_invariants(db)


def test_moving_waits_for_nobody(db: Connection, a: Session, b: Session) -> None:
    db.execute(
        "select count(*) from capataz.submit_robots((select jsonb_agg(jsonb_build_object('robot_type', 'OCR'))"
        " from generate_series(1, 10)))"
    )
    register(db, "Other")
    db.execute("update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = %s", [MODULE])
    a.begin()
    held = a.rows(f"select c.robot_id from capataz.claim_robots('{MODULE}', 1) as c")
    assert len(held) == 1
    # one is held, one stays as the next probe
    assert b.must_not_wait("select capataz.move_waiting_robots()") == [(8,)]
    a.rollback()
    assert db.execute("select capataz.move_waiting_robots()").fetchall() == [(1,)]
    check_invariants(db)


def is_ours(error: BaseException) -> bool:
    """Whether it is an error of class RB."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith("RB")


ACTIONS = [
    "fail",
    "complete",
    "good check",
    "bad check",
    "claim",
    "register",
    "deactivate",
    "activate",
    "evaluate",
    "move",
]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(ACTIONS), st.booleans()), max_size=12))
def test_any_two_calls_at_once(db: Connection, a: Session, b: Session, steps: list[tuple[str, str, bool]]) -> None:
    """The first call stays in an open transaction while the second runs; then it commits or is undone."""
    register(db, "Other", failure_threshold=3)
    held: list[str] = []

    def call(action: str) -> tuple[str, list[Any]] | None:
        match action:
            case "fail" | "complete":
                if not held:
                    return None
                return (FAIL if action == "fail" else COMPLETE), [held.pop()]
            case "good check" | "bad check":
                return CHECK, [action == "good check"]
            case "claim":
                return f"select c.execute_id from capataz.claim_robots('{MODULE}', 2) as c", []
            case "register":
                limit = "7" if len(held) % 2 else "null"
                return (
                    f"select from capataz.register_module('{MODULE}', '1.0', array['OCR'], p_registration_data => "
                    f"'{{\"max_concurrency\": {limit}}}')",
                    [],
                )
            case "deactivate" | "activate":
                return f"select from capataz.{action}_module('{MODULE}')", []
            case "evaluate":
                return "select capataz.evaluate_health()", []
            case _:
                return "select capataz.move_waiting_robots()", []

    for first, second, keeps in steps:
        db.execute("update capataz.module_registry set is_active = true where not is_active")
        submit(db, 2, retry_limit=0)
        for row in claim(db, 2):
            held.append(row[1])
        one, two = call(first), call(second)
        if one is None or two is None:
            continue
        a.begin()
        claimed = a.rows(*one)
        future = b.start_and_settle(*two)
        if keeps:
            a.commit()
        else:
            a.rollback()
            claimed = []
        error = future.exception(PATIENCE)
        if error is None:
            rows = result_of(future)
        else:  # a lease that the other call ended; nothing else
            assert is_ours(error), error
            rows = []
        for action, got in ((first, claimed), (second, rows)):
            if action == "claim":
                held.extend(row[0] for row in got)
        check_invariants(db)
        shift_clock(db, 5)
    checks = db.execute(
        "select is_healthy from capataz_ops.health_checks where module_name = %s order by check_id desc", [MODULE]
    ).fetchall()
    trailing = next((number for number, row in enumerate(checks) if row[0]), len(checks))
    assert state(db)["failed_checks"] <= trailing, "no check is counted twice"


def test_a_failing_module_under_load_stops_at_its_threshold_and_heals(
    db: Connection, connect: Callable[..., Connection]
) -> None:
    """UNHEALTHY after exactly the threshold; at most what was in flight fails after it; nothing is lost."""
    install_clock(db)
    register(db, failure_threshold=5, breaker={"cooldown_seconds": 60}, retry_policy={"base_seconds": 0})
    submit(db, 200, retry_limit=1000)
    is_broken = threading.Event()
    is_broken.set()
    stop = threading.Event()
    barrier = threading.Barrier(8)

    def work(_: int) -> None:
        connection = connect()
        barrier.wait()
        while not stop.is_set():
            rows = claim(connection, 1)
            if not rows:
                if is_broken.is_set():
                    return  # the breaker is open: this worker has nothing to do until it is healed
                left = connection.execute("select from capataz.robots where status <> 'COMPLETED' limit 1").fetchall()
                if not left:
                    return
                continue
            for _, execute_id in rows:
                if is_broken.is_set():
                    connection.execute(FAIL, [execute_id])
                else:
                    connection.execute(COMPLETE, [execute_id])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    row = module_row(db)
    assert row["health_status"] == "UNHEALTHY"
    assert 5 <= row["consecutive_failures"] <= 5 + 7, "no more than what was in flight"
    [(reason,)] = db.execute("select reason from capataz_ops.health_changes where to_status = 'UNHEALTHY'").fetchall()
    assert reason.startswith("5 executions failed in a row"), reason
    assert claim(db, 10) == []

    is_broken.clear()
    shift_clock(db, 61)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    db.execute("select capataz.fold_counters()")
    row = module_row(db)
    assert (row["health_status"], row["consecutive_failures"]) == ("HEALTHY", 0)
    assert db.execute("select status::text, count(*) from capataz.robots group by 1").fetchall() == [("COMPLETED", 200)]
    assert db.execute(
        "select from_status::text, to_status::text from capataz_ops.health_changes order by change_id"
    ).fetchall() == [
        ("UNKNOWN", "UNHEALTHY"),
        ("UNHEALTHY", "HEALTHY"),
    ]
    check_invariants(db)

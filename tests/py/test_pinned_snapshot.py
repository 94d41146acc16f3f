"""While a forgotten session pins an old snapshot, claims remember where they found work: correctness of that shortcut.

The remembered position is a hint in session settings. Losing it, sharing it, or having it set to anything by hand loses
no robot and hands none out twice; a transaction that commits late is found all the same.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from psycopg.types.json import Jsonb

from support import (
    MODULE,
    PATIENCE,
    Connection,
    check_invariants,
    claim,
    install_clock,
    register,
    robot,
    shift_clock,
    submit,
)

SETTING = "select 'capataz.scan_' || to_hex(hashtext(%s))"


@pytest.fixture
def pinned(db: Connection, connect: Callable[..., Connection]) -> Iterator[None]:
    """A REPEATABLE READ transaction that stays open for the whole test."""
    install_clock(db)
    register(db)
    register(db, "OtherModule")
    session = connect()
    session.execute("begin isolation level repeatable read")
    session.execute("select count(*) from capataz.robots")
    yield
    session.execute("rollback")


def complete_all(connection: Connection, attempts: list[tuple[str, str]]) -> None:
    """Completes attempts in one call."""
    connection.execute(
        "select from capataz.complete_executions(%s)", [Jsonb([{"execute_id": row[1]} for row in attempts])]
    )


def claim_batch(connection: Connection, count: int = 50, module: str = MODULE) -> list[tuple[str, str]]:
    """Claims robots, and says of each (robot_id, execute_id)."""
    return [(row[0], row[1]) for row in claim(connection, count, module)]


def hint_of(connection: Connection, module: str = MODULE) -> str | None:
    """The session's remembered position."""
    [(name,)] = connection.execute(SETTING, [module]).fetchall()
    [(value,)] = connection.execute("select current_setting(%s, true)", [name]).fetchall()
    return value or None


def set_hint(connection: Connection, value: str, module: str = MODULE) -> None:
    """Sets the session's remembered position by hand."""
    [(name,)] = connection.execute(SETTING, [module]).fetchall()
    connection.execute("select set_config(%s, %s, false)", [name, value])


def work_until_hinted(connection: Connection, least: int) -> list[str]:
    """Claims and completes at least so many robots, and until the session remembers its position."""
    claimed: list[str] = []
    while len(claimed) < least or not hint_of(connection):
        attempts = claim_batch(connection)
        assert attempts, "the queue is empty, and the session never remembered its position"
        complete_all(connection, attempts)
        claimed += [robot_id for robot_id, _ in attempts]
    return claimed


def claim_rest(connection: Connection, left: int) -> list[str]:
    """Claims what is left; what lies behind the remembered position comes with the next scan from the start."""
    claimed: list[str] = []
    deadline = time.monotonic() + PATIENCE + 30
    while len(claimed) < left and time.monotonic() < deadline:
        attempts = claim_batch(connection)
        complete_all(connection, attempts)
        claimed += [robot_id for robot_id, _ in attempts]
    return claimed


def test_every_robot_is_claimed_once_and_in_order(
    db: Connection, pinned: None, connect: Callable[..., Connection]
) -> None:
    submitted = submit(db, 4000)
    worker = connect()
    claimed = work_until_hinted(worker, 2500)
    claimed += claim_rest(worker, 4000 - len(claimed))
    assert claimed == submitted
    check_invariants(db)


def test_priorities_hold_behind_a_remembered_position(
    db: Connection, pinned: None, connect: Callable[..., Connection]
) -> None:
    submit(db, 4000)
    worker = connect()
    work_until_hinted(worker, 2000)
    urgent = submit(db, 3, priority="CRITICAL")
    low = submit(db, 3, priority="LOW")
    first = [row[0] for row in claim_batch(worker, 3)]
    assert first == urgent
    assert not set(low) & {row[0] for row in claim_batch(worker, 50)}


def test_a_late_commit_is_found_by_the_same_session(
    db: Connection, pinned: None, connect: Callable[..., Connection]
) -> None:
    late_session = connect()
    late_session.execute("begin")
    [late] = submit(late_session)
    submitted = submit(db, 4000)
    worker = connect()
    claimed = work_until_hinted(worker, 2500)
    late_session.execute("commit")
    claimed += claim_rest(worker, 4001 - len(claimed))
    assert Counter(claimed) == Counter([*submitted, late])
    check_invariants(db)


def test_a_late_commit_is_found_by_a_fresh_session_at_once(
    db: Connection, pinned: None, connect: Callable[..., Connection]
) -> None:
    late_session = connect()
    late_session.execute("begin")
    [late] = submit(late_session)
    submit(db, 3000)
    work_until_hinted(connect(), 2500)
    late_session.execute("commit")
    assert claim_batch(connect(), 1)[0][0] == late


@pytest.mark.parametrize("undo", ["rollback", "release", "retry", "priority", "straggler job"])
def test_what_becomes_claimable_again_is_not_behind_the_position(
    db: Connection, pinned: None, connect: Callable[..., Connection], undo: str
) -> None:
    """Released, failed, moved robots are due now, so ahead of every scan. Undone claims come with a rescan."""
    register(db, retry_policy={"base_seconds": 0})
    submitted = submit(db, 4000)
    holder = connect()
    if undo in ("rollback", "straggler job"):
        holder.execute("begin")
    held = claim_batch(holder, 5)
    worker = connect()
    claimed = work_until_hinted(worker, 2500)
    if undo in ("rollback", "straggler job"):
        holder.execute("rollback")
        if undo == "straggler job":
            shift_clock(db, 120)
            db.execute("select capataz.find_stragglers()")
    elif undo == "release":
        holder.execute("select capataz.release_robots(%s)", [[row[1] for row in held]])
    elif undo == "retry":
        for _, execute_id in held:
            holder.execute("select capataz.fail_execution(%s, 'broken')", [execute_id])
    else:
        holder.execute("select capataz.release_robots(%s)", [[row[1] for row in held]])
        for robot_id, _ in held:
            holder.execute("update capataz.robots set priority = 'HIGH' where robot_id = %s", [robot_id])
    claimed += claim_rest(worker, 4000 - len(claimed))
    assert Counter(claimed) == Counter(submitted)
    check_invariants(db)


def test_find_stragglers_brings_back_what_scans_have_passed(
    db: Connection, pinned: None, connect: Callable[..., Connection]
) -> None:
    """The session's position stays valid for most of a minute more: the job puts the straggler before it."""
    late_session = connect()
    late_session.execute("begin")
    [late] = submit(late_session)
    shift_clock(db, 60)
    submit(db, 4000)
    worker = connect()
    work_until_hinted(worker, 2500)
    hint = hint_of(worker)
    assert hint
    late_session.execute("commit")

    def keep_position() -> None:
        # each part: valid until (ms), due time, arrival; NORMAL is the third of four
        parts = (hint_of(worker) or hint).strip("{}").split(",")
        parts[6] = str(int((time.time() + 50) * 1000))
        set_hint(worker, "{" + ",".join(parts) + "}")

    keep_position()
    running = claim_batch(worker, 50)
    assert late not in {row[0] for row in running}
    shift_clock(db, 120)
    keep_position()
    assert db.execute("select capataz.find_stragglers()").fetchall() == [(1,)]
    found = {row[0] for _ in range(2) for row in claim_batch(worker, 1000)}
    assert late in found


def _in(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


POISONS: dict[str, Callable[[], str]] = {
    "words": lambda: "nonsense",
    "empty array": lambda: "{}",
    "nulls": lambda: "{" + ",".join(["NULL"] * 12) + "}",
    "too short": lambda: "{1,2,3}",
    "too long": lambda: "{" + ",".join(["1"] * 13) + "}",
    "two-dimensional": lambda: "{{1,2},{3,4}}",
    "no array": lambda: "5",
    "sql": lambda: "'); drop table capataz.robots; --",
    "too large a number": lambda: "{" + ",".join([str(10**30)] * 12) + "}",
    "greatest numbers": lambda: "{" + ",".join([str(2**63 - 1)] * 12) + "}",
    "smallest numbers": lambda: "{" + ",".join([str(-(2**63))] * 12) + "}",
    "18 digits": lambda: "{" + ",".join(["9" * 18] * 12) + "}",
    "long past": lambda: "{" + ",".join(["1"] * 12) + "}",
    "before 1970": lambda: "{" + ",".join(f"{_in(30)},-99999999999999999,-1" for _ in range(4)) + "}",
    "valid for years, far ahead": lambda: "{" + ",".join(f"{_in(1e9)},{_in(1e9) * 1000},0" for _ in range(4)) + "}",
    "valid for half a minute, far ahead": lambda: (
        "{" + ",".join(f"{_in(30)},{_in(1e9) * 1000},0" for _ in range(4)) + "}"
    ),
    "valid for half a minute, great arrival": lambda: (
        "{" + ",".join(f"{_in(30)},{_in(-3600) * 1000},{10**17}" for _ in range(4)) + "}"
    ),
}


@pytest.mark.parametrize("poison", sorted(POISONS))
@pytest.mark.parametrize("kind", ["scan", "given", "notified"])
def test_settings_set_by_hand_neither_lose_nor_duplicate(
    db: Connection, connect: Callable[..., Connection], poison: str, kind: str
) -> None:
    register(db)
    worker = connect()
    [(name,)] = db.execute("select %s || to_hex(hashtext(%s))", [f"capataz.{kind}_", MODULE]).fetchall()
    worker.execute("select set_config(%s, %s, false)", [name, POISONS[poison]()])
    submitted = submit(worker, 20, priority="HIGH") + submit(worker, 20, priority="LOW")
    claimed: list[str] = []
    for _ in range(6):
        claimed += [row[0] for row in claim_batch(worker, 10)]
    # this session may have to scan from the start again first; nobody else is concerned
    claimed += [row[0] for row in claim_batch(connect(), 100)]
    assert sorted(claimed) == sorted(submitted)
    check_invariants(db)


def test_positions_of_another_module_are_harmless(
    db: Connection, pinned: None, connect: Callable[..., Connection]
) -> None:
    first = submit(db, 50, "OtherModule")
    submitted = submit(db, 4000)
    worker = connect()
    claimed = work_until_hinted(worker, 2500)
    hint = hint_of(worker)
    assert hint
    set_hint(worker, hint, "OtherModule")
    set_hint(worker, "")
    others: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while len(others) < 50 and time.monotonic() < deadline:
        others += [row[0] for row in claim_batch(worker, 50, "OtherModule")]
    assert others == first
    claimed += claim_rest(worker, 4000 - len(claimed))
    assert claimed == submitted
    check_invariants(db)


def test_lost_settings_are_harmless(db: Connection, pinned: None, connect: Callable[..., Connection]) -> None:
    """A pooler gives each call another session: settings are lost all the time."""
    submitted = submit(db, 3000)
    worker = connect(prepare_threshold=None)
    claimed: list[str] = []
    while len(claimed) < 3000:
        attempts = claim_batch(worker, 100)
        assert attempts
        complete_all(worker, attempts)
        claimed += [row[0] for row in attempts]
        worker.execute("discard all")
    assert claimed == submitted


def test_many_sessions_with_every_kind_of_end(db: Connection, pinned: None, connect: Callable[..., Connection]) -> None:
    register(db, retry_policy={"base_seconds": 0}, failure_threshold=1000000)
    submitted = submit(db, 3000, retry_limit=1000)

    def work(seed: int) -> list[str]:
        source = random.Random(seed)
        connection = connect()
        completed: list[str] = []
        idle = 0
        deadline = time.monotonic() + PATIENCE
        while idle < 200 and time.monotonic() < deadline:
            attempts = claim_batch(connection, 50)
            idle = 0 if attempts else idle + 1
            kept = [a for a in attempts if source.random() < 0.95]
            complete_all(connection, kept)
            completed += [row[0] for row in kept]
            returned = [a for a in attempts if a not in kept]
            if returned and source.random() < 0.5:
                connection.execute("select capataz.release_robots(%s)", [[row[1] for row in returned]])
            else:
                for _, execute_id in returned:
                    connection.execute("select capataz.fail_execution(%s, 'broken')", [execute_id])
            if not attempts:
                time.sleep(0.002)
        return completed

    with ThreadPoolExecutor(4) as pool:
        parts = [future.result() for future in [pool.submit(work, seed) for seed in range(4)]]
    completed = Counter(robot_id for part in parts for robot_id in part)
    assert set(completed.values()) == {1}
    assert set(completed) == set(submitted)
    assert robot(db, submitted[0])["status"] == "COMPLETED"
    check_invariants(db)

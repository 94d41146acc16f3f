"""The router with several sessions: even splits, no waiting, never a module that cannot take the robot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support import Connection, Session, Sessions, assert_refused, install_clock, pairs, register, shift_clock

SHARES = "select module_name, share from capataz.routing_table where robot_type = 'OCR'"
ROUTE = "select capataz.route_robot('OCR')"
UNHEALTHY = "update capataz.module_registry set health_status = 'UNHEALTHY' where module_name = %s"
SUBMIT = "select s.module_name from capataz.submit_robot('OCR') as s"


@pytest.fixture
def five(db: Connection) -> dict[str, float]:
    """Five modules of different capacity, score and utilization; the ideal share of each."""
    for number, units in enumerate((2, 4, 8, 16, 24), start=1):
        register(db, f"M{number}", max_concurrency=units)
    db.execute("update capataz.module_registry set performance_score = 0.70 where module_name in ('M2', 'M5')")
    db.execute("update capataz.module_registry set capacity_utilization = 0.25 where module_name in ('M3', 'M4')")
    return pairs(db, SHARES)


def worst(chosen: Sequence[str], shares: dict[str, float]) -> float:
    """How far the module that strays furthest is from its ideal number, in percent of that."""
    found = Counter(chosen)
    assert set(found) <= set(shares)
    ideal = {name: share * len(chosen) for name, share in shares.items()}
    return max(100 * abs(found[name] - wanted) / wanted for name, wanted in ideal.items())


def test_ten_thousand_submits_of_several_sessions_land_within_five_percent(
    db: Connection, five: dict[str, float], connect: Callable[..., Connection]
) -> None:
    def one_by_one(count: int) -> None:
        connection = connect()
        for _ in range(count):
            connection.execute(SUBMIT)

    def in_bulk(size: int) -> None:
        connection = connect()
        robots = Jsonb([{"robot_type": "OCR"}] * size)
        for _ in range(2500 // size):
            connection.execute("select count(*) from capataz.submit_robots(%s)", [robots])

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(one_by_one, 2500), pool.submit(one_by_one, 2500)]
        done += [pool.submit(in_bulk, 50), pool.submit(in_bulk, 500)]
        for future in done:
            future.result()
    chosen = [row[0] for row in db.execute("select module_name from capataz.robots").fetchall()]
    assert len(chosen) == 10_000
    assert worst(chosen, five) < 5


def test_sessions_that_route_once_only_spread_as_well(
    five: dict[str, float], connect: Callable[..., Connection]
) -> None:
    chosen = []
    for _ in range(300):
        connection = connect()
        chosen.append(connection.execute(ROUTE).fetchall()[0][0])
        connection.close()
    ideal = {name: share * len(chosen) for name, share in five.items()}
    assert all(abs(Counter(chosen)[name] - wanted) <= 3 for name, wanted in ideal.items())


def test_types_that_take_turns_do_not_disturb_each_other(db: Connection) -> None:
    for number, units in enumerate((1, 2, 3, 4, 5), start=1):
        register(db, f"M{number}", ["OCR", "SCAN", "MAIL"], max_concurrency=units)
    shares = pairs(db, SHARES)
    chosen: dict[str, list[str]] = {"OCR": [], "SCAN": [], "MAIL": []}
    for _ in range(1000):
        for kind, names in chosen.items():
            names.append(db.execute("select capataz.route_robot(%s)", [kind]).fetchall()[0][0])
    assert all(worst(names, shares) < 5 for names in chosen.values())


def test_a_module_that_stops_is_chosen_by_nobody_from_then_on(
    db: Connection, connect: Callable[..., Connection]
) -> None:
    register(db, "A")
    register(db, "B")
    others = [connect() for _ in range(3)]
    for turn in range(20):
        stopped, going = ("A", "B") if turn % 2 else ("B", "A")
        for connection in others:
            connection.execute(ROUTE)
        if turn % 3:
            db.execute("select capataz.deactivate_module(%s)", [stopped])
        else:
            db.execute(UNHEALTHY, [stopped])
        for connection in others:
            assert {connection.execute(SUBMIT).fetchall()[0][0] for _ in range(4)} == {going}
        db.execute("select capataz.activate_module(%s)", [stopped])
        for connection in others:
            assert {connection.execute(ROUTE).fetchall()[0][0] for _ in range(8)} == {"A", "B"}


def test_nobody_waits_for_a_refresh_and_nobody_gets_a_module_that_stopped(
    db: Connection, new_session: Sessions
) -> None:
    install_clock(db)
    register(db, "A", ["OCR", "SCAN"])
    register(db, "B")
    a, b = new_session(), new_session()
    a.value(ROUTE)
    shift_clock(db, 61)
    a.begin()
    a.value(ROUTE)  # refreshes, and keeps its transaction open
    assert {b.must_not_wait(SUBMIT)[0][0] for _ in range(8)} == {"A", "B"}
    db.execute("select capataz.deactivate_module('B')")
    assert {b.must_not_wait(SUBMIT)[0][0] for _ in range(8)} == {"A"}
    rows = b.must_not_wait(
        "select s.module_name from capataz.submit_robots(%s) as s", [Jsonb([{"robot_type": "OCR"}] * 9)]
    )
    assert {row[0] for row in rows} == {"A"}
    register(db, "New", ["NEW"])
    assert b.must_not_wait("select capataz.route_robot('NEW')") == [("New",)]
    db.execute("update capataz.module_registry set supported_robot_types = '{OCR}' where module_name = 'A'")
    assert_refused(b.start("select capataz.route_robot('SCAN')").exception(30), "RB503")
    shift_clock(db, 120)  # what is stored is too old by now
    assert {b.must_not_wait(SUBMIT)[0][0] for _ in range(8)} == {"A"}
    a.commit()
    assert {b.must_not_wait(SUBMIT)[0][0] for _ in range(8)} == {"A"}


def test_a_registration_counts_once_it_is_committed(db: Connection, new_session: Sessions) -> None:
    register(db, "A")
    a, b = new_session(), new_session()
    a.begin()
    register(a.connection, "B")
    assert {a.value(ROUTE) for _ in range(8)} == {"A", "B"}
    assert {b.must_not_wait(SUBMIT)[0][0] for _ in range(8)} == {"A"}
    a.commit()
    assert {b.must_not_wait(SUBMIT)[0][0] for _ in range(8)} == {"A", "B"}
    a.begin()
    register(a.connection, "C")
    assert {a.value(ROUTE) for _ in range(12)} == {"A", "B", "C"}
    a.rollback()
    assert {a.value(ROUTE) for _ in range(12)} == {"A", "B"}


def test_the_error_names_the_reason_of_each_candidate(db: Connection, new_session: Sessions) -> None:
    for name in ("Broken", "Off", "Other"):
        register(db, name, ["OCR"] if name != "Other" else ["SCAN"])
    session: Session = new_session()
    assert session.value(ROUTE) in ("Broken", "Off")
    db.execute(UNHEALTHY, ["Broken"])
    db.execute("select capataz.deactivate_module('Off')")
    for query in (ROUTE, SUBMIT, 'select * from capataz.submit_robots(\'[{"robot_type": "OCR"}]\')'):
        with pytest.raises(psycopg.Error) as caught:
            session.rows(query)
        assert_refused(caught.value, "RB503")
        assert caught.value.diag.message_detail == 'robot_type is "OCR". Broken: UNHEALTHY; Off: inactive.'

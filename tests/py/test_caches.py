"""Caches with several sessions: one refreshes, nobody waits, no commit is missed; and the client's own cache."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from capataz import AsyncCapataz, Capataz, NotFound, local_cache
from capataz.calls import Call
from capataz.local_cache import LocalCache
from support import (
    PATIENCE,
    Connection,
    Session,
    Sessions,
    install_clock,
    pairs,
    register,
    shift_clock,
    wait_until,
)

MODULES = "select string_agg(e ->> 'module_name', ' ') from json_array_elements(capataz.cached('active_modules')) as e"
ROUTES = (
    "select coalesce(string_agg(e ->> 'module_name', ' '), '')"
    " from json_array_elements(capataz.cached('routing_table') -> 'OCR') as e"
)
REFRESHES = "select cache_name, refresh_count from capataz.cache_statistics()"
STALE = "select s.is_stale from capataz.cache_statistics() as s where s.cache_name = 'routing_table'"


@pytest.fixture
def a(db: Connection, new_session: Sessions) -> Session:
    """The session that comes first; there is module A, the caches are warm, and the clock can be moved."""
    install_clock(db)
    register(db, "A")
    db.execute("select capataz.warm_caches()")
    return new_session()


def set_health(connection: Connection, health: str, module: str = "A") -> None:
    connection.execute("update capataz.module_registry set health_status = %s where module_name = %s", [health, module])


def refreshes(connection: Connection) -> dict[str, int]:
    return pairs(connection, REFRESHES)


# one refreshes, the others go on


def test_others_get_the_previous_value_while_one_refreshes(db: Connection, a: Session, new_session: Sessions) -> None:
    register(db, "B")
    shift_clock(db, 301)
    a.begin()
    assert a.value(MODULES) == "A B"
    for _ in range(3):
        assert new_session().must_not_wait(MODULES) == [("A",)]
    assert refreshes(db)["active_modules"] == 1
    a.commit()
    assert new_session().value(MODULES) == "A B"
    assert refreshes(db)["active_modules"] == 2


def test_where_there_is_no_previous_value_others_compute(db: Connection, a: Session, b: Session) -> None:
    db.execute("update capataz_ops.caches set value = null, refreshed_at = null")
    a.begin()
    assert a.value(MODULES) == "A"
    register(db, "B")
    assert b.must_not_wait(MODULES) == [("A B",)]
    a.commit()
    assert b.value(MODULES) == "A"  # what a has computed, until it is stale
    assert refreshes(db)["active_modules"] == 2


def test_a_refresh_that_hangs_does_not_keep_others_with_an_old_value(db: Connection, a: Session, b: Session) -> None:
    shift_clock(db, 301)
    a.begin()
    a.value(MODULES)
    register(db, "B")
    assert b.must_not_wait(MODULES) == [("A",)]
    shift_clock(db, 300)  # the value that others see is more than two lifetimes old now
    assert b.must_not_wait(MODULES) == [("A B",)]
    assert refreshes(db)["active_modules"] == 1
    a.commit()


def test_an_undone_refresh_leaves_things_as_they_were(db: Connection, a: Session, b: Session) -> None:
    register(db, "B")
    shift_clock(db, 301)
    a.begin()
    assert a.value(MODULES) == "A B"
    a.rollback()
    assert refreshes(db)["active_modules"] == 1
    assert b.value(MODULES) == "A B"
    assert refreshes(db)["active_modules"] == 2


def test_no_stampede(db: Connection, a: Session, connect: Callable[..., Connection]) -> None:
    opened = [connect() for _ in range(12)]
    barrier = threading.Barrier(len(opened))

    def read(connection: Connection) -> None:
        barrier.wait()
        for name in ("active_modules", "routing_table", "performance_scoreboard", "system_health"):
            assert connection.execute("select capataz.cached(%s) is not null", [name]).fetchall() == [(True,)]

    with ThreadPoolExecutor(len(opened)) as pool:
        for turn in range(5):
            shift_clock(db, 601)
            list(pool.map(read, opened))
            assert set(refreshes(db).values()) == {turn + 2}


def test_warming_passes_by_what_another_session_refreshes(db: Connection, a: Session, b: Session) -> None:
    shift_clock(db, 601)
    a.begin()
    a.value(MODULES)
    assert b.must_not_wait("select capataz.warm_caches()") == [(3,)]
    a.commit()


# changes


def test_a_change_is_seen_once_it_is_committed(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    set_health(a.connection, "UNHEALTHY")
    assert b.must_not_wait(ROUTES) == [("A",)]
    assert b.value(STALE) is False
    assert a.value(ROUTES) == ""
    a.commit()
    assert b.value(ROUTES) == ""


def test_an_undone_change_makes_nothing_stale(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    set_health(a.connection, "UNHEALTHY")
    a.rollback()
    assert b.value(STALE) is False
    assert b.value(ROUTES) == "A"
    assert refreshes(db)["routing_table"] == 1


def test_a_change_that_commits_after_a_refresh_is_not_missed(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    set_health(a.connection, "UNHEALTHY")  # its transaction is older than the refresh
    register(db, "B")
    assert b.value(ROUTES) == "A B"
    assert b.value(STALE) is False
    a.commit()
    assert b.value(STALE) is True
    assert b.value(ROUTES) == "B"


def test_a_change_made_while_a_refresh_is_open_is_not_missed(db: Connection, a: Session, b: Session) -> None:
    register(db, "B")
    a.begin()
    assert a.value(ROUTES) == "A B"
    set_health(db, "UNHEALTHY")  # committed after a has computed, before a commits
    assert b.must_not_wait(ROUTES) == [("A",)]
    a.commit()
    assert b.value(ROUTES) == "B"


def test_a_second_change_of_the_refreshing_transaction_is_not_missed(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    set_health(a.connection, "UNHEALTHY")
    assert a.value(ROUTES) == ""
    set_health(a.connection, "HEALTHY")
    assert b.must_not_wait(ROUTES) == [("A",)]
    a.commit()
    assert b.value(ROUTES) == "A"
    a.begin()
    set_health(a.connection, "UNHEALTHY")
    assert a.value(ROUTES) == ""
    a.commit()
    count = refreshes(db)["routing_table"]
    assert b.value(ROUTES) == ""
    assert refreshes(db)["routing_table"] == count  # the refresh of a shows its change: no other is needed


def test_own_changes_are_seen_while_another_session_refreshes(db: Connection, a: Session, b: Session) -> None:
    shift_clock(db, 61)
    b.begin()
    b.value(ROUTES)
    a.begin()
    register(a.connection, "Mine", ["MINE", "OCR"])
    assert a.must_not_wait(ROUTES) == [("A Mine",)]
    assert a.must_not_wait("select capataz.route_robot('MINE')") == [("Mine",)]
    assert b.value(ROUTES) == "A"
    a.commit()
    b.commit()
    assert b.value(ROUTES) == "A Mine"


def test_changes_wait_for_nobody(db: Connection, a: Session, b: Session, new_session: Sessions) -> None:
    register(db, "B")
    c = new_session()
    shift_clock(db, 61)
    a.begin()
    a.value(ROUTES)
    b.begin()
    b.must_not_wait("update capataz.module_registry set capacity_utilization = 0.50 where module_name = 'A'")
    c.must_not_wait("update capataz.module_registry set capacity_utilization = 0.50 where module_name = 'B'")
    b.commit()
    a.commit()
    assert db.execute("select round(weight::numeric, 2) from capataz.routing_table").fetchall() == [(0.5,), (0.5,)]
    assert c.value(STALE) is True


def test_many_changes_and_reads_at_once_end_in_the_truth(
    db: Connection, a: Session, connect: Callable[..., Connection]
) -> None:
    for name in ("B", "C", "D"):
        register(db, name)
    stop = threading.Event()

    def change(name: str) -> None:
        connection = connect()
        for turn in range(60):
            set_health(connection, "UNHEALTHY" if turn % 2 else "HEALTHY", name)

    def read(_: int) -> None:
        connection = connect()
        while not stop.is_set():
            connection.execute("select capataz.cached('routing_table')")

    with ThreadPoolExecutor(7) as pool:
        readers = [pool.submit(read, n) for n in range(3)]
        for done in [pool.submit(change, name) for name in ("A", "B", "C", "D")]:
            done.result(PATIENCE)
        stop.set()
        for done in readers:
            done.result(PATIENCE)
    assert db.execute(ROUTES).fetchall() == [("",)]
    set_health(db, "HEALTHY", "C")
    assert db.execute(ROUTES).fetchall() == [("C",)]
    assert db.execute("select count(*) from capataz_ops.cache_invalidations").fetchall()[0][0] <= 2


# isolation levels


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_read_in_a_stricter_isolation_level_never_fails(level: str, db: Connection, a: Session, b: Session) -> None:
    shift_clock(db, 601)
    a.connection.execute(f"begin isolation level {level}".encode())
    assert a.value("select count(*) from capataz.module_registry") == 1
    register(db, "B")
    assert b.value(MODULES) == "A B"
    assert b.value(ROUTES) == "A B"
    # stale in its snapshot, refreshed by b since: computed from its snapshot, nothing stored
    assert a.must_not_wait(MODULES) == [("A",)]
    assert a.must_not_wait(ROUTES) == [("A",)]
    assert a.must_not_wait("select capataz.route_robot('OCR')") == [("A",)]
    assert a.must_not_wait("select s.module_name from capataz.submit_robot('OCR') as s") == [("A",)]
    a.commit()
    assert refreshes(db)["active_modules"] == refreshes(db)["routing_table"] == 2


def test_a_change_in_repeatable_read_makes_the_cache_stale_too(db: Connection, a: Session, b: Session) -> None:
    a.connection.execute("begin isolation level repeatable read")
    set_health(a.connection, "UNHEALTHY")
    assert a.value(ROUTES) == ""
    a.commit()
    assert b.value(ROUTES) == ""


def test_a_read_only_session_reads_and_routes(db: Connection, a: Session, connect: Callable[..., Connection]) -> None:
    register(db, "B")
    shift_clock(db, 601)
    reader = connect(options="-c default_transaction_read_only=on")
    assert reader.execute(MODULES).fetchall() == [("A B",)]
    assert {reader.execute("select capataz.route_robot('OCR')").fetchall()[0][0] for _ in range(40)} == {"A", "B"}
    assert refreshes(db)["active_modules"] == 1


# counting


def test_a_fresh_read_writes_nothing(db: Connection, a: Session) -> None:
    a.value(MODULES)
    a.begin()
    for _ in range(200):
        a.value(MODULES)
        a.value("select capataz.route_robot('OCR')")
    assert a.value("select pg_current_xact_id_if_assigned()") is None
    a.commit()
    assert a.value("select hits from capataz.cache_statistics() where cache_name = 'active_modules'") == 201
    assert db.execute("select * from capataz_ops.cache_counters").fetchall() == []


def test_counts_of_ended_sessions_stay(db: Connection, a: Session, connect: Callable[..., Connection]) -> None:
    shift_clock(db, 601)
    reader = connect()
    pid = reader.info.backend_pid
    for _ in range(3):
        reader.execute("select capataz.cached('active_modules')")
        shift_clock(db, 601)
    reader.close()
    deadline = time.monotonic() + PATIENCE
    while db.execute("select from pg_stat_activity where pid = %s", [pid]).fetchall():
        assert time.monotonic() < deadline
    db.execute("select capataz.warm_caches()")
    counters = db.execute(
        "select backend_pid, hits, misses from capataz_ops.cache_counters where cache_name = 'active_modules'"
    )
    assert counters.fetchall() == [(0, 0, 3)]


def test_each_change_is_announced_once_when_it_is_committed(db: Connection, a: Session) -> None:
    register(db, "B")
    a.connection.execute("listen capataz_cache")
    db.execute("begin")
    db.execute("update capataz.module_registry set performance_score = 0.50")
    for name in ("A", "B"):
        set_health(db, "UNHEALTHY", name)
    db.execute("commit")
    db.execute("update capataz.module_registry set error_count_24h = 1 where false")
    db.execute("notify capataz_cache, 'end'")
    heard = []
    for notification in a.connection.notifies(timeout=PATIENCE):
        heard.append(notification.payload)
        if notification.payload == "end":
            break
    assert heard == ["performance_scoreboard", "routing_table", "end"]


# the client's own cache


def names(value: Any) -> list[str]:
    return [row["module_name"] for row in value.get("OCR", [])]


def reads(connection: Connection, client: Capataz, cache_name: str = "routing_table") -> int:
    """Reads that the client's session has made, by its own count."""
    del connection
    return {s.cache_name: s.hits + s.misses for s in client.cache_statistics()}[cache_name]


def test_typed_answers(dsn: str, db: Connection) -> None:
    register(db, "A", max_concurrency=4)
    with Capataz(dsn, pool_size=1) as client:
        assert client.warm_caches() == 4
        assert client.cached("routing_table")["OCR"][0]["weight"] == 4
        assert names(client.cached("routing_table")) == ["A"]
        statistics = {s.cache_name: s for s in client.cache_statistics()}
        routing = statistics["routing_table"]
        assert (routing.ttl_seconds, routing.is_stale, routing.hits, routing.misses) == (60, False, 2, 0)
        assert (routing.hit_rate, routing.refresh_count) == (100, 1)
        assert routing.age_seconds is not None
        assert routing.refresh_ms is not None
        with pytest.raises(NotFound):
            client.cached("bogus")


def test_a_client_keeps_values_while_they_live(dsn: str, db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        at = 1000.0

        def monotonic(self) -> float:
            return self.at

    clock = Clock()
    monkeypatch.setattr(local_cache, "time", clock)
    register(db, "A")
    with Capataz(dsn, pool_size=1, local_cache=True, listen=False) as client:
        assert names(client.cached("routing_table")) == ["A"]  # refreshed by this very call: not kept yet
        assert names(client.cached("routing_table")) == ["A"]
        before = reads(db, client)
        register(db, "B")
        for _ in range(5):
            assert names(client.cached("routing_table")) == ["A"]  # without LISTEN its lifetime alone counts
        assert reads(db, client) == before
        clock.at += 61
        assert names(client.cached("routing_table")) == ["A", "B"]
        assert client.using(db).cached("routing_table") == client.cached("routing_table")
        with pytest.raises(NotFound):
            client.cached("bogus")


def test_a_client_without_local_cache_reads_every_time(dsn: str, db: Connection) -> None:
    register(db, "A")
    with Capataz(dsn, pool_size=1) as client:
        for n in range(4):
            client.cached("routing_table")
            assert reads(db, client) == n + 1


def listeners(connection: Connection) -> list[int]:
    rows = connection.execute(
        "select pid from pg_stat_activity where application_name = 'capataz (cache)' and query = %s and state = 'idle'",
        ['listen "capataz_cache"'],
    )
    return [row[0] for row in rows.fetchall()]


def test_a_client_drops_a_value_on_notify(dsn: str, db: Connection) -> None:
    lifetime = 60  # of the routing table, seconds
    register(db, "A")
    db.execute("select capataz.warm_caches()")
    with Capataz(dsn, pool_size=1, local_cache=True) as client:
        client.cached("routing_table")
        wait_until(lambda: bool(listeners(db)))
        before = -1
        while reads(db, client) != before:  # until it is kept
            before = reads(db, client)
            client.cached("routing_table")
        register(db, "B")
        wait_until(lambda: names(client.cached("routing_table")) == ["A", "B"], lifetime / 2)

        # a lost listener comes back, and nothing is missed
        [pid] = listeners(db)
        db.execute("select pg_terminate_backend(%s)", [pid])
        wait_until(lambda: listeners(db) not in ([], [pid]))
        register(db, "C")
        wait_until(lambda: names(client.cached("routing_table")) == ["A", "B", "C"], lifetime / 2)
    wait_until(lambda: not listeners(db))


def test_an_asyncio_client_keeps_and_drops(dsn: str, db: Connection) -> None:
    register(db, "A")
    db.execute("select capataz.warm_caches()")

    async def main() -> None:
        async with AsyncCapataz(dsn, pool_size=1, local_cache=True) as client:

            async def count() -> int:
                return {s.cache_name: s.hits + s.misses for s in await client.cache_statistics()}["routing_table"]

            assert names(await client.cached("routing_table")) == ["A"]
            while not listeners(db):
                await asyncio.sleep(0.01)
            before = -1
            while await count() != before:
                before = await count()
                await client.cached("routing_table")
            register(db, "B")
            async with asyncio.timeout(PATIENCE / 2):
                while names(await client.cached("routing_table")) != ["A", "B"]:
                    await asyncio.sleep(0.01)
            with pytest.raises(NotFound):
                await client.cached("bogus")

    asyncio.run(main())
    wait_until(lambda: not listeners(db))


PROCESS = """
import sys, time
from capataz import Capataz
with Capataz(sys.argv[1], local_cache=True) as client:
    while True:
        names = [row["module_name"] for row in client.cached("routing_table").get("OCR", [])]
        print(*names, flush=True)
        if len(names) == 2:
            break
        time.sleep(0.01)
"""


def test_another_process_learns_of_a_change(dsn: str, db: Connection) -> None:
    register(db, "A")
    db.execute("select capataz.warm_caches()")
    with subprocess.Popen([sys.executable, "-c", PROCESS, dsn], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == ["A"]
        wait_until(lambda: bool(listeners(db)))
        begun = time.monotonic()
        register(db, "B")
        lines = process.stdout.read().splitlines()
        assert time.monotonic() - begun < PATIENCE / 2
        assert lines[-1].split() == ["A", "B"]
    assert process.returncode == 0


def test_a_stale_value_or_one_dropped_meanwhile_is_not_kept() -> None:
    cache = LocalCache()
    calls: list[Call[Any]] = []

    def answer(is_stale: bool, meanwhile: Callable[[], None] = lambda: None) -> Callable[[Call[Any]], Any]:
        def execute(call: Call[Any]) -> Any:
            calls.append(call)
            meanwhile()
            return (is_stale, 1000.0, len(calls))

        return execute

    assert cache.read("x", answer(True)) == 1
    assert cache.read("x", answer(False, lambda: cache.drop("x"))) == 2
    assert cache.read("x", answer(False, lambda: cache.drop("other"))) == 3
    assert cache.read("x", answer(False)) == 4
    assert cache.read("x", answer(False)) == 4
    cache.drop("other")
    assert cache.read("x", answer(False)) == 4
    cache.drop()
    assert cache.read("x", answer(False)) == 5


def test_a_client_on_a_connection_keeps_nothing(dsn: str, db: Connection) -> None:
    register(db, "A")
    with psycopg.connect(dsn, autocommit=True) as connection:
        client = Capataz(connection=connection, local_cache=True)
        assert names(client.cached("routing_table")) == ["A"]
        db.execute("select capataz.register_module('B', '1.0', array['OCR'], p_registration_data => %s)", [Jsonb({})])
        assert names(client.cached("routing_table")) == ["A", "B"]

"""Two sessions: bulk submits with ids and keys never wait in a circle; a limit is hard while it is being set."""

from __future__ import annotations

import json
import threading
from typing import Any

import psycopg


def open_connection(dsn: str) -> psycopg.Connection[tuple[Any, ...]]:
    """An autocommit connection."""
    return psycopg.connect(dsn, autocommit=True)


def one(connection: psycopg.Connection[tuple[Any, ...]], query: str, *arguments: Any) -> Any:
    """The single value of a query."""
    row = connection.execute(query, arguments).fetchone()
    assert row is not None
    return row[0]


def test_bulk_submits_with_ids_and_a_key_never_deadlock(dsn: str) -> None:
    """Ids are taken in their order before keys, whatever the order of the elements; one call wins, one gets RB409."""
    with open_connection(dsn) as connection:
        connection.execute("select capataz.register_module('Bulk', '1', array['BULK'])")
    ids = [f"id-{number:03}" for number in range(200)]

    def payload(names: list[str], key: str) -> str:
        robots: list[dict[str, str]] = [{"robot_type": "BULK", "robot_id": name} for name in names]
        robots.insert(100, {"robot_type": "BULK", "cache_key": key, "robot_id": f"keyed-{key}"})
        return json.dumps(robots)

    for turn in range(5):
        names = [f"{name}-{turn}" for name in ids]
        states: list[str | None] = []
        barrier = threading.Barrier(2)

        def submit(robots: str, barrier: threading.Barrier = barrier, states: list[str | None] = states) -> None:
            with open_connection(dsn) as connection:
                barrier.wait()
                try:
                    connection.execute("select count(*) from capataz.submit_robots(%s)", [robots])
                    states.append(None)
                except psycopg.Error as error:
                    states.append(error.sqlstate)

        threads = [
            threading.Thread(target=submit, args=[payload(names, f"a{turn}")]),
            threading.Thread(target=submit, args=[payload(names[::-1], f"b{turn}")]),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(states, key=str) == [None, "RB409"]


def test_a_limit_waits_for_claims_under_way(dsn: str) -> None:
    """Setting max_concurrency on a running module counts the claim that is not yet committed."""
    with open_connection(dsn) as first, open_connection(dsn) as second, open_connection(dsn) as third:
        first.execute("select capataz.register_module('Late', '1', array['LATE'])")
        first.execute(
            "select capataz.submit_robots((select jsonb_agg(jsonb_build_object('robot_type', 'LATE'))"
            " from generate_series(1, 30)))"
        )
        first.execute("begin")
        assert one(first, "select count(*) from capataz.claim_robots('Late', 10)") == 10

        limited = threading.Thread(
            target=second.execute,
            args=[
                """select capataz.register_module('Late', '1', array['LATE'],
                     p_registration_data => '{"max_concurrency": 3}')"""
            ],
        )
        limited.start()
        while not one(
            third,
            "select count(*) from pg_locks where not granted and pid = %s",
            second.info.backend_pid,
        ):
            pass
        assert one(third, "select count(*) from capataz.claim_robots('Late', 10)") == 0, "nobody waits for the limit"
        first.execute("commit")
        limited.join()
        assert one(third, "select count(*) from capataz.claim_robots('Late', 10)") == 0, "10 run, 3 are allowed"
        assert one(third, "select sum(free_count) from capataz_ops.module_permits where module_name = 'Late'") == -7


def test_a_limit_taken_away_and_given_back_stays_hard(dsn: str) -> None:
    """max_concurrency 3, none, 3 again while a claim is open: at most 3 run."""
    setting = "select capataz.register_module('Gone', '1', array['GONE'], p_registration_data => %s)"
    with open_connection(dsn) as first, open_connection(dsn) as second:
        first.execute(setting, ['{"max_concurrency": 3}'])
        first.execute(
            "select capataz.submit_robots((select jsonb_agg(jsonb_build_object('robot_type', 'GONE'))"
            " from generate_series(1, 30)))"
        )
        first.execute("begin")
        assert one(first, "select count(*) from capataz.claim_robots('Gone', 2)") == 2

        def toggle() -> None:
            second.execute(setting, ['{"max_concurrency": null}'])
            second.execute(setting, ['{"max_concurrency": 3}'])

        thread = threading.Thread(target=toggle)
        thread.start()
        first.execute("commit")
        thread.join()
        assert one(second, "select count(*) from capataz.claim_robots('Gone', 10)") == 1
        assert one(first, "select count(*) from capataz.robot_execute where completed_at is null") == 3

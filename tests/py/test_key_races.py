"""API keys that several sessions change at once: what was revoked stays revoked, and no change is lost.

Whoever changes a key locks the row of its module first, and reads the key after that (``_lock_key``, ADR 0020).
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from support import (
    MODULE,
    PATIENCE,
    Connection,
    Session,
    Sessions,
    assert_refused,
    check_invariants,
    claim,
    register,
    result_of,
    submit,
)

ISSUE = f"select capataz.issue_api_key('{MODULE}', 'another', array['read'])"
ROTATE = "select capataz.rotate_api_key(%s, %s)"
REVOKE = "select capataz.revoke_api_key(%s)"
DAY = 86400


@pytest.fixture
def a(db: Connection, new_session: Sessions) -> Session:
    """The session that comes first; the module has a limit, so that claims take permits too."""
    register(db, max_concurrency=50, failure_threshold=100000, retry_policy={"base_seconds": 0})
    return new_session()


@pytest.fixture
def key_id(a: Session) -> str:
    """Id of a key of the module."""
    return id_of(a.value(f"select capataz.issue_api_key('{MODULE}', 'billing', array['submit', 'read', 'work'])"))


def id_of(key: str) -> str:
    """The public part of a key."""
    return key.split("_")[1]


def keys(connection: Connection) -> dict[str, tuple[str, float | None, bool]]:
    """Label, seconds until it expires and whether it was revoked, of each key. What is typed is what is registered."""
    typed = connection.execute(
        """
        select k.key_id, k.label, k.expires_at, k.revoked_at, k.key_hash, k.scopes
        from capataz_ops.api_keys as k
        order by 1
        """
    ).fetchall()
    registered = connection.execute(
        """
        select k.key, f.label, f.expires_at, f.revoked_at, f.hash, f.scopes
        from capataz.module_registry as m
        cross join jsonb_each(m.registration_data -> 'api_keys') as k (key, value)
        cross join jsonb_to_record(k.value) as f (
          label text, expires_at timestamp, revoked_at timestamp, hash text, scopes text[]
        )
        order by 1
        """
    ).fetchall()
    assert typed == registered
    [(now,)] = connection.execute("select timezone('UTC', clock_timestamp())").fetchall()
    return {
        row[0]: (row[1], None if row[2] is None else (row[2] - now).total_seconds(), row[3] is not None)
        for row in typed
    }


def test_a_key_that_is_revoked_while_it_is_rotated_stays_revoked(
    db: Connection, a: Session, b: Session, key_id: str
) -> None:
    a.begin()
    assert a.value(REVOKE, [key_id]) is True
    rotating = b.start_and_wait_for_lock(ROTATE, [key_id, DAY])
    a.commit()
    assert_refused(rotating.exception(PATIENCE), "RB409")
    # no successor came into being, nor did the rotation give the revoked key another day
    assert keys(db) == {key_id: ("billing", None, True)}


def test_a_key_that_is_rotated_while_it_is_revoked_ends_too(
    db: Connection, a: Session, b: Session, key_id: str
) -> None:
    a.begin()
    successor = id_of(a.value(ROTATE, [key_id, DAY]))
    revoking = b.start_and_wait_for_lock(REVOKE, [key_id])
    a.commit()
    assert result_of(revoking) == [(True,)]
    found = keys(db)
    assert found[key_id][2]
    assert found[successor] == ("billing", None, False)
    assert len(found) == 2


def test_an_undone_rotation_leaves_the_key_to_the_next(db: Connection, a: Session, b: Session, key_id: str) -> None:
    a.begin()
    a.value(ROTATE, [key_id, 0])
    rotating = b.start_and_wait_for_lock(ROTATE, [key_id, DAY])
    a.rollback()
    [(successor,)] = result_of(rotating)
    assert set(keys(db)) == {key_id, id_of(successor)}


def test_the_shorter_overlap_of_two_rotations_counts(db: Connection, a: Session, b: Session, key_id: str) -> None:
    a.begin()
    a.value(ROTATE, [key_id, 60])
    rotating = b.start_and_wait_for_lock(ROTATE, [key_id, DAY])
    a.commit()
    result_of(rotating)
    found = keys(db)
    _, left, revoked = found[key_id]
    assert left is not None
    assert left <= 60
    assert not revoked
    assert len(found) == 3


def test_a_key_is_revoked_once(db: Connection, a: Session, b: Session, key_id: str) -> None:
    a.begin()
    assert a.value(REVOKE, [key_id]) is True
    revoking = b.start_and_wait_for_lock(REVOKE, [key_id])
    a.commit()
    before = db.execute("select revoked_at from capataz_ops.api_keys").fetchall()
    assert result_of(revoking) == [(False,)]
    assert db.execute("select revoked_at from capataz_ops.api_keys").fetchall() == before


@pytest.mark.parametrize("change", ["revoke", "rotate", "issue"])
@pytest.mark.parametrize("first", [True, False])
def test_a_key_that_is_issued_meanwhile_is_kept(
    db: Connection, a: Session, b: Session, key_id: str, change: str, first: bool
) -> None:
    changes: dict[str, tuple[str, list[object]]] = {
        "revoke": (REVOKE, [key_id]),
        "rotate": (ROTATE, [key_id, DAY]),
        "issue": (ISSUE, []),
    }
    calls = [changes[change], (ISSUE, [])]
    if not first:
        calls.reverse()
    a.begin()
    a.value(*calls[0])
    waiting = b.start_and_wait_for_lock(*calls[1])
    a.commit()
    result_of(waiting)
    found = keys(db)
    assert len(found) == (2 if change == "revoke" else 3)
    assert found[key_id][2] is (change == "revoke")
    assert (found[key_id][1] is not None) is (change == "rotate")


@pytest.mark.parametrize("change", [REVOKE, "select capataz.rotate_api_key(%s)"])
def test_claims_and_submits_do_not_wait_for_a_key_that_changes(
    db: Connection, a: Session, b: Session, key_id: str, change: str
) -> None:
    submit(db, 4)
    [(_, running)] = claim(db)
    a.begin()
    a.value(change, [key_id])
    b.must_not_wait(f"select capataz.submit_robot('OCR', '{{}}', '{MODULE}')")
    assert len(b.must_not_wait(f"select c.execute_id from capataz.claim_robots('{MODULE}', 2) as c")) == 2
    b.must_not_wait("select capataz.complete_execution(%s)", [running])
    a.commit()
    check_invariants(db)


@pytest.mark.parametrize("change", [REVOKE, "select capataz.rotate_api_key(%s)"])
def test_a_key_changes_beside_an_open_claim_and_a_failure(
    db: Connection, a: Session, b: Session, key_id: str, change: str
) -> None:
    """The failure holds the row of the module, for which the key waits: nobody waits for whoever changes the key."""
    submit(db, 2)
    a.begin()
    [(_, first)] = a.rows(f"select c.robot_id, c.execute_id from capataz.claim_robots('{MODULE}') as c")
    a.value("select capataz.fail_execution(%s, 'broken')::text", [first])
    changing = b.start_and_wait_for_lock(change, [key_id])
    [(_, second)] = a.rows(f"select c.robot_id, c.execute_id from capataz.claim_robots('{MODULE}') as c")
    a.value("select capataz.fail_execution(%s, 'broken')::text", [second])
    a.commit()
    result_of(changing)
    _, left, revoked = keys(db)[key_id]
    assert revoked or left is not None
    check_invariants(db)


def test_a_failure_that_waits_for_a_key_goes_on(db: Connection, a: Session, b: Session, key_id: str) -> None:
    submit(db, 1)
    [(_, running)] = claim(db)
    a.begin()
    a.value(REVOKE, [key_id])
    failing = b.start_and_wait_for_lock("select capataz.fail_execution(%s, 'broken')::text", [running])
    a.value(ISSUE)
    a.commit()
    assert result_of(failing) == [("RETRYING",)]
    check_invariants(db)


def test_keys_and_claims_in_any_order(db: Connection, a: Session, connect: Callable[..., Connection]) -> None:
    """Four sessions issue, rotate and revoke the same keys, two work: no deadlock, no key lost, none alive again."""
    seeds = [id_of(a.value(ISSUE)) for _ in range(4)]
    submit(db, 200, retry_limit=1000)
    numbers = itertools.count(1)

    def change(seed: int) -> tuple[set[str], set[str]]:
        source = random.Random(seed)
        connection = connect()
        made: set[str] = set()
        revoked: set[str] = set()
        for _ in range(40):
            target = source.choice(seeds)
            try:
                match source.randrange(6):
                    case 0:
                        connection.execute(REVOKE, [target])
                        revoked.add(target)
                    case 1:
                        issued = id_of(connection.execute(ISSUE).fetchall()[0][0])
                        made.add(issued)
                        seeds.append(issued)
                    case _:
                        made.add(id_of(connection.execute(ROTATE, [target, DAY]).fetchall()[0][0]))
            except psycopg.Error as error:
                if error.sqlstate != "RB409":
                    raise
        return made, revoked

    def work() -> None:
        connection = connect()
        while next(numbers) <= 120:
            with connection.transaction():
                for _, execute_id in claim(connection, 2):
                    if next(numbers) % 3:
                        connection.execute("select capataz.fail_execution(%s, 'broken')", [execute_id])
                    else:
                        connection.execute("select capataz.complete_execution(%s)", [execute_id])

    known = set(seeds)
    with ThreadPoolExecutor(6) as pool:
        workers = [pool.submit(work) for _ in range(2)]
        changes = [pool.submit(change, seed) for seed in range(4)]
        revoked: set[str] = set()
        for part in changes:
            made, ended = part.result(PATIENCE)
            known |= made
            revoked |= ended
        for worker in workers:
            worker.result(PATIENCE)
    found = keys(db)
    assert set(found) == known
    assert {key for key, (_, _, ended) in found.items() if ended} == revoked
    check_invariants(db)

"""Two sessions, one robot: every race of the API, made deterministic by open transactions and by waiting for the lock.

A session that must wait is seen waiting (pg_stat_activity) before the other one goes on; one that must not wait is
cancelled, and the test fails, as soon as it does.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

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
    claim_one,
    error_of,
    execution,
    install_clock,
    module_row,
    pairs,
    register,
    result_of,
    robot,
    shift_clock,
    submit,
)

COMPLETE = "select capataz.complete_execution(%s)::text"
FAIL = "select capataz.fail_execution(%s, 'broken')::text"
CANCEL = "select capataz.cancel_robot(%s)::text"
EXPIRE = "select capataz.expire_executions()"
CLAIM = f"select c.robot_id, c.execute_id from capataz.claim_robots('{MODULE}', 10) as c"
SUBMIT_KEY = (
    "select s.robot_id, s.status::text, s.cache_hit, s.deduplicated"
    " from capataz.submit_robot('OCR', p_cache_key => 'k') as s"
)


@pytest.fixture
def a(db: Connection, new_session: Sessions) -> Session:
    """The session that comes first; the database has a module, and the clock can be moved."""
    install_clock(db)
    register(db)
    return new_session()


# claim


def test_many_sessions_claim_each_robot_once(db: Connection, connect: Callable[..., Connection]) -> None:
    register(db)
    submitted = submit(db, 600)
    barrier = threading.Barrier(8)

    def work(seed: int) -> list[str]:
        random_source = random.Random(seed)
        connection = connect()
        barrier.wait()
        claimed: list[str] = []
        misses = 0
        # robots that another session holds are skipped, so one empty answer is not the end
        while misses < 3:
            rows = claim(connection, random_source.randint(1, 20))
            claimed.extend(row[0] for row in rows)
            misses = 0 if rows else misses + 1
        return claimed

    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(work, range(8)))
    claimed = Counter(robot_id for part in parts for robot_id in part)
    assert set(claimed.values()) == {1}
    assert sorted(claimed) == sorted(submitted)
    check_invariants(db)


def test_open_claim_is_passed_by(db: Connection, a: Session, b: Session) -> None:
    submit(db, 30)
    a.begin()
    first = a.rows(CLAIM)
    second = b.must_not_wait(CLAIM)
    a.commit()
    assert len(first) == len(second) == 10
    assert not {row[0] for row in first} & {row[0] for row in second}


def test_undone_claim_gives_the_robots_back(db: Connection, a: Session, b: Session) -> None:
    submitted = submit(db, 10)
    a.begin()
    assert len(a.rows(CLAIM)) == 10
    assert b.must_not_wait(CLAIM) == []
    a.rollback()
    assert sorted(row[0] for row in b.rows(CLAIM)) == sorted(submitted)
    check_invariants(db)


# claim and cancel


def test_claim_then_cancel(db: Connection, a: Session, b: Session) -> None:
    [robot_id] = submit(db)
    a.begin()
    [(_, execute_id)] = a.rows(CLAIM)
    cancelling = b.start_and_wait_for_lock(CANCEL, [robot_id])
    a.commit()
    assert result_of(cancelling) == [("FAILED",)]
    assert robot(db, robot_id)["error_category"] == "CANCELLED"
    assert execution(db, execute_id)["execution_state"] == "CANCELLED"
    with pytest.raises(psycopg.Error) as caught:
        a.rows(COMPLETE, [execute_id])
    assert_refused(caught.value, "RB409")
    check_invariants(db)


def test_cancel_then_claim(db: Connection, a: Session, b: Session) -> None:
    [robot_id] = submit(db)
    a.begin()
    a.rows(CANCEL, [robot_id])
    assert b.must_not_wait(CLAIM) == []
    a.commit()
    assert b.rows(CLAIM) == []
    assert robot(db, robot_id)["status"] == "FAILED"


def test_undone_cancel_leaves_the_robot_to_the_claim(db: Connection, a: Session, b: Session) -> None:
    [robot_id] = submit(db)
    a.begin()
    a.rows(CANCEL, [robot_id])
    assert b.must_not_wait(CLAIM) == []
    a.rollback()
    assert [row[0] for row in b.rows(CLAIM)] == [robot_id]


# cancel and complete


def test_cancel_then_complete(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    a.rows(CANCEL, [robot_id])
    completing = b.start_and_wait_for_lock(COMPLETE, [execute_id])
    a.commit()
    assert_refused(error_of(completing), "RB409")
    assert robot(db, robot_id)["status"] == "FAILED"
    assert execution(db, execute_id)["execution_state"] == "CANCELLED"
    check_invariants(db)


def test_undone_cancel_then_complete(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    a.rows(CANCEL, [robot_id])
    completing = b.start_and_wait_for_lock(COMPLETE, [execute_id])
    a.rollback()
    assert result_of(completing) == [("COMPLETED",)]
    assert robot(db, robot_id)["status"] == "COMPLETED"
    check_invariants(db)


def test_complete_then_cancel(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    a.rows(COMPLETE, [execute_id])
    cancelling = b.start_and_wait_for_lock(CANCEL, [robot_id])
    a.commit()
    assert_refused(error_of(cancelling), "RB409")
    assert robot(db, robot_id)["status"] == "COMPLETED"
    check_invariants(db)


def test_fail_then_cancel_of_the_retrying_robot(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    assert a.value(FAIL, [execute_id]) == "RETRYING"
    cancelling = b.start_and_wait_for_lock(CANCEL, [robot_id])
    a.commit()
    assert result_of(cancelling) == [("FAILED",)]
    assert execution(db, execute_id)["execution_state"] == "FAILED"
    assert robot(db, robot_id)["error_category"] == "CANCELLED"
    check_invariants(db)


# an end against the timeout


@pytest.mark.parametrize(("call", "ended"), [(COMPLETE, "COMPLETED"), (FAIL, "RETRYING")])
def test_end_then_expire(db: Connection, a: Session, b: Session, call: str, ended: str) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    assert a.value(call, [execute_id]) == ended
    shift_clock(db, 1801)
    assert b.must_not_wait(EXPIRE) == [(0,)]
    a.commit()
    assert b.value(EXPIRE) == 0
    assert robot(db, robot_id)["status"] == ended
    assert execution(db, execute_id)["error_category"] != "TIMEOUT"
    check_invariants(db)


@pytest.mark.parametrize("call", [COMPLETE, FAIL])
def test_expire_then_end(db: Connection, a: Session, b: Session, call: str) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    shift_clock(a.connection, 1801)  # seen by this transaction alone: the other one is still in time
    assert a.value(EXPIRE) == 1
    ending = b.start_and_wait_for_lock(call, [execute_id])
    a.commit()
    error = error_of(ending)
    assert_refused(error, "RB409")
    assert "FAILED" in str(error.diag.message_detail)
    assert "TIMEOUT" in str(error.diag.message_detail)
    assert robot(db, robot_id)["status"] == "RETRYING"
    assert robot(db, robot_id)["retry_count"] == 1
    check_invariants(db)


@pytest.mark.parametrize("call", [COMPLETE, FAIL, "select capataz.report_progress(%s)::text"])
def test_late_call_is_refused_before_anybody_expired_it(db: Connection, a: Session, call: str) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    shift_clock(db, 1801)
    with pytest.raises(psycopg.Error) as caught:
        a.rows(call, [execute_id])
    assert_refused(caught.value, "RB409")
    assert robot(db, robot_id)["status"] == "PROCESSING"
    assert db.execute("select capataz.release_robots(%s)", [[execute_id]]).fetchall() == [(0,)]
    assert a.value(EXPIRE) == 1
    check_invariants(db)


def test_two_sweeps_fail_an_execution_once(db: Connection, a: Session, b: Session) -> None:
    submit(db, 5)
    claim(db, 5)
    shift_clock(db, 1801)
    a.begin()
    assert a.value(EXPIRE) == 5
    assert b.must_not_wait(EXPIRE) == [(0,)]
    assert b.must_not_wait(CLAIM) == []
    a.commit()
    assert b.value(EXPIRE) == 0
    db.execute("select capataz.fold_counters()")
    assert module_row(db)["error_count_24h"] == 5
    assert module_row(db)["consecutive_failures"] == 5


# the same end twice


def test_complete_twice_at_once_is_one_completion(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    a.rows('select capataz.complete_execution(%s, \'{"by": "a"}\')', [execute_id])
    completing = b.start_and_wait_for_lock('select capataz.complete_execution(%s, \'{"by": "b"}\')::text', [execute_id])
    a.commit()
    assert result_of(completing) == [("COMPLETED",)]
    assert robot(db, robot_id)["output_data"] == {"by": "a"}
    check_invariants(db)
    assert module_row(db)["total_robots_processed"] == 1


def test_bulk_complete_twice_at_once_is_one_completion(db: Connection, a: Session, b: Session) -> None:
    submit(db, 20)
    ids = [row[1] for row in claim(db, 20)]
    call = "select c.status::text, c.error from capataz.complete_executions(%s) as c"
    a.begin()
    a.rows(call, [json.dumps([{"execute_id": i} for i in ids])])
    completing = b.start_and_wait_for_lock(call, [json.dumps([{"execute_id": i} for i in reversed(ids)])])
    a.commit()
    assert result_of(completing) == [("COMPLETED", None)] * 20
    check_invariants(db)
    assert module_row(db)["total_robots_processed"] == 20


def test_fail_twice_at_once_is_one_failure(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    assert a.value(FAIL, [execute_id]) == "RETRYING"
    failing = b.start_and_wait_for_lock(FAIL, [execute_id])
    a.commit()
    assert result_of(failing) == [("RETRYING",)]
    assert robot(db, robot_id)["retry_count"] == 1
    check_invariants(db)
    assert module_row(db)["consecutive_failures"] == 1


@pytest.mark.parametrize(("first", "second"), [(COMPLETE, FAIL), (FAIL, COMPLETE)])
def test_complete_against_fail(db: Connection, a: Session, b: Session, first: str, second: str) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    status = a.value(first, [execute_id])
    other = b.start_and_wait_for_lock(second, [execute_id])
    a.commit()
    assert_refused(error_of(other), "RB409")
    assert robot(db, robot_id)["status"] == status
    check_invariants(db)


def test_fail_against_the_next_attempt(db: Connection, a: Session, b: Session) -> None:
    """The lease is the execute_id: whoever lost it harms no later attempt of the same robot."""
    submit(db)
    robot_id, old = claim_one(db)
    assert db.execute("select capataz.release_robots(%s)", [[old]]).fetchall() == [(1,)]
    a.begin()
    [(_, new)] = a.rows(CLAIM)
    failing = b.start_and_settle(FAIL, [old])
    a.commit()
    assert_refused(error_of(failing), "RB409")
    assert execution(db, new)["execution_state"] == "RUNNING"
    assert robot(db, robot_id)["status"] == "PROCESSING"
    check_invariants(db)


# release


@pytest.mark.parametrize("call", [COMPLETE, FAIL])
def test_release_then_end(db: Connection, a: Session, b: Session, call: str) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    assert a.value("select capataz.release_robots(%s)", [[execute_id]]) == 1
    ending = b.start_and_wait_for_lock(call, [execute_id])
    a.commit()
    assert_refused(error_of(ending), "RB409")
    assert robot(db, robot_id)["status"] == "PENDING"
    assert robot(db, robot_id)["retry_count"] == 0
    check_invariants(db)


@pytest.mark.parametrize(("call", "ended"), [(COMPLETE, "COMPLETED"), (FAIL, "RETRYING")])
def test_end_then_release(db: Connection, a: Session, b: Session, call: str, ended: str) -> None:
    submit(db)
    robot_id, execute_id = claim_one(db)
    a.begin()
    a.rows(call, [execute_id])
    releasing = b.start_and_wait_for_lock("select capataz.release_robots(%s)", [[execute_id]])
    a.commit()
    assert result_of(releasing) == [(0,)]
    assert robot(db, robot_id)["status"] == ended
    check_invariants(db)


def test_release_twice_at_once_gives_the_same_answer(db: Connection, a: Session, b: Session) -> None:
    """Repeating release_robots (the answer was lost) returns the same, also when the first call is still under way."""
    submit(db, 3)
    ids = [row[1] for row in claim(db, 3)]
    a.begin()
    assert a.value("select capataz.release_robots(%s)", [ids]) == 3
    releasing = b.start_and_wait_for_lock("select capataz.release_robots(%s)", [ids])
    a.commit()
    assert result_of(releasing) == [(3,)]
    assert db.execute("select capataz.release_robots(%s)", [ids]).fetchall() == [(3,)]


def test_stop_worker_against_complete(db: Connection, a: Session, b: Session) -> None:
    submit(db, 2)
    [(first, execute_id), (second, _)] = claim(db, 2, worker="w1")
    a.begin()
    a.rows(COMPLETE, [execute_id])
    stopping = b.start_and_wait_for_lock("select capataz.stop_worker('w1')")
    a.commit()
    assert result_of(stopping) == [(1,)]
    assert robot(db, first)["status"] == "COMPLETED"
    assert robot(db, second)["status"] == "PENDING"
    check_invariants(db)


# states of an execution


@pytest.mark.parametrize(
    "call",
    [
        "select capataz.pause_execution(%s)",
        "select capataz.report_progress(%s, 50)",
        "select capataz.retry_step(%s, 'again')",
    ],
)
def test_complete_then_a_call_of_the_running_attempt(db: Connection, a: Session, b: Session, call: str) -> None:
    submit(db)
    _, execute_id = claim_one(db)
    a.begin()
    a.rows(COMPLETE, [execute_id])
    other = b.start_and_wait_for_lock(call, [execute_id])
    a.commit()
    assert_refused(error_of(other), "RB409")
    ended = execution(db, execute_id)
    assert (ended["execution_state"], ended["progress_percentage"], ended["retry_count"]) == ("COMPLETED", 100, 0)
    check_invariants(db)


def test_pause_then_complete(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    _, execute_id = claim_one(db)
    a.begin()
    a.rows("select capataz.pause_execution(%s)", [execute_id])
    completing = b.start_and_wait_for_lock(COMPLETE, [execute_id])
    a.commit()
    assert result_of(completing) == [("COMPLETED",)]
    check_invariants(db)


def test_step_retries_at_once_respect_the_limit(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    _, execute_id = claim_one(db)
    call = "select capataz.retry_step(%s, 'again')::text"
    a.rows(call, [execute_id])
    a.rows(call, [execute_id])
    a.begin()
    a.rows(call, [execute_id])
    fourth = b.start_and_wait_for_lock(call, [execute_id])
    a.commit()
    assert_refused(error_of(fourth), "RB429")
    assert execution(db, execute_id)["retry_count"] == 3


# two submits of one cache key


def test_two_submits_of_one_key_make_one_robot(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    [(robot_id, status, _, deduplicated)] = a.rows(SUBMIT_KEY)
    assert (status, deduplicated) == ("PENDING", False)
    second = b.start_and_wait_for_lock(SUBMIT_KEY)
    a.commit()
    assert result_of(second) == [(robot_id, "PENDING", False, True)]
    assert db.execute("select count(*) from capataz.robots").fetchall() == [(1,)]


def test_undone_submit_leaves_the_key_to_the_other(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    [(undone, *_)] = a.rows(SUBMIT_KEY)
    second = b.start_and_wait_for_lock(SUBMIT_KEY)
    a.rollback()
    [(robot_id, status, _, deduplicated)] = result_of(second)
    assert robot_id != undone
    assert (status, deduplicated) == ("PENDING", False)


def _fail_holder(db: Connection) -> str:
    """The robot that holds key k ends FAILED."""
    [(robot_id, *_)] = db.execute(SUBMIT_KEY).fetchall()
    db.execute(CANCEL, [robot_id])
    return str(robot_id)


def _let_holder_grow_old(db: Connection) -> str:
    """The robot that holds key k is COMPLETED, and past the TTL."""
    register(db, cache_ttl_seconds=60)
    [(robot_id, *_)] = db.execute(SUBMIT_KEY).fetchall()
    db.execute(COMPLETE, [claim_one(db)[1]])
    shift_clock(db, 61)
    return str(robot_id)


@pytest.mark.parametrize("prepare", [_fail_holder, _let_holder_grow_old])
@pytest.mark.parametrize("undo", [False, True])
def test_two_submits_take_a_key_over(
    db: Connection, a: Session, b: Session, prepare: Callable[[Connection], str], undo: bool
) -> None:
    holder = prepare(db)
    a.begin()
    [(first, status, _, deduplicated)] = a.rows(SUBMIT_KEY)
    assert (status, deduplicated) == ("PENDING", False)
    assert first != holder
    second = b.start_and_wait_for_lock(SUBMIT_KEY)
    if undo:
        a.rollback()
        [(other, status, hit, deduplicated)] = result_of(second)
        assert other not in (first, holder)
        assert (status, hit, deduplicated) == ("PENDING", False, False)
    else:
        a.commit()
        assert result_of(second) == [(first, "PENDING", False, True)]
    assert robot(db, holder)["cache_key"] is None
    assert db.execute("select count(*) from capataz.robots where cache_key = 'k'").fetchall() == [(1,)]


def test_cache_hits_do_not_wait_for_each_other(db: Connection, a: Session, b: Session) -> None:
    [(holder, *_)] = a.rows(SUBMIT_KEY)
    a.rows(COMPLETE, [claim_one(db)[1]])
    a.begin()
    [(first, status, hit, _)] = a.rows(SUBMIT_KEY)
    [(second, other_status, other_hit, _)] = b.must_not_wait(SUBMIT_KEY)
    a.commit()
    assert (status, hit) == (other_status, other_hit) == ("COMPLETED", True)
    assert len({holder, first, second}) == 3


def test_submit_while_the_holder_completes(db: Connection, a: Session, b: Session) -> None:
    [(holder, *_)] = a.rows(SUBMIT_KEY)
    _, execute_id = claim_one(db)
    a.begin()
    a.rows(COMPLETE, [execute_id])
    assert b.must_not_wait(SUBMIT_KEY) == [(holder, "PROCESSING", False, True)]
    a.commit()
    assert b.rows(SUBMIT_KEY)[0][1:] == ("COMPLETED", True, False)


def test_submit_while_the_failed_holder_is_retried(db: Connection, a: Session, b: Session) -> None:
    holder = _fail_holder(db)
    a.begin()
    a.rows("select capataz.retry_robot(%s)", [holder])
    second = b.start_and_wait_for_lock(SUBMIT_KEY)
    a.commit()
    assert result_of(second) == [(holder, "PENDING", False, True)]


def test_retry_of_a_robot_whose_key_moves(db: Connection, a: Session, b: Session) -> None:
    holder = _fail_holder(db)
    a.begin()
    [(new, *_)] = a.rows(SUBMIT_KEY)
    retrying = b.start_and_wait_for_lock("select capataz.retry_robot(%s)::text", [holder])
    a.commit()
    assert result_of(retrying) == [("PENDING",)]
    assert robot(db, holder)["cache_key"] is None
    assert robot(db, new)["cache_key"] == "k"


def test_submit_with_a_taken_id_and_a_key(db: Connection, a: Session, b: Session) -> None:
    call = "select from capataz.submit_robot('OCR', p_cache_key => %s, p_robot_id => 'mine')"
    a.begin()
    a.rows(call, ["k1"])
    second = b.start_and_wait_for_lock(call, ["k2"])
    a.commit()
    assert_refused(error_of(second), "RB409")


def test_bulk_submits_with_keys_in_opposite_orders(db: Connection, connect: Callable[..., Connection]) -> None:
    register(db)
    rounds = 12

    def work(forward: bool) -> None:
        connection = connect()
        for round_number in range(rounds):
            keys = [f"{round_number}-{i}" for i in range(40)]
            robots = [{"robot_type": "OCR", "cache_key": key} for key in (keys if forward else reversed(keys))]
            rows = connection.execute(
                "select s.robot_id from capataz.submit_robots(%s) as s", [json.dumps(robots)]
            ).fetchall()
            keys_of = pairs(
                connection,
                "select r.robot_id, r.cache_key from capataz.robots as r where r.robot_id = any (%s)",
                [[row[0] for row in rows]],
            )
            assert [keys_of[row[0]] for row in rows] == [element["cache_key"] for element in robots]

    with ThreadPoolExecutor(4) as pool:
        for part in [pool.submit(work, number % 2 == 0) for number in range(4)]:
            part.result()
    assert db.execute("select count(*), count(distinct cache_key) from capataz.robots").fetchall() == [
        (rounds * 40, rounds * 40)
    ]


def test_bulk_submits_with_ids_in_opposite_orders(
    db: Connection, a: Session, b: Session, new_session: Sessions
) -> None:
    """API against API never deadlocks: the one that comes second learns that an id is taken."""
    call = "select from capataz.submit_robots(%s)"

    def bulk(*ids: str) -> list[str]:
        return [json.dumps([{"robot_type": "OCR", "robot_id": robot_id} for robot_id in ids])]

    blocker = new_session()
    blocker.begin()
    blocker.rows(call, bulk("middle"))
    first = a.start_and_wait_for_lock(call, bulk("x", "middle", "y"))
    second = b.start_and_settle(call, bulk("y", "x"))
    blocker.rollback()
    errors = [error for error in (first.exception(PATIENCE), second.exception(PATIENCE)) if error is not None]
    assert len(errors) == 1
    assert_refused(errors[0], "RB409")
    assert db.execute("select count(*) from capataz.robots").fetchall() in ([(2,)], [(3,)])


def test_bulk_submit_that_moves_keys_against_a_repeated_completion(
    db: Connection, a: Session, b: Session, new_session: Sessions
) -> None:
    """Both calls lock ended robots, one in order of key and one in order of id: neither may end in a deadlock."""
    register(db, cache_ttl_seconds=60)
    keyed = "select s.robot_id from capataz.submit_robots(%s) as s"
    [(low,), (high,)] = a.rows(
        keyed,
        [
            json.dumps(
                [
                    {"robot_type": "OCR", "robot_id": "robot-1", "cache_key": "key-3"},
                    {"robot_type": "OCR", "robot_id": "robot-2", "cache_key": "key-1"},
                ]
            )
        ],
    )
    assert (low, high) == ("robot-1", "robot-2")
    ended = json.dumps([{"execute_id": row[1]} for row in claim(db, 2)])
    complete = "select c.status::text from capataz.complete_executions(%s) as c"
    a.rows(complete, [ended])
    shift_clock(db, 61)

    blocker = new_session()
    blocker.begin()
    blocker.rows(keyed, [json.dumps([{"robot_type": "OCR", "cache_key": "key-2"}])])
    moving = a.start_and_wait_for_lock(
        keyed, [json.dumps([{"robot_type": "OCR", "cache_key": f"key-{i}"} for i in (1, 2, 3)])]
    )
    repeated = b.start_and_settle(complete, [ended])
    blocker.rollback()
    assert len(result_of(moving)) == 3
    assert {row[0] for row in result_of(repeated)} == {"COMPLETED"}


# retry


def test_retry_twice_at_once(db: Connection, a: Session, b: Session) -> None:
    [robot_id] = submit(db)
    db.execute(CANCEL, [robot_id])
    a.begin()
    a.rows("select capataz.retry_robot(%s)", [robot_id])
    second = b.start_and_wait_for_lock("select capataz.retry_robot(%s)", [robot_id])
    a.commit()
    assert_refused(error_of(second), "RB409")
    assert robot(db, robot_id)["status"] == "PENDING"


def test_retry_against_claim(db: Connection, a: Session, b: Session) -> None:
    [robot_id] = submit(db)
    db.execute(CANCEL, [robot_id])
    a.begin()
    a.rows("select capataz.retry_robot(%s)", [robot_id])
    assert b.must_not_wait(CLAIM) == []
    a.commit()
    assert [row[0] for row in b.rows(CLAIM)] == [robot_id]


# modules


REGISTER = f"select from capataz.register_module('{MODULE}', '1.0', array['OCR', 'SCAN'])"
RELABEL = f"select from capataz.register_module('{MODULE}', '2.0', array['OCR'], 'test')"


@pytest.mark.parametrize(
    "call", [CLAIM, COMPLETE, "select from capataz.submit_robot('OCR')", "select from capataz.report_progress(%s)"]
)
def test_hot_calls_do_not_wait_for_an_open_registration(db: Connection, a: Session, b: Session, call: str) -> None:
    submit(db, 2)
    _, execute_id = claim_one(db)
    a.begin()
    a.rows(REGISTER)
    b.must_not_wait(call, [execute_id] if "%s" in call else [])
    a.commit()
    check_invariants(db)


def test_registration_does_not_wait_for_an_open_submit(db: Connection, a: Session, b: Session) -> None:
    a.begin()
    a.rows("select from capataz.submit_robot('OCR')")
    b.must_not_wait(REGISTER)
    a.commit()
    assert module_row(db)["supported_robot_types"] == ["OCR", "SCAN"]


def test_submit_during_a_relabelling_ends_well(db: Connection, a: Session, b: Session) -> None:
    """A new version changes the primary key of the module: submits may wait for it, and nothing else."""
    a.begin()
    a.rows(RELABEL)
    submitting = b.start_and_settle("select s.status::text from capataz.submit_robot('OCR') as s")
    a.commit()
    assert result_of(submitting) == [("PENDING",)]
    assert module_row(db)["module_id"] == f"{MODULE}_2.0_test"


def test_fail_during_a_registration_counts_after_it(db: Connection, a: Session, b: Session) -> None:
    submit(db)
    _, execute_id = claim_one(db)
    a.begin()
    a.rows(RELABEL)
    failing = b.start_and_wait_for_lock(FAIL, [execute_id])
    a.commit()
    assert result_of(failing) == [("RETRYING",)]
    row = module_row(db)
    assert (row["module_version"], row["consecutive_failures"], row["error_count_24h"]) == ("2.0", 1, 1)


def test_two_first_registrations_of_one_name(db: Connection, a: Session, b: Session) -> None:
    call = "select from capataz.register_module('Other', %s, array['X'])"
    a.begin()
    a.rows(call, ["1"])
    second = b.start_and_wait_for_lock(call, ["2"])
    a.commit()
    result_of(second)
    assert module_row(db, "Other")["module_version"] == "2"
    assert db.execute("select count(*) from capataz_ops.module_settings where module_name = 'Other'").fetchall() == [
        (1,)
    ]


def test_deactivate_against_claim(db: Connection, a: Session, b: Session) -> None:
    submit(db, 20)
    a.begin()
    a.rows("select from capataz.deactivate_module(%s)", [MODULE])
    taken = b.must_not_wait(CLAIM)  # before the deactivation is committed, the module is active
    a.commit()
    assert len(taken) == 10
    assert b.rows(CLAIM) == []
    for _, execute_id in taken:  # what runs may finish
        b.rows(COMPLETE, [execute_id])
    check_invariants(db)


def test_claim_then_deactivate(db: Connection, a: Session, b: Session) -> None:
    submit(db, 20)
    a.begin()
    assert len(a.rows(CLAIM)) == 10
    b.must_not_wait("select from capataz.deactivate_module(%s)", [MODULE])
    a.commit()
    assert a.rows(CLAIM) == []


# failures in a row, health, probe


def test_threshold_is_reached_by_the_eighth_of_eight_sessions(
    db: Connection, a: Session, new_session: Sessions
) -> None:
    register(db, failure_threshold=8)
    submit(db, 8)
    attempts = claim(db, 8)
    left: dict[Future[list[Any]], Session] = {}
    for _, execute_id in attempts:
        session = new_session()
        session.begin()
        start = session.start_and_wait_for_lock if left else session.start
        left[start(FAIL, [execute_id])] = session
        wait(left, PATIENCE, FIRST_COMPLETED)
    for count in range(1, 9):
        done, _ = wait(left, PATIENCE, FIRST_COMPLETED)
        assert len(done) == 1, "one at a time holds the module row"
        [future] = done
        assert future.result() == [("RETRYING",)]
        left.pop(future).commit()
        row = module_row(db)
        assert row["consecutive_failures"] == count
        assert row["health_status"] == ("UNHEALTHY" if count == 8 else "UNKNOWN")
    check_invariants(db)
    assert module_row(db)["error_count_24h"] == 8


def test_failures_of_eight_free_sessions_are_all_counted(db: Connection, connect: Callable[..., Connection]) -> None:
    register(db, failure_threshold=1000)
    submit(db, 160)
    attempts = [row[1] for row in claim(db, 160)]
    parts = [attempts[number::8] for number in range(8)]

    def work(part: list[str]) -> None:
        connection = connect()
        for execute_id in part:
            connection.execute(FAIL, [execute_id])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, parts))
    # each failure counted at once, no fold needed
    assert module_row(db)["consecutive_failures"] == 160
    check_invariants(db)


def _make_unhealthy(db: Connection, threshold: int = 3) -> None:
    register(db, failure_threshold=threshold)
    submit(db, threshold, retry_limit=0)
    for _, execute_id in claim(db, threshold):
        db.execute(FAIL, [execute_id])
    assert module_row(db)["health_status"] == "UNHEALTHY"


def test_two_claims_of_an_unhealthy_module_get_one_probe(db: Connection, a: Session, b: Session) -> None:
    _make_unhealthy(db)
    submit(db, 5)
    a.begin()
    probes = a.rows(CLAIM)
    assert len(probes) == 1
    assert b.must_not_wait(CLAIM) == []
    a.commit()
    assert b.rows(CLAIM) == []
    assert a.rows(CLAIM) == []
    a.rows(FAIL, [probes[0][1]])
    assert module_row(db)["health_status"] == "UNHEALTHY"
    second = b.rows(CLAIM)
    assert len(second) == 1
    b.rows(COMPLETE, [second[0][1]])
    row = module_row(db)
    assert (row["health_status"], row["consecutive_failures"]) == ("HEALTHY", 0)
    assert len(b.rows(CLAIM)) > 1


def test_undone_probe_leaves_the_probe_to_the_next(db: Connection, a: Session, b: Session) -> None:
    _make_unhealthy(db)
    submit(db, 5)
    a.begin()
    assert len(a.rows(CLAIM)) == 1
    a.rollback()
    assert len(b.rows(CLAIM)) == 1
    assert a.rows(CLAIM) == []


def test_claim_whose_own_sweep_makes_the_module_unhealthy_gets_one_probe(db: Connection, a: Session) -> None:
    register(db, failure_threshold=2)
    submit(db, 2, retry_limit=0)
    claim(db, 2)
    submit(db, 5)
    shift_clock(db, 1801)
    assert len(a.rows(CLAIM)) == 1
    assert module_row(db)["health_status"] == "UNHEALTHY"
    assert a.rows(CLAIM) == []


def test_eight_sessions_get_one_probe_at_a_time(db: Connection, connect: Callable[..., Connection]) -> None:
    _make_unhealthy(db)
    submit(db, 60, retry_limit=0)
    barrier = threading.Barrier(8)
    seen: list[int] = []

    def work(_: int) -> None:
        connection = connect()
        barrier.wait()
        for _ in range(30):
            for _, execute_id in claim(connection, 5):
                active = connection.execute(
                    "select count(*) from capataz.robot_execute where completed_at is null"
                ).fetchall()
                seen.append(active[0][0])
                connection.execute(FAIL, [execute_id])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert seen
    assert set(seen) == {1}
    assert module_row(db)["consecutive_failures"] == 3 + len(seen)
    check_invariants(db)


def test_success_that_finds_the_module_row_locked_is_folded_later(db: Connection, a: Session, b: Session) -> None:
    _make_unhealthy(db)
    submit(db)
    _, execute_id = claim_one(db)
    a.begin()
    a.rows("select capataz.record_health_check(%s, true)", [MODULE])
    b.must_not_wait(COMPLETE, [execute_id])
    a.commit()
    assert module_row(db)["health_status"] == "UNHEALTHY"
    db.execute("select capataz.fold_counters()")
    row = module_row(db)
    assert (row["consecutive_failures"], row["health_status"]) == (0, "HEALTHY")
    check_invariants(db)


def test_success_folded_together_with_a_later_failure_lifts_unhealthy(db: Connection, a: Session, b: Session) -> None:
    """The run of failures ended with the success; one failure after it is far from the threshold of 3."""
    register(db, failure_threshold=3)
    submit(db, 5, retry_limit=0)
    attempts = [row[1] for row in claim(db, 5)]
    for execute_id in attempts[:3]:
        db.execute(FAIL, [execute_id])
    assert module_row(db)["health_status"] == "UNHEALTHY"
    a.begin()
    a.rows("select capataz.record_health_check(%s, true)", [MODULE])
    b.must_not_wait(COMPLETE, [attempts[3]])
    failing = b.start_and_wait_for_lock(FAIL, [attempts[4]])
    a.commit()
    result_of(failing)
    row = module_row(db)
    assert row["consecutive_failures"] == 1
    assert row["health_status"] != "UNHEALTHY"


# jobs against each other: permits and module rows


def test_rebuild_against_fold(db: Connection, a: Session, b: Session, new_session: Sessions) -> None:
    """One takes module rows and then permits, the other permits and then module rows: they may not meet in a circle."""
    register(db, "Alpha", max_concurrency=4)
    register(db, "Beta", max_concurrency=4)
    for name in ("Alpha", "Beta"):
        submit(db, 1, name)
        db.execute(COMPLETE, [claim_one(db, name)[1]])
    # something to fold in each
    blocker = new_session()
    for name in ("Alpha", "Beta"):
        submit(db, 1, name)
        _, execute_id = claim_one(db, name)
        blocker.begin()
        blocker.rows("select capataz.record_health_check(%s, true)", [name])
        db.execute(COMPLETE, [execute_id])
        blocker.commit()
    blocker.begin()
    blocker.rows("select capataz.record_health_check('Beta', true)")
    rebuilding = a.start_and_wait_for_lock("select capataz.rebuild_derived()")
    folding = b.start_and_settle("select capataz.fold_counters()")
    blocker.commit()
    result_of(rebuilding)
    result_of(folding)
    check_invariants(db)


def test_due_jobs_against_fold(db: Connection, a: Session, b: Session, new_session: Sessions) -> None:
    """run_due_jobs gives permits back and then folds, which takes all permits in order: not in a circle with a fold."""
    attempts = {}
    for name in ("Aaa", "Alpha", "Beta"):
        register(db, name, max_concurrency=4)
    for name in ("Alpha", "Beta"):
        submit(db, 2, name)
        attempts[name] = [row[1] for row in claim(db, 2, name)]
    blocker = new_session()
    blocker.begin()
    # the last module's execution is held, so that the sweep stops when it has failed those of Alpha
    blocker.rows("select capataz.report_progress(%s)", [attempts["Beta"][0]])
    shift_clock(db, 1801)
    running = a.start_and_wait_for_lock("select j.job_name, j.outcome from capataz.run_due_jobs() as j")
    folding = b.start_and_settle("select capataz.fold_counters()")
    blocker.rollback()
    result_of(folding)
    assert {row[1] for row in result_of(running)} <= {"ok", "skipped"}
    check_invariants(db)


def test_two_sweeps_of_lost_workers(db: Connection, a: Session, b: Session, new_session: Sessions) -> None:
    """Each ends executions (module row) and marks workers as lost: both in the same order."""
    submit(db, 2)
    for name in ("w1", "w2"):
        db.execute("select capataz.heartbeat_worker(%s, %s)", [name, MODULE])
    _, execute_id = claim_one(db, worker="w2")
    claiming = new_session()
    claiming.begin()
    assert len(claim(claiming.connection, worker="w1")) == 1
    reporting = new_session()
    reporting.begin()
    reporting.rows("select capataz.report_progress(%s)", [execute_id])
    shift_clock(db, 31)
    # finds w1 without executions, as its claim is not committed yet, and waits for that of w2
    first = a.start_and_wait_for_lock(EXPIRE)
    claiming.commit()
    # finds the execution of w1
    second = b.start_and_settle(EXPIRE)
    reporting.commit()
    result_of(first)
    result_of(second)
    db.execute(EXPIRE)
    db.execute(EXPIRE)
    assert db.execute("select count(*) from capataz.robot_execute where completed_at is null").fetchall() == [(0,)]
    check_invariants(db)


def test_bulk_failure_against_sweep_of_lost_workers(
    db: Connection, a: Session, b: Session, new_session: Sessions
) -> None:
    """The sweep fails timeouts and late claims of lost workers; both lock module rows, in one order of names."""
    for name in ("Alpha", "Gamma"):
        register(db, name)
        submit(db, 3, name)
    db.execute("select capataz.heartbeat_worker('w1', 'Alpha')")
    claim_one(db, "Gamma")
    shift_clock(db, 1700)
    db.execute(EXPIRE)  # w1 is lost
    _, execute_id = claim_one(db, "Alpha", "w1")
    others = [claim_one(db, name)[1] for name in ("Alpha", "Gamma")]
    shift_clock(db, 200)
    reporting = new_session()
    reporting.begin()
    reporting.rows("select capataz.report_progress(%s)", [execute_id])
    sweeping = a.start_and_wait_for_lock(EXPIRE)
    failing = b.start_and_settle(
        "select f.error from capataz.fail_executions(%s) as f",
        [json.dumps([{"execute_id": i, "error_message": "broken"} for i in others])],
    )
    reporting.commit()
    result_of(sweeping)
    assert result_of(failing) == [(None,), (None,)]
    check_invariants(db)


def test_rebuild_against_registrations(db: Connection, a: Session, b: Session, new_session: Sessions) -> None:
    """Both write the module row and its typed settings: in the same order."""
    change = "select from capataz.register_module(%s, '1.0', array['OCR'], p_registration_data => '{\"note\": 1}')"
    for name in ("Alpha", "Beta"):
        register(db, name)
    blocker = new_session()
    blocker.begin()
    blocker.rows(change, ["Beta"])
    rebuilding = a.start_and_wait_for_lock("select capataz.rebuild_derived()")
    changing = b.start_and_settle(change, ["Alpha"])
    blocker.commit()
    result_of(rebuilding)
    result_of(changing)
    check_invariants(db)


# everything against everything


def test_storm_of_all_functions_leaves_everything_consistent(
    db: Connection, connect: Callable[..., Connection], pytestconfig: pytest.Config
) -> None:
    """Eight sessions call everything at random, a bounded number of times: no deadlock, and the books balance."""
    modules = ["Alpha", "Beta", "Gamma"]
    install_clock(db)
    register(db, "Alpha", types=["OCR", "SCAN"], max_concurrency=9, failure_threshold=4, worker_timeout_seconds=1)
    register(db, "Beta", types=["OCR"], failure_threshold=1000, cache_ttl_seconds=0.001)
    register(db, "Gamma", types=["OCR", "SCAN"], max_concurrency=40)
    barrier = threading.Barrier(8)
    known_robots: list[str] = []
    known_executions: list[str] = []
    unexpected: list[str] = []
    counts: Counter[str] = Counter()

    def work(seed: int) -> None:
        source = random.Random(seed)
        connection = connect()
        barrier.wait()

        def some(known: list[str], count: int) -> list[str]:
            recent = known[-120:]
            return source.sample(recent, min(count, len(recent)))

        def one(known: list[str]) -> str:
            return source.choice(known[-120:]) if known else "none"

        def keep(query: str, params: list[Any]) -> None:
            for robot_id, execute_id in connection.execute(query, params).fetchall():
                known_robots.append(robot_id)
                if execute_id:
                    known_executions.append(execute_id)

        def bulk_submit() -> None:
            robots = [
                {
                    "robot_type": source.choice(["OCR", "SCAN"]),
                    "priority": source.choice(["LOW", "NORMAL", "HIGH", "CRITICAL"]),
                    "retry_limit": source.randint(0, 2),
                    **({"cache_key": f"key-{source.randint(1, 30)}"} if source.random() < 0.5 else {}),
                    **({"robot_id": f"own-{source.randint(1, 300)}"} if source.random() < 0.05 else {}),
                }
                for _ in range(source.randint(1, 12))
            ]
            keep("select s.robot_id, null from capataz.submit_robots(%s) as s", [json.dumps(robots)])

        def bulk_end(function: str) -> None:
            elements = [
                {"execute_id": i, **({"error_message": "storm"} if function == "fail_executions" else {})}
                for i in some(known_executions, source.randint(1, 10))
            ]
            connection.execute(f"select from capataz.{function}(%s)".encode(), [json.dumps(elements)])

        def call(query: str, *params: Any) -> Callable[[], Any]:
            return lambda: connection.execute(query.encode(), list(params))

        def call_keep(query: str, *params: Any) -> Callable[[], Any]:
            return lambda: keep(query, list(params))

        for _ in range(STORM):
            module = source.choice(modules)
            worker = f"w{source.randint(1, 4)}"
            execute_id = one(known_executions)
            robot_id = one(known_robots)
            actions: list[tuple[int, str, Callable[[], Any]]] = [
                (12, "submit_robots", bulk_submit),
                (
                    6,
                    "submit_robot",
                    call_keep(
                        "select s.robot_id, null from capataz.submit_robot('OCR', p_cache_key => %s) as s",
                        f"key-{source.randint(1, 30)}",
                    ),
                ),
                (
                    20,
                    "claim_robots",
                    call_keep(
                        "select c.robot_id, c.execute_id from capataz.claim_robots(%s, %s, %s) as c",
                        module,
                        source.randint(1, 8),
                        source.choice([worker, None]),
                    ),
                ),
                (10, "complete_execution", call(COMPLETE, execute_id)),
                (8, "fail_execution", call(FAIL, execute_id)),
                (8, "complete_executions", lambda: bulk_end("complete_executions")),
                (5, "fail_executions", lambda: bulk_end("fail_executions")),
                (4, "release_robots", call("select capataz.release_robots(%s)", some(known_executions, 4))),
                (6, "report_progress", call("select capataz.report_progress(%s, 10, 'S')", execute_id)),
                (2, "pause_execution", call("select capataz.pause_execution(%s)", execute_id)),
                (2, "resume_execution", call("select capataz.resume_execution(%s)", execute_id)),
                (2, "retry_step", call("select capataz.retry_step(%s, 'again')", execute_id)),
                (4, "cancel_robot", call(CANCEL, robot_id)),
                (4, "retry_robot", call("select capataz.retry_robot(%s)", robot_id)),
                (4, "heartbeat_worker", call("select capataz.heartbeat_worker(%s, %s)", worker, module)),
                (2, "stop_worker", call("select capataz.stop_worker(%s)", worker)),
                (3, "expire_executions", call(EXPIRE)),
                (3, "fold_counters", call("select capataz.fold_counters()")),
                (2, "find_stragglers", call("select capataz.find_stragglers()")),
                (1, "rebuild_derived", call("select capataz.rebuild_derived()")),
                (2, "run_due_jobs", call("select from capataz.run_due_jobs()")),
                (1, "run_job", call("select capataz.run_job('fold_counters')")),
                (2, "activate_module", call("select from capataz.activate_module(%s)", module)),
                (1, "deactivate_module", call("select from capataz.deactivate_module(%s)", module)),
                (
                    4,
                    "record_health_check",
                    call("select capataz.record_health_check(%s, %s)", module, source.random() < 0.5),
                ),
                (2, "record_due_health_check", call("select capataz.record_due_health_check(%s, true)", module)),
                (2, "evaluate_health", call("select capataz.evaluate_health()")),
                (2, "move_waiting_robots", call("select capataz.move_waiting_robots()")),
                (1, "due_health_checks", call("select from capataz.due_health_checks()")),
                (
                    1,
                    "register_module",
                    call(
                        "select from capataz.register_module(%s, %s, array['OCR', 'SCAN'], p_registration_data => %s)",
                        module,
                        f"1.{source.randint(0, 3)}",
                        json.dumps({"max_concurrency": source.choice([5, 20, 40])} if module != "Beta" else {}),
                    ),
                ),
                (1, "system_health", call("select from capataz.system_health()")),
                (1, "explain_robot", call("select from capataz.explain_robot(%s)", robot_id)),
                (
                    1,
                    "move the clock",
                    call("update test_clock.clock set shift = shift + interval '400 seconds'"),
                ),
            ]
            [(_, name, action)] = source.choices(actions, weights=[weight for weight, _, _ in actions])
            try:
                action()
                counts[name] += 1
            except psycopg.Error as error:
                state = error.sqlstate or ""
                counts[f"{name}: {state}"] += 1
                if not state.startswith("RB"):
                    unexpected.append(f"{name}: {state}: {error}: {error.diag.message_detail}: {error.diag.context}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    if pytestconfig.getoption("verbose") > 1:
        print(counts)
    assert unexpected == [], "\n".join(unexpected)
    failed_jobs = db.execute("select job_name, last_error from capataz_ops.jobs where failure_count > 0").fetchall()
    assert failed_jobs == []
    assert counts["claim_robots"] > 0
    assert counts["complete_execution"] > 0
    check_invariants(db)


#: calls of each of the eight sessions
STORM = 400

"""max_concurrency is hard over all sessions: never more robots active than it allows, at any committed moment.

A sampling session counts the active executions from outside all the time.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from support import (
    MODULE,
    Connection,
    Session,
    Sessions,
    assert_refused,
    check_invariants,
    claim,
    claim_one,
    install_clock,
    module_row,
    register,
    result_of,
    robot,
    shift_clock,
    submit,
)

COMPLETE = "select capataz.complete_execution(%s)::text"
CLAIM = f"select c.robot_id, c.execute_id from capataz.claim_robots('{MODULE}', 100) as c"
SET_LIMIT = f"select from capataz.register_module('{MODULE}', '1.0', array['OCR'], p_registration_data => %s)"
FOLD = "select capataz.fold_counters()"


@pytest.fixture
def a(db: Connection, new_session: Sessions) -> Session:
    """One session; the clock can be moved."""
    install_clock(db)
    return new_session()


@pytest.fixture
def b(a: Session, new_session: Sessions) -> Session:
    """Another session."""
    return new_session()


def active(connection: Connection, module: str = MODULE) -> int:
    """Executions active in a module, as committed."""
    [(count,)] = connection.execute(
        "select count(*) from capataz.robot_execute where module_name = %s and completed_at is null", [module]
    ).fetchall()
    return int(count)


class Sampler:
    """Counts active executions all the time, from a session of its own."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.highest = 0
        self.samples = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.highest = max(self.highest, active(self.connection))
            self.samples += 1

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def work_until_done(connection: Connection, seed: int, total: int) -> int:
    """Claims, ends in every way there is, until all robots have ended; gives how many it completed."""
    source = random.Random(seed)
    done = 0
    idle = 0
    while idle < 2000:
        attempts = [row[1] for row in claim(connection, source.randint(1, 9))]
        idle = 0 if attempts else idle + 1
        for execute_id in attempts:
            fate = source.random()
            if fate < 0.75:
                connection.execute(COMPLETE, [execute_id])
                done += 1
            elif fate < 0.85:
                connection.execute("select capataz.fail_execution(%s, 'broken')", [execute_id])
            elif fate < 0.95:
                connection.execute("select capataz.release_robots(%s)", [[execute_id]])
            else:
                # the claim's transaction is long committed: an undone end gives the permit back once only
                connection.execute("begin")
                connection.execute(COMPLETE, [execute_id])
                connection.execute("rollback")
                connection.execute(COMPLETE, [execute_id])
                done += 1
        if not attempts:
            [(left,)] = connection.execute(
                "select count(*) from capataz.robots where status not in ('COMPLETED', 'FAILED')"
            ).fetchall()
            if left == 0:
                return done
            time.sleep(0.001)
    pytest.fail(f"robots are left, and nothing more is handed out ({total} in all)")


@pytest.mark.parametrize("fold", [False, True])
def test_sixteen_sessions_never_exceed_seven(db: Connection, connect: Callable[..., Connection], fold: bool) -> None:
    register(db, max_concurrency=7, failure_threshold=1000, retry_policy={"base_seconds": 0})
    submit(db, 400, retry_limit=1000)
    stop = threading.Event()

    def keep_folding() -> None:
        connection = connect()
        while not stop.is_set():
            connection.execute(FOLD)

    with ThreadPoolExecutor(17) as pool, Sampler(connect()) as sampler:
        folding = pool.submit(keep_folding) if fold else None
        try:
            parts = [pool.submit(work_until_done, connect(), seed, 400) for seed in range(16)]
            done = sum(part.result() for part in parts)
        finally:
            stop.set()
        if folding:
            folding.result()
    assert done == 400
    assert sampler.samples > 0
    assert 0 < sampler.highest <= 7
    assert db.execute("select status::text, count(*) from capataz.robots group by 1").fetchall() == [("COMPLETED", 400)]
    check_invariants(db)
    assert module_row(db)["capacity_utilization"] == 0
    # and the permits are all there again
    submit(db, 20)
    assert len(claim(db, 20)) == 7


def test_open_claims_count(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=7)
    submit(db, 20)
    a.begin()
    assert len(a.rows(CLAIM)) == 7
    assert b.must_not_wait(CLAIM) == []
    a.commit()
    assert b.rows(CLAIM) == []
    assert active(db) == 7


def test_undone_claim_gives_its_permits_back(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=7)
    submit(db, 20)
    a.begin()
    assert len(a.rows(CLAIM)) == 7
    a.rollback()
    assert len(b.rows(CLAIM)) == 7
    check_invariants(db)


def test_open_end_does_not_free_its_permit_yet(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=2)
    submit(db, 5)
    [(_, first), (_, second)] = claim(db, 2)
    a.begin()
    a.rows(COMPLETE, [first])
    assert b.must_not_wait(CLAIM) == []
    a.rollback()
    assert b.rows(CLAIM) == []
    a.rows(COMPLETE, [second])
    assert len(b.rows(CLAIM)) == 1
    assert active(db) == 2
    check_invariants(db)


def test_ends_do_not_wait_for_each_others_permits(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=7)
    submit(db, 7)
    attempts = [row[1] for row in claim(db, 7)]
    a.begin()
    for execute_id in attempts[:3]:
        a.rows(COMPLETE, [execute_id])
    for execute_id in attempts[3:]:
        b.must_not_wait(COMPLETE, [execute_id])
    a.commit()
    submit(db, 10)
    assert len(claim(db, 10)) == 7
    check_invariants(db)


def test_plain_sql_takes_permits_too(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=2)
    robots = submit(db, 4)
    begin = "update capataz.robots set status = 'PROCESSING' where robot_id = %s"
    a.begin()
    a.rows(begin, [robots[0]])
    a.rows(begin, [robots[1]])
    refused = b.start_and_settle(begin, [robots[2]])
    a.commit()
    assert_refused(refused.exception(60), "RB429")
    assert active(db) == 2
    assert claim(db) == []
    check_invariants(db)


# the limit changes in the middle


def test_lowering_takes_no_running_robot_away_and_holds(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=7)
    submit(db, 30)
    attempts = [row[1] for row in claim(db, 10)]
    register(db, max_concurrency=3)
    assert active(db) == 7
    for number, execute_id in enumerate(attempts):
        a.rows(COMPLETE, [execute_id])
        left = 6 - number
        given = b.rows(CLAIM)
        # nothing is given while three or more run
        assert len(given) == (0 if left >= 3 else 1), f"{left} left"
        assert active(db) <= max(left, 3)
    assert active(db) == 3
    check_invariants(db)


def test_raising_gives_the_difference_at_once(db: Connection, a: Session) -> None:
    register(db, max_concurrency=3)
    submit(db, 30)
    assert len(a.rows(CLAIM)) == 3
    register(db, max_concurrency=8)
    assert len(a.rows(CLAIM)) == 5
    assert a.rows(CLAIM) == []
    check_invariants(db)


def test_a_limit_set_on_a_running_module_counts_what_runs(db: Connection, a: Session) -> None:
    register(db)
    submit(db, 30)
    attempts = claim(db, 5)
    register(db, max_concurrency=7)
    assert len(a.rows(CLAIM)) == 2
    assert active(db) == 7
    check_invariants(db)
    a.rows(COMPLETE, [attempts[0][1]])
    assert len(a.rows(CLAIM)) == 1
    check_invariants(db)


def test_a_limit_below_what_runs(db: Connection, a: Session) -> None:
    register(db)
    submit(db, 30)
    attempts = [row[1] for row in claim(db, 10)]
    register(db, max_concurrency=4)
    for left in range(9, 3, -1):
        a.rows(COMPLETE, [attempts.pop()])
        assert a.rows(CLAIM) == []
        assert active(db) == left
    a.rows(COMPLETE, [attempts.pop()])
    assert len(a.rows(CLAIM)) == 1
    check_invariants(db)


def test_removing_a_limit_and_setting_it_again(db: Connection, a: Session) -> None:
    register(db, max_concurrency=2)
    submit(db, 30)
    first = claim(db, 5)
    assert len(first) == 2
    register(db, max_concurrency=None)
    assert len(claim(db, 5)) == 5
    register(db, max_concurrency=8)
    assert len(a.rows(CLAIM)) == 1
    for _, execute_id in first:
        a.rows(COMPLETE, [execute_id])
    assert len(a.rows(CLAIM)) == 2
    assert active(db) == 8
    check_invariants(db)


def test_a_limit_removed_during_an_open_claim_and_set_again(db: Connection, a: Session, b: Session) -> None:
    """The claim holds a row of permits that the removal cannot delete: it may not be counted twice afterwards."""
    register(db, max_concurrency=7)
    submit(db, 30)
    a.begin()
    assert len(a.rows(f"select c.robot_id from capataz.claim_robots('{MODULE}', 2) as c")) == 2
    changing = b.start_and_settle(SET_LIMIT, ['{"max_concurrency": null}'])
    a.commit()
    result_of(changing)
    register(db, max_concurrency=7)
    assert len(b.rows(CLAIM)) == 5
    assert active(db) == 7
    check_invariants(db)


def test_a_limit_changed_during_an_open_end(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=4)
    submit(db, 30)
    attempts = [row[1] for row in claim(db, 4)]
    a.begin()
    a.rows(COMPLETE, [attempts[0]])
    changing = b.start_and_settle(SET_LIMIT, ['{"max_concurrency": 3}'])
    a.commit()
    result_of(changing)
    assert b.rows(CLAIM) == []
    b.rows(COMPLETE, [attempts[1]])
    assert len(b.rows(CLAIM)) == 1
    check_invariants(db)


def test_fold_against_an_open_claim(db: Connection, a: Session, b: Session) -> None:
    register(db, max_concurrency=9)
    submit(db, 30)
    db.execute(FOLD)
    a.begin()
    assert len(a.rows(f"select c.robot_id from capataz.claim_robots('{MODULE}', 4) as c")) == 4
    b.must_not_wait(FOLD)
    a.commit()
    assert len(b.rows(CLAIM)) == 5
    assert active(db) == 9
    check_invariants(db)


def test_changing_the_limit_all_the_time(db: Connection, connect: Callable[..., Connection]) -> None:
    """Sixteen sessions work while the limit moves between 2 and 9: never more than 9, and the permits balance."""
    register(db, max_concurrency=9, failure_threshold=100000, retry_policy={"base_seconds": 0})
    submit(db, 300, retry_limit=1000)
    stop = threading.Event()

    def keep_changing() -> None:
        connection = connect()
        source = random.Random(1)
        while not stop.is_set():
            register(connection, max_concurrency=source.randint(2, 9))
            connection.execute(FOLD)

    with ThreadPoolExecutor(17) as pool, Sampler(connect()) as sampler:
        changing = pool.submit(keep_changing)
        try:
            parts = [pool.submit(work_until_done, connect(), seed, 300) for seed in range(16)]
            done = sum(part.result() for part in parts)
        finally:
            stop.set()
        changing.result()
    assert done == 300
    assert 0 < sampler.highest <= 9
    register(db, max_concurrency=5)
    check_invariants(db)
    submit(db, 20)
    assert len(claim(db, 20)) == 5


def test_a_first_limit_waits_for_claims_before_it_holds_the_module(db: Connection, a: Session, b: Session) -> None:
    """Also where the limit is gone by the time its turn comes: another session may have changed it."""
    register(db)
    submit(db, 4)
    a.begin()
    [(_, first), *_] = a.rows(CLAIM)
    registering = b.start_and_wait_for_lock(SET_LIMIT, ['{"max_concurrency": 3}'])
    # a failure locks the row of the module: the registration that waits for this claim must not hold it
    a.must_not_wait("select capataz.fail_execution(%s, 'broken')", [first])
    a.commit()
    result_of(registering)
    assert active(db) == 3
    submit(db, 2)
    assert claim(db, 10) == []
    check_invariants(db)


def test_a_limit_that_changes_waits_for_no_claim(db: Connection, a: Session, b: Session) -> None:
    """Claims of a module with a limit hold units: what is free and what they hold is one sum, committed or not."""
    register(db, max_concurrency=3)
    submit(db, 20)
    a.begin()
    assert len(a.rows(CLAIM)) == 3
    b.must_not_wait(SET_LIMIT, ['{"max_concurrency": 5}'])
    [(_, first), _] = b.must_not_wait(CLAIM)
    a.rollback()
    a.begin()
    b.rows(COMPLETE, [first])
    assert len(a.rows(CLAIM)) == 4
    b.must_not_wait(SET_LIMIT, ['{"max_concurrency": 2}'])
    b.must_not_wait(SET_LIMIT, ['{"max_concurrency": null}'])
    b.must_not_wait(SET_LIMIT, ['{"max_concurrency": 6}'])
    a.commit()
    assert active(db) == 5
    assert len(claim(db, 10)) == 1
    check_invariants(db)


def test_a_first_limit_again_and_again(db: Connection, connect: Callable[..., Connection]) -> None:
    """Six sessions work while the limit comes and goes: never is more free and running than it allows."""
    register(db, failure_threshold=100000, retry_policy={"base_seconds": 0})
    stop = threading.Event()
    claimed = threading.Semaphore(0)

    def work() -> None:
        connection = connect()
        while not stop.is_set():
            submit(connection, 2)
            for _, execute_id in claim(connection, 2):
                claimed.release()
                connection.execute(COMPLETE, [execute_id])

    with ThreadPoolExecutor(6) as pool:
        parts = [pool.submit(work) for _ in range(6)]
        try:
            for _ in range(60):
                register(db, max_concurrency=4)
                [(units,)] = db.execute(
                    "select (select sum(free_count) from capataz_ops.module_permits)"
                    " + (select count(*) from capataz.robot_execute where completed_at is null)"
                ).fetchall()
                assert units <= 4
                register(db, max_concurrency=None)
                assert claimed.acquire(timeout=60), "claims go on"
        finally:
            stop.set()
        for part in parts:
            part.result()
    register(db, max_concurrency=4)
    db.execute(FOLD)
    check_invariants(db)


GATE = """
create function test_clock.gate() returns trigger language plpgsql as $$
begin
  perform pg_advisory_lock_shared(1000), pg_advisory_unlock_shared(1000);
  return NEW;
end
$$;
create trigger gate before update on {} for each row execute function test_clock.gate();
"""


def test_two_limits_and_a_claim_do_not_meet_in_a_deadlock(
    db: Connection, a: Session, b: Session, new_session: Sessions
) -> None:
    """The second limit is the one that was set when it came, but not when it is its turn: then there is none.

    A gate stops it in the middle of its registration, where the row of the module is its own. If it came to the locks
    of the limit only then, the claim would be there before it, and the failure would wait for the row.
    """
    register(db, max_concurrency=3, failure_threshold=1000)
    submit(db, 20)
    [(_, running)] = claim(db)
    db.execute(GATE.format("capataz_ops.module_settings").encode())
    porter, worker = new_session(), new_session()
    a.begin()
    a.rows(SET_LIMIT, ['{"max_concurrency": null}'])
    a.rows("select pg_advisory_lock_shared(1000)")
    closing = porter.start_and_wait_for_lock("select pg_advisory_lock(1000)")
    second = b.start_and_wait_for_lock(SET_LIMIT, ['{"max_concurrency": 3}'])
    a.commit()
    a.rows("select pg_advisory_unlock_shared(1000)")
    result_of(closing)
    worker.begin()
    assert worker.must_not_wait(CLAIM) == []
    failing = worker.start_and_wait_for_lock("select capataz.fail_execution(%s, 'broken')", [running])
    porter.rows("select pg_advisory_unlock(1000)")
    result_of(second)
    result_of(failing)
    worker.commit()
    db.execute(FOLD)  # what ended while there was no limit gave nothing back, and was still counted by the second one
    claim(db, 10)
    assert active(db) == 3
    check_invariants(db)


def test_a_fold_goes_by_the_limit_that_its_sums_belong_to(
    db: Connection, a: Session, b: Session, new_session: Sessions
) -> None:
    """A gate stops the fold after it has locked all units, where it adopts an execution; the limit is lowered there."""
    register(db, max_concurrency=5)
    submit(db, 10)
    [(_, running)] = claim(db)
    db.execute("update capataz.robot_execute set has_permit = false where execute_id = %s", [running])
    db.execute(GATE.format("capataz.robot_execute").encode())
    porter = new_session()
    porter.rows("select pg_advisory_lock(1000)")
    folding = a.start_and_wait_for_lock(FOLD)
    b.must_not_wait(SET_LIMIT, ['{"max_concurrency": 2}'])
    porter.rows("select pg_advisory_unlock(1000)")
    result_of(folding)
    assert len(claim(db, 10)) == 1
    check_invariants(db)


# permits come back whatever ends an execution


@pytest.mark.parametrize(
    "end",
    [
        "select capataz.complete_execution(%(execute_id)s)",
        "select capataz.fail_execution(%(execute_id)s, 'broken')",
        "select capataz.release_robots(array[%(execute_id)s])",
        "select capataz.cancel_robot(%(robot_id)s)",
        "select capataz.stop_worker('w1')",
        "update capataz.robots set status = 'COMPLETED' where robot_id = %(robot_id)s",
        "update capataz.robot_execute set execution_state = 'CANCELLED' where execute_id = %(execute_id)s",
        "delete from capataz.robot_execute where execute_id = %(execute_id)s",
        "delete from capataz.robots where robot_id = %(robot_id)s",
    ],
)
def test_every_end_gives_the_permit_back(db: Connection, a: Session, end: str) -> None:
    register(db, max_concurrency=1, retry_policy={"base_seconds": 0, "jitter": 0})
    submit(db, 1)
    robot_id, execute_id = claim_one(db, worker="w1")
    submit(db, 1)
    assert claim(db) == []
    db.execute(end.encode(), {"robot_id": robot_id, "execute_id": execute_id})
    assert len(claim(db, 2)) == 1
    check_invariants(db, totals=False)


def test_timeout_gives_the_permit_back(db: Connection, a: Session) -> None:
    register(db, max_concurrency=1, retry_policy={"base_seconds": 0, "jitter": 0})
    robots = submit(db, 2, retry_limit=0)
    claim_one(db)
    shift_clock(db, 1801)
    assert [row[0] for row in claim(db, 2)] == [robots[1]]
    assert robot(db, robots[0])["error_category"] == "TIMEOUT"
    check_invariants(db)


def test_terminated_backend_in_an_open_claim_loses_no_permit(
    db: Connection, a: Session, b: Session, connect: Callable[..., Connection]
) -> None:
    register(db, max_concurrency=3)
    submit(db, 10)
    a.begin()
    assert len(a.rows(CLAIM)) == 3
    db.execute("select pg_terminate_backend(%s, 60000)", [a.pid])
    with pytest.raises(psycopg.OperationalError):
        a.rows("select 1")
    assert len(b.rows(CLAIM)) == 3
    check_invariants(db)


def test_fold_that_waits_for_nobody_leaves_no_doubt(db: Connection, a: Session, b: Session) -> None:
    """A fold between the commits of a completion and of a claim that uses its permit counts neither twice."""
    register(db, max_concurrency=8)
    submit(db, 30)
    db.execute(FOLD)  # permits lie in eight rows
    attempts = [row[1] for row in claim(db, 8)]
    a.begin()
    a.rows("select from capataz_ops.module_permits for update")
    b.rows(COMPLETE, [attempts[0]])  # finds every row held, and adds one
    b.begin()
    assert len(b.rows(CLAIM)) == 1
    a.rollback()
    folding = a.start_and_settle(FOLD)
    b.commit()
    result_of(folding)
    assert claim(db, 10) == []
    assert active(db) == 8
    check_invariants(db)

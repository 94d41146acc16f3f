"""Analytics with several sessions: what commits late is added, nothing is counted twice, nobody waits for a fold."""

from __future__ import annotations

import pytest

from support import Connection, Session, Sessions, register, submit

SUMS = """
select
  (select coalesce(sum(step_count), 0)::integer from capataz_ops.step_days),
  (select coalesce(sum(error_count), 0)::integer from capataz_ops.error_days),
  (select coalesce(sum(completed_count + failed_count), 0)::integer from capataz_ops.type_days)
"""


@pytest.fixture
def a(new_session: Sessions) -> Session:
    return new_session()


def work(session: Session, count: int, *, fail: bool) -> None:
    """Robots with a step each, that end in this session's transaction."""
    for _, execute_id, *_ in session.rows("select * from capataz.claim_robots('LegalModule', %s)", [count]):
        session.rows("select capataz.report_progress(%s, p_current_step => 'ocr')", [execute_id])
        if fail:
            session.rows("select capataz.fail_execution(%s, 'it broke', p_retryable => false)", [execute_id])
        else:
            session.rows("select capataz.complete_execution(%s)", [execute_id])


def test_what_commits_late_is_added_once(db: Connection, a: Session, b: Session) -> None:
    register(db, failure_threshold=1000)
    submit(db, 20)
    a.begin()
    work(a, 5, fail=False)
    work(a, 3, fail=True)
    # the module's row is locked by the failures: counters wait, steps and errors do not
    assert b.must_not_wait("select capataz.fold_analytics()") == [(0,)]
    assert b.must_not_wait("select capataz.fold_counters()") is not None
    assert db.execute(SUMS).fetchone() == (0, 0, 0)
    a.commit()
    for _ in range(2):
        db.execute("select capataz.fold_counters()")
        db.execute("select capataz.fold_analytics()")
        assert db.execute(SUMS).fetchone() == (8, 3, 8)


def test_two_folds_at_once_count_once(db: Connection, a: Session, b: Session) -> None:
    register(db, failure_threshold=1000)
    submit(db, 20)
    work(b, 6, fail=True)
    a.begin()
    [(moved,)] = a.rows("select capataz.fold_analytics()")
    assert moved == 12
    assert b.must_not_wait("select capataz.fold_analytics()") == [(0,)]
    work(b, 2, fail=False)  # work goes on meanwhile
    a.rollback()
    assert db.execute("select capataz.fold_analytics()").fetchone() == (14,)
    assert db.execute("select capataz.fold_analytics()").fetchone() == (0,)
    db.execute("select capataz.fold_counters()")
    assert db.execute(SUMS).fetchone() == (8, 6, 8)


def test_a_rebuild_beside_work_counts_once(db: Connection, a: Session, b: Session) -> None:
    register(db, failure_threshold=1000)
    submit(db, 20)
    work(a, 4, fail=False)
    work(a, 4, fail=True)
    db.execute("select capataz.fold_analytics()")
    a.begin()
    work(a, 4, fail=False)
    b.must_not_wait("select capataz_ops._rebuild_steps(), capataz_ops._rebuild_errors()")
    assert db.execute("select sum(step_count)::integer from capataz_ops.step_days").fetchone() == (8,)
    a.commit()
    db.execute("select capataz.fold_analytics()")
    db.execute("select capataz.fold_counters()")
    assert db.execute(SUMS).fetchone() == (12, 4, 12)


def test_purged_history_stays_in_the_days(db: Connection) -> None:
    """A rebuild keeps what history no longer shows."""
    register(db, failure_threshold=1000)
    db.execute(
        """
        insert into capataz.robots (robot_id, robot_type, module_name, input_data, status)
        select 'old-' || n, 'OCR', 'LegalModule', '{}', 'FAILED' from generate_series(1, 3) as n
        """
    )
    db.execute(
        """
        insert into capataz.robot_execute
          (execute_id, robot_id, module_name, execution_state, started_at, completed_at, error_message, current_step)
        select gen_random_uuid(), r.robot_id, r.module_name, 'FAILED', capataz.utc_now() - interval '10 days',
          capataz.utc_now() - interval '10 days', 'it broke', 'ocr'
        from capataz.robots as r
        """
    )
    db.execute("select capataz.fold_counters()")
    db.execute("select capataz.fold_analytics()")
    assert db.execute(SUMS).fetchone() == (0, 3, 3)
    db.execute("delete from capataz.robots where robot_id <> 'old-1'")
    db.execute("select capataz.fold_counters()")
    db.execute("select capataz.fold_analytics()")
    assert db.execute(SUMS).fetchone() == (0, 3, 3)
    db.execute("select capataz.rebuild_derived()")
    assert db.execute(SUMS).fetchone() == (0, 3, 3)
    # what was lost is found again, as far as history goes
    db.execute("delete from capataz_ops.error_days")
    db.execute("delete from capataz_ops.type_days")
    db.execute("select capataz.rebuild_derived()")
    assert db.execute(SUMS).fetchone() == (0, 1, 1)

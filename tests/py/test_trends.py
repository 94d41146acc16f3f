"""Jobs and trends with several sessions, processes and a moved clock (specification 5.2, ADR 0024)."""

from __future__ import annotations

import dataclasses
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from capataz import Capataz
from capataz.models import JobRun
from capataz.ticker import Ticker, next_time, run_one, seconds_until_due
from support import PATIENCE, Connection, Sessions, claim, install_clock, register, shift_clock, submit

HOUR = 3600


@pytest.fixture
def clock(db: Connection) -> Connection:
    """The database with a clock that tests move, at the start of a minute; no job has run yet."""
    install_clock(db)
    db.execute("update test_clock.clock set frozen_at = '2026-03-10 12:00:00'")
    db.execute("update capataz_ops.jobs set next_due_at = null, last_start_at = null")
    return db


def value(connection: Connection, query: str, *params: Any) -> Any:
    [(answer,)] = connection.execute(query.encode(), params).fetchall()
    return answer


# --- schedules


def field(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    pairs = st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1])
    ranges = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.integers(1, max(2, (high - low) // 2))
    item = st.one_of(
        numbers.map(str),
        ranges,
        st.tuples(ranges, steps).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    )
    return st.one_of(
        st.just("*"),
        steps.map(lambda step: f"*/{step}"),
        st.lists(item, min_size=1, max_size=3).map(",".join),
    )


schedules = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)).map(" ".join)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31))


def test_schedules_mean_the_same_in_the_database_and_in_the_ticker(db: Connection) -> None:
    @settings(
        max_examples=int(os.environ.get("CAPATAZ_MACHINE_EXAMPLES", "40")) * 10,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(schedule=schedules, after=moments)
    @example("* * 30 2 *", datetime(2024, 1, 1))
    @example("0 0 31 2,4 *", datetime(2024, 1, 1))
    def compare(schedule: str, after: datetime) -> None:
        found = value(db, "select capataz_ops._next_due(%s, %s)", schedule, after)
        expected = next_time(schedule, after)
        if expected is not None and expected >= after + timedelta(days=3652):
            expected = None  # ten years are enough
        assert found == expected or (found is None and expected is not None and expected.year - after.year >= 9)

    compare()


def test_the_ticker_knows_when_the_next_job_is_due(db: Connection) -> None:
    with Capataz(connection=db) as client:
        jobs = client.list_jobs()
    assert {job.schedule for job in jobs} >= {"* * * * *", "*/5 * * * *", "*/15 * * * *"}
    assert seconds_until_due(jobs, datetime(2026, 3, 10, 12, 0, 45)) == 15
    assert next_time("12 3 * * *", datetime(2026, 3, 10, 3, 12)) == datetime(2026, 3, 11, 3, 12)
    assert seconds_until_due([], datetime(2026, 3, 10)) == float("inf")
    never = dataclasses.replace(jobs[0], schedule="0 0 30 2 *")
    assert seconds_until_due([never], datetime(2026, 3, 10)) == float("inf")
    assert 0 < seconds_until_due([never, *jobs], datetime(2026, 3, 10)) <= 60
    for wrong in ("* * 32 * *", "* * * 13 *", "* * *", "61 * 30 2 *", "x"):
        with pytest.raises(CronSimError):
            next_time(wrong, datetime(2026, 3, 10))


# --- one ticker at a time


def test_a_second_ticker_stands_by_and_takes_over(dsn: str, db: Connection) -> None:
    db.execute("update capataz_ops.jobs set next_due_at = null")
    runs: dict[str, list[JobRun]] = {"a": [], "b": []}
    states: dict[str, list[bool]] = {"a": [], "b": []}
    tickers = {
        name: Ticker(
            dsn, every=0.05, patience=2, ticker_id=name, on_run=runs[name].append, on_state=states[name].append
        )
        for name in runs
    }
    threads = {name: threading.Thread(target=ticker.run) for name, ticker in tickers.items()}

    def until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, (states, runs)
            time.sleep(0.02)

    threads["a"].start()
    until(lambda: states["a"] == [True] and len(runs["a"]) >= 10)
    threads["b"].start()
    until(lambda: states["b"] == [False])
    assert Ticker(dsn).once() is None, "a third one, by hand, does nothing either"
    db.execute("update capataz_ops.jobs set next_due_at = null where job_name = 'fold_counters'")
    until(lambda: any(run.job_name == "fold_counters" for run in runs["a"][-1:]))
    assert runs["b"] == []

    tickers["a"].stop()  # in order: gives the lease back
    threads["a"].join(PATIENCE)
    until(lambda: states["b"] == [False, True])
    db.execute("update capataz_ops.jobs set next_due_at = null where job_name = 'fold_counters'")
    until(lambda: any(run.job_name == "fold_counters" for run in runs["b"]))
    tickers["b"].stop()
    threads["b"].join(PATIENCE)
    assert value(db, "select count(*) from capataz_ops.tickers") == 0
    assert {run.outcome for run in runs["a"] + runs["b"]} == {"ok"}


@pytest.mark.slow
def test_a_ticker_that_is_killed_is_replaced(dsn: str, db: Connection) -> None:
    command = [sys.executable, "-m", "capataz", "tick", "--dsn", dsn, "--every", "0.1", "--patience", "2", "--json"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    second: subprocess.Popen[bytes] | None = None
    try:
        assert first.stdout is not None
        assert first.stdout.readline(), "it runs jobs"
        holder = value(db, "select ticker_id from capataz_ops.tickers")
        second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        killed = time.monotonic()
        db.execute("update capataz_ops.jobs set next_due_at = null")
        assert second.stdout is not None
        assert second.stdout.readline(), "the other one goes on"
        assert time.monotonic() - killed < 30
        assert value(db, "select ticker_id from capataz_ops.tickers") != holder
        second.send_signal(signal.SIGTERM)
        assert second.wait(PATIENCE) == 0
        assert value(db, "select count(*) from capataz_ops.tickers") == 0, "in order: the lease is given back"
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.communicate()


def test_the_lease_is_kept_while_a_job_runs_long(dsn: str, db: Connection) -> None:
    db.execute("update capataz_ops.jobs set next_due_at = capataz.utc_now() + interval '10 minutes'")
    _slow_job(db, "slow_job", "perform pg_sleep(4)", 60)
    ticker = Ticker(dsn, every=0.05, patience=1, ticker_id="long")
    thread = threading.Thread(target=ticker.run)
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not value(
            db,
            "select count(*) from pg_stat_activity where query ~ 'run_job' and state = 'active'"
            " and pid <> pg_backend_pid() and datname = current_database()",
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for _ in range(10):
            time.sleep(0.2)
            assert not value(db, "select capataz.hold_ticker('other', 1)")
    finally:
        ticker.stop()
        thread.join(PATIENCE)
    assert value(db, "select last_outcome from capataz_ops.jobs where job_name = 'slow_job'") == "ok"


# --- one run at a time, within its time


def _slow_job(db: Connection, name: str, body: str, timeout: int) -> None:
    db.execute(
        f"create function capataz.{name}() returns integer language plpgsql set search_path = pg_catalog, pg_temp"
        f" as $$ begin {body}; return 1; end $$".encode()
    )
    db.execute(f"alter function capataz.{name}() owner to capataz_owner".encode())
    db.execute("select capataz_ops._define_job(%s, '* * * * *', 60, 'a test', %s)", [name, timeout])


def test_a_job_never_runs_twice_at_once(db: Connection, new_session: Sessions) -> None:
    _slow_job(db, "gated_job", "perform pg_advisory_xact_lock(42)", 60)
    gate, one, two = new_session(), new_session(), new_session()
    gate.begin()
    gate.rows("select pg_advisory_xact_lock(42)")
    first = one.start_and_wait_for_lock("select capataz.run_job('gated_job')")
    assert two.must_not_wait("select capataz.run_job('gated_job')") == [("skipped",)]
    assert ("gated_job", "skipped") in [row[:2] for row in two.must_not_wait("select * from capataz.run_due_jobs()")]
    gate.commit()
    assert first.result(PATIENCE) == [("ok",)]
    assert value(db, "select run_count from capataz_ops.jobs where job_name = 'gated_job'") == 1


def test_a_job_past_its_time_limit_is_stopped_and_recorded(db: Connection) -> None:
    _slow_job(db, "endless_job", "perform pg_sleep(60)", 1)
    run = run_one(db, "endless_job", 1)
    assert run.outcome == "failed: timeout"
    assert 900 <= run.duration_ms < 10_000
    assert value(db, "select last_outcome from capataz_ops.jobs where job_name = 'endless_job'") == "failed: timeout"
    assert value(db, "show statement_timeout") == "0", "the limit was that of the job alone"


def test_a_job_that_waits_for_a_lock_past_its_time_limit_is_stopped(db: Connection, new_session: Sessions) -> None:
    _slow_job(db, "waiting_job", "perform pg_advisory_xact_lock(43)", 1)
    gate, plain = new_session(), new_session()
    gate.begin()
    gate.rows("select pg_advisory_xact_lock(43)")
    assert plain.value("select capataz.run_job('waiting_job')") == "failed: timeout"
    gate.rollback()


# --- an hour without


def test_an_hour_without_a_ticker_loses_nothing_and_shows(clock: Connection, dsn: str) -> None:
    """Work goes on; jobs stand still for an hour; then they go on: figures are exact, the gap is a gap."""
    register(clock, "Steady", max_concurrency=50)
    completed = failed = 0
    figures = random.Random(5)

    def work(minutes: int, ticking: bool) -> None:
        nonlocal completed, failed
        for _ in range(minutes):
            submit(clock, 5, "Steady", retry_limit=0)
            for _, execute_id in claim(clock, 5, "Steady"):
                if figures.random() < 0.2:
                    clock.execute("select capataz.fail_execution(%s, 'broken')", [execute_id])
                    failed += 1
                else:
                    clock.execute("select capataz.complete_execution(%s)", [execute_id])
                    completed += 1
            submit(clock, 1, "Steady")  # something always waits
            if ticking:
                assert ticker.once() is not None
            shift_clock(clock, 60)

    ticker = Ticker(dsn, patience=30)
    work(10, True)
    work(60, False)
    work(10, True)

    rows = clock.execute("select * from capataz.throughput('Steady', 'OCR', 120)").fetchall()
    assert (sum(row[1] for row in rows), sum(row[2] for row in rows)) == (completed, failed)
    [rates] = clock.execute("select completed_count, failed_count from capataz.error_rates('Steady')").fetchall()
    assert rates == (completed, failed)
    module = clock.execute(
        "select total_robots_processed, error_count_24h from capataz.module_registry where module_name = 'Steady'"
    ).fetchall()
    clock.execute("select capataz.fold_counters()")
    assert module == [(completed + failed, failed)]

    # ten samples, an hour without, ten samples; each minute once
    steps = clock.execute(
        "select step_at, sample_count, pending from capataz.resource_trend("
        " 'Steady', '2026-03-10 12:00', '2026-03-10 13:20', 60)"
    ).fetchall()
    assert [row[1] for row in steps] == [1] * 10 + [0] * 60 + [1] * 10
    assert [row[2] is None for row in steps] == [False] * 10 + [True] * 60 + [False] * 10
    hours = clock.execute("select hour, sample_count from capataz_ops.fleet_trend_hours order by 1").fetchall()
    assert hours == [(datetime(2026, 3, 10, 12), 10)], "the hour that is over, once"
    gap = clock.execute(
        "select missed_count, gap_from, gap_until from capataz.list_jobs() where job_name = 'sample_resources'"
    ).fetchall()
    assert gap == [(60, datetime(2026, 3, 10, 12, 9), datetime(2026, 3, 10, 13, 10))]
    detail = value(clock, "select detail from capataz.system_health() where check_name = 'scheduler'")
    assert re.search(r"\w+ and \d+ more did not run from 2026-03-10 12:09:00 to 2026-03-10 13:10:00 UTC", detail)


def test_two_samplers_take_one_sample(db: Connection, new_session: Sessions) -> None:
    register(db, "Two")
    submit(db, 3, "Two")
    install_clock(db)
    db.execute("update test_clock.clock set frozen_at = '2026-03-10 12:00:00'")
    one, two = new_session(), new_session()
    one.begin()
    one.rows("select capataz.sample_resources()")
    second = two.start_and_settle("select capataz.sample_resources()")
    one.commit()
    assert second.result(PATIENCE) == [(0,)]
    assert value(db, "select count(*) from capataz_ops.fleet_trends") == 1
    assert value(db, "select count(*) from capataz_ops.module_trends where module_name = 'Two'") == 1


def test_a_reader_keeps_no_sample_from_being_taken(db: Connection, new_session: Sessions) -> None:
    """A dump that reads the trends for hours: partitions are attached beside it, and dropped another time."""
    register(db, "Dump")
    submit(db, 1, "Dump")
    install_clock(db)
    db.execute("update test_clock.clock set frozen_at = '2026-03-10 12:00:00'")
    db.execute("select capataz.sample_resources()")
    reader, sampler = new_session(), new_session()
    reader.begin()
    reader.rows("select * from capataz_ops.module_trends")
    shift_clock(db, 24 * HOUR)
    assert sampler.must_not_wait("select capataz.sample_resources()") == [(1,)]
    shift_clock(db, 40 * 24 * HOUR)
    sampler.rows("select capataz.trim_windows()")
    assert value(db, "select to_regclass('capataz_ops.module_trends_20260310') is not null")
    reader.rollback()
    sampler.rows("select capataz.trim_windows()")
    assert value(db, "select to_regclass('capataz_ops.module_trends_20260310') is null")


# --- purge


def test_purge_leaves_out_what_somebody_holds(db: Connection, new_session: Sessions) -> None:
    """A robot that is being retried is skipped, nobody waits, and nothing of it is lost."""
    install_clock(db)
    db.execute("update test_clock.clock set frozen_at = '2026-03-10 12:00:00'")
    register(db, "Old", retention_days=7)
    submit(db, 3, "Old", retry_limit=0)
    attempts = claim(db, 3, "Old")
    for _, execute_id in attempts:
        db.execute("select capataz.fail_execution(%s, 'broken')", [execute_id])
    shift_clock(db, 8 * 24 * HOUR)
    kept = attempts[0][0]
    operator, purger = new_session(), new_session()
    operator.begin()
    operator.rows("select capataz.retry_robot(%s)", [kept])
    assert purger.must_not_wait("select capataz.purge_history()") == [(2,)]
    operator.commit()
    assert db.execute("select robot_id, status::text from capataz.robots").fetchall() == [(kept, "PENDING")]
    assert value(db, "select count(*) from capataz.robot_execute") == 1


def test_purge_goes_on_where_it_was_interrupted(db: Connection) -> None:
    """Many robots of one instant, and a round that was cut short: each goes once, none is forgotten."""
    register(db, "Bulk", retention_days=1)
    register(db, "Other")
    for module in ("Bulk", "Other"):
        db.execute(
            """
            insert into capataz.robots
              (robot_id, robot_type, status, module_name, input_data, created_at, started_at, completed_at)
            select %s || g.n, 'OCR', 'COMPLETED', %s, '{}', t.at, t.at, t.at
            from generate_series(1, 6000) as g (n)
            cross join lateral (
              select capataz.utc_now() - interval '3 days' + (g.n / 3000) * interval '1 second' as at
            ) as t
            """,
            [module, module],
        )
    # a round that stopped in the middle
    db.execute(
        """
        update capataz_ops.walks
        set position = jsonb_build_array('OCR', 'NORMAL', 'COMPLETED', '-infinity')::text,
          started_at = capataz.utc_now(),
          row_count = 9
        where walk_name = 'purge_history'
        """
    )
    removed = 0
    for _ in range(20):
        removed += value(db, "select capataz.purge_history()")
        if value(db, "select ended_at is not null from capataz_ops.walks where walk_name = 'purge_history'"):
            break
    assert removed == 6000
    assert db.execute("select module_name, count(*) from capataz.robots group by 1").fetchall() == [("Other", 6000)]
    assert value(db, "select row_count from capataz_ops.walks where walk_name = 'purge_history'") == 6009


# --- the command line


@pytest.fixture
def capataz(dsn: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "capataz", *arguments, "--dsn", dsn],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "200"},
        )

    return run


def test_capataz_jobs_shows_and_runs_them(
    capataz: Callable[..., subprocess.CompletedProcess[str]], db: Connection
) -> None:
    shown = capataz("jobs")
    assert shown.returncode == 0, shown.stderr
    for word in ("sample_resources", "12 3 * * *", "not yet", "Checks the tables"):
        assert word in shown.stdout
    ran = capataz("jobs", "run", "sample_resources")
    assert (ran.returncode, "sample_resources: ok" in ran.stdout) == (0, True), ran.stderr
    _slow_job(db, "broken_job", "raise exception 'on purpose'", 60)
    broken = capataz("jobs", "run", "broken_job")
    assert broken.returncode == 1
    assert "failed" in broken.stdout
    assert "on purpose" in broken.stdout
    assert "broken_job: P0001: on purpose" in capataz("jobs").stdout
    assert "RB404" in capataz("jobs", "run", "nobody", "--json").stderr
    assert '"job_name": "sample_resources"' in capataz("jobs", "--json").stdout
    assert "CRITICAL" in capataz("doctor").stdout


def test_times_of_the_ticker_are_utc() -> None:
    """cronsim is given times without a zone: what the database calls UTC."""
    local = datetime(2026, 3, 29, 0, 59, tzinfo=UTC).replace(tzinfo=None)
    times = CronSim("30 2 * * *", local)
    assert [next(times) for _ in range(2)] == [datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 30, 2, 30)]

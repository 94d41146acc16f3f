"""kill -9 of the server, of a client, and of single sessions in the middle of work.

What was acknowledged is there afterwards, nothing ends twice, and whatever was held comes back.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.types.json import Jsonb

from capataz import deploy
from support import (
    MODULE,
    PATIENCE,
    Connection,
    broken_pairs,
    check_invariants,
    claim,
    install_clock,
    pairs,
    register,
    robot,
    shift_clock,
    submit,
)

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "ops" / "cluster"


class Server:
    """A throw-away cluster with fsync on, which can be killed and started again."""

    def __init__(self, state: str) -> None:
        self.environment = {**os.environ, "CAPATAZ_STATE": state}
        self.start()
        self.data = Path(state) / "crash" / "data"
        self.admin_dsn = self._cluster("dsn", "crash", "postgres")
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            connection.execute("create database work")
        self.dsn = self._cluster("dsn", "crash", "work")

    def _cluster(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(CLUSTER), *arguments], env=self.environment, capture_output=True, text=True, check=True, timeout=300
        )
        return done.stdout.strip()

    def start(self) -> None:
        """Starts the server, which recovers where it was killed."""
        self._cluster("up", "crash")

    def kill(self) -> None:
        """kill -9 of the postmaster and of every process of the server."""
        postmaster = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=PATIENCE)

    def destroy(self) -> None:
        """Removes the cluster."""
        self._cluster("down", "crash", "--destroy")


@pytest.fixture
def server() -> Iterator[Server]:
    """The cluster of one test."""
    state = tempfile.mkdtemp(prefix="capataz-crash.", dir=os.environ.get("TMPDIR", "/var/tmp"))
    os.chmod(state, 0o711)
    made = None
    try:
        made = Server(state)
        yield made
    finally:
        if made:
            made.destroy()
        shutil.rmtree(state, ignore_errors=True)


class Load:
    """Sessions that submit, claim, complete and fail until their connection breaks; what was acknowledged is kept."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.submitted: list[str] = []
        self.completed: list[tuple[str, str]] = []
        self.failed: list[str] = []

    def submit_all_the_time(self, seed: int) -> None:
        source = random.Random(seed)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            while True:
                self.submitted += submit(connection, source.choice([1, 1, 1, 20]))

    def work_all_the_time(self, seed: int) -> None:
        source = random.Random(seed)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            while True:
                for robot_id, execute_id in claim(connection, source.randint(1, 10)):
                    fate = source.random()
                    if fate < 0.7:
                        connection.execute(
                            "select capataz.complete_execution(%s, %s)", [execute_id, Jsonb({"by": execute_id})]
                        )
                        self.completed.append((robot_id, execute_id))
                    elif fate < 0.8:
                        connection.execute(
                            "select capataz.fail_execution(%s, 'broken', p_retryable => false)", [execute_id]
                        )
                        self.failed.append(robot_id)
                    elif fate < 0.9:
                        connection.execute("select capataz.report_progress(%s, 50, 'HALF')", [execute_id])

    def run_until(self, enough: Callable[[], bool], then: Callable[[], None]) -> None:
        """Runs six sessions; once there is enough, does what breaks them all."""
        with ThreadPoolExecutor(6) as pool:
            sessions = [pool.submit(self.submit_all_the_time, seed) for seed in range(2)]
            sessions += [pool.submit(self.work_all_the_time, seed) for seed in range(4)]
            deadline = time.monotonic() + PATIENCE
            while not enough() and time.monotonic() < deadline and not any(s.done() for s in sessions):
                time.sleep(0.01)
            then()
            for session in sessions:
                error = session.exception(PATIENCE)
                assert isinstance(error, psycopg.OperationalError), repr(error)
        assert enough()


def finish(connection: Connection) -> None:
    """Ends every robot that is left."""
    while True:
        shift_clock(connection, 4000)  # past timeouts and back-offs
        connection.execute("select capataz.expire_executions(100000)")
        attempts = claim(connection, 1000)
        if attempts:
            connection.execute(
                "select from capataz.complete_executions(%s)", [Jsonb([{"execute_id": row[1]} for row in attempts])]
            )
            continue
        [(left,)] = connection.execute(
            "select count(*) from capataz.robots where status not in ('COMPLETED', 'FAILED')"
        ).fetchall()
        if left == 0:
            return


@pytest.mark.slow
def test_kill_of_the_server_loses_nothing_acknowledged(server: Server) -> None:
    deploy.migrate(server.dsn)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        install_clock(connection)
        register(connection, failure_threshold=1000000, max_concurrency=1000)
    submitted: list[str] = []
    completed: list[tuple[str, str]] = []
    failed: list[str] = []
    for _ in range(2):
        load = Load(server.dsn)
        load.run_until(
            lambda load=load: len(load.submitted) > 300 and len(load.completed) > 150,  # type: ignore[misc]
            server.kill,
        )
        submitted += load.submitted
        completed += load.completed
        failed += load.failed
        server.start()

    with psycopg.connect(server.dsn, autocommit=True) as connection:
        statuses = pairs(connection, "select robot_id, status::text from capataz.robots")
        assert set(submitted) <= statuses.keys()
        outputs = pairs(connection, "select robot_id, output_data ->> 'by' from capataz.robots")
        for robot_id, execute_id in completed:
            assert (statuses[robot_id], outputs[robot_id]) == ("COMPLETED", execute_id)
        for robot_id in failed:
            assert statuses[robot_id] == "FAILED"
        assert broken_pairs(connection) == []

        finish(connection)
        check_invariants(connection)
        ends = connection.execute(
            "select r.robot_id, r.status::text, count(*) filter (where e.execution_state = 'COMPLETED') "
            "from capataz.robots as r left join capataz.robot_execute as e on e.robot_id = r.robot_id "
            "group by r.robot_id"
        ).fetchall()
        assert Counter((status, times) for _, status, times in ends).keys() <= {("COMPLETED", 1), ("FAILED", 0)}
        assert len({robot_id for robot_id, _ in completed}) == len(completed)


CLIENT = """
import sys, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=sys.argv[2] == "commit")
if sys.argv[3] == "heartbeat":
    connection.execute("select capataz.heartbeat_worker('doomed', %s)", [sys.argv[4]])
rows = connection.execute("select robot_id from capataz.claim_robots(%s, 5, 'doomed')", [sys.argv[4]]).fetchall()
print(len(rows), flush=True)
sys.stdin.read()
"""


def _kill_a_client(dsn: str, *, commit: bool, heartbeat: bool) -> None:
    """A process claims five robots and is killed with SIGKILL while it holds them."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            CLIENT,
            dsn,
            "commit" if commit else "open",
            "heartbeat" if heartbeat else "silent",
            MODULE,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "5\n"
        process.kill()


def _wait_for_its_session_to_end(connection: Connection) -> None:
    deadline = time.monotonic() + PATIENCE
    while connection.execute(
        "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
        "and backend_type = 'client backend'"
    ).fetchall():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_client_with_heartbeat_loses_its_robots_after_the_worker_timeout(db: Connection, dsn: str) -> None:
    install_clock(db)
    register(db)
    robots = submit(db, 5)
    _kill_a_client(dsn, commit=True, heartbeat=True)
    assert claim(db, 10) == []
    shift_clock(db, 29)
    assert claim(db, 10) == []
    shift_clock(db, 2)
    # the sweep of any claim takes them, and hands them out at once
    again = claim(db, 10)
    assert sorted(row[0] for row in again) == sorted(robots)
    for robot_id in robots:
        row = robot(db, robot_id)
        assert (row["retry_count"], row["error_category"]) == (1, "WORKER_LOST")
    check_invariants(db)
    [(failures,)] = db.execute("select consecutive_failures from capataz.module_registry").fetchall()
    assert failures == 1  # one lost worker counts once


def test_killed_client_without_heartbeat_loses_its_robots_after_the_timeout(db: Connection, dsn: str) -> None:
    install_clock(db)
    register(db, timeout_seconds=300, failure_threshold=100, retry_policy={"base_seconds": 0})
    robots = submit(db, 5)
    _kill_a_client(dsn, commit=True, heartbeat=False)
    shift_clock(db, 299)
    assert claim(db, 10) == []
    shift_clock(db, 2)
    assert sorted(row[0] for row in claim(db, 10)) == sorted(robots)
    check_invariants(db)


def test_killed_client_in_an_open_claim_gives_the_robots_back_untouched(db: Connection, dsn: str) -> None:
    register(db, max_concurrency=5)
    robots = submit(db, 5)
    _kill_a_client(dsn, commit=False, heartbeat=False)
    _wait_for_its_session_to_end(db)
    assert sorted(row[0] for row in claim(db, 10)) == sorted(robots)
    assert {robot(db, robot_id)["retry_count"] for robot_id in robots} == {0}
    check_invariants(db)


def test_terminated_sessions_leave_everything_consistent(db: Connection, dsn: str) -> None:
    """Sessions are terminated in the middle of their calls, again and again; the others finish the work."""
    install_clock(db)
    register(db, failure_threshold=1000000, max_concurrency=12, retry_policy={"base_seconds": 0})
    submitted = submit(db, 500, retry_limit=1000)
    stop = threading.Event()
    acknowledged: list[str] = []
    broken = Counter[str]()

    def work(seed: int) -> None:
        source = random.Random(seed)
        while not stop.is_set():
            try:
                with psycopg.connect(dsn, autocommit=True) as connection:
                    while not stop.is_set():
                        rows = claim(connection, source.randint(1, 5))
                        for robot_id, execute_id in rows:
                            try:
                                connection.execute("select capataz.complete_execution(%s)", [execute_id])
                            except psycopg.DatabaseError as error:
                                if error.sqlstate != "RB409":  # the clock ran ahead of a slow machine
                                    raise
                                continue
                            acknowledged.append(robot_id)
                        if not rows:
                            # what a terminated session held
                            connection.execute("select capataz.stop_worker('nobody')")
                            time.sleep(0.005)
            except psycopg.OperationalError as error:
                broken[error.sqlstate or "connection"] += 1

    with ThreadPoolExecutor(6) as pool:
        workers = [pool.submit(work, seed) for seed in range(6)]
        deadline = time.monotonic() + PATIENCE
        while len(acknowledged) < 400 and time.monotonic() < deadline and sum(broken.values()) < 60:
            db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                "and pid <> pg_backend_pid() and backend_type = 'client backend' order by random() limit 1"
            )
            shift_clock(db, 200)  # held by nobody any more: they time out sooner or later
            time.sleep(0.03)
        stop.set()
        for worker in workers:
            worker.result(PATIENCE)
    assert broken
    assert broken_pairs(db) == []
    assert len(set(acknowledged)) == len(acknowledged)
    finish(db)
    statuses = pairs(db, "select robot_id, status::text from capataz.robots")
    assert statuses.keys() == set(submitted)
    assert set(statuses.values()) == {"COMPLETED"}
    check_invariants(db)

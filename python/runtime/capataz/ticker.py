"""Run the scheduled jobs from outside where the server has no pg_cron: what ``capataz tick`` does (ADR 0024).

    Ticker("postgresql://ticker@/work").run()

The database holds the rules: which jobs there are, which are due (``list_jobs``), and what running one means
(``run_job``). The ticker sleeps until a job's schedule names the next minute, runs what is due, each job in a
transaction of its own and under its time limit, and sees to it that one ticker is active at a time: the others stand by
and take over when it falls silent. Times are seconds.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

import psycopg
from cronsim import CronSim, CronSimError

from . import calls
from .client import connect_options, default_dsn, execute
from .errors import CapatazError
from .link import Backoff, one_line
from .models import Job, JobRun

logger = logging.getLogger("capataz.ticker")

TIMEOUT: Final = "failed: timeout"


def next_time(schedule: str, after: datetime) -> datetime | None:
    """Return the first time after ``after`` that a schedule of five fields names, both in UTC; None: it never comes.

    Raises:
        cronsim.CronSimError: it is no schedule.
    """
    try:
        return next(CronSim(schedule, after))
    except StopIteration:
        return None
    except CronSimError:
        fields = schedule.split()
        if len(fields) != 5:
            raise
        for place in (2, 3):  # day and month may be right, each by itself: 30 February
            CronSim(" ".join([*fields[:place], "*", *fields[place + 1 :]]), after)
        return None


def seconds_until_due(jobs: Iterable[Job], now: datetime) -> float:
    """Return the time until the first of these jobs is due by its schedule; infinite where there is none."""
    times = (next_time(schedule, now) for schedule in {job.schedule for job in jobs})
    return min(((at - now).total_seconds() for at in times if at is not None), default=float("inf"))


def run_one(connection: psycopg.Connection[Any], job_name: str, timeout_seconds: int) -> JobRun:
    """Run one job now, in a transaction of its own and under a time limit; say how it went.

    Raises:
        NotFound: there is no such job.
    """
    begun = time.monotonic()
    try:
        with connection.transaction():
            # before the statement that it limits: PostgreSQL reads it when a statement begins
            connection.execute("select set_config('statement_timeout', %s, true)", [f"{timeout_seconds}s"])
            outcome = execute(connection, calls.run_job(job_name))
    except psycopg.errors.QueryCanceled:
        outcome = TIMEOUT
    return JobRun(job_name, outcome, round((time.monotonic() - begun) * 1000))


class Ticker:
    """Runs due jobs while it holds the lease.

    Args:
        dsn: connection string; by default ``$CAPATAZ_DSN``. The role needs ``capataz_operator``.
        every: longest time between two looks at the jobs.
        patience: how long the active ticker may be silent before another one takes over.
        ticker_id: its name in the lease; by default host, process and a random part.
        on_run: called with each job that ran.
        on_state: called with True and False when it becomes the active one, and when it is no longer.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        every: float = 5.0,
        patience: int = 30,
        ticker_id: str | None = None,
        on_run: Callable[[JobRun], object] | None = None,
        on_state: Callable[[bool], object] | None = None,
    ) -> None:
        self._dsn = default_dsn(dsn)
        self._options = connect_options(self._dsn, application_name="capataz tick")
        self.every = every
        self.patience = patience
        self.ticker_id = ticker_id or f"{socket.gethostname()[:60]} {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._on_run = on_run
        self._on_state = on_state
        self._is_active: bool | None = None
        self._stopped = threading.Event()
        self._backoff = Backoff()

    def stop(self) -> None:
        """End ``run`` after the job under way; from any thread."""
        self._stopped.set()

    def once(self) -> list[JobRun] | None:
        """Run what is due now; None: another ticker is active.

        Raises:
            psycopg.Error: the database cannot be reached.
            CapatazError: it refused.
        """
        with self._connect() as connection:
            if not self._hold(connection):
                return None
            try:
                runs, _ = self._round(connection)
            finally:
                execute(connection, calls.release_ticker(self.ticker_id))
            return runs

    def run(self) -> None:
        """Run jobs until ``stop``, SIGTERM or Ctrl-C; waits for a database that is away.

        Raises:
            CapatazError: the database refused it, such as a role that may not run jobs.
        """
        is_main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGTERM, lambda *_: self.stop()) if is_main else None
        heartbeat = threading.Thread(target=self._beat, name="capataz-ticker", daemon=True)
        heartbeat.start()
        try:
            while not self._stopped.is_set():
                try:
                    with self._connect() as connection:
                        self._loop(connection)
                        heartbeat.join(2.0)  # or it might take the lease again
                        execute(connection, calls.release_ticker(self.ticker_id))
                except psycopg.OperationalError as error:
                    self._is_active = None
                    delay = self._backoff.next()
                    logger.warning("%s; trying again in %.1f s", one_line(error), delay)
                    self._stopped.wait(delay)
        finally:
            self._stopped.set()
            heartbeat.join(2.0)
            if is_main:
                signal.signal(signal.SIGTERM, before)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._dsn, **self._options)

    def _hold(self, connection: psycopg.Connection[Any]) -> bool:
        active = execute(connection, calls.hold_ticker(self.ticker_id, patience_seconds=self.patience))
        if active is not self._is_active:
            self._is_active = active
            if self._on_state is not None:
                self._on_state(active)
        return active

    def _loop(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stopped.is_set():
            wait = self.every
            if self._hold(connection):
                _, until_due = self._round(connection)
                wait = min(wait, max(until_due, 0.0) + 0.01)
            self._backoff = Backoff()
            self._stopped.wait(wait)

    def _round(self, connection: psycopg.Connection[Any]) -> tuple[list[JobRun], float]:
        """Run what is due, the short ones first; return the runs and the time until the next one is due."""
        runs: list[JobRun] = []
        jobs = execute(connection, calls.list_jobs())
        for job in sorted((job for job in jobs if job.is_due), key=lambda job: (job.timeout_seconds, job.job_name)):
            if self._stopped.is_set() or not self._hold(connection):
                break
            run = run_one(connection, job.job_name, job.timeout_seconds)
            runs.append(run)
            if self._on_run is not None:
                self._on_run(run)
        return runs, seconds_until_due(jobs, execute(connection, calls.utc_now()))

    def _beat(self) -> None:
        """Keep the lease while a job runs for long: a connection of its own."""
        connection: psycopg.Connection[Any] | None = None
        while not self._stopped.wait(self.patience / 3):
            if not self._is_active:
                continue
            try:
                if connection is None:
                    connection = self._connect()
                execute(connection, calls.hold_ticker(self.ticker_id, patience_seconds=self.patience))
            except (psycopg.Error, CapatazError) as error:
                logger.warning("heartbeat of the ticker failed: %s", one_line(error))
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

"""The demo: engine, deploy, module, robots, workers, a worker killed on purpose, recovery, proof, summary."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from capataz.client import Capataz
from capataz.engine import Engine

from .crew import Crew, WorkerProcess
from .documents import ROBOT_TYPE, Document, find_documents, make_bad_documents, robot_request
from .facts import Facts, Snapshot
from .licences import RECOGNISER_VERSION, Audit
from .report import Outcome, print_report
from .screen import Picture, Screen, WorkerLine, make_screen
from .stage import DemoError, Interrupted, Ticker, deploy_schema, done, make_console, perform, start_engine

__all__ = ["MODULE_NAME", "DemoError", "run_demo"]

MODULE_NAME = "LegalModule"
WORKER_TIMEOUT_SECONDS = 5
MIN_ROBOTS_FOR_KILL = 20
POLL_SECONDS = 0.2

# How LegalModule wants to be treated; all of it is enforced in the database.
REGISTRATION: dict[str, Any] = {
    "demo": True,
    "description": "Audits the licences of the software on a machine.",
    "worker_timeout_seconds": WORKER_TIMEOUT_SECONDS,  # so that a lost worker is noticed while somebody watches
    "timeout_seconds": 120,
    "retry_policy": {"base_seconds": 1, "factor": 2, "max_seconds": 30, "jitter": 0.2},
    "failure_threshold": 10,
    "min_success_rate": 50,  # the robots of a worker that is killed on purpose count as failures
    "max_concurrency": 64,
}


_HEALTH_CHECK = "Copyright 2025 Capataz\n\nLicensed under the Apache License, Version 2.0.\n"


@dataclass(slots=True)
class _Options:
    workers: int
    kill: bool
    fresh: bool
    keep: bool
    limit: int | None
    timeout: float


@dataclass(slots=True)
class _Story:
    """What happened around the worker that was killed."""

    name: str = ""
    pid: int = 0
    held: list[str] = field(default_factory=list)
    killed_at: datetime | None = None
    begun: float = 0.0
    given_up: bool = False
    recovered: bool = False


def run_demo(
    dsn: str | None = None,
    *,
    workers: int = 4,
    kill: bool = True,
    fresh: bool = False,
    keep: bool = False,
    limit: int | None = None,
    timeout: float = 600.0,
    as_json: bool = False,
    console: Console | None = None,
) -> int:
    """Run the demo and return the exit code: 0, 1 when something went wrong, 130 when interrupted.

    Args:
        dsn: server to use; by default ``$CAPATAZ_DSN``, and without that an embedded one.
        workers: how many worker processes; one of them is killed.
        kill: whether one is killed at all.
        fresh: do the work again even where results are in the cache.
        keep: stay at the end until Ctrl-C, so that the embedded server can be looked at.
        limit: at most so many documents.
        timeout: seconds after which the demo gives up.
        as_json: print the facts as one JSON object on standard output, everything else on standard error.
        console: where to print, for tests.
    """
    out = make_console(console, as_json=as_json)
    if not 1 <= workers <= 32:
        out.print(f"[red]capataz demo: workers must be between 1 and 32, not {workers}[/]")
        return 2
    options = _Options(workers, kill and workers > 1, fresh, keep, limit, timeout)
    return perform("capataz demo", out, lambda: _demo(dsn, options, out, as_json))


# --- the run ----------------------------------------------------------------------------------------------------------


def _demo(dsn: str | None, options: _Options, console: Console, as_json: bool) -> bool:
    """Set up, run, prove, tell; True if all went well."""
    given = dsn or os.environ.get("CAPATAZ_DSN")
    console.print("\n[bold cyan]Capataz[/], the foreman inside PostgreSQL: a demo on real input\n")
    with contextlib.ExitStack() as stack:
        psql = "psql" if shutil.which("psql") else None
        if given:
            dsn = given
        else:
            engine = start_engine(console, stack)
            dsn, psql = engine.dsn, psql or _psql_of(engine)
        with psycopg.connect(dsn, autocommit=True, application_name="capataz demo", connect_timeout=10) as connection:
            _one_at_a_time(connection)
            deploy_schema(console, dsn, connection)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capataz-demo-")))
            stack.enter_context(Ticker(dsn))
            outcome = _Run(dsn, connection, options, console, folder).go()
        outcome.dsn, outcome.psql, outcome.embedded, outcome.kept = dsn, psql, not given, options.keep
        print_report(console, outcome)
        if as_json:
            print(json.dumps(outcome.as_json(), indent=2, default=str))
        if options.keep:
            _stay(console, embedded=not given)
    return outcome.ok


def _psql_of(engine: Engine) -> str | None:
    path = engine.binaries / "psql"
    return str(path) if path.exists() else None


def _one_at_a_time(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("select pg_try_advisory_lock(hashtextextended('capataz.demo', 0))").fetchone()
    if row is None or not row[0]:
        raise DemoError("another demo is running on this database; wait for it, or give this one its own CAPATAZ_DSN")


def _stay(console: Console, *, embedded: bool) -> None:
    """Wait for Ctrl-C; the server runs and its jobs are done meanwhile."""
    what = "The server stays up and its" if embedded else "Your server's"
    console.print(f"[bold]{what} jobs are run until Ctrl-C.[/]\n")
    try:
        while True:
            time.sleep(3600)
    except Interrupted:
        if embedded:
            console.print("\nStopping the server; its data stay for the next run.")


class _Run:
    """One run over all documents."""

    def __init__(
        self, dsn: str, connection: psycopg.Connection[Any], options: _Options, console: Console, folder: Path
    ) -> None:
        self.dsn = dsn
        self.connection = connection
        self.options = options
        self.console = console
        self.folder = folder
        self.run_id = f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
        self.capataz = Capataz(connection=connection)
        self.crew = Crew(dsn, MODULE_NAME, self.run_id.removeprefix("demo-"), folder)
        self.story = _Story()
        self.series: list[float] = []

    # --- steps

    def go(self) -> Outcome:
        self._register()
        documents, what = self._find()
        submitted = self._submit(documents)
        facts = Facts(self.connection, [row.robot_id for row in submitted])
        cached = sum(row.cache_hit for row in submitted)
        copies = sum(row.deduplicated for row in submitted)
        begun = time.monotonic()
        shot = facts.snapshot()
        inherited = copies - (len(documents) - len(facts.robots))  # left behind by an interrupted run
        if shot.ended < len(facts.robots):
            shot = self._work(facts)
        seconds = time.monotonic() - begun
        self._check_health()
        self.capataz.fold_counters()
        return self._conclude(
            Outcome(
                run_id=self.run_id,
                documents=len(documents),
                what=what,
                made=[d for d in documents if d.made],
                robots=len(facts.robots),
                copies=len(documents) - len(facts.robots),
                inherited=max(inherited, 0),
                cached=cached,
                seconds=seconds,
                series=self.series,
                submit_seconds=self.submit_seconds,
            ),
            facts,
        )

    def _register(self) -> None:
        begun = time.monotonic()
        row = self.connection.execute(
            "select coalesce((registration_data ->> 'demo')::boolean, false) from capataz.module_registry"
            " where module_name = %s",
            (MODULE_NAME,),
        ).fetchone()
        if row is not None and not row[0]:
            raise DemoError(
                f"this database has a module {MODULE_NAME} that is not the demo's, and the demo would change it; "
                "use another database (or no CAPATAZ_DSN: the demo brings its own server)"
            )
        module = self.capataz.register_module(
            MODULE_NAME, RECOGNISER_VERSION, [ROBOT_TYPE], environment="demo", registration_data=REGISTRATION
        )
        self.capataz.activate_module(MODULE_NAME)
        done(self.console, "module", f"{module.module_id} is registered for robots of type {ROBOT_TYPE}", begun)

    def _check_health(self) -> None:
        """The module's health check: does the recogniser still know a licence when it sees one?"""
        begun = time.monotonic()
        path = self.folder / "health-check"
        path.write_text(_HEALTH_CHECK, encoding="utf-8")
        audit = Audit(path)
        audit.open()
        audit.validate()
        audit.recognise()
        found = [licence["id"] for licence in audit.conclude()["licences"]]
        self.capataz.record_health_check(
            MODULE_NAME,
            found == ["Apache-2.0"],
            response_time_ms=round((time.monotonic() - begun) * 1000),
            error_message=None if found == ["Apache-2.0"] else f"health check recognised {found}",
        )

    def _find(self) -> tuple[list[Document], str]:
        begun = time.monotonic()
        with self.console.status("looking for documents ..."):
            documents, what = find_documents(limit=self.options.limit)
            if not documents:
                raise DemoError("this machine has neither /usr/share/doc/*/copyright nor Python licence files")
            documents += make_bad_documents(self.folder)
        megabytes = sum(d.size for d in documents) / 1e6
        done(
            self.console,
            "input",
            f"{len(documents) - 2} documents ({what}, {megabytes:.1f} MB), "
            f"and two made to be refused: an empty and a binary one",
            begun,
        )
        return documents, what

    def _submit(self, documents: Sequence[Document]) -> Sequence[Any]:
        salt = f":{self.run_id}" if self.options.fresh else ""
        requests = [robot_request(document, self.run_id, MODULE_NAME, salt=salt) for document in documents]
        begun = time.monotonic()
        submitted = self.capataz.submit_robots(requests)
        self.submit_seconds = time.monotonic() - begun
        robots = len({row.robot_id for row in submitted})
        cached = sum(row.cache_hit for row in submitted)
        text = f"{len(documents)} documents submitted in one call"
        if cached:
            text += f", {cached} answered from the cache at once"
        if len(documents) > robots:
            text += f"; {len(documents) - robots} are copies of others and share a robot"
        done(self.console, "submit", text, begun)
        return submitted

    def _work(self, facts: Facts) -> Snapshot:
        """Start the workers and watch until every robot has ended."""
        self.console.print()
        screen = make_screen(self.console)
        shot = facts.snapshot()
        start = shot.ended
        deadline = time.monotonic() + self.options.timeout
        try:
            with screen:
                self.crew.start(self.options.workers)
                screen.event("info", f"{self.options.workers} worker processes started")
                while True:
                    shot = facts.snapshot()
                    screen.show(Picture(len(facts.robots), shot, self._lines(shot)))
                    self._follow(facts, shot, screen)
                    if shot.ended >= len(facts.robots):
                        break
                    self._maybe_kill(facts, shot, start, screen)
                    self._check_crew()
                    if time.monotonic() > deadline:
                        raise DemoError(
                            f"{len(facts.robots) - shot.ended} robots did not end within "
                            f"{self.options.timeout:.0f} s: {shot.status}"
                        )
                    time.sleep(POLL_SECONDS)
                self.series = screen.pace.series()
        except Interrupted:
            self._interrupted(facts)
            raise
        finally:
            stubborn = self.crew.stop()
        for worker in stubborn:
            self.console.print(f" [yellow]![/] {worker.name} did not stop in time and was killed")
        return shot

    def _interrupted(self, facts: Facts) -> None:
        self.console.print("\n[bold]Interrupted.[/] Stopping the workers: what runs is finished or handed back ...")
        stubborn = self.crew.stop()
        self.connection.close()  # Ctrl-C may have come in the middle of its query: it is of no use any more
        with psycopg.connect(self.dsn, autocommit=True, application_name="capataz demo", connect_timeout=10) as fresh:
            shot = Facts(fresh, facts.documents).snapshot()
        left = len(facts.robots) - shot.ended
        state = f"{shot.ended} robots are done, {left} wait in the queue"
        if stubborn:
            state += (
                f"; {len(stubborn)} worker(s) had to be killed, their robots come back within "
                f"{WORKER_TIMEOUT_SECONDS} s"
            )
        self.console.print(f"All workers have stopped; {state}.", soft_wrap=True)
        self.console.print("Nothing is lost: the next run of the demo goes on with them.")

    # --- the worker that is killed

    def _maybe_kill(self, facts: Facts, shot: Snapshot, start: int, screen: Screen) -> None:
        todo = len(facts.robots) - start
        if not self.options.kill or self.story.held or todo < MIN_ROBOTS_FOR_KILL:
            return
        if not start + todo * 0.2 <= shot.ended <= start + todo * 0.9:
            return

        def holding(worker: WorkerProcess) -> int:
            self.story.held = facts.held_by(worker.worker_id)
            return len(self.story.held)

        candidates = sorted(
            (w for w in self.crew.workers if w.alive and w.worker_id in shot.workers),
            key=lambda w: -shot.workers[w.worker_id].active,
        )
        for worker in candidates[:1]:
            if self.crew.kill_while_holding(worker, holding):
                self.story.name, self.story.pid = worker.name, worker.pid
                self.story.killed_at = facts.now()
                self.story.begun = time.monotonic()
                time.sleep(0.3)  # what it had sent last may still be committing
                self.story.held = facts.held_by(worker.worker_id)
                screen.event(
                    "kill",
                    f"kill -9 {worker.pid}: {worker.name} is dead and held {_robots(len(self.story.held))}. "
                    "On purpose: watch them come back",
                )
                screen.event(
                    "wait",
                    f"no sign of life from {worker.name}: after {WORKER_TIMEOUT_SECONDS} s the database gives its "
                    "robots back",
                )

    def _follow(self, facts: Facts, shot: Snapshot, screen: Screen) -> None:
        story = self.story
        if not story.killed_at:
            return
        after = time.monotonic() - story.begun
        if not story.given_up and shot.lost:
            story.given_up = True
            screen.event("good", f"WORKER_LOST: {_robots(shot.lost)} taken back {after:.1f} s after the kill")
        if story.given_up and not story.recovered:
            lost = facts.lost_attempts()
            if lost and all(attempt.status in ("COMPLETED", "FAILED") for attempt in lost):
                story.recovered = True
                screen.event("good", f"recovered: all of them done by other workers {after:.1f} s after the kill")

    def _lines(self, shot: Snapshot) -> list[WorkerLine]:
        lines = []
        for worker in self.crew.workers:
            count = shot.workers.get(worker.worker_id)
            if worker.killed_at is not None:
                state = "killed"
            elif not worker.alive:
                state = "stopped"
            elif count is None:
                state = "starting"
            else:
                state = "working" if count.active else "idle"
            lines.append(WorkerLine(worker.name, worker.worker_id, worker.pid, state))
        return lines

    def _check_crew(self) -> None:
        dead = self.crew.dead()
        if dead:
            worker = dead[0]
            raise DemoError(
                f"{worker.name} ended by itself (exit code {worker.process.returncode}). The end of its log:\n"
                f"{worker.log_tail()}"
            )

    # --- the end

    def _conclude(self, outcome: Outcome, facts: Facts) -> Outcome:
        """Ask the database what came of it, and judge."""
        outcome.checks = facts.verify()
        outcome.totals = facts.totals()
        outcome.licences = facts.licences()
        outcome.discrepancy_count, outcome.discrepancies = facts.discrepancies()
        outcome.slowest = facts.slowest()
        outcome.durations = facts.durations()
        outcome.failures = facts.failures()
        outcome.lost = facts.lost_attempts() if self.story.killed_at else []
        outcome.tiers = facts.tiers()
        outcome.module = facts.module(MODULE_NAME)
        outcome.killed = (self.story.name, self.story.pid) if self.story.killed_at else None
        outcome.killed_at = self.story.killed_at
        outcome.problems = list(self._problems(outcome))
        return outcome

    def _problems(self, outcome: Outcome) -> Iterator[str]:
        for name, count in outcome.checks.items():
            if name != "robots" and count:
                yield f"{count} robots are {name.replace('_', ' ')}"
        if outcome.checks["robots"] != outcome.robots:
            yield f"{outcome.robots} robots were submitted, {outcome.checks['robots']} are there"
        refused = {row["made"] for row in outcome.failures if row["category"] == "VALIDATION" and row["made"]}
        for document in outcome.made:
            if document.made not in refused:
                yield f"the {document.made} document was not refused as VALIDATION"
        for row in outcome.failures:
            if not row["made"] and row["category"] != "VALIDATION":
                yield f"{row['robot_id']} ({row['package']}) failed as {row['category']}: {row['message']}"
        if outcome.killed and not outcome.lost:
            yield f"{outcome.killed[0]} was killed, yet no attempt is marked WORKER_LOST"
        rightly_refused = {row["robot_id"] for row in outcome.failures if row["category"] == "VALIDATION"}
        for attempt in outcome.lost:
            if attempt.status != "COMPLETED" and attempt.robot_id not in rightly_refused:
                yield f"{attempt.robot_id} was lost with its worker and ended {attempt.status}"


def _robots(number: int) -> str:
    return f"{number} robot" if number == 1 else f"{number} robots"


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m capataz.demo``: the same as ``capataz demo`` without the rest of the command line."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m capataz.demo", description="The Capataz demo.")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--no-kill", dest="kill", action="store_false")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", dest="as_json", action="store_true")
    given = parser.parse_args(arguments)
    return run_demo(**vars(given))

"""The failover demo: two modules, a stream of robots, a breakdown, a circuit breaker, a recovery, proof, summary."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console

from capataz.client import Capataz, connect_options
from capataz.errors import Conflict, NotFound
from capataz.models import HealthChange

from ..crew import Crew
from ..stage import DemoError, Interrupted, Ticker, deploy_schema, done, make_console, perform, start_engine
from .facts import Evidence, Facts, Shot
from .feeder import Feeder
from .report import print_report
from .screen import Picture, Screen, make_screen
from .worker import breakdown_file

__all__ = ["run_failover"]

DATABASE = "failover"  # of the embedded server, apart from that of `make demo`
SLOTS = 4  # so many runs at once in one database
POLL_SECONDS = 0.2
JOB_SECONDS = 0.5
CHECK_SECONDS = 5.0
PAGES_PER_SECOND = 40.0
BATCH = 120
PATIENCE = 120.0  # for what must happen sooner or later

# How the modules want to be treated; all of it is enforced in the database. Impatient, so that somebody can watch.
SETTINGS: dict[str, Any] = {
    "demo": True,
    "description": "Reads pages; one of two that do.",
    "failure_threshold": 5,
    "max_concurrency": 8,
    "breaker": {"cooldown_seconds": 3, "factor": 1.5, "max_seconds": 10},
    "retry_policy": {"base_seconds": 0.5, "factor": 1.5, "max_seconds": 2, "jitter": 0.2},
    "min_success_rate": 50,
    "worker_timeout_seconds": 10,
    "timeout_seconds": 60,
}


def run_failover(
    dsn: str | None = None,
    *,
    seconds: float = 45.0,
    workers: int = 8,
    as_json: bool = False,
    console: Console | None = None,
) -> int:
    """Run the demo and return the exit code: 0, 1 when a fact does not hold, 130 when interrupted.

    Args:
        dsn: server to use; by default ``$CAPATAZ_DSN``, and without that an embedded one.
        seconds: about how long it takes; 8 or more.
        workers: worker processes in all, half of them for each module.
        as_json: print the facts as one JSON object on standard output, everything else on standard error.
        console: where to print, for tests.
    """
    out = make_console(console, as_json=as_json)
    if seconds < 8 or not 2 <= workers <= 16 or workers % 2:
        out.print("[red]capataz demo-failover: --seconds must be 8 or more, --workers even, from 2 to 16[/]")
        return 2
    return perform("capataz demo-failover", out, lambda: _demo(dsn, seconds, workers, out, as_json))


def _demo(dsn: str | None, seconds: float, workers: int, console: Console, as_json: bool) -> bool:
    dsn = dsn or os.environ.get("CAPATAZ_DSN")
    console.print("\n[bold cyan]Capataz[/], the foreman inside PostgreSQL: a module breaks, and heals\n")
    with contextlib.ExitStack() as stack:
        if not dsn:
            dsn = start_engine(console, stack, database=DATABASE).dsn
        options = connect_options(dsn, application_name="capataz demo-failover")
        with psycopg.connect(dsn, **options) as connection:
            slot = _take_slot(connection)
            deploy_schema(console, dsn, connection)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capataz-failover-")))
            found = _Run(dsn, connection, slot, seconds, workers, console, folder).go()
        if as_json:
            print(json.dumps(found.as_json(), indent=2, default=str))
    return found.ok


def _take_slot(connection: psycopg.Connection[Any]) -> int:
    """Several may run at once, each with modules of its own."""
    for slot in range(1, SLOTS + 1):
        row = connection.execute(
            "select pg_try_advisory_lock(hashtextextended('capataz.demo-failover ' || %s, 0))", [slot]
        ).fetchone()
        if row is not None and row[0]:
            return slot
    raise DemoError(f"{SLOTS} of these run on this database already; wait for one of them")


class _Run:
    """One run."""

    def __init__(
        self,
        dsn: str,
        connection: psycopg.Connection[Any],
        slot: int,
        seconds: float,
        workers: int,
        console: Console,
        folder: Path,
    ) -> None:
        suffix = "" if slot == 1 else str(slot)
        self.dsn = dsn
        self.capataz = Capataz(connection=connection)
        self.connection = connection
        self.seconds = seconds
        self.handlers = workers // 2
        self.console = console
        self.folder = folder
        self.run_id = f"failover-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
        self.north, self.south = f"OcrNorth{suffix}", f"OcrSouth{suffix}"
        self.robot_type = f"OCR_PAGE{suffix}"
        self.breakdown = breakdown_file(folder, self.south)
        self.crews = [self._crew(name) for name in (self.north, self.south)]
        self.feeder = Feeder(dsn, self.robot_type, self.run_id, PAGES_PER_SECOND)
        self.moved = 0  # as the job counts
        self.told_moved = 0
        self.told_changes = 0
        self.told_probes: set[str] = set()
        self.chapter = "calm"
        self.opened_at: datetime | None = None
        self.broke_at: datetime | None = None
        self.healed_at: datetime | None = None
        self.next_check = 0.0

    def _crew(self, module_name: str) -> Crew:
        folder = self.folder / module_name
        folder.mkdir()
        return Crew(
            self.dsn,
            module_name,
            f"{module_name}-{self.run_id.removeprefix('failover-')}",
            folder,
            program="capataz.demo.failover.worker",
            arguments=(self.robot_type, str(self.folder)),
        )

    # --- the story

    def go(self) -> Evidence:
        """Play it, ask what came of it, tell."""
        self._register()
        self.facts = Facts(self.connection, self.run_id, (self.north, self.south))
        self.begun = time.monotonic()
        try:
            with Ticker(self.dsn, self._jobs, JOB_SECONDS):
                self._play()
        except Interrupted:
            self.console.print("\n[bold]Interrupted.[/] Stopping the workers: what runs is finished or handed back ...")
            raise
        finally:
            self.feeder.stop()
            for crew in self.crews:
                crew.ask_to_stop()
            for crew in self.crews:
                crew.stop()
            self._retire()
        self.capataz.fold_counters()
        return self._conclude()

    def _play(self) -> None:
        screen = make_screen(self.console, self.begun)
        with screen:
            self.screen: Screen = screen
            for crew in self.crews:
                crew.start(self.handlers)
            self._tell("info", f"{self.handlers} workers for {self.north}, {self.handlers} for {self.south}")
            self.feeder.start()
            self._tell("info", f"{PAGES_PER_SECOND:.0f} pages a second are submitted; the router chooses a module")
            self._until(lambda shot: all(shot.done(name) >= 20 for name in shot.states), "both modules work")
            self._for(0.2 * self.seconds)

            self.feeder.burst(BATCH)
            self._tell("info", f"a batch of {BATCH} pages arrives")
            before = len(self.feeder.routed)
            self._until(lambda shot: len(self.feeder.routed) >= before + BATCH // 2, "the batch is there")
            self.chapter = "broken"
            self.broke_at = self.facts.now()
            self.breakdown.touch()
            self._tell("break", f"{self.south} breaks: from now on its handler raises")
            self._until(lambda shot: self._health(shot) == "UNHEALTHY", f"{self.south} is UNHEALTHY")
            self.chapter = "UNHEALTHY"
            broken_for = 0.29 * self.seconds
            repair = time.monotonic() + broken_for
            self._until(
                lambda shot: time.monotonic() >= repair and len(self.told_probes) >= 1,
                "a probe has failed",
                PATIENCE + broken_for,
            )

            self.chapter = "repaired"
            self.breakdown.unlink()
            self.healed_at = self.facts.now()
            self._tell("good", f"{self.south} is repaired; nobody tells Capataz")
            self._until(lambda shot: self._health(shot) == "HEALTHY", f"{self.south} is HEALTHY")
            self.chapter = "HEALTHY"
            self._for(0.28 * self.seconds)

            self.feeder.stop()
            self._tell("info", f"no more pages: {len(self.feeder.routed):,} were submitted")
            shot = self._until(lambda shot: shot.open == 0, "all robots have ended", 3 * PATIENCE)
            self.chapter = "done"
            self._show(shot)
        self.last_shot = shot

    def _health(self, shot: Shot) -> str | None:
        return shot.states[self.south].health_status

    # --- steps

    def _register(self) -> None:
        begun = time.monotonic()
        row = self.connection.execute(
            "select min(module_name) from capataz.module_registry where module_name = any (%s)"
            " and not coalesce((registration_data ->> 'demo')::boolean, false)",
            [[self.north, self.south]],
        ).fetchone()
        if row is not None and row[0]:
            raise DemoError(f"this database has a module {row[0]} that is not the demo's; use another database")
        for name in (self.north, self.south):
            self.capataz.register_module(name, "1.0", [self.robot_type], environment="demo", registration_data=SETTINGS)
            self.capataz.activate_module(name)
            self.capataz.record_health_check(name, True, response_time_ms=3)
        left = self._clear()
        text = f"{self.north} and {self.south} are registered for robots of type {self.robot_type}"
        done(self.console, "modules", text + (f"; {left} left over were cancelled" if left else ""), begun)

    def _clear(self) -> int:
        """Cancel what an interrupted run left behind, so that it does not mix with this one."""
        rows = self.connection.execute(
            "select robot_id from capataz.robots where module_name = any (%s) and status in ('PENDING', 'RETRYING')",
            [[self.north, self.south]],
        ).fetchall()
        for (robot_id,) in rows:
            with contextlib.suppress(Conflict, NotFound):
                self.capataz.cancel_robot(robot_id, reason="left over from another run of the demo")
        return len(rows)

    def _retire(self) -> None:
        """Nobody works for the modules any more: no robot shall be routed to them."""
        with contextlib.suppress(psycopg.Error):
            for name in (self.north, self.south):
                self.capataz.deactivate_module(name, reason="the demo has ended")

    def _jobs(self, capataz: Capataz) -> None:
        """The scheduled jobs, and those that matter here more often than every minute. In a thread."""
        self.moved += capataz.move_waiting_robots()
        capataz.evaluate_health()
        if time.monotonic() >= self.next_check:
            self.next_check = time.monotonic() + CHECK_SECONDS
            for name in (self.north, self.south):  # its health page answers even while its work fails
                capataz.record_health_check(name, True, response_time_ms=3)
        capataz.run_due_jobs()

    # --- watching

    def _tell(self, kind: str, text: str) -> None:
        self.screen.event(time.monotonic() - self.begun, kind, text)

    def _for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._look()
            time.sleep(POLL_SECONDS)

    def _until(self, condition: Callable[[Shot], bool], what: str, patience: float = PATIENCE) -> Shot:
        end = time.monotonic() + patience
        while True:
            shot = self._look()
            if condition(shot):
                return shot
            if time.monotonic() > end:
                raise DemoError(f"waited {patience:.0f} s in vain until {what}; robots: {shot.status}")
            time.sleep(POLL_SECONDS)

    def _look(self) -> Shot:
        shot = self.facts.shot()
        self.feeder.open = shot.open
        if self.feeder.error is not None:
            raise DemoError(f"robots cannot be submitted: {self.feeder.error}")
        for crew in self.crews:
            for worker in crew.dead():
                raise DemoError(
                    f"{worker.worker_id} ended by itself (exit code {worker.process.returncode}). The end of its log:\n"
                    f"{worker.log_tail()}"
                )
        self._tell_changes()
        self._tell_probes()
        if self.moved - self.told_moved > 1:  # a single one is the next probe
            self._tell("move", f"{self.moved - self.told_moved} waiting robots moved from {self.south} to {self.north}")
        self.told_moved = self.moved
        self._show(shot)
        return shot

    def _show(self, shot: Shot) -> None:
        broken = frozenset([self.south] if self.breakdown.exists() else [])
        self.screen.show(Picture(shot, len(self.feeder.routed), self.moved, self.chapter, broken))

    def _tell_changes(self) -> None:
        changes = [(change, name) for name in (self.north, self.south) for change in self.facts.changes(name)]
        changes.sort(key=lambda pair: pair[0].changed_at)
        for change, name in changes[self.told_changes :]:
            if change.to_status == "UNHEALTHY" and name == self.south:
                self.opened_at = change.changed_at
            self._tell("break" if change.to_status == "UNHEALTHY" else "good", _change(name, change))
        self.told_changes = len(changes)

    def _tell_probes(self) -> None:
        if self.opened_at is None or self.chapter in ("HEALTHY", "done"):
            return
        for probe in self.facts.probes(self.south, self.opened_at, None):
            early = (probe.started_at - self.opened_at).total_seconds() < SETTINGS["breaker"]["cooldown_seconds"]
            if early or probe.state != "FAILED" or probe.execute_id in self.told_probes:
                continue
            self.told_probes.add(probe.execute_id)
            state = self.capataz.module_health(self.south)[0]
            wait = ""
            if state.probe_after is not None and probe.completed_at is not None:
                wait = f"; the next one in {(state.probe_after - probe.completed_at).total_seconds():.1f} s"
            self._tell("wait", f"probe {len(self.told_probes)} failed{wait}")

    # --- the end

    def _conclude(self) -> Evidence:
        assert self.broke_at is not None
        assert self.healed_at is not None
        found = self.facts.conclude(
            self.south,
            self.north,
            routed=self.feeder.routed,
            settings=SETTINGS,
            handlers=self.handlers,
            broke_at=self.broke_at,
            healed_at=self.healed_at,
        )
        closed = next((c.changed_at for c in found.changes if c.to_status == "HEALTHY"), None)
        marks = {"breaks": self.broke_at, "repaired": self.healed_at, "HEALTHY": closed}
        print_report(self.console, found, self.last_shot, begun=self.facts.begun, marks=marks)
        return found


def _change(name: str, change: HealthChange) -> str:
    why = change.reason.splitlines()[0] if change.reason else ""
    return f"{name} is {change.to_status}: {why}"


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m capataz.demo.failover``: the same as ``capataz demo-failover``."""
    parser = argparse.ArgumentParser(prog="python -m capataz.demo.failover", description="The failover demo.")
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--json", dest="as_json", action="store_true")
    given = parser.parse_args(arguments)
    return run_failover(**vars(given))

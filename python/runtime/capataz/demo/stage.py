"""What the demos share: console, Ctrl-C, engine, deploy, the scheduled jobs, and how a failure is told."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from capataz import deploy
from capataz.client import Capataz
from capataz.engine import Engine, EngineError
from capataz.errors import CapatazError

__all__ = ["DemoError", "Interrupted", "Ticker", "deploy_schema", "done", "make_console", "perform", "start_engine"]


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM."""


def make_console(console: Console | None, *, as_json: bool) -> Console:
    """The console to tell the story on: standard error where standard output is for JSON."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not (stream.encoding or "").lower().startswith("utf"):
            stream.reconfigure(errors="replace")  # a ✓ that the terminal does not know must not end the demo
    out = console or Console(stderr=as_json, highlight=False)
    if console is None and not out.is_terminal:
        out = Console(stderr=as_json, highlight=False, width=110)
    return out


def perform(name: str, console: Console, action: Callable[[], bool]) -> int:
    """Run a demo and return the exit code: 0, 1 when something went wrong, 130 when interrupted."""
    try:
        with _signals():
            well = action()
    except Interrupted:
        console.print("[bold]Stopped.[/]")
        return 130
    except (DemoError, EngineError, deploy.DeployError, CapatazError) as error:
        console.print(f"\n{name} failed: {error}", style="bold red", markup=False)
        return 1
    except psycopg.Error as error:
        console.print(f"\n{name} failed: the database said: {str(error).strip()}", style="bold red", markup=False)
        return 1
    return 0 if well else 1


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """The first Ctrl-C or SIGTERM interrupts in order; further ones are ignored while it is being tidied up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if not pressed:
            pressed = True
            raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start_engine(console: Console, stack: contextlib.ExitStack, *, database: str = "capataz") -> Engine:
    """Start an embedded server, or join the one that runs; it is left when the stack closes.

    What another version of Capataz left in its database goes: unreleased migrations change.
    """
    begun = time.monotonic()
    with console.status("starting PostgreSQL (the first time takes a little longer) ..."):
        engine = stack.enter_context(Engine(database=database))
        renewed = engine.renew(f"a demo of Capataz {deploy.read_tree().code_sha256[:16]}")
    how = "joined the running server" if engine.joined else "started" if engine.reused else "made and started"
    done(console, "engine", f"embedded PostgreSQL, {how}, data in {engine.home}", begun)
    if renewed:
        console.print("           [dim]another version of Capataz had made the database: it was made anew[/]")
    return engine


def deploy_schema(console: Console, dsn: str, connection: psycopg.Connection[Any]) -> None:
    """Bring the database up to date."""
    begun = time.monotonic()
    with console.status("deploying the schema ..."):
        deploy.migrate(dsn)
    row = connection.execute("select current_setting('server_version'), current_database()").fetchone()
    version, database = (row[0].split()[0], row[1]) if row else ("?", "?")
    done(console, "deploy", f"schema and functions are in database {database} (PostgreSQL {version})", begun)


def done(console: Console, what: str, text: str, begun: float) -> None:
    """Tell that a step is done, and how long it took."""
    line = Table.grid(padding=(0, 1))
    line.add_row(" [green]✓[/]", f"[bold]{what:<7}[/]", f"{text} [dim]({time.monotonic() - begun:.1f} s)[/]")
    console.print(line)


class Ticker:
    """A thread that calls jobs once a second; by default ``run_due_jobs()``, as where there is no pg_cron."""

    def __init__(self, dsn: str, jobs: Callable[[Capataz], object] = Capataz.run_due_jobs, every: float = 1.0) -> None:
        self._dsn = dsn
        self._jobs = jobs
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="capataz-demo-tick", daemon=True)

    def __enter__(self) -> Ticker:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def _main(self) -> None:
        with Capataz(self._dsn, pool_size=1, application_name="capataz demo tick") as capataz:
            while not self._stop.wait(self._every):
                # A tick that fails is told by what stays undone; the next one is a moment away.
                with contextlib.suppress(psycopg.Error, CapatazError):
                    self._jobs(capataz)

"""A demo as a person starts it: in a process of its own, with its worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from support import wait_until

RUNTIME = Path(__file__).resolve().parents[2] / "python" / "runtime"


class Demo:
    """A running ``python -m MODULE``; its worker processes run ``MODULE.worker``."""

    def __init__(self, module: str, dsn: str | None, *arguments: str, state: Path | None = None) -> None:
        self.worker_module = f"{module}.worker"
        environment = {key: value for key, value in os.environ.items() if key != "CAPATAZ_DSN"}
        environment["PYTHONPATH"] = str(RUNTIME)
        if dsn:
            environment["CAPATAZ_DSN"] = dsn
        if state:
            environment["CAPATAZ_STATE"] = str(state)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.workers: list[psutil.Process] = []

    def end(self, timeout: float = 200) -> tuple[int, str, str]:
        """Wait for the end: exit code, standard output, standard error."""
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out, err

    def find_workers(self) -> int:
        """Remember the worker processes that run now, and say how many."""
        me = psutil.Process(self.process.pid)
        self.workers = [p for p in me.children() if self.worker_module in " ".join(p.cmdline())]
        return len(self.workers)

    def wait_for_workers(self, number: int) -> None:
        """Wait until so many worker processes run, and remember them."""
        wait_until(lambda: self.find_workers() >= number)


@contextmanager
def demos(module: str) -> Iterator[Callable[..., Demo]]:
    """``start(dsn, *arguments)`` starts a demo; whatever is left of it at the end is killed."""
    started: list[Demo] = []

    def start(dsn: str | None, *arguments: str, **options: Any) -> Demo:
        demo = Demo(module, dsn, *arguments, **options)
        started.append(demo)
        return demo

    yield start
    for demo in started:
        for process in demo.workers:
            if process.is_running():
                process.kill()
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.communicate()


def one(dsn: str, query: str) -> Any:
    """The first value of the first row of a query."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

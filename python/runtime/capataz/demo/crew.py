"""The demo's worker processes: started, watched, killed on purpose, stopped in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Crew", "WorkerProcess", "stop_with_parent"]


@dataclass(slots=True)
class WorkerProcess:
    """One worker process. Its standard input is a pipe that nobody writes to: when it closes, the worker ends."""

    name: str
    worker_id: str
    process: subprocess.Popen[bytes]
    log: Path
    killed_at: float | None = None
    was_asked: bool = False  # to finish; a second SIGTERM would cut it short

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def log_tail(self, lines: int = 12) -> str:
        """The end of what it wrote."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])
        return ""


class Crew:
    """All workers of one run."""

    def __init__(
        self,
        dsn: str,
        module_name: str,
        run_id: str,
        folder: Path,
        *,
        program: str = "capataz.demo.worker",
        arguments: Sequence[str] = (),
    ) -> None:
        self.workers: list[WorkerProcess] = []
        self._dsn = dsn
        self._module_name = module_name
        self._run_id = run_id
        self._folder = folder
        self._program = program
        self._arguments = arguments

    def start(self, count: int) -> None:
        """Start ``count`` workers more. They get a session of their own: Ctrl-C is for the demo, which stops them."""
        environment = dict(os.environ, CAPATAZ_DSN=self._dsn, PYTHONUNBUFFERED="1")
        for _ in range(count):
            number = len(self.workers) + 1
            worker_id = f"worker-{number}-{self._run_id}"
            log = self._folder / f"worker-{number}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", self._program, self._module_name, worker_id, *self._arguments],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
            self.workers.append(WorkerProcess(f"worker-{number}", worker_id, process, log))

    def dead(self) -> list[WorkerProcess]:
        """Workers that ended without being asked to."""
        return [w for w in self.workers if not w.alive and w.killed_at is None]

    def kill_while_holding(self, worker: WorkerProcess, holding: Callable[[WorkerProcess], int]) -> bool:
        """Kill a worker with SIGKILL while it holds robots; if it holds none just now, leave it alone.

        It is stopped (SIGSTOP) for the look, so that it cannot hand in its last robot in between.
        """
        if not worker.alive:
            return False
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)  # what it had sent already is committed by now
        if holding(worker) == 0:
            worker.process.send_signal(signal.SIGCONT)
            return False
        worker.process.kill()
        worker.killed_at = time.monotonic()
        worker.process.wait()
        return True

    def ask_to_stop(self) -> list[WorkerProcess]:
        """Ask all workers to finish; return those that are still there."""
        running = [w for w in self.workers if w.alive]
        for worker in running:
            if not worker.was_asked:
                worker.process.send_signal(signal.SIGTERM)
                worker.process.send_signal(signal.SIGCONT)
                worker.was_asked = True
        return running

    def stop(self, grace_seconds: float = 10.0) -> list[WorkerProcess]:
        """Ask all workers to finish, wait, and kill those that do not; return those that had to be killed."""
        running = self.ask_to_stop()
        deadline = time.monotonic() + grace_seconds
        stubborn = [w for w in running if not _wait(w, deadline)]
        for worker in stubborn:
            worker.process.kill()
            worker.process.wait()
        self._close_pipes(self.workers)
        return stubborn

    @staticmethod
    def _close_pipes(workers: Iterable[WorkerProcess]) -> None:
        for worker in workers:
            if worker.process.stdin is not None:
                with contextlib.suppress(OSError):
                    worker.process.stdin.close()


def _wait(worker: WorkerProcess, deadline: float) -> bool:
    try:
        worker.process.wait(max(0.05, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def stop_with_parent(stop: Callable[[], None], grace_seconds: float) -> None:
    """In a worker process: when standard input is closed, stop; and see to it that the process really ends."""

    def watch() -> None:
        while sys.stdin.buffer.read(1024):
            pass
        stop()
        timer = threading.Timer(grace_seconds + 10, os._exit, (1,))
        timer.daemon = True
        timer.start()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()

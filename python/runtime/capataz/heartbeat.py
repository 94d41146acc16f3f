"""The worker's sign of life: a thread with a connection of its own, which also samples memory and I/O."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import psycopg

from . import calls
from .client import execute
from .errors import CapatazError
from .link import Backoff, one_line

if TYPE_CHECKING:
    from .worker import Worker

logger = logging.getLogger("capataz.worker")

SAMPLE: Final = 0.5  # seconds between samples of memory and I/O while robots run


class Heartbeat:
    """Says that the worker lives, and samples memory and I/O: a thread with a connection of its own."""

    def __init__(self, worker: Worker, dsn: str, options: dict[str, Any]) -> None:
        self._worker = worker
        self._dsn = dsn
        self._options = options
        self._connection: psycopg.Connection[Any] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._main, name="capataz-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop; a heartbeat under way comes to its end, or is abandoned after two seconds."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _main(self) -> None:
        worker = self._worker
        due = time.monotonic() + worker.heartbeat_interval
        backoff: Backoff | None = None
        while True:
            now = time.monotonic()
            wait = max(0.0, due - now)
            if self._stopped.wait(min(wait, SAMPLE) if worker._running else min(wait, 2 * SAMPLE)):
                break
            if worker._running:
                self._sample()
            if time.monotonic() < due:
                continue
            try:
                self._beat()
            except (psycopg.Error, CapatazError) as error:
                if backoff is None:
                    logger.warning("heartbeat failed: %s", one_line(error))
                    backoff = Backoff()
                self._close()
                due = time.monotonic() + min(backoff.next(), worker.heartbeat_interval)
            else:
                backoff = None
                due = time.monotonic() + worker.heartbeat_interval
        self._close()

    def _sample(self) -> None:
        meter = self._worker._meter
        meter.sample()
        memory_mb = meter.memory_mb
        for context in self._worker._running.copy():
            if memory_mb > context._peak_mb:
                context._peak_mb = memory_mb

    def _beat(self) -> None:
        worker = self._worker
        if self._connection is None:
            self._connection = psycopg.connect(self._dsn, **self._options)
        for worker_id in (worker.worker_id, *list(worker._retired)):
            execute(self._connection, calls.heartbeat_worker(worker_id, worker.module_name, info=worker._info()))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

"""The stream of robots: a thread that submits pages at an even rate, and batches on demand; it names no module."""

from __future__ import annotations

import threading
import time

import psycopg

from capataz.client import Capataz
from capataz.errors import CapatazError, NoModuleAvailable

__all__ = ["Feeder"]

TICK = 0.1
MOST_WAITING = 600  # robots not ended: with more, a slow machine gets no new ones
RETRY_LIMIT = 50  # a robot that happens to be the probe of a broken module several times must not fail for good


class Feeder:
    """Submits robots of one type until stopped.

    ``routed`` holds the module that the router chose for each robot; read it when the feeder has stopped.
    """

    def __init__(self, dsn: str, robot_type: str, run_id: str, per_second: float) -> None:
        self.routed: dict[str, str] = {}
        self.error: Exception | None = None
        self.refused = 0
        self.open = 0  # robots not ended, as the conductor sees it
        self._dsn = dsn
        self._robot_type = robot_type
        self._run_id = run_id
        self._per_second = per_second
        self._burst = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="capataz-demo-feeder", daemon=True)

    def start(self) -> None:
        """Begin the stream."""
        self._thread.start()

    def burst(self, count: int) -> None:
        """Submit so many at once, besides the stream."""
        self._burst += count

    def stop(self) -> None:
        """End the stream; what was submitted stands."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _main(self) -> None:
        try:
            with Capataz(self._dsn, pool_size=1, application_name="capataz demo feeder") as capataz:
                self._feed(capataz)
        except (psycopg.Error, CapatazError) as error:
            self.error = error

    def _feed(self, capataz: Capataz) -> None:
        last = time.monotonic()
        owed = 0.0
        while not self._stop.wait(TICK):
            now = time.monotonic()
            owed = min(owed + (now - last) * self._per_second, self._per_second)
            last = now
            burst, self._burst = self._burst, 0
            count = burst + (int(owed) if self.open < MOST_WAITING else 0)
            if not count:
                continue
            first = len(self.routed) + 1
            robots = [
                {
                    "robot_type": self._robot_type,
                    "input_data": {"page": page},
                    "correlation_id": self._run_id,
                    "retry_limit": RETRY_LIMIT,
                }
                for page in range(first, first + count)
            ]
            try:
                submitted = capataz.submit_robots(robots)
            except NoModuleAvailable:
                self.refused += count
                self._burst += burst
                continue
            self.routed.update((robot.robot_id, robot.module_name) for robot in submitted)
            owed -= min(int(owed), count)

"""One worker process of the failover demo: ``python -m capataz.demo.failover.worker MODULE WORKER_ID TYPE FOLDER``.

It pretends to read a page. While the file ``broken-MODULE`` is in the folder, its handler raises. The connection string
comes in ``CAPATAZ_DSN``; the process ends when its standard input is closed, so that no worker outlives the demo.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from pathlib import Path

from capataz.context import Context, RobotError
from capataz.worker import Worker

from ..crew import stop_with_parent

__all__ = ["breakdown_file", "make_worker"]

HEARTBEAT_SECONDS = 1.0
GRACE_SECONDS = 5.0
PAGE_SECONDS = 0.1


def breakdown_file(folder: Path, module_name: str) -> Path:
    """The file that breaks a module for as long as it exists."""
    return folder / f"broken-{module_name}"


def make_worker(module_name: str, robot_type: str, breakdown: Path, worker_id: str | None = None) -> Worker:
    """A worker that does one robot at a time and has none at hand: what is in flight is what runs."""
    worker = Worker(
        None,
        module_name,
        concurrency=1,
        batch_size=1,
        prefetch=0,
        worker_id=worker_id,
        poll_interval=0.3,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_seconds=GRACE_SECONDS,
    )

    @worker.robot(robot_type)
    def read_page(ctx: Context) -> dict[str, object]:
        time.sleep(PAGE_SECONDS * random.uniform(0.7, 1.3))
        if breakdown.exists():
            raise RobotError("the scanner does not answer", category="EXTERNAL_API")
        return {"page": ctx.input["page"], "words": random.randint(200, 400)}

    return worker


def main() -> int:
    """Work until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m capataz.demo.failover.worker", description="A worker.")
    parser.add_argument("module_name")
    parser.add_argument("worker_id")
    parser.add_argument("robot_type")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    breakdown = breakdown_file(given.folder, given.module_name)
    worker = make_worker(given.module_name, given.robot_type, breakdown, given.worker_id)
    stop_with_parent(worker.stop, GRACE_SECONDS)
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

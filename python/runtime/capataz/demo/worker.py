"""One worker process of the demo: ``python -m capataz.demo.worker MODULE WORKER_ID``.

The connection string comes in ``CAPATAZ_DSN`` (not on the command line, where everybody could read it). The process
also ends when its standard input is closed, so that no worker outlives the demo, however the demo ends.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from typing import Any

from capataz.context import Context, Result, ValidationError
from capataz.worker import Worker

from .crew import stop_with_parent
from .documents import ROBOT_TYPE
from .licences import Audit, InvalidDocumentError

__all__ = ["audit", "make_worker"]

HEARTBEAT_SECONDS = 1.0
GRACE_SECONDS = 5.0


def audit(ctx: Context) -> Result:
    """The handler: the four steps of an audit. A document that is none fails as VALIDATION, at once and for good."""
    begun = time.perf_counter()
    given: Any = ctx.input
    document = Audit(given["path"], declared=given.get("declared"))
    try:
        ctx.step("OPEN", category="INIT", total=4, details={"path": given["path"]})
        opened = document.open()
        ctx.step("CHECK_FORMAT", category="VALIDATION", details=opened)
        checked = document.validate()
        ctx.step("RECOGNISE", category="PROCESSING", details=checked)
        document.recognise(lambda done, total: _progress(ctx, done, total))
        last = ctx.step("CONCLUDE", category="FINALIZATION", details={"licences": len(document.licences)})
        output = document.conclude()
        took = time.perf_counter() - begun
        last.wait()  # do not run ahead of what is recorded: what is shown is what is done
    except InvalidDocumentError as error:
        raise ValidationError(str(error), details=error.details) from error
    return Result(
        output,
        confidence=output["confidence"],
        completeness=output["completeness"],
        metrics={
            "handler_ms": round(took * 1000, 1),
            "size_bytes": output["size_bytes"],
            "passages": output["passages"],
        },
    )


def _progress(ctx: Context, done: int, total: int) -> None:
    ctx.progress(completed=done, total=total, items=done)


def make_worker(module_name: str, worker_id: str | None = None, *, concurrency: int = 2) -> Worker:
    """A worker of LegalModule; two robots at a time, so that one works while the other waits for the disk."""
    worker = Worker(
        None,
        module_name,
        concurrency=concurrency,
        batch_size=4,
        prefetch=1,  # few robots at hand: with a queue this short, none should wait behind a busy worker
        worker_id=worker_id,
        poll_interval=0.5,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_seconds=GRACE_SECONDS,
    )
    worker.robot(ROBOT_TYPE)(audit)
    return worker


def main() -> int:
    """Work until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m capataz.demo.worker", description="A worker of LegalModule.")
    parser.add_argument("module_name")
    parser.add_argument("worker_id")
    parser.add_argument("--concurrency", type=int, default=2)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    worker = make_worker(arguments.module_name, arguments.worker_id, concurrency=arguments.concurrency)
    stop_with_parent(worker.stop, GRACE_SECONDS)
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The failover demo: of two modules that do the same work one breaks, and heals; nobody tells Capataz.

:mod:`.run` conducts, :mod:`.worker` is one worker process, :mod:`.feeder` submits, :mod:`.facts` asks the database,
:mod:`.screen` and :mod:`.report` show.
"""

from __future__ import annotations

from typing import Any

__all__ = ["run_failover"]


def run_failover(*arguments: Any, **options: Any) -> int:
    """See :func:`capataz.demo.failover.run.run_failover`; imported when called, so that ``--help`` stays quick."""
    from .run import run_failover as run

    return run(*arguments, **options)

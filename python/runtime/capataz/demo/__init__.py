"""The demo: LegalModule audits the licences of the software on this machine.

:func:`run_demo` is what ``capataz demo`` calls. The parts: :mod:`.documents` finds the input, :mod:`.licences`
recognises licences, :mod:`.worker` is one worker process, :mod:`.run` conducts, :mod:`.facts` asks the database,
:mod:`.screen` and :mod:`.report` show.
"""

from __future__ import annotations

from typing import Any

__all__ = ["run_demo"]


def run_demo(*arguments: Any, **options: Any) -> int:
    """See :func:`capataz.demo.run.run_demo`; imported when called, so that ``capataz --help`` stays quick."""
    from .run import run_demo as run

    return run(*arguments, **options)

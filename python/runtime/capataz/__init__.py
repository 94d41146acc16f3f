"""Capataz keeps a workforce of automation robots in order, inside PostgreSQL. This is its thin Python runtime.

:class:`Capataz` and :class:`AsyncCapataz` call the SQL API, :class:`Worker` runs handlers for robots, the command
``capataz`` does both from a terminal. Every rule is in the database.
"""

from __future__ import annotations

from ._version import __version__
from .client import AsyncCapataz, Capataz
from .errors import (
    CapatazError,
    Conflict,
    Forbidden,
    InvalidInput,
    LeaseLost,
    LimitReached,
    NoModuleAvailable,
    NotFound,
    NotInstalled,
    Unauthorized,
)
from .worker import Cancelled, Context, Result, RobotError, ValidationError, Worker

__all__ = [
    "AsyncCapataz",
    "Cancelled",
    "Capataz",
    "CapatazError",
    "Conflict",
    "Context",
    "Forbidden",
    "InvalidInput",
    "LeaseLost",
    "LimitReached",
    "NoModuleAvailable",
    "NotFound",
    "NotInstalled",
    "Result",
    "RobotError",
    "Unauthorized",
    "ValidationError",
    "Worker",
    "__version__",
]

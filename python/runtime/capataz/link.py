"""A connection of the worker that comes back: reconnects with back-off, and repeats what is safe to repeat."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from .calls import Call
from .client import connect_options, execute_async
from .errors import CapatazError

T = TypeVar("T")

logger = logging.getLogger("capataz.worker")

FIRST_DELAY = 0.05
LONGEST_DELAY = 5.0

# Errors of a moment: the same call succeeds later, on this connection or on a new one.
_PASSING = frozenset({"40001", "40P01", "55P03", "57014", "25006", "53000", "53100", "53200", "53300", "53400"})


class LinkClosedError(Exception):
    """The link was closed while a call waited for a connection."""


class ConnectionLostError(Exception):
    """The connection broke while a call was under way: it may or may not have been carried out."""


def link_options(dsn: str, *, application_name: str, prepare_threshold: int | None) -> dict[str, Any]:
    """Return connection keywords that notice a dead server within about half a minute."""
    options = connect_options(dsn, application_name=application_name, prepare_threshold=prepare_threshold)
    return {
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        **options,
    }


def is_passing(error: BaseException) -> bool:
    """Tell whether a database error is one of a moment: a lost connection, a deadlock, too many connections."""
    if isinstance(error, psycopg.InterfaceError):
        return True
    if not isinstance(error, psycopg.Error):
        return isinstance(error, OSError)
    sqlstate = error.sqlstate
    if sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return sqlstate in _PASSING or sqlstate[:2] in ("08", "57")


def one_line(error: BaseException) -> str:
    """Return the first line of an error: the rest of what PostgreSQL says is context for its own developers."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class Backoff:
    """Delays in seconds that double from 0.05 to 5, with jitter."""

    __slots__ = ("_delay",)

    def __init__(self) -> None:
        self._delay = FIRST_DELAY

    def next(self) -> float:
        """Return how long to wait before the next try."""
        delay = self._delay
        self._delay = min(delay * 2, LONGEST_DELAY)
        return delay * random.uniform(0.75, 1.25)


class Link:
    """One asyncio connection with a purpose.

    Args:
        dsn: connection string.
        options: keywords for ``connect``.
        purpose: said in log messages.
        reconnected: called after a lost connection was replaced.
    """

    def __init__(
        self,
        dsn: str,
        options: dict[str, Any],
        purpose: str,
        *,
        reconnected: Callable[[], None] | None = None,
    ) -> None:
        self._dsn = dsn
        self._options = options
        self._purpose = purpose
        self._reconnected = reconnected
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._was_lost = False
        self._closed = asyncio.Event()

    async def open(self) -> psycopg.AsyncConnection[Any]:
        """Connect if there is no connection; one try.

        Raises:
            psycopg.OperationalError: the server cannot be reached or refuses.
        """
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._connection = await psycopg.AsyncConnection.connect(self._dsn, **self._options)
        if self._was_lost:
            self._was_lost = False
            logger.info("connection for %s is back", self._purpose)
            if self._reconnected is not None:
                self._reconnected()
        return self._connection

    async def ready(self) -> psycopg.AsyncConnection[Any]:
        """Return a connection, however long that takes.

        Raises:
            LinkClosedError: the link was closed meanwhile.
        """
        backoff = Backoff()
        while True:
            if self._closed.is_set():
                raise LinkClosedError
            try:
                return await self.open()
            except psycopg.OperationalError as error:
                self.lost(error)
                await self.pause(backoff)

    async def pause(self, backoff: Backoff) -> None:
        """Wait for the next try.

        Raises:
            LinkClosedError: the link was closed meanwhile.
        """
        try:
            await asyncio.wait_for(self._closed.wait(), backoff.next())
        except TimeoutError:
            return
        raise LinkClosedError

    def lost(self, error: BaseException) -> None:
        """Note that the connection is gone; says so once."""
        if not self._was_lost:
            self._was_lost = True
            logger.warning("connection for %s lost: %s", self._purpose, one_line(error))

    async def call(self, call: Call[T], *, repeat: bool = True) -> T:
        """Execute a call. With ``repeat`` it is repeated after a lost connection until it is answered.

        Raises:
            CapatazError: the database refused the call.
            ConnectionLostError: ``repeat`` is false, and the connection broke with the call under way.
            LinkClosedError: the link was closed meanwhile.
            psycopg.Error: the database has another problem, which time does not heal.
        """
        backoff = Backoff()
        while True:
            connection = await self.ready()
            try:
                return await execute_async(connection, call)
            except CapatazError:
                raise
            except psycopg.Error as error:
                if connection.closed:
                    self.lost(error)
                    if not repeat:
                        raise ConnectionLostError from error
                elif not is_passing(error):
                    raise
                else:
                    logger.warning("%s: %s, will be repeated", call.statement.function, one_line(error))
                    if error.sqlstate == "25006":  # this server has become a standby: look for the primary
                        await connection.close()
                await self.pause(backoff)

    def give_up(self) -> None:
        """Let calls that wait for a connection fail with LinkClosedError."""
        self._closed.set()

    async def close(self) -> None:
        """Close the connection; calls that wait for one give up."""
        self.give_up()
        if self._connection is not None:
            await self._connection.close()

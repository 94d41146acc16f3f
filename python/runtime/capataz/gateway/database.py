"""The database behind the gateway: a pool of connections, and the two transactions of every call.

1. ``authenticate`` and ``take_rate_token``, one statement. It commits before the call begins, so that nobody waits at
   the row of a module's tokens for the length of somebody else's call.
2. ``authenticate`` again, which says for whom the transaction acts, and the call. Sent together, without a wait.

So a key that is revoked is refused from that moment on; nothing about keys is remembered here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from ..client import connect_options
from ..link import one_line
from .catalog import Catalog, Function, read_catalog
from .problems import is_lost, is_repeatable

logger = logging.getLogger("capataz.gateway")

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

TRIES: Final = 4
WAIT_SECONDS: Final = 5.0  # for a free connection
WAITING: Final = 500  # requests that wait for one
STALE_SECONDS: Final = 60.0
RELOAD_SECONDS: Final = 2.0

_ADMIT: Final = (
    "select a.key_id, a.module_name from capataz.authenticate(%s) as a"
    " cross join lateral capataz.take_rate_token(a.module_name) as t (tokens)"
)
_ACT: Final = (
    "select from capataz.authenticate(%s) as a,"
    " pg_catalog.set_config('statement_timeout', %s, true) as t (milliseconds)"
)
_BEGIN: Final = "select capataz.begin_idempotent(%s, %s, %s)"
_FINISH: Final = "select capataz.finish_idempotent(%s, %s)"


@dataclass(frozen=True, slots=True)
class Admitted:
    """An API key that is valid and has a token left."""

    key: str
    key_id: str
    module_name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered: the body, the robots it is about, how many rows. ``replayed``: an earlier answer."""

    body: bytes
    ids: Sequence[str] | None
    rows: int | None
    replayed: bool = False


class Database:
    """A pool of connections of one role, and what the catalog says.

    Args:
        dsn: connection string.
        connections: how many at most.
        timeout: seconds a call may take in the database.
        prepare: prepare statements (not through a pooler that cannot).
    """

    def __init__(self, dsn: str, *, connections: int, timeout: float, prepare: bool = True) -> None:
        self._timeout = str(round(timeout * 1000))
        self._connections = connections
        options = connect_options(dsn, application_name="capataz gateway", prepare_threshold=3 if prepare else None)
        options.setdefault("keepalives_idle", 10)
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn,
            kwargs=options,
            min_size=min(2, connections),
            max_size=connections,
            max_waiting=WAITING,
            timeout=WAIT_SECONDS,
            open=False,
            name="capataz-gateway",
        )
        self._catalog: Catalog | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        self._version: tuple[float, str | None] = (0.0, None)
        self.role: str | None = None

    async def open(self) -> None:
        """Begin to connect. Where the database cannot be reached, it goes on trying in the background."""
        await self._pool.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    # --- catalog

    async def catalog(self, *, newer: bool = False) -> Catalog:
        """What there is to call; read again after a minute, or (``newer``) where it is older than some seconds."""
        found, read_at = self._catalog, self._read_at
        if found is not None and time.monotonic() - read_at < (RELOAD_SECONDS if newer else STALE_SECONDS):
            return found
        async with self._reading:
            if self._catalog is not None and self._read_at != read_at:
                return self._catalog  # another has read it meanwhile
            connection = await self._pool.getconn()
            try:
                self._catalog = await read_catalog(connection)
                self._read_at = time.monotonic()
                row = await (await connection.execute("select session_user::text")).fetchone()
                self.role = row[0] if row else None
            except psycopg.Error as error:
                if self._catalog is None:
                    raise
                logger.warning("the catalog cannot be read, the last one stays: %s", one_line(error))
                self._read_at = time.monotonic()
            finally:
                await self._pool.putconn(connection)
            return self._catalog

    async def function(self, name: str) -> Function | None:
        """A function by name; None: there is none."""
        found = (await self.catalog()).functions.get(name)
        if found is None:
            found = (await self.catalog(newer=True)).functions.get(name)
        return found

    async def version(self) -> str | None:
        """The version of Capataz in the database; asked at most once a second.

        Raises:
            psycopg.Error: the database does not answer.
        """
        asked_at, version = self._version
        if time.monotonic() - asked_at < 1 and version is not None:
            return version
        connection = await self._pool.getconn(timeout=2)
        try:
            row = await (await connection.execute("select capataz.deployed_version()")).fetchone()
        finally:
            await self._pool.putconn(connection)
        self._version = (time.monotonic(), row[0] if row else None)
        return self._version[1]

    # --- calls

    async def admit(self, key: str) -> Admitted:
        """Look an API key up and take a token of its module. A transaction of its own.

        Raises:
            psycopg.Error: RB401, RB429, or the database cannot be reached.
        """
        for attempt in range(1, TRIES + 1):
            connection = await self._pool.getconn()
            lost = False
            try:
                cursor = connection.cursor(row_factory=tuple_row)
                await cursor.execute(_ADMIT, (key,))
                row = await cursor.fetchone()
                assert row is not None
                return Admitted(key, row[0], row[1])
            except psycopg.Error as error:
                lost = is_lost(error, connection)
                if attempt == TRIES or not (lost or is_repeatable(error)):
                    raise
            finally:
                await self._pool.putconn(connection)
            if lost:  # nothing was done yet, and the other connections are probably as dead
                await self._pool.check()
            else:
                await _pause(attempt)
        raise AssertionError

    async def call(self, who: Admitted, function: Function, names: tuple[str, ...], values: Sequence[Any]) -> Answer:
        """Call a function for an API key.

        Raises:
            psycopg.Error: it was refused, or the database cannot be reached.
        """
        statement = function.statement(names)
        for attempt in range(1, TRIES + 1):
            connection = await self._pool.getconn()
            try:
                # both statements and one Sync: for the server this is one transaction
                async with connection.pipeline():
                    await connection.cursor().execute(_ACT, (who.key, self._timeout))
                    cursor = connection.cursor(row_factory=tuple_row)
                    await cursor.execute(statement, values)
                row = await cursor.fetchone()
                assert row is not None
                return Answer(function.answer(row[0]), row[1], row[2])
            except psycopg.Error as error:
                self._note(error)
                if attempt == TRIES or not is_repeatable(error):
                    raise
            finally:
                await self._pool.putconn(connection)
            await _pause(attempt)
        raise AssertionError

    async def call_once(
        self,
        who: Admitted,
        function: Function,
        names: tuple[str, ...],
        values: Sequence[Any],
        *,
        name: str,
        request: str,
    ) -> Answer:
        """The same, once for a request of this name within 24 hours; afterwards the answer is the first one's.

        The answer is stored in the transaction of the call: both are there, or neither.

        Raises:
            psycopg.Error: it was refused, RB409 where the name was used for another request.
        """
        statement = function.statement(names)
        for attempt in range(1, TRIES + 1):
            connection = await self._pool.getconn()
            try:
                async with connection.transaction():
                    cursor = connection.cursor(row_factory=tuple_row)
                    async with connection.pipeline():
                        await connection.cursor().execute(_ACT, (who.key, self._timeout))
                        await cursor.execute(_BEGIN, (name, function.name, request))
                    row = await cursor.fetchone()
                    assert row is not None
                    if row[0] is not None:
                        return Answer(row[0].encode(), None, None, replayed=True)
                    await cursor.execute(statement, values)
                    row = await cursor.fetchone()
                    assert row is not None
                    answer = Answer(function.answer(row[0]), row[1], row[2])
                    await cursor.execute(_FINISH, (name, answer.body.decode()))
                return answer
            except psycopg.Error as error:
                self._note(error)
                if attempt == TRIES or not is_repeatable(error):
                    raise
            finally:
                await self._pool.putconn(connection)
            await _pause(attempt)
        raise AssertionError

    def _note(self, error: psycopg.Error) -> None:
        now = time.monotonic()
        if error.sqlstate in ("42883", "42501", "42703") and now - self._read_at > RELOAD_SECONDS:
            self._read_at = now - STALE_SECONDS  # the functions are no longer those of the catalog


async def _pause(attempt: int) -> None:
    await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)

"""The database behind the gateway, and the two transactions of every call.

1. ``authenticate`` and ``take_rate_token``, one statement. It commits before the call begins, so that nobody waits at
   the row of a module's tokens for the length of somebody else's call.
2. ``authenticate`` again, which says for whom the transaction acts, and the call. Sent together, without a wait.

So a key that is revoked is refused from that moment on; nothing about keys is remembered here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ..client import connect_options
from ..link import one_line
from .catalog import Catalog, Function, read_catalog
from .lines import Arguments, Line, Lines, Shares, Statement
from .problems import is_inside, is_repeatable

logger = logging.getLogger("capataz.gateway")

TRIES: Final = 4
WAIT_SECONDS: Final = 5.0  # for a free connection
WAITING: Final = 500  # requests that wait for one
TOGETHER: Final = 50  # requests that are admitted by one transaction
LOCK_MILLISECONDS: Final = 1000  # that an admission waits for a lock
ADMIT_MILLISECONDS: Final = 5000
LOCKED: Final = frozenset({"55P03", "57014"})
GROUPS: Final = 10_000
STALE_SECONDS: Final = 60.0
RELOAD_SECONDS: Final = 2.0

_ADMIT: Final = (
    b"select a.key_id, a.module_name from capataz.authenticate($1) as a"
    b" cross join lateral capataz.take_rate_token(a.module_name, $2::double precision) as t (tokens)"
)
# of an admission: the row of a module's tokens may be locked
_LIMIT: Final = (
    b"select pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('statement_timeout', $2, true)"
)
# a call may wait for a lock as long as it may take
_ACT: Final = (
    b"select from capataz.authenticate($1) as a,"
    b" pg_catalog.set_config('statement_timeout', $2, true) as t (milliseconds),"
    b" pg_catalog.set_config('lock_timeout', '0', true) as l (milliseconds)"
)
_BEGIN: Final = b"select capataz.begin_idempotent($1, $2, $3)"
_FINISH: Final = b"select capataz.finish_idempotent($1, $2)"
_SCHEMA: Final = b"select capataz.input_schema($1, $2)::text"
_VERSION: Final = b"select capataz.deployed_version()"


_LIMITS: Final = (b"%d" % LOCK_MILLISECONDS, b"%d" % ADMIT_MILLISECONDS)

# no such function (with these arguments, or columns), or no longer for the gateway
_CHANGED: Final = frozenset({"42883", "42703", "42501"})


class StaleError(Exception):
    """The function is no longer what the catalog said; nothing was done."""


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
        self._dsn = dsn
        self._timeout = str(round(timeout * 1000)).encode()
        self._options = {
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            **connect_options(dsn, application_name="capataz gateway"),
            "client_encoding": "utf8",
        }
        if prepare:  # a pooler may know no options; each transaction of a call has its own limits besides
            given = str(conninfo_to_dict(dsn).get("options") or os.environ.get("PGOPTIONS") or "")
            limits = f"-c lock_timeout={LOCK_MILLISECONDS} -c statement_timeout={round(timeout * 1000)}"
            self._options["options"] = f"{given} {limits}".strip()
        # of one module at once: so one that waits for locks leaves connections to the others
        self._shares = Shares(max(1, connections // 2), waiting=WAITING // 2)
        self._groups: dict[bytes, str] = {}
        self._lines = Lines(dsn, self._options, size=connections, prepare=prepare)
        self._catalog: Catalog | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        self._version: tuple[float, str | None] = (0.0, None)
        self._waiting: dict[str, deque[asyncio.Future[Admitted | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.role: str | None = None

    def close(self) -> None:
        """Close all connections."""
        self._lines.close()

    async def _take(self, seconds: float = WAIT_SECONDS) -> Line:
        line = await self._lines.take(seconds=seconds, waiting=WAITING)
        self.role = line.role
        return line

    @contextlib.asynccontextmanager
    async def _line(self, group: str) -> AsyncIterator[Line]:
        """A connection for a request of a module, which may have some of all."""
        began = time.monotonic()
        async with self._shares.share(group, WAIT_SECONDS):
            line = await self._take(WAIT_SECONDS - (time.monotonic() - began))
            try:
                yield line
            finally:
                self._lines.give(line)

    # --- catalog

    async def catalog(self, *, newer: bool = False) -> Catalog:
        """What there is to call; read again after a minute, or (``newer``) where it is older than some seconds."""
        found, read_at = self._catalog, self._read_at
        if found is not None and time.monotonic() - read_at < (RELOAD_SECONDS if newer else STALE_SECONDS):
            return found
        async with self._reading:
            if self._catalog is not None and self._read_at != read_at:
                return self._catalog  # another has read it meanwhile
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, **self._options) as connection:
                    self._catalog = await read_catalog(connection)
            except psycopg.Error as error:
                if self._catalog is None:
                    raise
                logger.warning("the catalog cannot be read, the last one stays: %s", one_line(error))
            self._read_at = time.monotonic()
            return self._catalog

    async def function(self, name: str, *, newer: bool = False) -> Function | None:
        """A function by name; None: there is none."""
        found = (await self.catalog(newer=newer)).functions.get(name)
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
        line = await self._take(2)
        try:
            (result,) = await line.run((_VERSION, ()))
        finally:
            self._lines.give(line)
        value = result.get_value(0, 0)
        self._version = (time.monotonic(), None if value is None else value.decode())
        return self._version[1]

    # --- calls

    async def admit(self, key: str) -> Admitted:
        """Look an API key up and take a token of its module. A transaction of its own.

        Requests with one key that arrive while such a transaction is under way share the next one, which takes as many
        tokens: so requests of one process do not queue for the row of the module's tokens. If it is refused, each asks
        for itself.

        Raises:
            psycopg.Error: RB401, RB429, or the database cannot be reached.
        """
        waiting = self._waiting.get(key)
        if waiting is None:  # nobody asks for this key now
            self._waiting[key] = deque()
            try:
                return (await self._admit(key, 1))[0]
            finally:
                self._next(key)
        place: asyncio.Future[Admitted | None] = asyncio.get_running_loop().create_future()
        waiting.append(place)
        found = await place
        return found if found is not None else (await self._admit(key, 1))[0]

    def _next(self, key: str) -> None:
        """Begin to ask for those who came meanwhile."""
        waiting = self._waiting[key]
        together: list[asyncio.Future[Admitted | None]] = []
        while waiting and len(together) < TOGETHER:
            place = waiting.popleft()
            if not place.done():
                together.append(place)
        if not together:
            del self._waiting[key]
            return
        task = asyncio.get_running_loop().create_task(self._admit_together(key, together))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _admit_together(self, key: str, together: Sequence[asyncio.Future[Admitted | None]]) -> None:
        found: Sequence[Admitted | None] = [None] * len(together)
        try:
            found = await self._admit(key, len(together))
        except Exception as error:
            # no connection, or a lock: the others would not get it either
            if not isinstance(error, psycopg.Error) or error.sqlstate in LOCKED:
                for place in together:
                    if not place.done():
                        place.set_exception(error)
        finally:
            for place, admitted in zip(together, found, strict=True):
                if not place.done():
                    place.set_result(admitted)
            self._next(key)

    async def _admit(self, key: str, count: int) -> Sequence[Admitted]:
        arguments = (key.encode(), b"%d" % count)
        digest = hashlib.sha256(arguments[0]).digest()
        for attempt in range(1, TRIES + 1):
            # whose a key was counts only for the share of connections
            async with self._line(self._groups.get(digest, key)) as line:
                try:
                    _, result = await line.run((_LIMIT, _LIMITS), (_ADMIT, arguments))
                except psycopg.Error as error:
                    # nothing was done yet: where the connection is lost, another may do
                    if attempt == TRIES or not (_is_stale(line, error) or line.is_broken or is_repeatable(error)):
                        raise
                else:
                    key_id, module_name = result.get_value(0, 0), result.get_value(0, 1)
                    assert key_id is not None
                    assert module_name is not None
                    admitted = Admitted(key, key_id.decode(), module_name.decode())
                    if len(self._groups) >= GROUPS:
                        self._groups.clear()
                    self._groups[digest] = admitted.module_name
                    return [admitted] * count
            await _pause(attempt)
        raise AssertionError

    async def call(
        self,
        who: Admitted,
        function: Function,
        names: tuple[str, ...],
        values: Arguments,
        *,
        once: tuple[str, str] | None = None,
    ) -> Answer:
        """Call a function for an API key.

        ``once``: an idempotency key, and the SHA-256 of the request. Then the answer is stored in the transaction of
        the call: both are there, or neither; and the same request within 24 hours is answered with it.

        Raises:
            StaleError: the function has changed.
            psycopg.Error: it was refused, or the database cannot be reached.
        """
        statement = (function.statement(names), values)
        act = (_ACT, (who.key.encode(), self._timeout))
        for attempt in range(1, TRIES + 1):
            async with self._line(who.module_name) as line:
                try:
                    if once is not None:
                        return await self._call_once(line, act, statement, function, once)
                    _, result = await line.run(act, statement)
                    return _answer(function, result)
                except psycopg.Error as error:
                    if error.sqlstate in _CHANGED and not is_inside(error):
                        self._read_at = min(self._read_at, time.monotonic() - RELOAD_SECONDS)
                        raise StaleError(function.name) from error
                    if attempt == TRIES or not (_is_stale(line, error) or is_repeatable(error)):
                        raise
            await _pause(attempt)
        raise AssertionError

    async def input_schema(self, who: Admitted, robot_type: str) -> bytes | None:
        """The JSON Schema that the key's module has registered for a robot type.

        Raises:
            psycopg.Error: it was refused, or the database cannot be reached.
        """
        async with self._line(who.module_name) as line:
            _, result = await line.run(
                (_ACT, (who.key.encode(), self._timeout)),
                (_SCHEMA, (who.module_name.encode(), robot_type.encode())),
            )
        return result.get_value(0, 0)

    async def _call_once(
        self, line: Line, act: Statement, statement: Statement, function: Function, once: tuple[str, str]
    ) -> Answer:
        name, request = once[0].encode(), once[1].encode()
        try:
            _, _, found = await line.run((b"begin", ()), act, (_BEGIN, (name, function.name.encode(), request)))
            earlier = found.get_value(0, 0)
            if earlier is not None:
                answer = Answer(earlier, None, None, replayed=True)
            else:
                (result,) = await line.run(statement)
                answer = _answer(function, result)
                await line.run((_FINISH, (name, answer.body)))
            await line.run((b"commit", ()))
        finally:
            if line.in_transaction:
                await line.run((b"rollback", ()))
        return answer


def _answer(function: Function, result: Any) -> Answer:
    text, ids, rows = (result.get_value(0, column) for column in range(3))
    found: Sequence[str] | None = None
    if ids is not None:
        found = [str(value) for value in json.loads(ids) if value is not None]
    return Answer(function.answer(text), found, int(rows))


def _is_stale(line: Line, error: psycopg.Error) -> bool:
    """Whether a statement was prepared for a function that was since replaced, or on another connection of a pooler."""
    if error.sqlstate not in ("0A000", "26000"):
        return False
    line.close()
    return True


async def _pause(attempt: int) -> None:
    await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)

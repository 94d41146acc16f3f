"""Connections to the database that speak libpq's pipeline mode without a cursor between, and a pool of them.

A call is two statements that are sent together and answered with one row of texts. psycopg's cursors can do that, and
take five times the CPU time (``docs/adr/0023-gateway.md``); so psycopg connects here, and then its own libpq interface
(:mod:`psycopg.pq`) is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

PREPARED: Final = 200  # statements that a connection keeps prepared

Arguments = Sequence[bytes]
Statement = tuple[bytes, Arguments]


class BusyError(Exception):
    """There is no free connection, and none became free in time."""


class Line:
    """One connection, in pipeline mode.

    What is sent with one :meth:`run` is one transaction, unless it begins one itself.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any], *, prepare: bool) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._prepare = prepare
        self._prepared: dict[bytes, bytes] = {}
        self._readable = asyncio.Event()
        self._is_working = False
        self.is_broken = False
        self.role = connection.info.user
        self._socket = self._pg.socket
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._on_readable)

    def _on_readable(self) -> None:
        if self._is_working:
            self._readable.set()
            return
        try:  # nobody asked: a notice, or the end
            self._pg.consume_input()
        except psycopg.OperationalError:
            self.close()
        else:
            if self._pg.status != pq.ConnStatus.OK:
                self.close()

    async def run(self, *statements: Statement) -> list[pq.abc.PGresult]:
        """Send statements, and return the result of each.

        Raises:
            psycopg.Error: one was refused: the first that was. The line is broken if its connection was lost.
        """
        if self.is_broken:
            raise psycopg.OperationalError("the connection is lost")
        self._is_working = True
        try:
            return await self._run(statements)
        except psycopg.OperationalError:
            if self._pg.status != pq.ConnStatus.OK:
                self.close()
            raise
        except psycopg.Error:
            raise
        except BaseException:  # cancelled on the way: what comes next on this connection is not known
            self.close()
            raise
        finally:
            self._is_working = False

    async def _run(self, statements: Sequence[Statement]) -> list[pq.abc.PGresult]:
        pg = self._pg
        kinds: list[bytes | None] = []  # of each result: the statement that was prepared, or None
        new: dict[bytes, bytes] = {}
        for text, arguments in statements:
            name = self._prepared.get(text) or new.get(text)
            if name is None and self._prepare and len(self._prepared) + len(new) < PREPARED:
                name = new[text] = b"s%d" % (len(self._prepared) + len(new))
                pg.send_prepare(name, text)
                kinds.append(text)
            if name is None:
                pg.send_query_params(text, arguments)
            else:
                pg.send_query_prepared(name, arguments)
            kinds.append(None)
        pg.pipeline_sync()
        self._readable.clear()
        while pg.flush():
            await self._writable()

        results: list[pq.abc.PGresult] = []
        failed: psycopg.Error | None = None
        at = 0
        while True:
            while pg.is_busy():
                await self._readable.wait()
                self._readable.clear()
                pg.consume_input()
            result = pg.get_result()
            if result is None:  # after each statement
                if pg.status != pq.ConnStatus.OK:
                    raise failed or psycopg.OperationalError("the connection is lost")
                continue
            status = result.status
            if status == pq.ExecStatus.PIPELINE_SYNC:
                break
            if status == pq.ExecStatus.FATAL_ERROR:
                failed = failed or error_from_result(result, encoding="utf-8")
                if pg.status != pq.ConnStatus.OK:
                    raise failed
            elif status != pq.ExecStatus.PIPELINE_ABORTED:
                prepared = kinds[at]
                if prepared is None:
                    results.append(result)
                else:
                    self._prepared[prepared] = new[prepared]
            at += 1
        if failed is not None:
            raise failed
        return results

    async def _writable(self) -> None:
        """Wait until the socket takes more, or the server has something to say."""
        self._loop.add_writer(self._socket, self._readable.set)
        try:
            await self._readable.wait()
        finally:
            self._loop.remove_writer(self._socket)
        self._readable.clear()
        self._pg.consume_input()

    @property
    def in_transaction(self) -> bool:
        """Whether it is in a transaction that has not ended."""
        return not self.is_broken and self._pg.transaction_status != pq.TransactionStatus.IDLE

    def close(self) -> None:
        """Close the connection; what is under way on it is cancelled and undone."""
        if not self.is_broken:
            self.is_broken = True
            if self._is_working and self._pg.status == pq.ConnStatus.OK:  # it would run on, and hold its locks
                threading.Thread(target=_cancel, args=(self._pg.get_cancel(),), daemon=True).start()
            with contextlib.suppress(ValueError, OSError):
                self._loop.remove_reader(self._socket)
            self._pg.finish()


def _cancel(cancel: pq.abc.PGcancel) -> None:
    with contextlib.suppress(psycopg.Error):
        cancel.cancel()


class Shares:
    """How much of something that all use each may use at once.

    Args:
        size: of each.
        waiting: of each, that wait for their turn.
    """

    def __init__(self, size: int, *, waiting: int) -> None:
        self._size = size
        self._most = size + waiting
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._counts: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def share(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Use one.

        Raises:
            BusyError: the turn did not come in these seconds, or so many wait already.
        """
        count = self._counts.get(name, 0)
        if count >= self._most:
            raise BusyError("too many requests of this module wait")
        self._counts[name] = count + 1
        turn = self._turns.setdefault(name, asyncio.Semaphore(self._size))
        try:
            try:
                async with asyncio.timeout(seconds):
                    await turn.acquire()
            except TimeoutError:
                raise BusyError("other requests of this module take too long") from None
            try:
                yield
            finally:
                turn.release()
        finally:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name], self._turns[name]


class Lines:
    """A pool of lines: made when needed, kept, replaced when lost.

    Args:
        dsn: connection string.
        options: keywords for ``connect``.
        size: how many at most.
        prepare: prepare statements.
    """

    def __init__(self, dsn: str, options: dict[str, Any], *, size: int, prepare: bool) -> None:
        self._dsn = dsn
        self._options = options
        self._size = size
        self._prepare = prepare
        self._idle: list[Line] = []
        self._count = 0
        self._waiting: deque[asyncio.Future[Line | None]] = deque()
        self._closed = False

    async def take(self, *, seconds: float, waiting: int) -> Line:
        """Take a line; the one that was given back last, whose caches are warm.

        Raises:
            BusyError: none became free in these seconds, or so many wait already.
            psycopg.OperationalError: the database cannot be reached.
        """
        try:
            async with asyncio.timeout(seconds):
                while not self._closed:
                    while self._idle:
                        line = self._idle.pop()
                        if not line.is_broken:
                            return line
                        self._count -= 1
                    if self._count < self._size:
                        return await self._connect()
                    if len(self._waiting) >= waiting:
                        break
                    place: asyncio.Future[Line | None] = asyncio.get_running_loop().create_future()
                    self._waiting.append(place)
                    try:
                        found = await place
                    except asyncio.CancelledError:
                        if place.done() and not place.cancelled() and (given := place.result()) is not None:
                            self.give(given)
                        raise
                    if found is not None:
                        return found
        except TimeoutError:
            pass
        raise BusyError("no connection to the database is free")

    async def _connect(self) -> Line:
        self._count += 1
        try:
            connection = await psycopg.AsyncConnection.connect(self._dsn, **self._options)
            return Line(connection, prepare=self._prepare)
        except BaseException:
            self._count -= 1
            self._wake(None)
            raise

    def give(self, line: Line) -> None:
        """Give a line back."""
        if self._closed or line.in_transaction:
            line.close()
        if line.is_broken:
            self._count -= 1
            self._wake(None)
        elif not self._wake(line):
            self._idle.append(line)

    def _wake(self, line: Line | None) -> bool:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(line)
                return True
        return False

    def close(self) -> None:
        """Close all lines; those that are taken, when they are given back."""
        self._closed = True
        for line in self._idle:
            line.close()
        self._idle.clear()
        while self._wake(None):
            pass

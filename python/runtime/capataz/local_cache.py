"""Cached values kept in the process: what ``cached()`` answered, for as long as the database would answer the same.

A value that was stale in the database is not kept. Kept ones end with their lifetime there, or when the database says
on NOTIFY ``capataz_cache`` that they have changed. Without LISTEN (behind a pooler) the lifetime alone counts.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from . import calls
from .calls import Call, Statement
from .models import Json

logger = logging.getLogger("capataz.cache")

CHANNEL: Final = "capataz_cache"
LOOK: Final = 0.5  # seconds a listener waits before it looks whether it is to stop
ALIVE: Final[dict[str, Any]] = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

Answer = tuple[bool, float, Json]
"""Whether the value was stale, the seconds it still had, and the value."""


def _collect(rows: Sequence[tuple[Any, ...]]) -> Answer | None:
    if not rows:
        return None
    is_stale, seconds, value = rows[0]
    return is_stale or seconds is None, seconds or 0.0, value


# The statistics are read first, with the snapshot of the statement: the value is as new as they say, or newer.
_READ: Final[Statement[Answer | None]] = Statement(
    "cached",
    b"select s.is_stale, s.ttl_seconds - s.age_seconds, capataz.cached(p_cache_name => s.cache_name)"
    b" from capataz.cache_statistics() as s where s.cache_name = %s",
    _collect,
    False,
)


class LocalCache:
    """The values a client keeps. Safe to share between threads; values are shared too, so nobody may change one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, tuple[float, Json]] = {}
        self._drops = 0

    def drop(self, cache_name: str | None = None) -> None:
        """Forget one value, or all; also those whose answer is under way."""
        with self._lock:
            self._drops += 1
            if cache_name is None:
                self._values.clear()
            else:
                self._values.pop(cache_name, None)

    def read(self, cache_name: str, execute: Callable[[Call[Any]], Any]) -> Json:
        """Return a value from here, else from the database.

        Raises:
            CapatazError: the database refused it.
        """
        kept = self._kept(cache_name)
        if kept is not None:
            return kept[1]
        drops, begun = self._drops, time.monotonic()
        answer: Answer | None = execute(Call(_READ, (cache_name,)))
        if answer is None:
            return execute(calls.cached(cache_name))  # it knows what is wrong with the name
        return self._keep(cache_name, answer, drops, begun)

    async def read_async(self, cache_name: str, execute: Callable[[Call[Any]], Awaitable[Any]]) -> Json:
        """Return a value from here, else from the database.

        Raises:
            CapatazError: the database refused it.
        """
        kept = self._kept(cache_name)
        if kept is not None:
            return kept[1]
        drops, begun = self._drops, time.monotonic()
        answer: Answer | None = await execute(Call(_READ, (cache_name,)))
        if answer is None:
            return await execute(calls.cached(cache_name))
        return self._keep(cache_name, answer, drops, begun)

    def _kept(self, cache_name: str) -> tuple[float, Json] | None:
        kept = self._values.get(cache_name)
        return kept if kept is not None and time.monotonic() < kept[0] else None

    def _keep(self, cache_name: str, answer: Answer, drops: int, begun: float) -> Json:
        is_stale, seconds, value = answer
        with self._lock:
            # what was dropped meanwhile may have been this very value
            if not is_stale and self._drops == drops:
                self._values[cache_name] = (begun + seconds, value)
        return value


class Listener:
    """Drops values when the database says so: a thread with a connection of its own, which comes back when lost."""

    def __init__(self, cache: LocalCache, dsn: str, options: dict[str, Any]) -> None:
        self._cache = cache
        self._dsn = dsn
        self._options = options
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._main, name="capataz-cache", daemon=True)
        self._lock = threading.Lock()
        self._begun = False

    def start(self) -> None:
        """Begin to listen, once."""
        with self._lock:
            if not self._begun:
                self._begun = True
                self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2 * LOOK)

    def _main(self) -> None:
        from .link import Backoff, one_line

        backoff = Backoff()
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._dsn, **{**ALIVE, **self._options}) as connection:
                    connection.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL)))
                    self._cache.drop()  # what was said while nobody listened
                    backoff = Backoff()
                    while not self._stopped.is_set():
                        for notification in connection.notifies(timeout=LOOK):
                            self._cache.drop(notification.payload)
            except psycopg.Error as error:
                self._cache.drop()
                logger.info("not listening for changes of caches: %s", one_line(error))
                self._stopped.wait(backoff.next())


async def listen(cache: LocalCache, dsn: str, options: dict[str, Any]) -> None:
    """Drop values when the database says so, until cancelled; a lost connection is replaced."""
    from .link import Backoff, one_line

    backoff = Backoff()
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(dsn, **{**ALIVE, **options}) as connection:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL)))
                cache.drop()
                backoff = Backoff()
                async for notification in connection.notifies():
                    cache.drop(notification.payload)
        except psycopg.Error as error:
            cache.drop()
            logger.info("not listening for changes of caches: %s", one_line(error))
            await asyncio.sleep(backoff.next())

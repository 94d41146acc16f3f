"""``/metrics``: who may read which figures, and how (docs/metrics.md).

Two kinds of bearer: the token of the fleet, which sees everything and is read as a role of ``capataz_viewer``; and an
API key, which sees its own module, read as the gateway's role that acts for this key. What a caller sees is decided
in the database, as everywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from prometheus_client.core import Metric
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from .. import metrics
from ..client import connect_options
from ..errors import CapatazError
from ..link import one_line
from .problems import from_error, unavailable

logger = logging.getLogger("capataz.gateway")

SHORTEST_TOKEN: Final = 16
WAIT_SECONDS: Final = 5.0  # for a connection
READ_SECONDS: Final = 9.0  # for all of a scrape: Prometheus gives up after 10
STATEMENT_MILLISECONDS: Final = 5000
FRESH_SECONDS: Final = 1.0  # for so long an answer is good for others
KEPT: Final = 100
IDLE_SECONDS: Final = 120.0
TOKEN: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)

Families = list[Metric]


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Who sees the figures of the whole fleet. Picklable: worker processes get a copy.

    Attributes:
        dsn: connection string of a login role that is a member of ``capataz_viewer`` or ``capataz_operator``.
        token: what the scraper sends as bearer token.
    """

    dsn: str = field(repr=False)
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.token) < SHORTEST_TOKEN or TOKEN.fullmatch(self.token) is None:
            raise ValueError(
                f"CAPATAZ_METRICS_TOKEN must have {SHORTEST_TOKEN} visible ASCII characters or more, without blanks"
            )
        if self.token.startswith("cpz_"):
            raise ValueError("CAPATAZ_METRICS_TOKEN must not begin with cpz_, as API keys do")


class Scrapes:
    """Reads metrics in a thread, over one connection for the fleet and one for API keys.

    Connections are opened by the first scrape and closed when nobody scrapes. Scrapes of one caller at the same time
    share one reading.

    Args:
        settings: who sees the fleet; None: nobody.
        dsn: connection string of the gateway's role.
        prepare: prepare statements.
    """

    def __init__(self, settings: MetricsSettings | None, dsn: str, *, prepare: bool = True) -> None:
        self._token = None if settings is None else _digest(settings.token)
        self._fleet = (
            None if settings is None else _pool(settings.dsn, "fleet metrics", prepare=prepare, configure=_configure)
        )
        self._modules = _pool(dsn, "module metrics", prepare=prepare)
        self._found: dict[str, tuple[float, asyncio.Task[Families]]] = {}

    def close(self) -> None:
        """Close all connections."""
        for pool in (self._fleet, self._modules):
            if pool is not None:
                pool.close(0)

    def is_fleet(self, token: str) -> bool:
        """Whether this is the token of the fleet."""
        return self._token is not None and hmac.compare_digest(_digest(token), self._token)

    async def fleet(self) -> Families:
        """All metrics.

        Raises:
            Problem: 503
        """
        assert self._fleet is not None
        try:
            return await self._read("fleet", self._fleet, metrics.collect)
        except (CapatazError, psycopg.Error) as error:  # the scraper cannot mend it, whatever it is
            logger.warning("scrape failed: %s", one_line(error))
            raise unavailable("the metrics cannot be read", "The log says why.", error, after=5) from None

    async def module(self, key: str) -> Families:
        """The metrics of an API key's module.

        Raises:
            Problem: it was refused, or 503.
        """

        def read(connection: psycopg.Connection[Any]) -> Iterator[Metric]:
            connection.execute("select from capataz.authenticate(%s)", [key])
            return metrics.collect_modules(connection)

        try:
            return await self._read(_digest(key).hex(), self._modules, read)
        except CapatazError as error:
            raise from_error(error.__cause__ if isinstance(error.__cause__, psycopg.Error) else error) from None

    async def _read(
        self, who: str, pool: ConnectionPool, read: Callable[[psycopg.Connection[Any]], Iterator[Metric]]
    ) -> Families:
        now = time.monotonic()
        known = self._found.get(who)
        if known is not None and (now < known[0] or not known[1].done()):
            task = known[1]
        else:
            self._found = {name: found for name, found in self._found.items() if now < found[0] or not found[1].done()}
            if len(self._found) >= KEPT:
                raise unavailable("too many scrape at once", "Try again in a second.")
            task = asyncio.create_task(asyncio.to_thread(_collect, pool, read))
            task.add_done_callback(_seen)
            self._found[who] = (now + FRESH_SECONDS, task)
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await asyncio.shield(task)
        except BaseException:
            if task.done() and self._found.get(who, (0.0, None))[1] is task:
                del self._found[who]  # errors are not kept
            raise


def _pool(
    dsn: str, name: str, *, prepare: bool, configure: Callable[[psycopg.Connection[Any]], None] | None = None
) -> ConnectionPool:
    return ConnectionPool(
        dsn,
        kwargs=connect_options(dsn, application_name="capataz metrics", prepare_threshold=5 if prepare else None),
        min_size=0,
        max_size=1,
        max_waiting=KEPT,
        max_idle=IDLE_SECONDS,
        timeout=WAIT_SECONDS,
        reconnect_timeout=WAIT_SECONDS,  # then the next scrape begins anew, without the pauses that grow
        configure=configure,
        check=ConnectionPool.check_connection,  # a scrape is rare, and the database may have gone meanwhile
        open=False,
        name=name,
    )


def _configure(connection: psycopg.Connection[Any]) -> None:
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one moment for all of it


def _collect(pool: ConnectionPool, read: Callable[[psycopg.Connection[Any]], Iterator[Metric]]) -> Families:
    try:
        if pool.closed:
            pool.open()
        with pool.connection() as connection, connection.transaction():
            # of this transaction alone: a pooler may give the connection to others
            connection.execute(
                "select pg_catalog.set_config('statement_timeout', %s, true)", [str(STATEMENT_MILLISECONDS)]
            )
            return list(read(connection))
    except (PoolTimeout, TooManyRequests) as error:
        raise unavailable("the database does not answer the scrape", "Try again in a second.", error) from None


def _seen(task: asyncio.Task[Families]) -> None:
    """Nobody may wait for it any more: then its error is nobody's."""
    if not task.cancelled():
        task.exception()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

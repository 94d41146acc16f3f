"""The prober: calls the health endpoints of modules over HTTP and records how they answer. ::

    from capataz.probe import Prober

    Prober("postgresql://localhost/work").run()      # or: capataz probe

The database says which modules are due (``due_health_checks``) and what a result means for a module's health
(``record_due_health_check``); here is only the asking. An answer is good if its status is 2xx and it is there in time.

Any number of probers may run: the database records a result only while the module's check is still due, so that of
several answers, one counts.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

from . import calls
from ._version import __version__
from .calls import Call
from .client import AsyncCapataz, Capataz, default_dsn, execute_async
from .errors import CapatazError, Forbidden, NotFound, NotInstalled
from .link import ConnectionLostError, Link, LinkClosedError, link_options, one_line
from .models import DueHealthCheck, ModuleHealth

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Probed", "Prober"]

logger = logging.getLogger("capataz.probe")

T = TypeVar("T")

BODY_LIMIT: Final = 65536  # bytes of a body that are read, and forgotten
REDIRECT_LIMIT: Final = 5
MESSAGE_LENGTH: Final = 300
FETCH: Final = 1000  # modules asked for at once
LAST_SECONDS: Final = 5.0  # for recording what was answered when it is stopped


@dataclass(frozen=True, slots=True)
class Answer:
    """How an endpoint answered. The time is null where nothing came back, ``error_message`` where all was well."""

    healthy: bool
    response_time_ms: int | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class Probed:
    """One check of one module. ``health`` is the module's health after it; null: not recorded, see ``note``."""

    module_name: str
    healthy: bool
    response_time_ms: int | None
    error_message: str | None
    health: ModuleHealth | None
    note: str | None = None


class Prober:
    """Asks modules that are due how they are.

    Args:
        source: connection string, or a client whose connection string to use; None: ``$CAPATAZ_DSN``. Its role needs
            ``capataz_operator``.
        timeout: seconds an endpoint has for its whole answer, redirects too.
        concurrency: endpoints called at the same time.
        every: seconds between looks for modules that are due.
        on_result: called with every :class:`Probed`, in the event loop.
        prepare_threshold: see :class:`~capataz.Capataz`.
    """

    def __init__(
        self,
        source: str | Capataz | AsyncCapataz | None = None,
        *,
        timeout: float = 5.0,
        concurrency: int = 32,
        every: float = 5.0,
        on_result: Callable[[Probed], None] | None = None,
        prepare_threshold: int | None = 5,
    ) -> None:
        for name, value in (("timeout", timeout), ("every", every)):
            if not value > 0:
                raise ValueError(f"{name} must be more than 0 seconds, not {value}")
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        if isinstance(source, Capataz | AsyncCapataz):
            self.dsn: str | None = source.dsn
            prepare_threshold = source.prepare_threshold
        else:
            self.dsn = source
        self.timeout = timeout
        self.concurrency = concurrency
        self.every = every
        self.on_result = on_result
        self.prepare_threshold = prepare_threshold
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._interrupted = False

    # --- life

    def once(self) -> list[Probed]:
        """Check every module that is due now, record the results, and return them by name.

        Raises:
            CapatazError: the database refuses: not allowed, not installed.
            psycopg.OperationalError: the database cannot be reached.
        """
        return asyncio.run(self._in_own_loop(self.once_async()))

    def run(self) -> None:
        """Check modules whenever they are due, until SIGTERM or SIGINT (or :meth:`stop`).

        A lost database connection is replaced, however long that takes.

        Raises:
            CapatazError: the database refuses: not allowed, not installed.
            KeyboardInterrupt: SIGINT, after an orderly end.
        """
        asyncio.run(self._in_own_loop(self.run_async(signals=True)))
        if self._interrupted:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Ask it to end: calls under way are given up, what was answered is recorded. From any thread."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._stop.set)

    async def once_async(self) -> list[Probed]:
        """The same as :meth:`once`, within a running event loop."""
        self._begin(patient=False)
        found: list[Probed] = []
        link = self._link()
        try:
            connection = await link.open()

            async def ask(call: Call[Any], repeat: bool) -> Any:
                del repeat
                return await execute_async(connection, call)

            async with self._http() as http:
                seen: set[str] = set()
                while True:
                    due = await ask(calls.due_health_checks(limit=FETCH + len(seen)), True)
                    fresh = [module for module in due if module.module_name not in seen]
                    if not fresh:
                        break
                    seen.update(module.module_name for module in fresh)
                    tasks = [self._start(module, ask, http) for module in fresh]
                    await self._all(tasks)
                    found += [task.result() for task in tasks]
        finally:
            await link.close()
            self._loop = None
        return sorted(found, key=lambda probed: probed.module_name)

    async def run_async(self, *, signals: bool = False) -> None:
        """The same as :meth:`run`, within a running event loop."""
        loop = self._begin(patient=True)
        handled: list[signal.Signals] = []

        def received(number: signal.Signals) -> None:
            self._interrupted = self._interrupted or number == signal.SIGINT
            self._stop.set()

        if signals and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, received, number)
                handled.append(number)
        logger.info("checking modules when they are due, looking every %g s; Ctrl-C stops", self.every)
        link = self._link()
        tasks: dict[str, asyncio.Task[Probed]] = {}
        looking: asyncio.Task[None] | None = None
        try:
            async with self._http() as http:
                looking = asyncio.create_task(self._look(link, http, tasks))
                looking.add_done_callback(self._ended)
                await self._stop.wait()
                await self._wind_up(link, looking, tasks)
        finally:
            for number in handled:
                loop.remove_signal_handler(number)
            await link.close()
            self._loop = None
        if self._failure is not None:
            raise self._failure

    async def _in_own_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """In a loop of its own: names are looked up in threads, as many at once as there are calls."""
        executor = ThreadPoolExecutor(self.concurrency, thread_name_prefix="capataz-probe")
        asyncio.get_running_loop().set_default_executor(executor)
        return await work

    def _begin(self, *, patient: bool) -> asyncio.AbstractEventLoop:
        if self._loop is not None:
            raise RuntimeError("the prober is already running")
        self._loop = loop = asyncio.get_running_loop()
        self._patient = patient
        self._failure = None
        self._interrupted = False
        self._stop = asyncio.Event()
        self._slots = asyncio.Semaphore(self.concurrency)
        self._recording: set[asyncio.Task[Any]] = set()
        return loop

    def _link(self) -> Link:
        dsn = default_dsn(self.dsn)
        options = link_options(dsn, application_name="capataz probe", prepare_threshold=self.prepare_threshold)
        return Link(dsn, options, "health checks")

    def _http(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            verify=ssl.create_default_context(),  # the system's certificates, which know the company's own
            trust_env=False,  # no proxy between the prober and what it asks, no passwords of ~/.netrc
            timeout=None,  # _call has one for the whole
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=True,
            max_redirects=REDIRECT_LIMIT,
            headers={"User-Agent": f"capataz-probe/{__version__}", "Connection": "close"},
        )

    async def _look(self, link: Link, http: httpx.AsyncClient, tasks: dict[str, asyncio.Task[Probed]]) -> None:
        """Start a check for every module that is due and has none under way; for ever."""

        async def ask(call: Call[Any], repeat: bool) -> Any:
            return await link.call(call, repeat=repeat)

        while True:
            try:
                due = await link.call(calls.due_health_checks(limit=FETCH + len(tasks)))
            except psycopg.Error as error:
                logger.error("cannot tell who is due: %s", one_line(error))
                due = []
            fresh = [module for module in due if module.module_name not in tasks]
            random.shuffle(fresh)  # several probers begin with different modules
            for module in fresh:
                task = tasks[module.module_name] = self._start(module, ask, http)
                task.add_done_callback(lambda task, name=module.module_name: tasks.pop(name, None))  # type: ignore[misc]
                task.add_done_callback(self._ended)
            await asyncio.sleep(self.every)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A part that breaks ends the whole."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, LinkClosedError):
            self._failure = self._failure or error
            self._stop.set()

    async def _wind_up(self, link: Link, looking: asyncio.Task[None], tasks: dict[str, asyncio.Task[Probed]]) -> None:
        """Give up the calls under way, and record what was answered."""
        looking.cancel()
        rest: set[asyncio.Task[Any]] = {looking, *tasks.values()}
        for task in tasks.values():
            if task not in self._recording:
                task.cancel()
        _, late = await asyncio.wait(rest, timeout=LAST_SECONDS)
        link.give_up()
        for task in late:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    @staticmethod
    async def _all(tasks: list[asyncio.Task[Probed]]) -> None:
        """Wait for all; the first error cancels the rest and is raised."""
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # --- one check

    def _start(
        self,
        module: DueHealthCheck,
        ask: Callable[[Call[Any], bool], Coroutine[Any, Any, Any]],
        http: httpx.AsyncClient,
    ) -> asyncio.Task[Probed]:
        async def check() -> Probed:
            async with self._slots:
                answer = await self._call(http, module.health_endpoint)
            task = asyncio.current_task()
            assert task is not None
            self._recording.add(task)
            try:
                probed = await self._record(module, answer, ask)
            finally:
                self._recording.discard(task)
            if self.on_result is not None:
                self.on_result(probed)
            return probed

        return asyncio.create_task(check(), name=f"capataz probe {module.module_name}")

    async def check(self, endpoint: str) -> Answer:
        """Call one endpoint and say how it answered; records nothing."""
        async with self._http() as http:
            return await self._call(http, endpoint)

    async def _call(self, http: httpx.AsyncClient, endpoint: str) -> Answer:
        import httpx

        begun = time.monotonic()
        answered = False
        try:
            url = httpx.URL(endpoint)
            if url.scheme not in ("http", "https") or not url.host:
                return Answer(False, None, "invalid URL: it must begin with http:// or https:// and a host")
            async with asyncio.timeout(self.timeout), http.stream("GET", url) as response:
                answered = True
                size = 0
                async for part in response.aiter_raw():
                    size += len(part)
                    if size >= BODY_LIMIT:
                        break
        except TimeoutError:
            return Answer(
                False, _milliseconds(begun), f"timeout: no {'end' if answered else 'answer'} within {self.timeout:g} s"
            )
        except Exception as error:  # whatever an endpoint does, the prober goes on
            message = _explain(error)
            return Answer(False, _milliseconds(begun) if answered else None, message[:MESSAGE_LENGTH])
        took = _milliseconds(begun)
        if response.is_success:
            return Answer(True, took, None)
        return Answer(False, took, f"HTTP {response.status_code} {response.reason_phrase}".strip()[:MESSAGE_LENGTH])

    async def _record(
        self, module: DueHealthCheck, answer: Answer, ask: Callable[[Call[Any], bool], Coroutine[Any, Any, Any]]
    ) -> Probed:
        """Record an answer; the database leaves it out where somebody has recorded another meanwhile."""
        name = module.module_name
        health: ModuleHealth | None = None
        note: str | None = None
        try:
            health = await ask(
                calls.record_due_health_check(
                    name,
                    answer.healthy,
                    response_time_ms=answer.response_time_ms,
                    error_message=answer.error_message,
                ),
                False,
            )
            if health is None:
                note = "somebody else was quicker"
        except NotFound:
            note = "no longer registered"
        except ConnectionLostError:
            note = "connection lost while it was recorded"  # if it was not, the module is due again
        except (Forbidden, NotInstalled):
            raise
        except CapatazError as error:
            note = f"not recorded: {error.message}"
        except psycopg.Error as error:
            if not self._patient:
                raise
            note = f"not recorded: {one_line(error)}"
        return Probed(name, answer.healthy, answer.response_time_ms, answer.error_message, health, note)


def _milliseconds(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and whatever it came from."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting.extend(cause.exceptions)
        waiting.extend(e for e in (cause.__cause__, cause.__context__) if e is not None)


def _explain(error: Exception) -> str:
    """A short message that a person understands; never the URL, which may hold a password."""
    import httpx

    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return f"invalid URL: {one_line(error)}"
    if isinstance(error, httpx.TooManyRedirects):
        return f"too many redirects: more than {REDIRECT_LIMIT}"
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS error: {cause.verify_message or one_line(cause)}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS error: {(cause.reason or one_line(cause)).replace('_', ' ').lower()}"
        if isinstance(cause, socket.gaierror):
            return "host not found"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    if isinstance(error, httpx.RemoteProtocolError):
        return f"not HTTP: {one_line(error)}"
    return f"{type(error).__name__}: {one_line(error)}"

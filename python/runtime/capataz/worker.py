"""The worker: claims robots in batches, runs their handlers, reports back in batches, survives trouble. ::

    worker = Worker("postgresql://localhost/work", "LegalModule", concurrency=8)

    @worker.robot("LICENCE_AUDIT")
    def audit(ctx: Context) -> dict[str, object]:
        ctx.step("READ", category="INIT", total=2)
        ...
        return {"licences": ["MIT"]}

    worker.run()            # or: capataz worker package.module:worker

How it works. Everything that talks to the database is asyncio: one task claims, one delivers outcomes, a few send
progress reports, one listens for NOTIFY; each has a connection of its own, so that they overlap. ``async``
handlers run in the event loop, plain ones in threads (``inline=True``: in the loop, for handlers that neither wait
nor compute for long). Outcomes are delivered like a group commit: whatever is ready goes at once, and what becomes
ready meanwhile goes together next, so batches are small when idle and grow under load. The heartbeat has a thread
and a connection to itself: neither a blocked loop nor a handler that holds the interpreter for seconds makes the
worker look dead.

What it promises (design §1.5, §6): a robot whose handler ran is completed or failed in the database, or is run
again by somebody; the answer to RB409 (*the attempt is no longer yours*) is to discard the result; a lost
connection is replaced, and outcomes are sent again, which is harmless. A claim whose answer was lost is found
again by retiring the worker's id: the database hands back what the old id still held.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import queue
import secrets
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg import sql

from . import calls, tracing
from .calls import JsonText
from .client import AsyncCapataz, Capataz, default_dsn
from .context import Cancelled, Context, Report, Result, RobotError, ValidationError
from .errors import CapatazError, InvalidInput, LeaseLost, NotFound, from_text
from .heartbeat import Heartbeat
from .link import Backoff, ConnectionLostError, Link, LinkClosedError, is_passing, link_options
from .metering import CpuMeter, ProcessMeter, metered, thread_clock
from .models import ClaimedRobot, Json, Outcome
from .outcomes import NoHandlerError, completion, failure, refusal

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

__all__ = ["Cancelled", "Context", "Result", "RobotError", "Statistics", "ValidationError", "Worker"]

logger = logging.getLogger("capataz.worker")

Handler = Callable[[Context], Any]
H = TypeVar("H", bound=Handler)

#: An outcome to deliver: the attempt, whether it is a completion, and its JSON object as text.
_Final = tuple[Context, bool, str]

CHANNEL: Final = "capataz_work"
FLUSH_COUNT: Final = 500  # outcomes in one call
FLUSH_BYTES: Final = 8_000_000
UNDELIVERED_LIMIT: Final = 2000  # finished robots that wait to be delivered: with more, none are claimed
UNREPORTED_LIMIT: Final = 100  # attempts whose reports wait to be sent: with more, none are claimed
REPORTERS: Final = 3  # connections that send progress reports, opened when needed
TICK: Final = 0.25  # seconds between looks at the clock
PROGRESS_INTERVAL: Final = 0.5  # seconds between two progress reports of one attempt
LONG_RUNNING: Final = 1.0  # seconds after which resource usage is reported while the handler runs
PREFETCH_SECONDS: Final = 0.05  # so much work is kept at hand besides what runs
HOLD_SECONDS: Final = 2.0  # robots at hand that find no free slot for so long are given back
INLINE_SLICE: Final = 0.002  # seconds of inline handlers before the loop gets its turn
TRACE_SECONDS: Final = 5.0  # for the answer which traces robots belong to
DELIVERY_SECONDS: Final = 10.0  # after the grace time: for delivering what has ended


@dataclass(slots=True)
class Statistics:
    """What a worker did since it started: counts of robots, and of calls."""

    claimed: int = 0
    completed: int = 0
    failed: int = 0
    released: int = 0
    discarded: int = 0
    claims: int = 0
    flushes: int = 0
    reports: int = 0


@dataclass(frozen=True, slots=True)
class _Registered:
    function: Handler
    is_async: bool
    inline: bool


class Worker:
    """Runs the robots of one module.

    Args:
        source: connection string, or a client whose connection string to use; None: ``$CAPATAZ_DSN``.
        module_name: the module whose robots it takes.
        concurrency: robots that run at the same time.
        batch_size: most robots claimed at once, 1..1000.
        prefetch: robots claimed ahead of a free slot; None: as many as take about 50 ms, none for slow handlers.
        worker_id: its name; by default unique for this process and start (host, pid, random).
        timeout_seconds: how long one attempt may take, from its claim; None: the module's own setting.
        poll_interval: seconds between looks at the queue when no notification comes; at most 2.
        listen: wait for notifications on a connection of its own; without (old poolers) it only polls.
        heartbeat_interval: seconds between signs of life; a third or less of the module's worker timeout (30 s).
        report_interval: seconds between reports of resource usage for robots that run longer than one second.
        grace_seconds: on SIGTERM, how long running robots may take to finish before they are given back.
        version: register the module in this version, with the types that have handlers, when the worker starts.
        environment, registration_data: more of that registration.
        prepare_threshold: see :class:`~capataz.Capataz`.
        tracing: go on with the traces that robots were submitted in (:mod:`capataz.tracing`): a span per attempt, and
            ``Context.traceparent``; None: where the process has imported OpenTelemetry when the worker starts.

    Memory and I/O that it reports are those of its process while the robot ran; give heavy robots a worker process
    of ``concurrency=1`` if they must be told apart.
    """

    def __init__(
        self,
        source: str | Capataz | AsyncCapataz | None,
        module_name: str,
        *,
        concurrency: int = 4,
        batch_size: int = 200,
        prefetch: int | None = None,
        worker_id: str | None = None,
        timeout_seconds: int | None = None,
        poll_interval: float = 1.0,
        listen: bool = True,
        heartbeat_interval: float = 8.0,
        report_interval: float = 5.0,
        grace_seconds: float = 30.0,
        version: str | None = None,
        environment: str | None = None,
        registration_data: Mapping[str, Json] | None = None,
        prepare_threshold: int | None = 5,
        tracing: bool | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        if not 1 <= batch_size <= 1000:
            raise ValueError(f"batch_size must be between 1 and 1000, not {batch_size}")
        if not 0 < poll_interval <= 2:
            raise ValueError(f"poll_interval must be more than 0 and at most 2 seconds, not {poll_interval}")
        if isinstance(source, Capataz | AsyncCapataz):
            self.dsn: str | None = source.dsn
            prepare_threshold = source.prepare_threshold
        else:
            self.dsn = source
        self.module_name = module_name
        self.concurrency = concurrency
        self.batch_size = batch_size
        self.prefetch = prefetch
        self.timeout_seconds = timeout_seconds
        self.poll_interval = poll_interval
        self.listen = listen
        self.heartbeat_interval = heartbeat_interval
        self.report_interval = report_interval
        self.grace_seconds = grace_seconds
        self.version = version
        self.environment = environment
        self.registration_data = registration_data
        self.prepare_threshold = prepare_threshold
        self.tracing = tracing
        self.statistics = Statistics()
        self._given_id = worker_id
        self.worker_id = worker_id or _new_worker_id()
        self._handlers: dict[str, _Registered] = {}
        self._outbox_lock = threading.Lock()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._reset()

    def _reset(self) -> None:
        """Forget the last run."""
        # Lanes: robots at hand, by kind of handler. _active counts drainers; each runs one robot at a time.
        self._plain: deque[Context] = deque()
        self._other: deque[Context] = deque()  # async and inline handlers
        self._active = 0
        self._running: set[Context] = set()
        self._held: dict[str, Context] = {}  # by execute_id: everything claimed and not yet answered for
        self._tokens: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle_threads = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._average: float | None = None  # seconds a handler takes, moving average
        # Outcomes: handed over by threads in _done, then _outgoing; _signalled: the loop already knows.
        self._done: deque[_Final] = deque()
        self._outgoing: deque[_Final] = deque()
        self._returning: list[Context] = []  # to be given back by the flusher
        self._delivering = 0
        self._signalled = False
        self._report_queue: deque[Context] = deque()
        self._late: set[Context] = set()  # have progress that waits for its interval to pass
        self._retired: set[str] = set()  # former ids with a claim whose answer was lost
        self._maybe_more = True
        self._stopping = False
        self._aborting = False
        self._halted = False  # no robot at hand is started any more
        self._drain = False
        self._traces = False  # ask for the traces of robots
        self._tracer: Tracer | None = None  # and start spans
        self._failure: BaseException | None = None
        self._again: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    # --- handlers

    def robot(self, *robot_types: str, inline: bool = False) -> Callable[[H], H]:
        """Decorate the handler of one or more robot types: a plain or ``async`` function of a :class:`Context`.

        It returns the output (any JSON) or a :class:`Result`; an exception fails the attempt: :class:`RobotError`
        with its category, any other as PROCESSING with its stack trace. With ``inline`` a plain handler runs in the
        event loop, without a thread: only for handlers of far less than a millisecond.
        """
        if not robot_types:
            raise ValueError("robot() needs at least one robot type")

        def register(function: H) -> H:
            for robot_type in robot_types:
                if robot_type in self._handlers:
                    raise ValueError(f"robot type {robot_type!r} already has a handler")
                self._handlers[robot_type] = _Registered(function, _is_async(function), inline)
            return function

        return register

    @property
    def robot_types(self) -> list[str]:
        """The robot types that have a handler, sorted."""
        return sorted(self._handlers)

    # --- life

    def run(self, *, dsn: str | None = None, drain: bool = False) -> Statistics:
        """Work until SIGTERM or SIGINT (or :meth:`stop`), then finish in order; a second signal stops at once.

        Args:
            dsn: overrides the worker's own.
            drain: stop by itself when nothing is left to claim.

        Raises:
            CapatazError: the database refuses the worker: no such module, not allowed, ...
            psycopg.OperationalError: the database cannot be reached at the start. (Later the worker reconnects.)
        """
        return asyncio.run(self.run_async(dsn=dsn, drain=drain, signals=True))

    async def run_async(self, *, dsn: str | None = None, drain: bool = False, signals: bool = False) -> Statistics:
        """Work within a running event loop; the same as :meth:`run`, which see."""
        if self._loop is not None:
            raise RuntimeError("the worker is already running")
        self._reset()
        self.statistics = Statistics()
        if self._given_id is None:
            self.worker_id = _new_worker_id()
        self._drain = drain
        self._traces = tracing.is_in_use() if self.tracing is None else self.tracing
        self._tracer = tracing.tracer() if self._traces and tracing.is_installed() else None
        loop = asyncio.get_running_loop()
        self._loop, self._loop_thread = loop, threading.get_ident()
        handled: list[signal.Signals] = []
        if signals and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._signal_received, number.name)
                handled.append(number)
        try:
            await self._live(default_dsn(dsn if dsn is not None else self.dsn))
        finally:
            for number in handled:
                loop.remove_signal_handler(number)
            self._loop = None
        return self.statistics

    def stop(self) -> None:
        """Ask the worker to finish in order; from any thread. A second call stops it at once."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._signal_received, "stop()")

    def _signal_received(self, name: str) -> None:
        if self._stopping:
            logger.warning("%s again: giving back %d running robots", name, self._active)
            self._aborting = True
        else:
            logger.info("%s: finishing %d running robots", name, self._active)
            self._stopping = True
        self._claim_event.set()
        self._changed.set()

    async def _live(self, dsn: str) -> None:
        options = link_options(
            dsn, application_name=f"capataz worker {self.module_name}"[:63], prepare_threshold=self.prepare_threshold
        )
        self._claim_event = asyncio.Event()
        self._flush_event = asyncio.Event()
        self._report_event = asyncio.Event()
        self._changed = asyncio.Event()  # something ended, or was delivered, or a stop was asked for
        self._meter = ProcessMeter()
        claim_link = Link(dsn, options, "claims", reconnected=self._verify_held)
        flush_link = Link(dsn, options, "outcomes")
        report_links = [Link(dsn, options, "reports") for _ in range(REPORTERS)]
        links = [claim_link, flush_link, *report_links]
        beat = Heartbeat(self, dsn, options)
        services: list[asyncio.Task[None]] = []
        try:
            await claim_link.open()
            await self._register(claim_link)
            await claim_link.call(calls.heartbeat_worker(self.worker_id, self.module_name, info=self._info()))
            beat.start()
            logger.info("worker %s takes robots of %s", self.worker_id, self.module_name)
            claimer = self._service(self._claim_loop(claim_link), "claimer")
            services = [
                self._service(self._flush_loop(flush_link), "flusher"),
                *(self._service(self._report_loop(link), "reporter") for link in report_links),
                self._service(self._tick_loop(), "clock"),
            ]
            if self.listen:
                services.append(self._service(self._listen_loop(dsn, options), "listener"))
            while not self._stopping:
                await self._changed.wait()
                self._changed.clear()
            await self._finish(claimer, claim_link, beat)
        finally:
            beat.stop()
            self._halted = True
            for timer in (self._again, self._stall):
                if timer is not None:
                    timer.cancel()
            for link in links:
                link.give_up()
            for task in services:
                task.cancel()
            if services:
                await asyncio.wait(services, timeout=5.0)
            for link in links:
                await link.close()
            for _ in self._threads:
                self._tokens.put(False)
        if self._failure is not None:
            raise self._failure

    def _service(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a part of the worker; if it breaks, the worker stops and raises."""
        task = asyncio.create_task(work, name=f"capataz {name}")

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, LinkClosedError):
                self._failure = self._failure or error
                self._stopping = self._aborting = True
            self._changed.set()

        task.add_done_callback(ended)
        return task

    async def _register(self, link: Link) -> None:
        if self.version is None:
            return
        await link.call(
            calls.register_module(
                self.module_name,
                self.version,
                self.robot_types,
                environment=self.environment,
                registration_data=self.registration_data,
            )
        )

    def _info(self) -> dict[str, Json]:
        """What the heartbeat tells about the worker."""
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "concurrency": self.concurrency,
            "robot_types": self.robot_types,
            "running": self._active,
            "memory_mb": self._meter.memory_mb,
            **asdict(self.statistics),
        }

    async def _finish(self, claimer: asyncio.Task[None], link: Link, beat: Heartbeat) -> None:
        """The orderly end: start nothing more, let run what runs, deliver, give back the rest, say goodbye."""
        self._claim_event.set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.grace_seconds
        with self._lock:
            self._halted = True
        # A claim under way comes to its end; one that does not is undone by stop_worker below.
        await self._wait_until(claimer.done, min(deadline, loop.time() + 5), abort=True)
        if not claimer.done():
            claimer.cancel()
        await asyncio.gather(claimer, return_exceptions=True)
        await self._give_back(link, self._take_waiting(), min(deadline, loop.time() + DELIVERY_SECONDS))
        await self._wait_until(lambda: self._active == 0, deadline, abort=True)
        for task in list(self._tasks):
            task.cancel()
        rest = list(self._running)
        if rest:
            logger.warning("giving back %d robots that did not finish in time", len(rest))
            for context in rest:
                context._released = True
                context.lose()
            await self._give_back(link, rest, loop.time() + DELIVERY_SECONDS)
        last = loop.time() + DELIVERY_SECONDS
        await self._wait_until(self._all_delivered, last)
        if not self._all_delivered():
            logger.error("%d outcomes could not be delivered; their robots will run again", len(self._held))
        await asyncio.to_thread(beat.stop)
        for worker_id in {self.worker_id, *self._retired}:
            with contextlib.suppress(TimeoutError, CapatazError, psycopg.Error, ConnectionLostError):
                async with asyncio.timeout_at(last):
                    self.statistics.released += await link.call(calls.stop_worker(worker_id))
        logger.info("worker %s stopped: %s", self.worker_id, self.statistics)

    async def _wait_until(self, condition: Callable[[], bool], deadline: float, *, abort: bool = False) -> None:
        loop = asyncio.get_running_loop()
        while not condition() and not (abort and self._aborting):
            remaining = deadline - loop.time()
            if remaining <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    await self._changed.wait()
            self._changed.clear()

    def _all_delivered(self) -> bool:
        return not (self._done or self._outgoing or self._delivering) and all(
            context._final is None for context in self._held.values()
        )

    def _take_waiting(self) -> list[Context]:
        """Take the robots at hand that have not been started."""
        with self._lock:
            waiting = [*self._plain, *self._other]
            self._plain.clear()
            self._other.clear()
        return waiting

    async def _give_back(self, link: Link, contexts: Iterable[Context], deadline: float) -> None:
        """Release attempts; what cannot be released in time is found by ``stop_worker`` or by its timeout."""
        ids = [context.execute_id for context in contexts if context.execute_id in self._held]
        if not ids:
            return
        try:
            async with asyncio.timeout_at(deadline):
                self.statistics.released += await link.call(calls.release_robots(ids))
        except (TimeoutError, CapatazError, psycopg.Error) as error:
            logger.error("%d robots could not be given back: %s", len(ids), error)
        for execute_id in ids:
            self._held.pop(execute_id, None)

    # --- claiming

    def _capacity(self) -> int:
        """Robots to have at hand or running: one per slot, and as many more as are done in a moment."""
        if self.prefetch is not None:
            return self.concurrency + self.prefetch
        if self._average is None:
            return self.concurrency
        ahead = self.concurrency * PREFETCH_SECONDS / max(self._average, 1e-6)
        return self.concurrency + int(min(ahead, 2 * self.batch_size))

    def _wanted(self) -> int:
        """How many robots to claim now."""
        waiting = len(self._plain) + len(self._other)
        undelivered = len(self._held) - waiting - self._active
        if undelivered > UNDELIVERED_LIMIT or len(self._report_queue) > UNREPORTED_LIMIT:
            return 0
        capacity = self._capacity()
        free = capacity - waiting - self._active
        if free <= 0 or (waiting and 2 * free < capacity):
            return 0
        return min(free, self.batch_size)

    async def _claim_loop(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        event = self._claim_event
        first = True
        backoff = Backoff()
        while not self._stopping:
            if self._retired:
                await self._stop_retired(link)
            wanted = self._wanted() if self._maybe_more else 0
            if not wanted:
                if self._drain and not self._maybe_more and not self._held:
                    self._stopping = True
                    self._changed.set()
                    return
                event.clear()
                timer = loop.call_later(self.poll_interval, self._look_again)
                await event.wait()
                timer.cancel()
                continue
            self._maybe_more = False
            try:
                robots = await link.call(
                    calls.claim_robots(
                        self.module_name,
                        batch_size=wanted,
                        worker_id=self.worker_id,
                        timeout_seconds=self.timeout_seconds,
                    ),
                    repeat=False,
                )
            except ConnectionLostError:
                await self._change_identity(link)
                self._maybe_more = True
                continue
            except (CapatazError, psycopg.Error) as error:
                if first:
                    raise
                logger.error("claim failed, will be repeated: %s", error)
                await link.pause(backoff)
                self._maybe_more = True
                continue
            first, backoff = False, Backoff()
            self.statistics.claims += 1
            if robots:
                self._maybe_more = True
                self._take_in(robots, await self._traces_of(link, robots) if self._traces else {})

    async def _traces_of(self, link: Link, robots: list[ClaimedRobot]) -> dict[str, str]:
        """Ask which traces robots belong to; without an answer in time they run without."""
        try:
            async with asyncio.timeout(TRACE_SECONDS):
                found = await link.call(calls.trace_contexts([robot.robot_id for robot in robots]))
        except (TimeoutError, CapatazError, psycopg.Error, ConnectionLostError) as error:
            logger.warning("%d robots run outside their traces: %s", len(robots), error or "no answer")
            return {}
        return {trace.robot_id: trace.traceparent for trace in found}

    async def _change_identity(self, link: Link) -> None:
        """After a claim whose answer was lost: go on under a new id; the old one hands back what nobody knows of."""
        self._retired.add(self.worker_id)
        self.worker_id = _new_worker_id() if self._given_id is None else f"{self._given_id}-{secrets.token_hex(3)}"
        logger.warning("the answer to a claim was lost, going on as %s", self.worker_id)
        backoff = Backoff()
        while True:
            try:
                await link.call(calls.heartbeat_worker(self.worker_id, self.module_name, info=self._info()))
            except (CapatazError, psycopg.Error) as error:
                logger.error("heartbeat failed, will be repeated: %s", error)
                await link.pause(backoff)
            else:
                break

    async def _stop_retired(self, link: Link) -> None:
        """Say goodbye for former ids that have nothing under way any more: the database releases the unknown rest."""
        for worker_id in list(self._retired):
            if any(context._worker_id == worker_id for context in self._held.values()):
                continue
            try:
                released = await link.call(calls.stop_worker(worker_id))
            except (CapatazError, psycopg.Error) as error:
                logger.error("worker %s could not be stopped: %s", worker_id, error)
            else:
                self._retired.discard(worker_id)
                self.statistics.released += released

    def _look_again(self) -> None:
        self._maybe_more = True
        self._claim_event.set()

    def _notified(self) -> None:
        """A notification came: poll until empty, and once more 50 ms later, because senders send few of them."""
        self._look_again()
        if self._again is None:
            self._again = asyncio.get_running_loop().call_later(0.05, self._and_once_more)

    def _and_once_more(self) -> None:
        self._again = None
        self._look_again()

    async def _listen_loop(self, dsn: str, options: dict[str, Any]) -> None:
        link = Link(dsn, options, "notifications")
        backoff = Backoff()
        try:
            while True:
                connection = await link.ready()
                try:
                    await connection.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL)))
                    self._look_again()  # for what was sent while nobody listened
                    async for notification in connection.notifies():
                        backoff = Backoff()
                        if notification.payload in (self.module_name, ""):
                            self._notified()
                except psycopg.Error as error:
                    if not connection.closed and not is_passing(error):
                        logger.warning("no notifications, only polling: %s", error)
                        return
                    link.lost(error)
                    await connection.close()
                await link.pause(backoff)
        finally:
            await link.close()

    def _take_in(self, robots: list[ClaimedRobot], traces: Mapping[str, str]) -> None:
        """Put claimed robots at hand, and start them where slots are free."""
        now = time.monotonic()
        self.statistics.claimed += len(robots)
        worker_id, handlers, held = self.worker_id, self._handlers, self._held
        plain: list[Context] = []
        other: list[Context] = []
        for robot in robots:
            context = Context(robot, self, worker_id, now)
            if traces:
                context.traceparent = traces.get(robot.robot_id)
            held[robot.execute_id] = context
            registered = handlers.get(robot.robot_type)
            if registered is None:
                self._finish_robot(context, None, NoHandlerError(robot.robot_type, self.robot_types), 0.0)
            elif registered.is_async or registered.inline:
                other.append(context)
            else:
                plain.append(context)
        with self._lock:
            self._plain.extend(plain)
            self._other.extend(other)
        self._start(all_at_once=False)

    def _start(self, *, all_at_once: bool) -> None:
        """Start drainers for the robots at hand: as few as can do the work in a moment, or one for each robot."""
        with self._lock:
            if self._halted:
                return
            average = self._average
            threads = self._drainers(len(self._plain), average, all_at_once)
            self._active += threads
            slots = self._drainers(len(self._other), average, all_at_once)
            self._active += slots
            waiting = bool(self._plain or self._other)
            new_threads = max(0, threads - self._idle_threads)
            self._idle_threads -= threads - new_threads
        for _ in range(new_threads):
            number = len(self._threads)
            thread = threading.Thread(
                target=self._thread_main,
                args=(self._tokens,),
                name=f"capataz-{self.module_name}-{number}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()
        for _ in range(threads):
            self._tokens.put(True)
        for _ in range(slots):
            task = asyncio.create_task(self._drain_other())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if waiting and self._stall is None and self._loop is not None:
            self._stall = self._loop.call_later(0.01, self._check_stall, self._heads())

    def _drainers(self, waiting: int, average: float | None, all_at_once: bool) -> int:
        free = min(waiting, self.concurrency - self._active)
        if free <= 1 or average is None or all_at_once:
            return max(free, 0)
        return min(free, int(waiting * average / 0.005) + 1)

    def _heads(self) -> tuple[Context | None, Context | None]:
        with self._lock:
            return (self._plain[0] if self._plain else None, self._other[0] if self._other else None)

    def _check_stall(self, before: tuple[Context | None, Context | None]) -> None:
        """Robots at hand of which none was begun within 10 ms get all the slots there are."""
        self._stall = None
        heads = self._heads()
        if heads != (None, None) and not self._halted:
            stuck = any(was is not None and was is now for was, now in zip(before, heads, strict=True))
            self._start(all_at_once=stuck)

    # --- running

    def _thread_main(self, tokens: queue.SimpleQueue[bool]) -> None:
        clock = thread_clock()
        while tokens.get():
            self._drain_plain(clock)

    def _drain_plain(self, clock: int | None) -> None:
        """Run plain robots in this thread until none is at hand. The caller's slot is counted in _active."""
        lock, lane = self._lock, self._plain
        while True:
            with lock:
                if not lane or self._halted:
                    self._active -= 1
                    self._idle_threads += 1
                    break
                context = lane.popleft()
            self._run_plain(context, clock)
        self._tell_loop()

    def _run_plain(self, context: Context, clock: int | None) -> None:
        if context._lost:
            self._finish_robot(context, None, None, 0.0)
            return
        context._clock = clock
        begun = self._begin(context)
        cpu_begun = context._cpu_begun = time.thread_time()
        value: Any = None
        error: BaseException | None = None
        try:
            if self._tracer is None:
                value = self._handlers[context.robot.robot_type].function(context)
            else:
                with tracing.span(self._tracer, self.module_name, context):
                    value = self._handlers[context.robot.robot_type].function(context)
        except BaseException as raised:  # whatever a handler throws is its robot's failure, not the worker's end
            error = raised
        cpu = time.thread_time() - cpu_begun
        context._clock = None
        self._end(context, begun)
        self._finish_robot(context, value, error, cpu)

    async def _drain_other(self) -> None:
        """Run async and inline robots in the loop until none is at hand."""
        lock, lane, handlers = self._lock, self._other, self._handlers
        task = asyncio.current_task()
        assert task is not None
        sliced = time.perf_counter()
        try:
            while True:
                with lock:
                    if not lane or self._halted:
                        break
                    context = lane.popleft()
                if context._lost:
                    self._finish_robot(context, None, None, 0.0)
                elif handlers[context.robot.robot_type].is_async:
                    await self._run_async(context, task)
                else:
                    self._run_plain(context, None)
                if time.perf_counter() - sliced > INLINE_SLICE:
                    await asyncio.sleep(0)
                    sliced = time.perf_counter()
        finally:
            with lock:
                self._active -= 1
            self._tell_loop()

    async def _run_async(self, context: Context, task: asyncio.Task[None]) -> None:
        meter = context._meter = CpuMeter()
        begun = self._begin(context)
        context._task = task
        value: Any = None
        error: BaseException | None = None
        try:
            if self._tracer is None:
                value = await metered(self._handlers[context.robot.robot_type].function(context), meter)
            else:
                with tracing.span(self._tracer, self.module_name, context):
                    value = await metered(self._handlers[context.robot.robot_type].function(context), meter)
        except asyncio.CancelledError as raised:
            error = raised
            while task.cancelling():
                task.uncancel()
        except BaseException as raised:
            error = raised
        context._task = None
        self._end(context, begun)
        self._finish_robot(context, value, error, meter.seconds)

    def _begin(self, context: Context) -> float:
        meter = self._meter
        context._peak_mb = meter.memory_mb
        context._disk_begun = meter.disk_mb
        self._running.add(context)
        context._begun = begun = context._last_report = context._last_usage = time.monotonic()
        return begun

    def _end(self, context: Context, begun: float) -> None:
        took = time.monotonic() - begun
        self._running.discard(context)
        average = self._average
        self._average = took if average is None else average + 0.1 * (took - average)

    def _finish_robot(self, context: Context, value: Any, error: BaseException | None, cpu: float) -> None:
        """Turn what a handler returned or raised into an outcome for delivery. Called from any thread."""
        if error is None:
            try:
                final = (context, True, completion(context, value, cpu))
            except BaseException as raised:  # an output that is no JSON
                error = raised
        if error is not None:
            final = (context, False, failure(context, error))
        self._done.append(final)
        self._tell_loop()

    def _tell_loop(self) -> None:
        """Have the loop look at _done and at the free slots; costs nothing if it is about to."""
        if self._signalled:
            return
        self._signalled = True
        loop = self._loop
        if loop is None:
            return
        if threading.get_ident() == self._loop_thread:
            loop.call_soon(self._collect)
        else:
            with contextlib.suppress(RuntimeError):  # the loop ended: nobody waits for this result any more
                loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        """In the loop: hand finished robots on, as soon as their reports are sent."""
        self._signalled = False
        done = self._done
        while done:
            final = done.popleft()
            context = final[0]
            if context._lost:
                self._discard(context)
                continue
            with self._outbox_lock:
                waits = context._queued or bool(context._outbox)
                if waits:
                    context._final = final
            if waits:
                self._queue_reports(context)
            else:
                self._outgoing.append(final)
        if self._outgoing:
            self._flush_event.set()
        if self._plain or self._other:
            self._start(all_at_once=False)
        self._claim_event.set()
        self._changed.set()

    def _discard(self, context: Context) -> None:
        context._final = None
        if self._held.pop(context.execute_id, None) is not None and not context._released:
            self.statistics.discarded += 1
        self._changed.set()

    def _lose(self, context: Context, error: CapatazError | None) -> None:
        """The attempt is no longer ours: stop its handler if we can, and discard what it returns."""
        if context._lost:
            return
        logger.info("%r lost: %s", context, error.message if error is not None else "given back")
        context.lose()
        task = context._task
        if task is not None:
            task.cancel()
        if context._final is not None:
            self._discard(context)

    # --- delivering outcomes

    async def _flush_loop(self, link: Link) -> None:
        outgoing = self._outgoing
        while True:
            if self._returning:
                stuck, self._returning = self._returning, []
                await self._give_back(link, stuck, asyncio.get_running_loop().time() + DELIVERY_SECONDS)
            if not outgoing:
                self._flush_event.clear()
                await self._flush_event.wait()
                continue
            completed: list[_Final] = []
            failed: list[_Final] = []
            size = 0
            while outgoing and len(completed) + len(failed) < FLUSH_COUNT and size < FLUSH_BYTES:
                final = outgoing.popleft()
                size += len(final[2])
                (completed if final[1] else failed).append(final)
            self._delivering = len(completed) + len(failed)
            await self._deliver(link, completed, calls.complete_executions)
            await self._deliver(link, failed, calls.fail_executions)
            self._delivering = 0
            self._maybe_more = True  # an ended robot may have made room in its module
            self._claim_event.set()
            self._changed.set()

    async def _deliver(
        self, link: Link, finals: list[_Final], function: Callable[[JsonText], calls.Call[list[Outcome]]]
    ) -> None:
        """Send outcomes until they are answered; one that is refused goes as a failure of its own."""
        if not finals:
            return
        text = JsonText("[" + ",".join([final[2] for final in finals]) + "]")
        backoff = Backoff()
        while True:
            try:
                outcomes = await link.call(function(text))
            except InvalidInput as error:  # PostgreSQL cannot even read it: find the culprit
                if len(finals) == 1:
                    await self._refused(link, finals[0], error)
                else:
                    middle = len(finals) // 2
                    await self._deliver(link, finals[:middle], function)
                    await self._deliver(link, finals[middle:], function)
                return
            except (CapatazError, psycopg.Error) as error:
                logger.error("outcomes not accepted, will be repeated: %s", error)
                await link.pause(backoff)
            else:
                break
        self.statistics.flushes += 1
        for final, outcome in zip(finals, outcomes, strict=True):
            context, completed, _ = final
            if outcome.error is None:
                self._held.pop(context.execute_id, None)
                if completed:
                    self.statistics.completed += 1
                else:
                    self.statistics.failed += 1
                continue
            problem = from_text(outcome.error)
            if isinstance(problem, LeaseLost | NotFound):
                self._lose(context, problem)
                self._discard(context)
            else:
                await self._refused(link, final, problem)

    async def _refused(self, link: Link, final: _Final, error: CapatazError) -> None:
        """An outcome the database does not accept (a score of 7, a NUL in a text) becomes a plain failure."""
        context, completed, text = final
        logger.error("%r: outcome refused: %s", context, error.message)
        minimal = refusal(context, completed, error)
        if text == minimal:  # even this: the attempt will time out
            self._discard(context)
            return
        await self._deliver(link, [(context, False, minimal)], calls.fail_executions)

    # --- progress reports

    def _post(self, context: Context, fields: dict[str, Any], *, is_step: bool) -> Report:
        """Queue a report; called by handlers, from any thread. Progress joins the last report not yet sent."""
        with self._outbox_lock:
            outbox = context._outbox
            if outbox is None:
                outbox = context._outbox = deque()
            if outbox and not is_step:
                report = outbox[-1]
                if report.is_step and report.step is None:
                    report.step = dict(report.fields)
                report.fields.update(fields)
            else:
                report = Report(context, fields, is_step)
                outbox.append(report)
            due = is_step or time.monotonic() - context._last_progress >= PROGRESS_INTERVAL
            queued = context._queued
        if queued:
            return report
        if due:
            self._urge(context)
        else:
            self._late.add(context)
        return report

    def _urge(self, context: Context) -> None:
        """Have the reports of an attempt sent now."""
        loop = self._loop
        if loop is None:
            return
        if threading.get_ident() == self._loop_thread:
            self._queue_reports(context)
        else:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._queue_reports, context)

    def _queue_reports(self, context: Context) -> None:
        """In the loop: let a reporter take care of this attempt."""
        with self._outbox_lock:
            if context._queued or not (context._outbox or context._final is not None):
                return
            context._queued = True
        self._late.discard(context)
        self._report_queue.append(context)
        self._report_event.set()

    async def _report_loop(self, link: Link) -> None:
        waiting = self._report_queue
        while True:
            if not waiting:
                self._report_event.clear()
                await self._report_event.wait()
                continue
            context = waiting.popleft()
            with self._outbox_lock:
                outbox = context._outbox
                report = outbox.popleft() if outbox else None
            if report is not None and not context._lost:
                await self._send_report(link, context, report)
            if report is not None:
                report._answered()
            with self._outbox_lock:
                more = bool(context._outbox)
                due = more and (
                    context._final is not None
                    or any(pending.is_step or pending._future is not None for pending in context._outbox or ())
                )
                context._queued = due
                final = None if more else context._final
            if due:
                waiting.append(context)
            elif more:
                self._late.add(context)
            elif final is not None:
                if context._lost:
                    self._discard(context)
                else:
                    context._final = None
                    self._outgoing.append(final)
                    self._flush_event.set()
            self._claim_event.set()

    async def _send_report(self, link: Link, context: Context, report: Report) -> None:
        fields = report.fields
        now = time.monotonic()
        if context._final is None and context._begun and now - context._begun >= LONG_RUNNING:
            fields = {**self._usage(context, now), **fields}
        context._last_report = context._last_progress = now
        try:
            state = await link.call(calls.report_progress(context.execute_id, **fields))
        except (LeaseLost, NotFound) as error:
            self._lose(context, error)
        except (CapatazError, psycopg.Error) as error:
            logger.error("%r: report %s refused: %s", context, fields, error)
            if report.step is not None:  # bad progress must not take the step down with it
                await self._send_report(link, context, Report(context, report.step, True))
        else:
            self.statistics.reports += 1
            if (state == "PAUSED") != context._paused:
                context.pause(state == "PAUSED")

    def _usage(self, context: Context, now: float) -> dict[str, Any]:
        """Resource usage of an attempt since it was last told (CPU), or since its begin (I/O)."""
        cpu = context.cpu_seconds()
        elapsed = now - context._last_usage
        usage: dict[str, Any] = {
            "memory_usage_mb": self._meter.memory_mb,
            "disk_io_mb": max(0, round(self._meter.disk_mb - context._disk_begun)),
        }
        if elapsed > 0.05:
            usage["cpu_usage_percent"] = round(min(max(0.0, cpu - context._last_cpu) / elapsed * 100, 999.99), 2)
            context._last_cpu, context._last_usage = cpu, now
        return usage

    def _verify_held(self) -> None:
        """After a lost connection: ask for every attempt whether it is still ours."""
        for context in list(self._held.values()):
            if context._final is None and not context._lost:
                self._post(context, {}, is_step=True)

    # --- the clock

    async def _tick_loop(self) -> None:
        """Everything that is a matter of time: late progress, silent robots, robots that wait too long at hand."""
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            for context in list(self._late):
                if now - context._last_progress >= PROGRESS_INTERVAL:
                    self._queue_reports(context)
            for context in self._running.copy():
                if context._lost or now - context._begun < LONG_RUNNING:
                    continue
                interval = 1.0 if context._paused else self.report_interval
                if context._last_report == context._begun or now - context._last_report >= interval:
                    self._post(context, {}, is_step=True)
            self._return_stuck(now)
            if self._retired:
                self._look_again()

    def _return_stuck(self, now: float) -> None:
        """Give back robots claimed ahead that find no slot: others may have one."""
        with self._lock:
            if self._active < self.concurrency:
                return
            stuck: list[Context] = []
            for lane in (self._plain, self._other):
                if lane and now - lane[0].claimed_at > HOLD_SECONDS:
                    stuck.extend(lane)
                    lane.clear()
        if stuck:
            self._average = None  # claim no more ahead than there are slots, until it is known again
            self._returning.extend(stuck)
            self._flush_event.set()


def _new_worker_id() -> str:
    """Return a name unique to this start of this process: a worker that comes back is another worker."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


def _is_async(function: Handler) -> bool:
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isfunction(function) and inspect.iscoroutinefunction(
        getattr(function, "func", None) or type(function).__call__
    )

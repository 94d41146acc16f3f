"""What a handler is given and may give back: :class:`Context`, :class:`Result` and the errors it may raise."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .metering import CpuMeter, clock_seconds
from .models import ClaimedRobot, Json, Priority, StepCategory

if TYPE_CHECKING:
    from .worker import Worker

__all__ = ["Cancelled", "Context", "Report", "Result", "RobotError", "ValidationError"]

#: Reports of one attempt that may wait to be sent before a plain handler has to wait too.
OUTBOX_LIMIT = 100


class Cancelled(Exception):  # noqa: N818
    """The attempt is no longer this worker's: cancelled, timed out or given back. Whatever it returns is discarded.

    ``ctx.step`` and ``ctx.progress`` raise it, so that a handler that reports stops early by itself.
    """


class RobotError(Exception):
    """A failure a handler wants recorded as more than an unexpected exception.

    Args:
        message: what went wrong, for people.
        category: one word in capitals for statistics, such as ``EXTERNAL_API``.
        retryable: whether another attempt may succeed; the database decides whether there is one.
        details: a JSON object kept with the robot.
    """

    category = "PROCESSING"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        category: str | None = None,
        retryable: bool | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        super().__init__(message)
        if category is not None:
            self.category = category
        if retryable is not None:
            self.retryable = retryable
        self.details = details


class ValidationError(RobotError):
    """The input is wrong, and will be at the next attempt: the robot fails at once (category VALIDATION)."""

    category = "VALIDATION"
    retryable = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a handler may return instead of its bare output.

    Attributes:
        output: the robot's ``output_data``.
        confidence: how sure the handler is, 0..1.
        completeness: how complete the output is, 0..1.
        metrics: added to the measured ``performance_metrics``.
    """

    output: Json = None
    confidence: float | None = None
    completeness: float | None = None
    metrics: Mapping[str, Json] | None = None


class Report:
    """One report on its way to the database. Nobody has to wait for it; who wants to may.

    ``await report`` (or ``report.wait()`` in a plain handler) returns once it is recorded, and after a pause only
    when the attempt may go on; it raises :class:`Cancelled` if the attempt is no longer this worker's.
    """

    __slots__ = ("_context", "_future", "_sent", "fields", "is_step", "step")

    def __init__(self, context: Context, fields: dict[str, Any], is_step: bool) -> None:
        self._context = context
        self._future: Future[None] | None = None
        self._sent = False
        self.fields = fields
        self.is_step = is_step
        self.step: dict[str, Any] | None = None  # what belongs to the step alone, once progress has joined it

    def _delivery(self) -> Future[None]:
        with self._context._worker._outbox_lock:
            if self._future is None:
                self._future = Future()
                if self._sent:
                    self._future.set_result(None)
        self._context._worker._urge(self._context)
        return self._future

    def _answered(self) -> None:
        with self._context._worker._outbox_lock:
            self._sent = True
            future = self._future
        if future is not None and not future.done():
            future.set_result(None)

    def __await__(self) -> Generator[Any, None, None]:
        if not self._sent:
            yield from asyncio.wrap_future(self._delivery()).__await__()
        context = self._context
        while context._paused and not context._lost:
            yield from asyncio.sleep(0.05).__await__()
        context.raise_if_cancelled()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the report is recorded, at most ``timeout`` seconds (plain handlers).

        Raises:
            TimeoutError: it took longer.
            Cancelled: the attempt is no longer this worker's.
        """
        if not self._sent:
            self._delivery().result(timeout)
        self._context._check()


class ExternalCall:
    """Times a block that waits for another system; see :meth:`Context.external_call`."""

    __slots__ = ("_begun", "_context")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._context._external(time.perf_counter() - self._begun, failed=error is not None)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


class Context:
    """One attempt at a robot, as its handler sees it. Usable from plain and ``async`` handlers alike.

    Reports are sent in the background, steps in order and without loss, progress at most every half second (the
    latest counts). ::

        @worker.robot("OCR")
        def read(ctx):
            ctx.step("LOAD", category="INIT", total=3)
            pages = load(ctx.input["path"])
            ctx.step("OCR", category="PROCESSING")
            for number, page in enumerate(pages, 1):
                ...
                ctx.progress(completed=number, total=len(pages), items=number)
            ctx.step("SAVE", category="FINALIZATION")
            return {"pages": len(pages)}
    """

    __slots__ = (
        "_api_calls",
        "_api_failures",
        "_api_seconds",
        "_begun",
        "_clock",
        "_cpu_begun",
        "_disk_begun",
        "_event",
        "_final",
        "_gate",
        "_items",
        "_last_cpu",
        "_last_progress",
        "_last_report",
        "_last_usage",
        "_lost",
        "_meter",
        "_outbox",
        "_paused",
        "_peak_mb",
        "_queued",
        "_released",
        "_steps",
        "_task",
        "_total",
        "_worker",
        "_worker_id",
        "claimed_at",
        "robot",
        "traceparent",
    )

    def __init__(self, robot: ClaimedRobot, worker: Worker, worker_id: str, claimed_at: float) -> None:
        self.robot = robot
        self.claimed_at = claimed_at
        #: The W3C trace context that the robot was submitted in; None: there is none, or the worker does not trace.
        self.traceparent: str | None = None
        self._worker = worker
        self._worker_id = worker_id
        self._lost = False
        self._released = False
        self._paused = False
        self._begun = 0.0
        self._clock: int | None = None
        self._meter: CpuMeter | None = None
        self._cpu_begun = 0.0
        self._disk_begun = 0.0
        self._peak_mb = 0
        self._last_report = 0.0
        self._last_progress = 0.0
        self._last_cpu = 0.0
        self._last_usage = 0.0
        self._steps = 0
        self._total: int | None = None
        self._items: int | None = None
        self._api_calls = 0
        self._api_seconds = 0.0
        self._api_failures = 0
        self._outbox: deque[Report] | None = None
        self._queued = False
        self._final: tuple[Context, bool, str] | None = None
        self._event: threading.Event | None = None
        self._gate: threading.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Context {self.robot.robot_type} {self.robot.robot_id} attempt {self.robot.attempt}>"

    # --- the robot

    @property
    def input(self) -> Json:
        """The robot's ``input_data``."""
        return self.robot.input_data

    @property
    def robot_id(self) -> str:
        """The robot."""
        return self.robot.robot_id

    @property
    def execute_id(self) -> str:
        """This attempt: the lease with which it reports."""
        return self.robot.execute_id

    @property
    def robot_type(self) -> str:
        """The type of the robot."""
        return self.robot.robot_type

    @property
    def priority(self) -> Priority:
        """The robot's priority."""
        return self.robot.priority

    @property
    def attempt(self) -> int:
        """1 for the first attempt, 2 for the first retry, ..."""
        return self.robot.attempt

    @property
    def correlation_id(self) -> str | None:
        """The batch the robot belongs to."""
        return self.robot.correlation_id

    @property
    def timeout_seconds(self) -> int:
        """Seconds from the claim after which the database gives the attempt up."""
        return self.robot.timeout_seconds

    # --- cancellation

    @property
    def cancelled(self) -> bool:
        """True once it is known that the attempt was cancelled, timed out or given back. Its result is discarded."""
        return self._lost

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Wait up to ``timeout`` seconds for a cancellation; return whether there was one (plain handlers)."""
        with self._worker._outbox_lock:
            if self._event is None:
                self._event = threading.Event()
                if self._lost:
                    self._event.set()
        return self._event.wait(timeout)

    def raise_if_cancelled(self) -> None:
        """Raise :class:`Cancelled` if the attempt is no longer this worker's."""
        if self._lost:
            raise Cancelled(f"attempt {self.attempt} at robot {self.robot_id} is no longer this worker's")

    # --- reports

    def step(
        self,
        name: str,
        *,
        category: StepCategory | str | None = None,
        total: int | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> Report:
        """Begin a step; the one before it is done.

        Args:
            name: 1 to 100 characters.
            category: INIT, VALIDATION, PROCESSING, EXTERNAL_API or FINALIZATION.
            total: how many steps the attempt will have; said once, it gives the progress percentage.
            details: a JSON object about the step.

        Raises:
            Cancelled: the attempt is no longer this worker's.
        """
        self._check()
        self._steps += 1
        if total is not None:
            self._total = total
        fields: dict[str, Any] = {"current_step": name}
        if category is not None:
            fields["step_category"] = category
        if details is not None:
            fields["step_details"] = dict(details)
        if self._total is not None:
            fields["total_steps"] = self._total
            fields["completed_steps"] = min(self._steps - 1, self._total)
        return self._worker._post(self, fields, is_step=True)

    def progress(
        self,
        percentage: float | None = None,
        *,
        completed: float | None = None,
        total: float | None = None,
        items: int | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> Report:
        """Say how far the attempt is.

        Args:
            percentage: of the whole attempt, 0..100, taken as it is; or
            completed, total: so much of so much in the current step (of the attempt, where steps have no total).
            items: items processed so far in this attempt; gives the throughput.
            details: a JSON object about the step.

        Raises:
            Cancelled: the attempt is no longer this worker's.
            ValueError: ``total`` is not positive.
        """
        self._check()
        fields: dict[str, Any] = {}
        if completed is not None and total is not None:
            if total <= 0:
                raise ValueError(f"total must be positive, not {total}")
            share = completed / total
            if self._total:
                share = (max(self._steps - 1, 0) + share) / self._total
            percentage = 100 * share
        if percentage is not None:
            fields["progress_percentage"] = percentage
        if items is not None:
            fields["items_processed"] = items
        if details is not None:
            fields["step_details"] = dict(details)
        return self._worker._post(self, fields, is_step=False)

    def external_call(self) -> ExternalCall:
        """Count and time a call to another system: ``with ctx.external_call(): ...`` (or ``async with``)."""
        return ExternalCall(self)

    def _external(self, seconds: float, *, failed: bool) -> None:
        self._api_calls += 1
        self._api_seconds += seconds
        self._api_failures += failed
        if not self._lost:
            fields = {
                "external_api_calls": self._api_calls,
                "external_api_duration_ms": round(self._api_seconds * 1000),
                "external_api_failures": self._api_failures,
            }
            self._worker._post(self, fields, is_step=False)

    def _check(self) -> None:
        """Raise if cancelled; in a plain handler also wait out a pause and a full outbox."""
        if self._lost:
            self.raise_if_cancelled()
        worker = self._worker
        if threading.get_ident() == worker._loop_thread:
            return
        outbox = self._outbox
        if outbox is not None and len(outbox) >= OUTBOX_LIMIT:
            try:
                oldest = outbox[0]
            except IndexError:
                pass
            else:
                oldest._delivery().result()
        if self._paused:
            self._wait_resumed()
        self.raise_if_cancelled()

    def _wait_resumed(self) -> None:
        with self._worker._outbox_lock:
            gate = self._gate
            if gate is None:
                gate = self._gate = threading.Event()
                if self._lost or not self._paused:
                    gate.set()
        gate.wait()

    # --- for the worker

    def cpu_seconds(self) -> float:
        """Return the CPU seconds used so far; may be asked from any thread."""
        if self._meter is not None:
            return self._meter.seconds
        if self._clock is not None:
            try:
                return clock_seconds(self._clock) - self._cpu_begun
            except OSError:
                return 0.0
        return 0.0

    def lose(self) -> None:
        """Mark the attempt as gone: reports stop, the result is discarded, whoever waits is woken."""
        with self._worker._outbox_lock:
            self._lost = True
            reports = list(self._outbox) if self._outbox else []
            if self._outbox:
                self._outbox.clear()
            if self._event is not None:
                self._event.set()
            if self._gate is not None:
                self._gate.set()
        for report in reports:
            report._answered()

    def pause(self, paused: bool) -> None:
        """Hold the handler at its next report, or let it go on."""
        with self._worker._outbox_lock:
            self._paused = paused
            if self._gate is not None:
                if paused:
                    self._gate.clear()
                else:
                    self._gate.set()

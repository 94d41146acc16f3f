"""What a handler consumes, measured without its help: CPU time, memory and disk I/O.

CPU is exact for one robot: the time of the thread that runs a plain handler, and of each step of an ``async``
handler's coroutine (not of the tasks or threads it starts). Memory and I/O can only be had for the process: they
are shared by the robots that run in it at the same time.
"""

from __future__ import annotations

import time
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

_MB = 1024 * 1024


class ProcessMeter:
    """Memory and disk I/O of this process, as of the last :meth:`sample`."""

    __slots__ = ("_process", "disk_mb", "memory_mb")

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.memory_mb = 0
        self.disk_mb = 0.0
        self.sample()

    def sample(self) -> None:
        """Read the figures; about 30 microseconds."""
        self.memory_mb = round(self._process.memory_info().rss / _MB)
        try:
            io = self._process.io_counters()
        except (AttributeError, psutil.Error, OSError):  # not on this platform, or not allowed
            return
        self.disk_mb = (io.read_bytes + io.write_bytes) / _MB


def thread_clock() -> int | None:
    """Return the id of this thread's CPU clock, with which other threads can read it; None: not on this platform."""
    try:
        import threading

        return time.pthread_getcpuclockid(threading.get_ident())
    except (AttributeError, OSError):
        return None


def clock_seconds(clock: int) -> float:
    """Return the CPU seconds of a thread's clock."""
    return time.clock_gettime(clock)


class CpuMeter:
    """CPU seconds of one coroutine, added up while :func:`metered` drives it."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


@types.coroutine
def metered(coroutine: Coroutine[Any, Any, T], meter: CpuMeter) -> Generator[Any, Any, T]:
    """Drive a coroutine and add the CPU time of each of its steps to ``meter``."""
    clock = time.thread_time
    send, throw = coroutine.send, coroutine.throw
    value: Any = None
    failure: BaseException | None = None
    try:
        while True:
            begun = clock()
            try:
                awaited = send(value) if failure is None else throw(failure)
            except StopIteration as stop:
                result: T = stop.value
                return result
            finally:
                meter.seconds += clock() - begun
            value = failure = None
            try:
                value = yield awaited
            except GeneratorExit:
                raise
            except BaseException as error:
                failure = error
    finally:
        coroutine.close()

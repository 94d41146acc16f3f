"""Processes that check inputs against schemas. What a module registers is run there, never in the gateway itself.

A pattern may take for ever while it holds the interpreter's lock, and so may ``uniqueItems`` of a long array: a thread
cannot be ended then, a process can. A module has one check at a time, so that none takes all processes.

Run as a program, this is such a process: it reads requests (four bytes of length, JSON), and answers each with a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Any, Final

from ..validation import check_input
from .lines import BusyError, Shares
from .problems import Problem

PROCESSES: Final = 2
SECONDS: Final = 1.0  # for the inputs of one call
START_SECONDS: Final = 20.0
WAIT_SECONDS: Final = 5.0
WAITING: Final = 100  # calls of a module that wait
LONGEST: Final = 500  # characters of an answer


class Checkers:
    """A few such processes: made when needed, replaced when they take too long.

    Args:
        seconds: that a check may take.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._shares = Shares(1, waiting=WAITING)
        self._free = asyncio.Semaphore(PROCESSES)
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self._closed = False

    async def check(self, module_name: str, request: bytes) -> str | None:
        """Check inputs: what is wrong, None where all fit.

        Args:
            module_name: whose they are.
            request: JSON: the texts of the schemas by robot type, and name, robot type and value of each input.

        Raises:
            Problem: it took too long.
            BusyError: others take too long.
        """
        async with self._shares.share(module_name, WAIT_SECONDS):
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._free.acquire()
            except TimeoutError:
                raise BusyError("no process is free to check the input") from None
            try:
                return await self._check(request)
            finally:
                self._free.release()

    async def _check(self, request: bytes) -> str | None:
        if self._closed:
            raise BusyError("the gateway is ending")
        process = None
        while self._idle and process is None:
            process = self._idle.pop()
            if process.returncode is not None:
                self._all.discard(process)
                process = None
        process = process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._seconds):
                process.stdin.write(len(request).to_bytes(4, "big") + request)
                await process.stdin.drain()
                line = await process.stdout.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError
            wrong: str | None = json.loads(line)
        except TimeoutError:
            await self._end(process)
            raise Problem(
                400,
                "RB400",
                "input_data cannot be checked in time against the schema",
                "Simplify the JSON Schema that the module has registered, or send less at once.",
            ) from None
        except ConnectionError:
            await self._end(process)
            return "input_data cannot be checked against the schema"
        except BaseException:  # cancelled on the way
            self._kill(process)
            raise
        self._idle.append(process)
        return wrong

    async def _start(self) -> Process:
        hidden = ("CAPATAZ_", "PG")  # connection strings and passwords
        environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", __name__),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the gateway, which finishes what is under way
        )
        self._all.add(process)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                if await process.stdout.readline() != b"null\n":
                    raise RuntimeError("the process that checks inputs does not start")
        except BaseException:
            self._kill(process)
            raise
        return process

    def _kill(self, process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        self._all.discard(process)

    async def _end(self, process: Process) -> None:
        self._kill(process)
        await process.wait()

    async def close(self) -> None:
        """End all processes."""
        self._closed = True
        self._idle.clear()
        for process in list(self._all):
            await self._end(process)


def _checked(request: bytes) -> str | None:
    texts, inputs = json.loads(request)
    schemas: dict[str, Any] = {}
    for name, robot_type, value in inputs:
        try:
            if robot_type not in schemas:
                schemas[robot_type] = json.loads(texts[robot_type])
            wrong = check_input(schemas[robot_type], value, name)
        except Exception as error:
            wrong = f"{name} cannot be checked against its schema ({type(error).__name__})"
        if wrong is not None:
            return wrong if len(wrong) <= LONGEST else wrong[: LONGEST - 3] + "..."
    return None


def main() -> None:
    """Answer requests until there are no more."""
    check_input({"type": "object"}, {})  # imports what it takes
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    answer: str | None = None
    while True:
        sink.write(json.dumps(answer).encode() + b"\n")
        sink.flush()
        size = source.read(4)
        if len(size) < 4:
            return
        request = source.read(int.from_bytes(size, "big"))
        signal.setitimer(signal.ITIMER_REAL, 4 * SECONDS)  # its end, should the gateway be gone
        answer = _checked(request)
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main()

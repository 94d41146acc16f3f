"""Inputs against the JSON Schema that the key's module has registered for a robot type: the whole of it, before SQL.

SQL enforces the structural part (ADR 0022), whatever happens here. Schemas are kept for some seconds: a new one counts
here a little later than there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import psycopg

from .arguments import Value
from .checkers import Checkers
from .database import Admitted, Database
from .problems import Problem

KEPT_SECONDS: Final = 5.0
KEPT: Final = 1000
ASIDE: Final = 32 * 1024  # bytes that are worth a thread
TYPES: Final = 64  # a module supports at most 32: of more types in one call, some are refused anyway


class Schemas:
    """Schemas by module and robot type.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[str, str], tuple[float, str | None]] = {}
        self._checkers = Checkers()

    async def close(self) -> None:
        """End the processes that check."""
        await self._checkers.close()

    async def check(self, who: Admitted, function: str, given: Mapping[str, Value]) -> None:
        """Check the inputs of a submit against their schemas, in another process and for a limited time.

        Raises:
            Problem: one does not fit, or cannot be checked in time.
        """
        inputs = list(_inputs(function, given, who.module_name))
        if not inputs:
            return
        known = await self._schemas(who, sorted({robot_type for _, robot_type, _ in inputs})[:TYPES])
        needed = [one for one in inputs if known.get(one[1]) is not None]
        if not needed:
            return
        size = sum(len(member.text) for member in given.values())
        work = [known, needed]
        request = (await asyncio.to_thread(json.dumps, work) if size > ASIDE else json.dumps(work)).encode()
        wrong = await self._checkers.check(who.module_name, request)
        if wrong is not None:
            raise Problem(400, "RB400", wrong, "The module has registered a JSON Schema for this robot type.")

    async def _schemas(self, who: Admitted, types: Iterable[str]) -> Mapping[str, str | None]:
        now = time.monotonic()
        found: dict[str, str | None] = {}
        for robot_type in types:
            until, schema = self._kept.get((who.module_name, robot_type), (0.0, None))
            if until <= now:
                try:
                    text = await self._database.input_schema(who, robot_type)
                except psycopg.Error as error:
                    if error.sqlstate in ("RB400", "RB403"):  # the call will say so itself
                        continue
                    raise
                schema = None if text is None or text == b"null" else text.decode()
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                self._kept[who.module_name, robot_type] = (now + KEPT_SECONDS, schema)
            found[robot_type] = schema
        return found


def _inputs(function: str, given: Mapping[str, Value], own: str) -> Iterator[tuple[str, str, Any]]:
    if function == "submit_robot":
        yield from _input("input_data", {name: member.value for name, member in given.items()}, own)
    elif function == "submit_robots" and "robots" in given and isinstance(given["robots"].value, list):
        for place, element in enumerate(given["robots"].value):
            if isinstance(element, dict):
                yield from _input(f"robots[{place}].input_data", element, own)


def _input(name: str, robot: Mapping[str, Any], own: str) -> Iterator[tuple[str, str, Any]]:
    robot_type, value = robot.get("robot_type"), robot.get("input_data")
    if robot.get("module_name") in (None, own) and isinstance(robot_type, str) and len(robot_type) <= 50:
        yield name, robot_type, {} if value is None else value

"""Inputs against the JSON Schema that the key's module has registered for a robot type: the whole of it, before SQL.

SQL enforces the structural part (ADR 0022), whatever happens here. Schemas are kept for some seconds: a new one counts
here a little later than there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg

from ..validation import check_input
from .arguments import Value
from .database import Admitted, Database
from .problems import Problem

KEPT_SECONDS: Final = 5.0
KEPT: Final = 1000
TYPES: Final = 64  # a module supports at most 32: of more types in one call, some are refused anyway


class Schemas:
    """Schemas by module and robot type.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[str, str], tuple[float, Any]] = {}

    async def needed(self, who: Admitted, function: str, given: Mapping[str, Value]) -> Sequence[tuple[str, Any, Any]]:
        """The inputs of a submit that have to fit a schema: how each is called, it, and the schema."""
        inputs = list(_inputs(function, given, who.module_name))
        if not inputs:
            return ()
        known = await self._schemas(who, sorted({robot_type for _, robot_type, _ in inputs})[:TYPES])
        return [
            (name, value, known[robot_type]) for name, robot_type, value in inputs if known.get(robot_type) is not None
        ]

    async def _schemas(self, who: Admitted, types: Iterable[str]) -> Mapping[str, Any]:
        now = time.monotonic()
        found: dict[str, Any] = {}
        for robot_type in types:
            until, schema = self._kept.get((who.module_name, robot_type), (0.0, None))
            if until <= now:
                try:
                    text = await self._database.input_schema(who, robot_type)
                except psycopg.Error as error:
                    if error.sqlstate in ("RB400", "RB403"):  # the call will say so itself
                        continue
                    raise
                schema = None if text is None else json.loads(text)
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                self._kept[who.module_name, robot_type] = (now + KEPT_SECONDS, schema)
            found[robot_type] = schema
        return found


def check(inputs: Iterable[tuple[str, Any, Any]]) -> None:
    """Check inputs against their schemas.

    Raises:
        Problem: one does not fit.
    """
    for name, value, schema in inputs:
        wrong = check_input(schema, value, name)
        if wrong is not None:
            raise Problem(400, "RB400", wrong, "The module has registered a JSON Schema for this robot type.")


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

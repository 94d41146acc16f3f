"""JSON Schema (2020-12) of a robot's input: the whole of it, for the client and the gateway.

The database enforces the structural part itself (docs/adr/0022-sensitive-data.md); this adds what SQL leaves out:
``pattern``, ``anyOf``, ``$ref`` within the schema, ``if`` and so on. ``format`` is a note, not a rule. References never
leave the schema: nothing is fetched. Messages name place and rule, never a value.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from . import calls
from .calls import Call
from .errors import InvalidInput
from .models import Json

__all__ = ["Inputs", "check_input", "check_schema"]

KEPT: Final = 60.0  # seconds a schema is kept
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_]*\Z")
# what could be an address, a card or an id does not stand in a message
_SENSITIVE: Final = re.compile(r"@|[0-9]{6}|[0-9]{4}[ -][0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]\.[0-9]{3}\.[0-9]{3}")


def check_schema(schema: object) -> str | None:
    """Say what keeps ``schema`` from being a JSON Schema, or return None."""
    try:
        Draft202012Validator.check_schema(schema)  # type: ignore[arg-type]
    except SchemaError as error:
        return f"{_place(error, '$')}: {error.validator}"
    except RecursionError:
        return "$: nested too deeply"
    return None


def check_input(schema: object, value: object, field: str = "input_data") -> str | None:
    """Say where and how ``value`` breaks ``schema``, such as ``input_data.lines[0].code: pattern``, or return None."""
    if schema is None or schema is True:
        return None
    if not isinstance(schema, (Mapping, bool)):
        return f"{field}: the schema is no JSON Schema"
    validator = Draft202012Validator(schema, registry=Registry())
    try:
        error = best_match(validator.iter_errors(value))
    except Unresolvable:
        return f"{field}: the schema refers to what it does not hold"
    except re.error:
        return f"{field}: the schema has a pattern that is no regular expression"
    except RecursionError:
        return f"{field}: nested too deeply"
    return None if error is None else f"{_place(error, field)}: {error.validator or 'not allowed'}"


def _place(error: ValidationError | SchemaError, place: str) -> str:
    for step in error.absolute_path:
        if isinstance(step, int):
            place += f"[{step}]"
        elif len(step) <= 100 and _NAME.match(step):
            place += f".{step}"
        elif len(step) > 100 or _SENSITIVE.search(step) or not step.isprintable():
            place += ".*"
        else:
            place += '."' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return place


class _Input(NamedTuple):
    """An input about to be submitted to a module that the caller named."""

    field: str
    module_name: str
    robot_type: str
    text: str | None
    value: Json


class Inputs:
    """Checks what a client submits, with schemas that are kept for a minute. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._schemas: dict[tuple[str, str], tuple[float, Json]] = {}

    def missing(self, call: Call[Any]) -> list[tuple[str, str]]:
        """Return the modules and robot types of ``call`` whose schema is to be fetched; :meth:`keep` keeps it."""
        now = time.monotonic()
        with self._lock:
            wanted = {(given.module_name, given.robot_type) for given in _inputs(call)}
            return sorted(key for key in wanted if self._schemas.get(key, (0.0, None))[0] <= now)

    def keep(self, key: tuple[str, str], schema: Json) -> None:
        """Keep the schema of a module and robot type."""
        now = time.monotonic()
        with self._lock:
            if len(self._schemas) >= 1000:
                self._schemas = {key: kept for key, kept in self._schemas.items() if kept[0] > now}
            self._schemas[key] = (now + KEPT, schema)

    def check(self, call: Call[Any]) -> None:
        """Check every input of ``call`` that a schema is known for.

        Raises:
            InvalidInput: one does not fit; the message names place and rule.
        """
        for given in _inputs(call):
            with self._lock:
                schema = self._schemas.get((given.module_name, given.robot_type), (0.0, None))[1]
            if schema is None:
                continue
            value = given.value if given.text is None else json.loads(given.text)
            message = check_input(schema, value, given.field)
            if message is not None:
                raise InvalidInput(
                    message,
                    detail=f'Module {given.module_name} has a schema for the input of type "{given.robot_type}".',
                    hint="input_schema shows it.",
                )


def _inputs(call: Call[Any]) -> Iterable[_Input]:
    """Yield the inputs of a submit whose module is named; what else is wrong with it, the database says."""
    if call.statement is calls.SUBMIT_ROBOT:
        robot_type, data, module_name = call.arguments[:3]
        if isinstance(module_name, str) and isinstance(robot_type, str):
            yield _Input("input_data", module_name, robot_type, "{}" if data is None else data.obj, None)
    elif call.statement is calls.SUBMIT_ROBOTS and call.arguments[0] is not None:
        try:
            robots = json.loads(call.arguments[0].obj)
        except ValueError:
            return
        for place, robot in enumerate(robots if isinstance(robots, list) else ()):
            if not isinstance(robot, dict):
                continue
            module_name, robot_type = robot.get("module_name"), robot.get("robot_type")
            if isinstance(module_name, str) and isinstance(robot_type, str):
                data = robot.get("input_data")
                yield _Input(f"robots[{place}].input_data", module_name, robot_type, None, {} if data is None else data)

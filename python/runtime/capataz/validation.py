"""Input against the JSON Schema of its module: the whole of it, where SQL enforces the structural part.

A module may register a schema per robot type (``registration_data.input_schemas``, ADR 0022). The gateway checks every
submit, the clients do with ``validate_inputs=True``. What is said of a value that does not fit names the place and the
rule, never the value. The library jsonschema does it; it is imported when the first schema is met.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .errors import InvalidInput
from .models import Json

if TYPE_CHECKING:
    from .calls import Call

__all__ = ["InputSchemas", "check_input", "check_schema"]

T = TypeVar("T")

KEPT_SECONDS: Final = 60.0


def check_schema(schema: Json) -> str | None:
    """Return what is wrong with a schema, None where it is a JSON Schema 2020-12."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"schema{error.json_path[1:]} breaks the rule {error.validator}"
    return None


def check_input(schema: Json, value: Json, name: str = "input_data") -> str | None:
    """Return what of ``value`` (called ``name``) does not fit a schema, None where it fits.

    References within the schema are followed, others are not: nothing is ever fetched.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        validator: Any = Draft202012Validator(schema, registry=Registry())
        error = best_match(validator.iter_errors(value))
    except (Unresolvable, RecursionError) as problem:
        return f"{name} cannot be checked: its schema refers to what it does not hold ({type(problem).__name__})"
    except re.error:
        return f"{name} cannot be checked: its schema has a pattern that is no regular expression"
    except Exception as problem:  # whatever a schema holds that is none, such as {"allOf": 3}
        return f"{name} cannot be checked: its schema is no JSON Schema ({type(problem).__name__})"
    if error is None:
        return None
    rule = json.dumps(error.validator_value, ensure_ascii=True)
    if len(rule) > 100:
        rule = rule[:97] + "..."
    return f"{name}{error.json_path[1:]} breaks the rule {error.validator}: {rule}"


@dataclass(frozen=True, slots=True)
class _Place:
    """An input to check: how it is called in messages, whose schema it has to fit."""

    name: str
    module_name: str
    robot_type: str
    text: str


def _places(call: Call[Any]) -> Iterator[_Place]:
    """The inputs that a submit carries, as far as their module is named."""
    function, arguments = call.statement.function, call.arguments
    if function == "submit_robot":
        robot_type, data, module_name = arguments[:3]
        if isinstance(module_name, str) and isinstance(robot_type, str):
            yield _Place("input_data", module_name, robot_type, "{}" if data is None else data.obj)
    elif function == "submit_robots" and arguments[0] is not None:
        try:
            elements = json.loads(arguments[0].obj)
        except ValueError:
            return  # the database says what is wrong with it
        for number, element in enumerate(elements if isinstance(elements, list) else ()):
            if not isinstance(element, Mapping):
                continue
            module_name, robot_type = element.get("module_name"), element.get("robot_type")
            if isinstance(module_name, str) and isinstance(robot_type, str):
                data = element.get("input_data")
                text = json.dumps({} if data is None else data)
                yield _Place(f"robots[{number}].input_data", module_name, robot_type, text)


class InputSchemas:
    """Schemas by module and type, kept for a minute; checks submits before they are sent.

    Robots that the database routes are left to it: nobody knows their module yet.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, Json]] = {}

    def missing(self, call: Call[Any]) -> list[tuple[str, str]]:
        """Return module and type of the schemas that :meth:`check` needs and that are not kept, or too old."""
        now = self._clock()
        wanted = {(place.module_name, place.robot_type) for place in _places(call)}
        return sorted(key for key in wanted if key not in self._kept or self._kept[key][0] <= now)

    def keep(self, module_name: str, robot_type: str, schema: Json) -> None:
        """Keep a schema (None: the module has none)."""
        self._kept[module_name, robot_type] = (self._clock() + KEPT_SECONDS, schema)

    def check(self, call: Call[Any]) -> None:
        """Check the inputs of a submit.

        Raises:
            InvalidInput: one does not fit.
        """
        for place in _places(call):
            _, schema = self._kept.get((place.module_name, place.robot_type), (0.0, None))
            if schema is None:
                continue
            try:
                value = json.loads(place.text)
            except ValueError:
                continue  # the database says what is wrong with it
            wrong = check_input(schema, value, place.name)
            if wrong is not None:
                raise InvalidInput(
                    wrong, sqlstate="RB400", hint=f"Module {place.module_name} has a schema for {place.robot_type}."
                )

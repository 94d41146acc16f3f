"""JSON bodies: read strictly, and turned into SQL arguments, before anything reaches the database.

What is refused here is what the types say: unknown names, other JSON types, numbers out of range or not finite, texts
too long, NUL and lone surrogates, nesting over 100. What a value means is checked by the function.

A jsonb argument is passed on as the very text that came: no number loses a digit.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final, Literal

from .problems import Problem, invalid

MAX_DEPTH: Final = 100

Kind = Literal["text", "text[]", "jsonb", "bigint", "integer", "smallint", "double precision", "boolean", "timestamp"]

INTEGERS: Final[Mapping[str, int]] = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,30}))?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_ESCAPES: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_ARRAY_SPECIAL: Final = re.compile(r'["\\]')
_BLANKS: Final = re.compile(r"[ \t\n\r]*")


class _ConstantError(ValueError):
    """NaN or Infinity, which are not JSON."""


def _constant(name: str) -> Any:
    raise _ConstantError(name)


_scan = json.JSONDecoder(parse_constant=_constant).scan_once  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Value:
    """A member of the body: what it is, and its text."""

    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function.

    Attributes:
        name: less ``p_``.
        kind: its type.
        required: it has no default.
        description: from the comment of the column of the same name.
        max_length: characters; None: no limit but the body's.
        values: the only ones it takes; None: any.
    """

    name: str
    kind: Kind
    required: bool
    description: str | None = None
    max_length: int | None = None
    values: tuple[str, ...] | None = None

    def encode(self, given: Value) -> bytes:
        """The SQL argument, in PostgreSQL's text form.

        Raises:
            Problem: it does not fit.
        """
        return self._encode(given).encode()

    def _encode(self, given: Value) -> str:
        value, kind = given.value, self.kind
        if kind == "text":
            return self._text(value)
        if kind == "jsonb":
            return given.text
        if kind == "boolean":
            if value is True or value is False:
                return "true" if value else "false"
            raise self._wrong("true or false")
        if kind in INTEGERS:
            return self._integer(value, INTEGERS[kind])
        if kind == "double precision":
            return self._double(value)
        if kind == "timestamp":
            return self._time(value)
        if not isinstance(value, list) or not all(type(element) is str for element in value):
            raise self._wrong("an array of texts")
        return "{" + ",".join(f'"{_ARRAY_SPECIAL.sub(_escape, element)}"' for element in value) + "}"

    def _wrong(self, wanted: str) -> Problem:
        return invalid(
            f"{self.name} must be {wanted}", f"Give {wanted}, or leave it out." if not self.required else None
        )

    def _text(self, value: Any) -> str:
        if type(value) is not str:
            raise self._wrong("a text")
        if self.values is not None and value not in self.values:
            raise invalid(f"{self.name} has an unknown value", f"Give one of {', '.join(self.values)}.")
        if self.max_length is not None and len(value) > self.max_length:
            raise invalid(f"{self.name} must have 1 to {self.max_length} characters")
        return value

    def _integer(self, value: Any, bound: int) -> str:
        if type(value) is float and value.is_integer() and abs(value) <= 2**53:
            value = int(value)
        if type(value) is not int:
            raise self._wrong("an integer")
        if not -bound <= value < bound:
            raise invalid(f"{self.name} is out of range", f"Give an integer from {-bound} to {bound - 1}.")
        return str(value)

    def _double(self, value: Any) -> str:
        if type(value) is int:
            try:
                value = float(value)
            except OverflowError:
                value = math.inf
        if type(value) is not float:
            raise self._wrong("a number")
        if not math.isfinite(value):
            raise invalid(f"{self.name} is out of range", "Give a finite number.")
        return repr(value)

    def _time(self, value: Any) -> str:
        found = _TIME.fullmatch(value) if type(value) is str else None
        if found is None:
            raise self._wrong("a time such as 2026-01-31T08:00:00Z")
        day, minute, second, fraction, zone = found.groups()
        leap = second == "60"
        micro = (fraction or "0")[:6].ljust(6, "0")
        try:
            time = datetime.fromisoformat(
                f"{day}T{minute}:{'59' if leap else second or '00'}.{micro}{(zone or 'Z').upper()}"
            ).astimezone(UTC)
            if leap:
                time = time.replace(microsecond=0) + timedelta(seconds=1)
        except (ValueError, OverflowError):
            raise self._wrong("a time such as 2026-01-31T08:00:00Z") from None
        return time.replace(tzinfo=None).isoformat()


def _escape(found: re.Match[str]) -> str:
    return "\\" + found.group()


def parse_object(body: bytes) -> dict[str, Value]:
    """The members of a JSON object, each with its own text. An empty body is an empty object.

    Raises:
        Problem: it is no JSON object, or holds what no column could.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid(f"the body is not UTF-8 (byte {error.start})") from None
    try:
        members = _members(text)
    except _ConstantError as error:
        raise invalid(f"the body is not JSON: {error} is no number", "Leave it out, or give null.") from None
    except RecursionError:
        raise _too_deep() from None
    except StopIteration as error:
        raise _not_json(int(error.value)) from None
    except json.JSONDecodeError as error:
        raise _not_json(error.pos) from None
    except ValueError:  # an integer of thousands of digits
        raise invalid("a number of the body has too many digits") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(members) > MAX_DEPTH:
        raise _too_deep()
    if _ESCAPES.search(text):
        if _NUL.search(text):
            raise invalid(r"the body has a NUL character (\u0000)", "Remove it: no text of the database can hold it.")
        try:
            json.dumps([[name, member.value] for name, member in members.items()], ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise invalid("the body has half a surrogate pair", "Give both halves, or the character itself.") from None
    return members


def _members(text: str) -> dict[str, Value]:
    members: dict[str, Value] = {}
    skip = _BLANKS.match
    at = skip(text).end()  # type: ignore[union-attr]
    if at == len(text):
        return members
    if text[at] != "{":
        _scan(text, at)
        raise invalid(
            "the body must be a JSON object", 'Give the arguments by name, such as {"robot_type": "INVOICE"}.'
        )
    at = skip(text, at + 1).end()  # type: ignore[union-attr]
    closed = text[at : at + 1] == "}"
    while not closed:
        if text[at : at + 1] != '"':
            raise StopIteration(at)
        name, at = scanstring(text, at + 1, True)
        at = skip(text, at).end()  # type: ignore[union-attr]
        if text[at : at + 1] != ":":
            raise StopIteration(at)
        start = skip(text, at + 1).end()  # type: ignore[union-attr]
        value, at = _scan(text, start)
        if name in members:
            raise invalid("the body names an argument twice")
        members[name] = Value(value, text[start:at])
        at = skip(text, at).end()  # type: ignore[union-attr]
        if text[at : at + 1] == ",":
            at = skip(text, at + 1).end()  # type: ignore[union-attr]
        elif text[at : at + 1] == "}":
            closed = True
        else:
            raise StopIteration(at)
    end = skip(text, at + 1).end()  # type: ignore[union-attr]
    if end != len(text):
        raise StopIteration(end)
    return members


def _not_json(position: int) -> Problem:
    return invalid(f"the body is not JSON (character {position})", "Give a JSON object.")


def _too_deep() -> Problem:
    return invalid(f"the body is nested more than {MAX_DEPTH} deep", "Flatten it, or send a reference to it.")


def _depth(members: Mapping[str, Value]) -> int:
    """How deep it is nested, level by level: the body itself is 1."""
    level: list[Any] = [member.value for member in members.values()]
    depth = 1
    while level := [element for element in level if type(element) is dict or type(element) is list]:
        depth += 1
        if depth > MAX_DEPTH:
            break
        level = [child for element in level for child in (element.values() if type(element) is dict else element)]
    return depth

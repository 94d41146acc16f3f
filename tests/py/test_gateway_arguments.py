"""Bodies and arguments of the gateway, without a database: what is read, and what is refused."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capataz.gateway.arguments import MAX_DEPTH, Parameter, Value, parse_object
from capataz.gateway.audit import Record
from capataz.gateway.problems import Problem

plain = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), plain),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(plain, inner, max_size=3)),
    max_leaves=10,
)


def value(given_value: Any) -> Value:
    return Value(given_value, json.dumps(given_value))


@given(
    st.dictionaries(plain, values, max_size=5),
    st.booleans(),
    st.sampled_from([None, 1, "\t"]),
)
def test_what_json_says_is_what_is_read(body: dict[str, Any], ascii_only: bool, indent: Any) -> None:
    members = parse_object(json.dumps(body, ensure_ascii=ascii_only, indent=indent).encode())
    assert {name: member.value for name, member in members.items()} == body
    assert {name: json.loads(member.text) for name, member in members.items()} == body


@given(st.one_of(st.binary(max_size=60), st.text('{}[]":,0-9aeflnrstu\\ \n', max_size=40).map(str.encode)))
@example(b'{"a":1}\x00')
@example(b'\x00{"a":1}')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"a":' + b"9" * 10_000 + b"}")
@example(b'{"a":"\\')
@example(b'{"a":"\\u12')
@example(b'{"\\ud800":1}')
def test_any_bytes_are_an_object_or_a_problem(body: bytes) -> None:
    refused: Problem | None = None
    try:
        members = parse_object(body)
    except Problem as problem:
        refused = problem
    if refused is not None:
        assert (refused.status, refused.code) == (400, "RB400")
        assert len(refused.detail) < 200
    elif body.strip():
        assert {name: member.value for name, member in members.items()} == json.loads(body)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_depth(depth: int) -> None:
    """The body itself is one level."""
    body = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    if depth < MAX_DEPTH:
        assert set(parse_object(body)) == {"a"}
    else:
        with pytest.raises(Problem, match="deep"):
            parse_object(body)


def test_brackets_in_texts_are_no_depth() -> None:
    assert parse_object(json.dumps({"a": "[{" * 500}).encode())["a"].value == "[{" * 500


@pytest.mark.parametrize(
    ("text", "is_bad"),
    [
        (r"\u0000", True),
        (r"\\u0000", False),
        (r"\\\u0000", True),
        (r"\ud83d\ude00", False),
        (r"\ud83d", True),
        (r"\ude00\ud83d", True),
    ],
)
def test_nul_and_surrogates(text: str, is_bad: bool) -> None:
    for body in (f'{{"a":["{text}"]}}', f'{{"a":{{"{text}":1}}}}', f'{{"{text}":1}}'):
        if is_bad:
            with pytest.raises(Problem):
                parse_object(body.encode())
        else:
            parse_object(body.encode())


@given(st.integers())
def test_integers(number: int) -> None:
    for kind, bits in (("smallint", 16), ("integer", 32), ("bigint", 64)):
        parameter = Parameter("n", kind, True)  # type: ignore[arg-type]
        if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            assert parameter.encode(value(number)) == str(number).encode()
        else:
            with pytest.raises(Problem):
                parameter.encode(value(number))


@given(st.one_of(st.floats(), st.integers()))
def test_numbers(number: float) -> None:
    parameter = Parameter("n", "double precision", True)
    try:
        wanted = float(number)
    except OverflowError:
        wanted = math.inf
    if math.isfinite(wanted):
        assert float(parameter.encode(Value(number, ""))) == wanted
    else:
        with pytest.raises(Problem):
            parameter.encode(Value(number, ""))


@pytest.mark.parametrize(
    ("given_time", "wanted"),
    [
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00"),
        ("2026-01-31 08:00", "2026-01-31T08:00:00"),
        ("2026-01-31t08:00:00.1234567z", "2026-01-31T08:00:00.123456"),
        ("2026-01-31T08:00:00-05:00", "2026-01-31T13:00:00"),
        ("2026-06-30T23:59:60Z", "2026-07-01T00:00:00"),
        ("9999-12-31T23:59:59-01:00", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("2026-02-29T00:00:00Z", None),
        ("2026-01-31T24:00:00Z", None),
        ("2026-01-31T08:00:00+25:00", None),
        ("2026-01-31", None),
        ("٢٠٢٦-01-31T08:00:00Z", None),
        (" 2026-01-31T08:00:00Z", None),
        ("2026-01-31T08:00:00Z\n", None),
        (0, None),
        (None, None),
    ],
)
def test_times(given_time: Any, wanted: str | None) -> None:
    parameter = Parameter("at", "timestamp", True)
    if wanted is None:
        with pytest.raises(Problem):
            parameter.encode(value(given_time))
    else:
        assert parameter.encode(value(given_time)) == wanted.encode()


@given(st.text(max_size=60), plain)
def test_an_audit_line_is_one_line_of_ascii(hostile: str, other: str) -> None:
    record = Record(
        "0" * 16, "GET", "/" + hostile, other, module_name=hostile, robot_id=other, robot_ids=[hostile, other]
    )
    line = record.line(404)
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    assert (found["module_name"], found["robot_ids"]) == (hostile, [hostile, other])

"""Inputs and JSON Schema: the validator alone, against SQL's structural subset, and in the clients; masks of any document."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capataz import AsyncCapataz, Capataz, InvalidInput
from capataz.validation import check_input, check_schema

Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMA = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "$defs": {"line": {"anyOf": [{"type": "integer"}, {"const": "none"}]}},
}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"code": "ABC", "lines": [1, "none"]}, None),
        ({"code": "abc"}, "input_data.code: pattern"),
        ({"code": "ABC", "lines": [1, "secret"]}, "input_data.lines[1]: anyOf"),
        ({}, "input_data: required"),
        ([], "input_data: type"),
    ],
)
def test_the_whole_of_json_schema_counts(value: Any, message: str | None) -> None:
    assert check_input(SCHEMA, value) == message


def test_messages_hold_no_values_and_no_sensitive_names() -> None:
    schema = {"additionalProperties": {"type": "integer"}}
    for name in ("ana@example.org", "4111111111111111", "x" * 101, "a\nb"):
        assert check_input(schema, {name: "secret"}) == "input_data.*: type"
    assert check_input(schema, {"a b": "secret"}) == 'input_data."a b": type'


def test_references_do_not_leave_the_schema() -> None:
    assert (
        check_input({"$ref": "http://example.org/schema.json"}, 1)
        == "input_data: the schema refers to what it does not hold"
    )
    assert check_input({"$ref": "#/nowhere"}, 1) == "input_data: the schema refers to what it does not hold"


def test_schemas_that_cannot_be_used_are_no_crash() -> None:
    assert check_input({"pattern": "("}, "x") == "input_data: the schema has a pattern that is no regular expression"
    assert check_input(5, 1) == "input_data: the schema is no JSON Schema"
    assert check_input({"$ref": "#"}, 1) == "input_data: nested too deeply"
    assert check_input(None, 1) is None
    assert check_input(False, 1) == "input_data: not allowed"


def test_check_schema_names_the_place() -> None:
    assert check_schema(SCHEMA) is None
    assert check_schema(True) is None
    assert check_schema({"properties": {"a": {"type": "strin"}}}) is not None
    assert str(check_schema({"properties": {"a": {"minLength": -1}}})).startswith("$.properties.a.minLength")


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-20, 20), st.sampled_from([0.5, -1.5, 2.0]), st.text("abñ😀", max_size=4)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(["null", "boolean", "object", "array", "number", "string", "integer"])
lengths = st.integers(0, 3)
numbers = st.integers(-10, 10)
schemas = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {},
        optional={
            "type": kinds | st.lists(kinds, min_size=1, max_size=3, unique=True),
            "enum": st.lists(values, max_size=3),
            "const": scalars,
            "minLength": lengths,
            "maxLength": lengths,
            "minimum": numbers,
            "maximum": numbers,
            "exclusiveMinimum": numbers,
            "exclusiveMaximum": numbers,
            "multipleOf": st.integers(1, 5),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": kinds,
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "additionalProperties": inner,
            "items": inner,
            "minItems": lengths,
            "maxItems": lengths,
        },
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=schemas, value=values)
def test_sql_and_the_validator_agree_on_the_structural_part(module_dsn: str, schema: Any, value: Any) -> None:
    with psycopg.connect(module_dsn, autocommit=True) as db:
        row = db.execute(
            "select capataz_ops._schema_error(%s::jsonb, %s::jsonb, '$')", (json.dumps(value), json.dumps(schema))
        ).fetchone()
    assert row is not None
    assert (row[0] is None) == (check_input(schema, value) is None), (row[0], check_input(schema, value))


emails = st.sampled_from(["ana@example.org", "x.y+z@a-b.co.uk"])
cards = st.sampled_from(["4111111111111111", "5500-0055-5555-5559", "3782 822463 10005"])
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
hidden = st.builds(lambda a, b, c: f"{a} {b} {c}", words, emails | cards, words)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(float),
    words,
)


def documents(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | hidden, inner, max_size=4),
        max_leaves=12,
    )


def shape(value: Any) -> Any:
    """The document less its texts and numbers: arrays, objects by their size, and what is neither."""
    if isinstance(value, dict):
        return (len(value), sorted(json.dumps(shape(inner)) for inner in value.values()))
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return value if value is None or isinstance(value, bool) else 0


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=documents(leaves | hidden))
def test_masked_documents_keep_their_shape_and_hold_nothing_that_is_found(module_dsn: str, document: Any) -> None:
    text = json.dumps(document)
    with psycopg.connect(module_dsn, autocommit=True) as db:
        row = db.execute(
            """
            select
              m.stored, m.masked, capataz_ops._find_sensitive(m.stored, null, 'w') as found,
              capataz_ops._find_sensitive(m.masked, null, 'w') as found_after,
              capataz_ops._mask_json(m.masked, null) = m.masked
            from (
              select d.stored, capataz_ops._mask_json(d.stored, null) as masked
              from (select %s::jsonb as stored) as d
            ) as m
            """,
            (text,),
        ).fetchone()
    assert row is not None
    stored, masked, found, found_after, stable = row
    assert shape(masked) == shape(stored)
    assert found_after is None
    assert stable
    assert (found is None) == (masked == stored)
    for secret in (
        "ana@example.org",
        "x.y+z@a-b.co.uk",
        "4111111111111111",
        "5500-0055-5555-5559",
        "3782 822463 10005",
    ):
        lone = any(f" {secret} " in key for key in _texts(stored))
        if lone:
            assert found is not None
            assert not any(f" {secret} " in key for key in _texts(masked))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (key, *_texts(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


@pytest.fixture
def module(db: Connection) -> str:
    db.execute(
        "select capataz.register_module('V', '1', array['T', 'U'], p_registration_data => %s)",
        (json.dumps({"input_schemas": {"T": SCHEMA}}),),
    )
    return "V"


def test_the_client_checks_what_it_submits(dsn: str, db: Connection, module: str) -> None:
    with Capataz(dsn, validate_inputs=True) as capataz:
        assert capataz.submit_robot("T", {"code": "ABC"}, module_name=module).module_name == module
        with pytest.raises(InvalidInput, match=r"^input_data\.code: pattern"):
            capataz.submit_robot("T", {"code": "abc"}, module_name=module)
        with pytest.raises(InvalidInput, match=r"^robots\[1\]\.input_data\.code: pattern"):
            capataz.submit_robots(
                [{"robot_type": kind, "module_name": module, "input_data": {"code": "x"}} for kind in ("U", "T")]
            )
        assert capataz.submit_robot("T", {"code": "abc"}).module_name == module  # routed: SQL's part alone
        assert capataz.submit_robot("U", {"any": Decimal(1)}, module_name=module).robot_id
        with db.transaction(), psycopg.connect(dsn) as own, own.transaction():
            with pytest.raises(InvalidInput):
                capataz.using(own).submit_robot("T", {"code": 5}, module_name=module)
    with Capataz(dsn) as capataz:
        assert capataz.submit_robot("T", {"code": "abc"}, module_name=module).robot_id


def test_a_schema_is_kept_for_a_minute(dsn: str, db: Connection, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("capataz.validation.time.monotonic", lambda: now)
    with Capataz(dsn, validate_inputs=True) as capataz:
        capataz.submit_robot("T", {"code": "ABC"}, module_name=module)
        db.execute(
            "select capataz.register_module('V', '1', array['T'], p_registration_data => '{\"input_schemas\": null}')"
        )
        with pytest.raises(InvalidInput):
            capataz.submit_robot("T", {"code": "abc"}, module_name=module)
        now += 61
        assert capataz.submit_robot("T", {"code": "abc"}, module_name=module).robot_id


def test_the_asyncio_client_checks_too(dsn: str, module: str) -> None:
    async def run() -> None:
        async with AsyncCapataz(dsn, validate_inputs=True) as capataz:
            assert (await capataz.submit_robot("T", {"code": "ABC"}, module_name=module)).robot_id
            with pytest.raises(InvalidInput, match="pattern"):
                await capataz.submit_robot("T", {"code": "abc"}, module_name=module)

    asyncio.run(run())

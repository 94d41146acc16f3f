"""Input against the JSON Schema of its module, in the client (specification §5.1, ADR 0022)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capataz import AsyncCapataz, Capataz, InvalidInput
from capataz.validation import InputSchemas, check_input, check_schema

Connection = psycopg.Connection[tuple[Any, ...]]

SCHEMA = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$"},
        "n": {"anyOf": [{"const": 1}, {"const": 2}]},
    },
}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"id": "AB12"}, None),
        ({"id": "AB12", "n": 2}, None),
        ({}, 'input_data breaks the rule required: ["id"]'),
        ({"id": "secret"}, 'input_data.id breaks the rule pattern: "^[A-Z]{2}[0-9]+$"'),
        ({"id": "AB1", "n": 3}, 'input_data.n breaks the rule anyOf: [{"const": 1}, {"const": 2}]'),
    ],
)
def test_all_keywords_count_and_no_value_is_told(value: object, wrong: str | None) -> None:
    assert check_input(SCHEMA, value) == wrong


def test_nothing_is_fetched() -> None:
    said = check_input({"$ref": "http://127.0.0.1:1/schema.json"}, {})
    assert said is not None
    assert "refers to what it does not hold" in said


def test_a_schema_that_refers_to_itself_for_ever_ends() -> None:
    assert check_input({"$ref": "#"}, {}) is not None


@pytest.mark.parametrize(
    "schema", [{"pattern": "("}, {"allOf": 3}, {"properties": 3}, {"multipleOf": 0}, {"$id": 3}, {"type": "text"}, 3]
)
def test_what_is_no_schema_is_said_and_not_raised(schema: Any) -> None:
    for value in ("a", 1, {"a": 1}):
        said = check_input(schema, value)
        assert said is None or "cannot be checked" in said


def test_schemas_are_checked() -> None:
    assert check_schema(SCHEMA) is None
    assert check_schema({"type": "text"}) == "schema.type breaks the rule anyOf"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """Schemas of the keywords that SQL enforces."""
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["type"] = draw(st.sampled_from(["null", "boolean", "object", "array", "number", "string", "integer"]))
    for keyword in ("minItems", "maxItems", "minLength", "maxLength"):
        if draw(st.booleans()):
            found[keyword] = draw(st.integers(0, 3))
    for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if draw(st.booleans()):
            found[keyword] = draw(st.integers(-3, 3))
    if draw(st.booleans()):
        found["multipleOf"] = draw(st.sampled_from([1, 2, 0.5]))
    if draw(st.booleans()):
        found["enum"] = draw(st.lists(JSON, min_size=1, max_size=3))
    if draw(st.booleans()):
        found["required"] = draw(st.lists(st.text(max_size=2), max_size=2, unique=True))
    if draw(st.booleans()):
        found["properties"] = draw(st.dictionaries(st.text(max_size=2), st.just({"type": "string"}), max_size=2))
    if draw(st.booleans()):
        found["additionalProperties"] = draw(st.booleans())
    if draw(st.booleans()):
        found["items"] = {"type": "number"}
    return json.loads(json.dumps(found).replace("\\u0000", ""))  # type: ignore[no-any-return]


@settings(deadline=None)
@given(schema=schemas(), value=JSON)
def test_sql_and_library_agree_on_what_sql_enforces(sql: Connection, schema: dict[str, Any], value: object) -> None:
    text = json.dumps(value).replace("\\u0000", "")
    row = sql.execute(
        "select capataz_ops._schema_error(%s::jsonb, %s::jsonb, 'x')", [text, json.dumps(schema)]
    ).fetchone()
    assert row is not None
    # equal names of keys may fall together where a NUL was taken out: what SQL got is what is compared
    stored = sql.execute("select %s::jsonb", [text]).fetchone()
    assert stored is not None
    assert (row[0] is None) == (check_input(schema, stored[0]) is None), (row[0], schema, value)


@pytest.fixture(scope="module")
def sql(module_dsn: str) -> Any:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        yield connection


def _register(connection: Connection) -> None:
    connection.execute(
        "select capataz.register_module('Legal', '1', array['T'], p_registration_data => %s::jsonb)",
        [json.dumps({"input_schemas": {"T": SCHEMA}})],
    )


def test_the_client_checks_before_it_sends(db: Connection, dsn: str) -> None:
    _register(db)
    with Capataz(dsn, validate_inputs=True) as capataz:
        with pytest.raises(InvalidInput, match=r"input_data.id breaks the rule pattern"):
            capataz.submit_robot("T", {"id": "x"}, module_name="Legal")
        with pytest.raises(InvalidInput, match=r"robots\[1\].input_data.id breaks the rule pattern"):
            capataz.submit_robots(
                [
                    {"robot_type": "T", "module_name": "Legal", "input_data": {"id": "AB1"}},
                    {"robot_type": "T", "module_name": "Legal", "input_data": {"id": "x"}},
                ]
            )
        assert capataz.submit_robot("T", {"id": "AB1"}, module_name="Legal").status == "PENDING"
        assert capataz.submit_robot("T", {"id": "x"}).status == "PENDING", (
            "a routed robot meets the structural part alone"
        )
    with Capataz(dsn) as capataz:
        assert capataz.submit_robot("T", {"id": "x"}, module_name="Legal").status == "PENDING", "off unless asked for"


def test_the_asyncio_client_does_so_too(db: Connection, dsn: str) -> None:
    _register(db)

    async def submit() -> None:
        async with AsyncCapataz(dsn, validate_inputs=True) as capataz:
            await capataz.submit_robot("T", {"id": "x"}, module_name="Legal")

    with pytest.raises(InvalidInput, match=r"input_data.id breaks the rule pattern"):
        asyncio.run(submit())


def test_a_schema_is_kept_for_a_minute() -> None:
    from capataz import calls

    now = 0.0
    kept = InputSchemas(lambda: now)
    call = calls.submit_robot("T", {"id": "x"}, module_name="Legal")
    assert kept.missing(call) == [("Legal", "T")]
    kept.keep("Legal", "T", None)
    assert kept.missing(call) == []
    kept.check(call)
    now = 61.0
    assert kept.missing(call) == [("Legal", "T")]
    assert kept.missing(calls.submit_robot("T", {})) == []

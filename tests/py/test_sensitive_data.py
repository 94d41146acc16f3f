"""Generated input: SQL and the library agree on the structure of JSON Schema; masks keep all that is not sensitive."""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from capataz.validation import check_input

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


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
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


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
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


steps = st.sampled_from([".a", ".b", '."c d"', ".names", ".*", "[*]", "[0]", "[1]", "[10]"])
paths = st.lists(st.lists(steps, min_size=1, max_size=4).map(lambda path: "$" + "".join(path)), max_size=6)
plain = st.recursive(
    st.none() | st.integers(0, 9) | st.sampled_from(["x", "***", ""]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c d", "names", "*", ""]), inner)
    ),
    max_leaves=20,
)


def masked_at(value: Any, path: list[str]) -> Any:
    """As lax JSON paths: a name goes into each element; [*] and [0] of what is no array is the value itself."""
    if not path:
        return "***"
    step, *rest = path
    if isinstance(value, list):
        if step.startswith("."):
            return [masked_at(element, path) for element in value]
        return [
            masked_at(element, rest) if step in ("[*]", f"[{place}]") else element
            for place, element in enumerate(value)
        ]
    if step in ("[*]", "[0]"):
        return masked_at(value, rest)
    if isinstance(value, dict):
        name = step[1:].strip('"')
        return {key: masked_at(one, rest) if step == ".*" or key == name else one for key, one in value.items()}
    return value


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=plain, declared=paths)
@example(document=[None, None], declared=["$.a", "$[0]"])
def test_all_paths_at_once_mask_what_each_masks(module_dsn: str, document: Any, declared: list[str]) -> None:
    """One walk over the document gives what one walk per path gives, in any order of the paths."""
    expected = document
    for path in declared:
        expected = masked_at(expected, re.findall(r'\.\*|\."[^"]*"|\.\w+|\[[*0-9]+\]', path))
    with psycopg.connect(module_dsn, autocommit=True) as db:
        row = db.execute(
            "select capataz_ops._mask_json(%s::jsonb, %s), capataz_ops._mask_json(%s::jsonb, %s)",
            (json.dumps(document), declared, json.dumps(document), declared[::-1]),
        ).fetchone()
    assert row == (expected, expected)


def test_a_pattern_that_is_no_regular_expression_is_said_to_be_one() -> None:
    message = "input_data cannot be checked: its schema has a pattern that is no regular expression"
    assert check_input({"pattern": "("}, "x") == message

"""The client and the SQL API are the same thing twice: checked against the live catalog, in both directions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import psycopg
import pytest

from capataz import AsyncCapataz, Capataz, calls, models
from capataz.errors import SQLSTATES

#: Methods of the clients that are not functions of the database.
OWN = {"close", "execute", "using"}


@dataclass(frozen=True)
class Function:
    name: str
    parameters: tuple[str, ...]
    required: int
    columns: tuple[str, ...]
    result_kind: str


@pytest.fixture(scope="module")
def connection(module_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_dsn, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def functions(connection: psycopg.Connection[Any]) -> dict[str, Function]:
    """The public functions of schema capataz, by name."""
    found = connection.execute(
        """
        select p.proname,
               coalesce(p.proargnames, '{}'),
               coalesce(p.proargmodes::text[], '{}'),
               p.pronargs, p.pronargdefaults,
               t.typtype::text,
               array(
                 select a.attname::text from pg_attribute a
                 where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped order by a.attnum
               )
        from pg_proc p
        join pg_type t on t.oid = p.prorettype
        where p.pronamespace = 'capataz'::regnamespace
          and p.prokind = 'f'
          and p.prorettype <> 'trigger'::regtype
          and p.proname not like '\\_%'
        """
    ).fetchall()
    made: dict[str, Function] = {}
    for name, names, modes, count, defaults, kind, columns in found:
        assert name not in made, f"{name} is overloaded"
        modes = modes or ["i"] * len(names)
        inputs = tuple(n for n, m in zip(names, modes, strict=True) if m == "i")
        outputs = tuple(n for n, m in zip(names, modes, strict=True) if m in ("t", "o"))
        assert len(inputs) == count
        made[name] = Function(name, inputs, count - defaults, outputs or tuple(columns), kind)
    assert len(made) >= 30
    return made


def methods(client: type[Any]) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in vars(client).items()
        if inspect.isfunction(member) and not name.startswith("_") and name not in OWN
    }


@pytest.mark.parametrize("client", [Capataz, AsyncCapataz])
def test_every_function_has_a_method_and_every_method_a_function(
    client: type[Any], functions: dict[str, Function]
) -> None:
    assert sorted(methods(client)) == sorted(functions)


@pytest.mark.parametrize("client", [Capataz, AsyncCapataz])
def test_parameters_are_the_same_in_the_same_order(client: type[Any], functions: dict[str, Function]) -> None:
    for name, signature in methods(client).items():
        parameters = list(signature.parameters.values())[1:]
        wanted = functions[name].parameters
        assert all(p.startswith("p_") for p in wanted), name
        # from_: a keyword of Python
        assert [f"p_{p.name.removesuffix('_')}" for p in parameters] == list(wanted), name


@pytest.mark.parametrize("client", [Capataz, AsyncCapataz])
def test_what_has_a_default_in_sql_is_optional_in_python_and_its_default_is_none(
    client: type[Any], functions: dict[str, Function]
) -> None:
    for name, signature in methods(client).items():
        parameters = list(signature.parameters.values())[1:]
        required = [p for p in parameters if p.default is inspect.Parameter.empty]
        assert len(required) == functions[name].required, name
        assert all(p.default is None for p in parameters if p not in required), name
        assert all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in required), name


def statements() -> dict[str, calls.Statement[Any]]:
    return {s.function: s for s in vars(calls).values() if isinstance(s, calls.Statement)}


def test_every_call_uses_named_notation_with_all_parameters(functions: dict[str, Function]) -> None:
    assert sorted(statements()) == sorted(functions)
    for name, statement in statements().items():
        text = statement.sql.decode()
        assert re.findall(r"(\w+) => %s", text) == list(functions[name].parameters), name
        assert f"capataz.{name}(" in text


def test_calls_that_speak_for_an_attempt_are_marked(functions: dict[str, Function]) -> None:
    for name, statement in statements().items():
        speaks = functions[name].parameters[:1] == ("p_execute_id",) or name in (
            "complete_executions",
            "fail_executions",
        )
        assert statement.lease == speaks, name


def test_result_types_have_the_columns_of_their_functions(functions: dict[str, Function]) -> None:
    hints = {name: get_type_hints(getattr(calls, name)) for name in functions}
    checked = 0
    for name, function in functions.items():
        (result,) = get_args(hints[name]["return"])
        if get_origin(result) is list:
            (result,) = get_args(result)
        if not is_dataclass(result):
            assert not function.columns, f"{name} answers with columns"
            continue
        checked += 1
        names = [field.name for field in fields(result)]
        if function.result_kind == "c":  # a whole row of a table: columns may be added to it
            assert set(names) <= set(function.columns), name
        else:
            assert names == list(function.columns), name
    assert checked >= 10


def test_rows_of_the_specification_are_complete(connection: psycopg.Connection[Any]) -> None:
    for table, row in (("robots", models.Robot), ("module_registry", models.Module)):
        found = connection.execute(
            "select array_agg(attname::text order by attnum) from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
            [f"capataz.{table}"],
        ).fetchone()
        assert found is not None
        internal = {"arrival", "is_routed"}
        assert [c for c in found[0] if c not in internal] == [f.name for f in fields(row)]


def test_literals_are_the_labels_of_the_enums(connection: psycopg.Connection[Any]) -> None:
    for enum, literal in (
        ("module_health_enum", models.ModuleHealth),
        ("performance_tier_enum", models.PerformanceTier),
        ("robot_status_enum", models.RobotStatus),
        ("priority_enum", models.Priority),
        ("processing_tier_enum", models.ProcessingTier),
        ("execution_state_enum", models.ExecutionState),
        ("step_category_enum", models.StepCategory),
    ):
        found = connection.execute(
            "select array_agg(enumlabel::text order by enumsortorder) from pg_enum where enumtypid = %s::regtype",
            [f"capataz.{enum}"],
        ).fetchone()
        assert found is not None
        assert sorted(found[0]) == sorted(get_args(literal)), enum


def test_every_error_code_that_the_database_raises_is_mapped(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute(
        """
        select distinct code[1]
        from pg_proc p, regexp_matches(p.prosrc, '\\mRB[0-9]{3}\\M', 'g') code
        where p.pronamespace in ('capataz'::regnamespace, 'capataz_ops'::regnamespace)
        """
    ).fetchall()
    raised = {code for (code,) in found}
    assert raised >= {"RB400", "RB404", "RB409"}
    assert raised <= set(SQLSTATES)


def test_each_rb_code_has_an_exception_of_its_own() -> None:
    mapped = {code: kind for code, kind in SQLSTATES.items() if code.startswith("RB")}
    assert set(mapped) == {"RB400", "RB401", "RB403", "RB404", "RB409", "RB429", "RB503"}
    assert len(set(mapped.values())) == len(mapped)

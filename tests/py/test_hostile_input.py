"""Generated hostile values through every public function, straight over SQL: nothing but an answer or RBnnn.

What PostgreSQL rejects before a body runs stays as it is (class 22, 42883, 54000, 54001); the same raised *inside* a
body is a failure, and so is anything else. Two callers: a superuser, and the gateway with an API key of scope admin.
Values are sent as bytes, so that invalid UTF-8 reaches the server too. Every call is undone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import pq, sql

from gateways import build, gateway_role
from support import Connection

EXAMPLES = int(os.environ.get("CAPATAZ_HOSTILE_EXAMPLES", "25"))

#: Rejected before a body runs: wrong types, malformed values, values that are too large.
BEFORE = {"42883", "54000", "54001"}

TEXTS = [
    "",
    " ",
    "A",
    "B",
    "INVOICE",
    "x" * 51,
    "x" * 5000,
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "%",
    "%s",
    "%I",
    "$1",
    "$$",
    "{}",
    "{a,b}",
    "a\nb",
    "a\tb",
    "\x01",
    "\x7f",
    "\u0085",
    "\u2028",
    "\u202e",
    "\ufeff",
    "é",
    "e\u0301",
    "😀",
    "\U0010ffff",
    "null",
    "NULL",
    "'; drop table capataz.robots; --",
    "1; select 1",
    "$$; select 1; $$",
    "../../etc/passwd",
    "capataz_owner",
    "postgres",
    "public",
    "pg_catalog",
    "*",
    "T" * 20,
    "0",
    "-1",
    "1e400",
    "NaN",
    "infinity",
    "-infinity",
    "9999-12-31",
    "2026-02-30",
    "NORMAL",
    "PENDING",
    "input_data",
    "input_schemas",
    "https://x:y@z/",
    "http://[",
    "javascript:alert(1)",
    "https://" + "a" * 300,
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(TEXTS),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=60),
)
KEYS = [
    "robot_type",
    "module_name",
    "priority",
    "input_data",
    "execute_id",
    "robot_id",
    "error_message",
    "available_at",
    "retry_limit",
    "cache_key",
    "compliance_tags",
    "metadata",
    "max_concurrency",
    "retry_policy",
    "rate_limit",
    "api_keys",
    "sensitive_paths",
    "input_schemas",
    "output_data",
    "error_category",
    "complexity_score",
    "per_second",
    "burst",
    "type",
    "properties",
    "required",
    "$ref",
    "pattern",
    "enum",
    "items",
    "minimum",
    "INVOICE",
]
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.sampled_from(TEXTS)), inner, max_size=5),
    ),
    max_leaves=12,
)
raw_json = st.sampled_from(
    [
        b"",
        b"{",
        b"nul",
        b"[1,]",
        b"'x'",
        b'"\\u0000"',
        b'{"a\\u0000": 1}',
        b'"\\ud800"',
        b'"\xff"',
        b"NaN",
        b"1e999999",
        b"-0",
        b"[" * 2000 + b"]" * 2000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"[" * 100000,
        b"[" + b"null," * 5000 + b"null]",
        b'"' + b"x" * 300000 + b'"',
        b"1" * 2000,
        b"{}",
        b"[]",
        b"[{}]",
        b"[[]]",
        b"[null]",
    ]
)
texts = st.one_of(
    st.sampled_from(TEXTS).map(str.encode),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=300).map(str.encode),
    st.binary(max_size=30).map(lambda value: value.replace(b"\x00", b"")),
)
numbers = st.one_of(
    st.integers(-(2**64), 2**64).map(lambda value: str(value).encode()),
    st.sampled_from(
        [b"0", b"-1", b"1", b"2147483648", b"9223372036854775807", b"-9223372036854775808", b"", b"x", b"1.5"]
    ),
)
floats = st.one_of(
    st.floats().map(lambda value: repr(value).encode()), st.sampled_from([b"NaN", b"-Infinity", b"1e-320", b"x"])
)
times = st.one_of(
    st.datetimes().map(lambda value: value.isoformat().encode()),
    st.sampled_from(
        [b"infinity", b"-infinity", b"4713-01-01 BC", b"294276-12-31 23:59:59.999999", b"now", b"x", b"epoch"]
    ),
)
STRATEGIES = {
    "text": texts,
    "jsonb": st.one_of(raw_json, documents.map(lambda value: json.dumps(value).encode())),
    "bigint": numbers,
    "integer": numbers,
    "double precision": floats,
    "boolean": st.sampled_from([b"true", b"false", b"x", b""]),
    "timestamp without time zone": times,
    "date": times,
    "text[]": st.one_of(
        st.sampled_from(
            [b"{}", b"{NULL}", b"{{a,b},{c,d}}", b"{", b"a", b'{""}', b"[2:3]={a,b}", b"{" + b"x," * 3000 + b"x}"]
        ),
        st.lists(st.sampled_from(TEXTS), max_size=4).map(
            lambda values: (
                "{" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + "}"
            ).encode()
        ),
    ),
}


class Caller:
    """Calls functions with raw bytes as arguments, each in a transaction that is undone."""

    def __init__(self, dsn: str, key: str | None) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.key = key
        self.connection.execute("set statement_timeout = '20s'")
        self.connection.execute("set client_min_messages = error")
        self.functions = self.connection.execute(
            """
            select
              p.proname::text,
              array(select unnest(p.proargnames[1:p.pronargs])),
              array(
                select format_type(t.type, null)
                from unnest(p.proargtypes::oid[]) with ordinality as t (type, n)
                order by t.n
              ),
              p.pronargs - p.pronargdefaults
            from pg_proc as p
            where p.pronamespace = 'capataz'::regnamespace
              and has_function_privilege(p.oid, 'execute')
            order by p.proname
            """
        ).fetchall()

    def call(self, function: str, names: list[str], types: list[str], arguments: list[bytes | None]) -> str | None:
        """The SQLSTATE that a call ends with; None: it ends well. Fails where it is one that must not be."""
        text = sql.SQL("select * from capataz.{}({})").format(
            sql.Identifier(function),
            sql.SQL(", ").join(
                sql.SQL("{} => ${}::{}").format(sql.Identifier(name), sql.SQL(str(place)), sql.SQL(kind))
                for place, (name, kind) in enumerate(zip(names, types, strict=True), 1)
            ),
        )
        pgconn = self.connection.pgconn
        pgconn.exec_(b"begin")
        try:
            if self.key is not None:
                done = pgconn.exec_params(b"select from capataz.authenticate($1)", [self.key.encode()])
                assert done.status == pq.ExecStatus.TUPLES_OK, done.error_message
            result = pgconn.exec_params(text.as_bytes(self.connection), arguments)
            if result.status == pq.ExecStatus.TUPLES_OK:
                return None
            code = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
            context = result.error_field(pq.DiagnosticField.CONTEXT) or b""
            before = (code.startswith("22") or code in BEFORE) and b" function " not in context
            shown = [None if a is None else a[:200] for a in arguments]
            assert code.startswith("RB") or before, (
                function,
                names,
                shown,
                result.error_message.decode(errors="replace"),
            )
            if code.startswith("RB"):
                for part in (pq.DiagnosticField.MESSAGE_DETAIL, pq.DiagnosticField.MESSAGE_HINT):
                    assert result.error_field(part), (code, part, shown)
                message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
                assert len(message) < 1000, message[:300]
            return code
        finally:
            pgconn.exec_(b"rollback")


@pytest.fixture(scope="module")
def callers(module_dsn: str, admin: Connection) -> Iterator[list[Caller]]:
    with gateway_role(admin) as role:
        world = build(module_dsn, role)
        made = [Caller(world.dsn, None), Caller(world.gateway_dsn, world.keys["A", "admin"])]
        yield made
        for caller in made:
            caller.connection.close()


def attack(caller: Caller, function: str, names: list[str], types: list[str], required: int) -> set[str | None]:
    """Call one function with many generated arguments; how the calls ended."""
    seen: set[str | None] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="CAPATAZ_HOSTILE_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def call(data: Any) -> None:
        given_names, given_types, arguments = [], [], []
        for place, (name, kind) in enumerate(zip(names, types, strict=True)):
            if place < required or data.draw(st.booleans()):
                given_names.append(name)
                given_types.append(kind)
                arguments.append(data.draw(st.one_of(st.none(), STRATEGIES[kind], STRATEGIES[kind])))
        seen.add(caller.call(function, given_names, given_types, arguments))

    call()
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("who", [0, 1], ids=["superuser", "key"])
def test_nothing_but_an_answer_or_a_refusal(callers: list[Caller], who: int) -> None:
    caller = callers[who]
    assert len(caller.functions) > 30
    seen: set[str | None] = set()
    failures = []
    for function in caller.functions:
        try:
            seen |= attack(caller, *function)
        except AssertionError as error:
            failures.append(str(error)[:1500])
    assert not failures, "\n".join(failures)
    assert {None, "RB400", "RB404", "22P02"} <= seen


def test_an_overload_that_does_not_exist_is_42883(callers: list[Caller]) -> None:
    assert callers[0].call("get_robot", ["p_robot_id"], ["integer"], [b"1"]) == "42883"
    assert callers[0].call("submit_robot", ["p_nope"], ["text"], [b"x"]) == "42883"

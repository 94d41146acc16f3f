"""The gateway over HTTP, against a real database: what each answer is, who may do what, and what nobody is told."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from capataz.gateway.lines import Lines
from gateways import Caller, Gateway, World, build, gateway_role, problem, serving
from support import PATIENCE, Connection

Call = Callable[..., httpx.Response]

ORIGIN = "https://app.example"

#: What no caller may be told.
INTERNALS = re.compile(
    r"capataz_ops|PL/pgSQL|pg_catalog|relation |Traceback|File \"|psycopg|SELECT |select |CONTEXT|DETAIL|/work/", re.A
)


@pytest.fixture(scope="module")
def role(admin: Connection) -> Iterator[str]:
    with gateway_role(admin) as name:
        yield name


@pytest.fixture(scope="module")
def world(module_dsn: str, role: str) -> World:
    return build(module_dsn, role)


@pytest.fixture(scope="module")
def gateway(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    audit = tmp_path_factory.mktemp("gateway") / "audit.log"
    with serving(
        world.gateway_dsn,
        audit,
        *("--cors-origin", ORIGIN, "--trusted-proxy", "127.0.0.1", "--max-body", "100000", "--timeout", "2"),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def callers(world: World, gateway: Gateway) -> Iterator[Callable[..., Caller]]:
    made: dict[tuple[str, str], Caller] = {}

    def caller(module: str = "A", scope: str = "admin") -> Caller:
        if (module, scope) not in made:
            made[module, scope] = Caller(gateway, world.keys[module, scope])
        return made[module, scope]

    yield caller
    for opened in made.values():
        opened.close()


@pytest.fixture(scope="module")
def a(callers: Callable[..., Caller]) -> Caller:
    """A caller with an admin key of module A."""
    return callers()


@pytest.fixture(scope="module")
def su(world: World) -> Iterator[Connection]:
    with world.connect() as connection:
        yield connection


def submitted(caller: Caller, **arguments: Any) -> str:
    answer = caller.call("submit_robot", robot_type="INVOICE", **arguments)
    assert answer.status_code == 200, answer.text
    robot_id: str = answer.json()["robot_id"]
    return robot_id


def claimed(caller: Caller, module: str = "A") -> dict[str, Any]:
    answer = caller.call("claim_robots", module_name=module)
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["rows"]
    assert isinstance(row, dict)
    return row


# --- the life of a robot ----------------------------------------------------------------------------------------


def test_a_robot_lives_over_http(a: Caller) -> None:
    sent = {"document": "x.pdf", "big": 12345678901234567890, "exact": 0.1, "text": "ñandú 𝄞 \\ \" '"}
    answer = a.call("submit_robot", robot_type="INVOICE", input_data=sent, priority="CRITICAL", correlation_id="life")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    row = answer.json()
    assert row == {
        "robot_id": row["robot_id"],
        "module_name": "A",
        "status": "PENDING",
        "cache_hit": False,
        "deduplicated": False,
    }
    lease = claimed(a)
    assert lease["robot_id"] == row["robot_id"]
    assert lease["input_data"] == sent
    progress = a.call("report_progress", execute_id=lease["execute_id"], progress_percentage=50, current_step="reading")
    assert progress.json() == {"result": "RUNNING"}
    done = a.call("complete_execution", execute_id=lease["execute_id"], output_data={"pages": 3}, confidence_score=0.9)
    assert done.json() == {"result": "COMPLETED"}
    robot = a.http.get(f"/v1/robots/{row['robot_id']}")
    assert robot.status_code == 200
    assert robot.json()["status"] == "COMPLETED"
    assert robot.json() == a.call("get_robot", robot_id=row["robot_id"]).json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", robot.json()["completed_at"])
    batch = a.call("batch_progress", correlation_id="life").json()
    assert (batch["total"], batch["completed"], batch["percent"]) == (1, 1, 100)
    assert a.call("heartbeat_worker", worker_id="w", module_name="A").json() == {"result": None}


def test_a_time_with_a_zone_is_honoured(a: Caller, su: Connection) -> None:
    robot_id = submitted(a, available_at="2099-01-31T08:00:00-05:00")
    row = su.execute(
        "select r.available_at::text from capataz.robots as r where r.robot_id = %s", [robot_id]
    ).fetchone()
    assert row == ("2099-01-31 13:00:00",)


def test_many_at_once(a: Caller, gateway: Gateway) -> None:
    answer = a.call("submit_robots", robots=[{"robot_type": "REVIEW"}, {"robot_type": "INVOICE"}])
    rows = answer.json()["rows"]
    assert [row["robot_id"].split("_")[0] for row in rows] == ["review", "invoice"]
    line = gateway.line(answer)
    assert line["robot_ids"] == [row["robot_id"] for row in rows]
    assert line["rows"] == 2


def test_modules_of_the_key(a: Caller) -> None:
    answer = a.http.get("/v1/modules")
    assert [row["module_name"] for row in answer.json()["rows"]] == ["A"]


# --- keys -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Basic YTpi",
        "cpz_0123456789abcdef_" + "0" * 64,
        "Bearer cpz_0123456789abcdef_" + "0" * 63,
        "Bearer cpz_0123456789abcdef_" + "0" * 64,
        "Bearer CPZ_0123456789ABCDEF_" + "0" * 64,
        "Bearer cpz_0123456789abcdef_" + "0" * 64 + "' or true --",
        "Bearer " + "x" * 8000,
    ],
    ids=range(9),
)
def test_a_bad_key_is_401(gateway: Gateway, header: str) -> None:
    answer = httpx.post(f"{gateway.url}/v1/rpc/utc_now", headers={"Authorization": header} if header else {})
    problem(answer, 401, "RB401")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "key_id" not in gateway.line(answer)


def test_two_keys_are_none(gateway: Gateway, world: World) -> None:
    key = ("Authorization", f"Bearer {world.keys['A', 'admin']}")
    problem(httpx.post(f"{gateway.url}/v1/rpc/utc_now", headers=[key, key]), 401, "RB401")


def test_a_revoked_key_is_refused_at_once(gateway: Gateway, su: Connection) -> None:
    (key,) = su.execute("select capataz.issue_api_key('A', 'gone', array['read'])").fetchall()[0]
    caller = Caller(gateway, key)
    assert caller.call("my_modules").status_code == 200
    su.execute("select capataz.revoke_api_key(%s)", [key[4:20]])
    problem(caller.call("my_modules"), 401, "RB401")


def test_an_expired_key_is_refused(gateway: Gateway, su: Connection) -> None:
    (key,) = su.execute(
        "select capataz.issue_api_key('A', 'short', array['read'], capataz.utc_now() + interval '1 second')"
    ).fetchall()[0]
    caller = Caller(gateway, key)
    assert caller.call("my_modules").status_code == 200
    time.sleep(1.1)
    problem(caller.call("my_modules"), 401, "RB401")


def test_scopes(callers: Callable[..., Caller]) -> None:
    reader, submitter, worker = (callers("A", scope) for scope in ("read", "submit", "work"))
    problem(reader.call("submit_robot", robot_type="INVOICE"), 403, "RB403")
    problem(worker.call("submit_robot", robot_type="INVOICE"), 403, "RB403")
    problem(submitter.call("claim_robots", module_name="A"), 403, "RB403")
    problem(submitter.call("module_health"), 403, "RB403")
    problem(reader.call("deactivate_module", module_name="A"), 403, "RB403")


def test_what_belongs_to_another_module_is_out_of_reach(callers: Callable[..., Caller], su: Connection) -> None:
    b = callers("B")
    robot_id = submitted(b)
    lease = claimed(b, "B")
    waiting = submitted(b)
    a = callers("A")
    for answer in (
        a.call("get_robot", robot_id=robot_id),
        a.http.get(f"/v1/robots/{robot_id}"),
        a.call("explain_robot", robot_id=robot_id),
        a.call("robot_data", robot_id=robot_id, field="input_data"),
        a.call("cancel_robot", robot_id=waiting),
        a.call("retry_robot", robot_id=robot_id),
        a.call("claim_robots", module_name="B"),
        a.call("submit_robot", robot_type="INVOICE", module_name="B"),
        a.call("submit_robots", robots=[{"robot_type": "INVOICE", "module_name": "B"}]),
        a.call("module_health", module_name="B"),
        a.call("heartbeat_worker", worker_id="w", module_name="B"),
        a.call("record_health_check", module_name="B", healthy=False),
        a.call("register_module", module_name="B", module_version="2", supported_robot_types=["X"]),
        a.call("deactivate_module", module_name="B"),
        a.call("list_api_keys", module_name="B"),
        a.call("report_progress", execute_id=lease["execute_id"], progress_percentage=1),
        a.call("complete_execution", execute_id=lease["execute_id"]),
        a.call("fail_execution", execute_id=lease["execute_id"], error_message="no"),
        a.call("pause_execution", execute_id=lease["execute_id"]),
        a.call("retry_step", execute_id=lease["execute_id"], error_message="no"),
        a.call("execution_data", execute_id=lease["execute_id"], field="step_details"),
    ):
        found = problem(answer, answer.status_code)
        assert answer.status_code in (403, 404), (answer.request.url, found)
    bulk = a.call("complete_executions", results=[{"execute_id": lease["execute_id"]}])
    assert bulk.status_code == 403 or bulk.json()["rows"][0]["error"], bulk.text
    released = a.call("release_robots", execute_ids=[lease["execute_id"]])
    assert released.status_code == 403 or released.json() == {"result": 0}
    # nothing has moved
    rows = su.execute(
        "select r.robot_id, r.status::text from capataz.robots as r where r.robot_id = any(%s) order by r.arrival",
        [[robot_id, waiting]],
    ).fetchall()
    assert rows == [(robot_id, "PROCESSING"), (waiting, "PENDING")]
    assert b.call("complete_execution", execute_id=lease["execute_id"]).json() == {"result": "COMPLETED"}
    assert b.call("cancel_robot", robot_id=waiting).json() == {"result": "FAILED"}


# --- statuses ---------------------------------------------------------------------------------------------------


def test_each_code_has_its_status(a: Caller, su: Connection) -> None:
    problem(a.call("submit_robot", robot_type=""), 400, "RB400")
    problem(a.call("get_robot", robot_id="nobody"), 404, "RB404")
    problem(a.http.get("/v1/robots/nobody"), 404, "RB404")
    robot_id = submitted(a, robot_id="mine-1")
    problem(a.call("submit_robot", robot_type="INVOICE", robot_id=robot_id), 409, "RB409")
    a.call("cancel_robot", robot_id=robot_id)
    answer = a.call("submit_robot", robot_type="NOBODY_DOES_THIS")
    problem(answer, 503, "RB503")
    assert int(answer.headers["retry-after"]) >= 1


def test_codes_say_what_to_do_and_nothing_of_the_inside(a: Caller, gateway: Gateway) -> None:
    answer = a.call("get_robot", robot_id="nobody")
    found = problem(answer, 404, "RB404")
    assert found["detail"] == 'no robot "nobody"'
    assert found["hint"]
    assert INTERNALS.search(answer.text) is None
    assert "PL/pgSQL function" in gateway.logged(found["reference"])  # the log knows it all


def test_the_rate_limit_says_when_to_come_back(gateway: Gateway, world: World, su: Connection) -> None:
    su.execute("select capataz.register_module('Limited', '1', array['INVOICE'])")
    (key,) = su.execute("select capataz.issue_api_key('Limited', 'all', array['admin'])").fetchall()[0]
    su.execute(
        "update capataz_ops.module_settings as s set rate_per_second = 0.05, rate_burst = 3"
        " where s.module_name = 'Limited'"
    )
    caller = Caller(gateway, key)
    answers = [caller.call("utc_now") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    problem(answers[3], 429, "RB429")
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20
    # together: requests that are admitted by one transaction take as many tokens as they are
    su.execute(
        "update capataz_ops.rate_buckets as b set tokens = 3, refilled_at = timezone('UTC', clock_timestamp())"
        " where b.module_name = 'Limited'"
    )
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: Caller(gateway, key).call("utc_now").status_code, range(12)))
    assert sorted(statuses) == [200] * 3 + [429] * 9


def test_a_call_that_takes_too_long_is_ended(a: Caller, su: Connection) -> None:
    robot_id = submitted(a)
    with su.transaction():
        su.execute("select from capataz.robots as r where r.robot_id = %s for update", [robot_id])
        began = time.monotonic()
        answer = a.call("cancel_robot", robot_id=robot_id)
        assert 1.5 < time.monotonic() - began < 5
    found = problem(answer, 503, "RB503")
    assert found["detail"] == "the call took too long"
    assert answer.headers["retry-after"]
    assert a.call("cancel_robot", robot_id=robot_id).json() == {"result": "FAILED"}


def test_unexpected_errors_are_500_with_a_reference(a: Caller, su: Connection, gateway: Gateway) -> None:
    definition = su.execute("select pg_get_functiondef('capataz.explain_robot(text)'::regprocedure)").fetchall()[0][0]
    try:
        su.execute(
            re.sub(
                r"AS \$function\$.*\$function\$",
                "AS $function$ begin return query select x from capataz_ops.no_such_table as t (x); end $function$",
                definition,
                flags=re.S,
            ).encode()
        )
        answer = a.call("explain_robot", robot_id="x")
    finally:
        su.execute(definition.encode())
    found = problem(answer, 500, "INTERNAL")
    assert INTERNALS.search(answer.text) is None
    assert "no_such_table" not in answer.text
    assert "no_such_table" in gateway.logged(found["reference"])


def test_a_new_function_needs_no_python(a: Caller, su: Connection) -> None:
    problem(a.call("brand_new", p="x"), 404, "RB404")
    su.execute(
        """
        create function capataz.brand_new(
          p_count integer default 3, p_names text[] default null, p_at timestamp default null
        )
          returns setof integer language sql set search_path = pg_catalog, pg_temp
          as 'select g.n from generate_series(1, p_count) as g (n)';
        create function capataz.not_for_you() returns integer language sql as 'select 1';
        revoke all on function capataz.not_for_you() from public;
        revoke all on function capataz.brand_new(integer, text[], timestamp) from public;
        grant execute on function capataz.brand_new(integer, text[], timestamp) to capataz_gateway;
        """
    )
    try:
        time.sleep(2.1)  # the catalog is read again at most every two seconds
        assert a.call("brand_new", count=2).json() == {"rows": [{"result": 1}, {"result": 2}]}
        assert "/v1/rpc/brand_new" in a.http.get("/openapi.json").json()["paths"]
        problem(a.call("not_for_you"), 404, "RB404")
    finally:
        su.execute("drop function capataz.brand_new, capataz.not_for_you")
    problem(a.call("brand_new"), 404, "RB404")


@pytest.mark.parametrize(
    "name",
    ["authenticate", "verify_api_key", "take_rate_token", "begin_idempotent", "finish_idempotent", "issue_api_key"],
)
def test_internals_and_what_is_not_granted_are_not_there(a: Caller, name: str) -> None:
    problem(a.call(name), 404, "RB404")


@pytest.mark.parametrize(
    "path", [f"/v1/rpc/{name}" for name in ("pg_sleep", "capataz.utc_now", "utc_now()", "utc_now;select%201", "")]
)
def test_nothing_but_listed_functions(a: Caller, path: str) -> None:
    problem(a.http.post(path), 404)


def test_methods_and_paths(gateway: Gateway, a: Caller) -> None:
    answer = a.http.get("/v1/rpc/utc_now")
    problem(answer, 405, "HTTP405")
    assert answer.headers["allow"] == "POST"
    problem(a.http.post("/v1/modules"), 405, "HTTP405")
    problem(a.http.get("/"), 404, "HTTP404")
    problem(a.http.get("/docs/../../etc/passwd"), 404, "HTTP404")
    problem(a.http.get("/docs/%2e%2e%2findex.html"), 404, "HTTP404")
    problem(a.post("utc_now", b"{}", Content_Type="text/plain"), 415, "HTTP415")
    problem(a.post("utc_now", b"a=1", Content_Type="application/x-www-form-urlencoded"), 415, "HTTP415")
    assert a.post("utc_now", b"{}", Content_Type="application/json; charset=utf-8").status_code == 200
    assert a.post("utc_now", b"").status_code == 200


# --- hostile input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"1", b"null", b'"x"', b"{", b"}", b'{"robot_type"}', b'{"robot_type":}', b'{"robot_type":"INVOICE",}',
        b'{"robot_type":"INVOICE"} x', b'{"robot_type":"INVOICE"}{}', b"{'robot_type':'INVOICE'}",
        b'{"robot_type":"INVOICE","robot_type":"REVIEW"}', b'{"robot_type":"\xff"}',
        b'\xef\xbb\xbf{"robot_type":"INVOICE"}',
        b'{"robot_type":"a\\u0000b"}', b'{"robot_type":"INVOICE","input_data":{"a\\u0000":1}}',
        b'{"robot_type":"\\ud800"}', b'{"robot_type":"INVOICE","input_data":["\\udc00\\ud800"]}',
        b'{"robot_type":"a\nb"}', b'{"robot_type":"INVOICE","p_priority":"LOW"}', b'{"robot_type":"INVOICE","nope":1}',
        b'{"robot_type":"INVOICE","retry_limit":"3"}', b'{"robot_type":"INVOICE","retry_limit":true}',
        b'{"robot_type":"INVOICE","retry_limit":1.5}', b'{"robot_type":"INVOICE","retry_limit":9223372036854775808}',
        b'{"robot_type":"INVOICE","retry_limit":-1}', b'{"robot_type":"INVOICE","retry_limit":1' + b"0" * 5000 + b"}",
        b'{"robot_type":"INVOICE","complexity_score":NaN}', b'{"robot_type":"INVOICE","complexity_score":1e999}',
        b'{"robot_type":"INVOICE","complexity_score":"1"}', b'{"robot_type":"INVOICE","complexity_score":-Infinity}',
        b'{"robot_type":"INVOICE","input_data":{"a":NaN}}', b'{"robot_type":"INVOICE","input_data":1e9999999}',
        b'{"robot_type":"INVOICE","compliance_tags":"x"}', b'{"robot_type":"INVOICE","compliance_tags":[1]}',
        b'{"robot_type":"INVOICE","compliance_tags":[null]}', b'{"robot_type":"INVOICE","compliance_tags":{"0":"x"}}',
        b'{"robot_type":"INVOICE","available_at":"tomorrow"}', b'{"robot_type":"INVOICE","available_at":"infinity"}',
        b'{"robot_type":"INVOICE","available_at":1}', b'{"robot_type":"INVOICE","available_at":"2026-02-30T00:00:00Z"}',
        b'{"robot_type":"INVOICE","available_at":"0001-01-01T00:00:00+23:59"}',
        b'{"robot_type":"INVOICE","priority":"URGENT"}', b'{"robot_type":"INVOICE","priority":"low"}',
        b'{"robot_type":["INVOICE"]}', b'{"robot_type":null}', b"{}", b'{"robot_type":"' + b"x" * 51 + b'"}',
        b'{"robot_type":"INVOICE","metadata":[]}', b'{"robot_type":"INVOICE","robot_id":"a b"}',
        b'{"robot_type":"INVOICE","input_data":' + b"[" * 101 + b"]" * 101 + b"}",
        b'{"robot_type":"INVOICE","input_data":' + b'{"a":' * 40000 + b"1" + b"}" * 40000 + b"}",
        b"[" * 90000, b'{"a":' * 19000,
    ],
)  # fmt: skip
def test_bad_bodies_are_400(a: Caller, body: bytes, su: Connection) -> None:
    before = su.execute("select count(*) from capataz.robots").fetchall()
    answer = a.post("submit_robot", body)
    if len(body) > 100000:
        problem(answer, 413, "HTTP413")
        return
    problem(answer, 400, "RB400")
    assert INTERNALS.search(answer.text) is None
    assert len(answer.content) < 2000
    assert su.execute("select count(*) from capataz.robots").fetchall() == before


@pytest.mark.parametrize(
    "value",
    [
        "'; drop table capataz.robots; --", "\\", "\\x00", "{}", "%s", "$1", "${jndi}", "../../x", "\u202e", "😀",
        "\x7f", "a\tb", "\r\nSet-Cookie: a=b", "' or ''='", 'x" onload="', "<script>alert(1)</script>", "\ufeff",
        "ﷺ" * 40,
    ],
)  # fmt: skip
def test_hostile_texts_are_values_and_nothing_else(a: Caller, value: str, gateway: Gateway) -> None:
    for answer in (
        a.call("get_robot", robot_id=value),
        a.call("submit_robot", robot_type=value),
        a.call(
            "submit_robot", robot_type="INVOICE", input_data={value: value}, cache_key=value, compliance_tags=[value]
        ),
        a.call("cancel_robot", robot_id="nobody", reason=value),
        a.call(quote(value, safe="")),
    ):
        assert answer.status_code in (200, 400, 404, 405, 503), answer.text
        assert "set-cookie" not in answer.headers
        line = gateway.line(answer)
        assert line["status"] == answer.status_code
    assert gateway.audit.read_bytes().isascii()


def test_arrays_arrive_as_they_were_sent(a: Caller, su: Connection) -> None:
    tags = ['a"b', "c\\d", "{}", ",", "NULL", " ", "ñ", "'"]
    robot_id = submitted(a, compliance_tags=tags)
    row = su.execute("select r.compliance_tags from capataz.robots as r where r.robot_id = %s", [robot_id]).fetchone()
    assert row == (tags,)


def test_numbers_lose_no_digit(a: Caller, su: Connection) -> None:
    body = b'{"robot_type":"INVOICE","input_data":{"n":1234567890.12345678901234567890,"m":-0.0,"k":1E+2}}'
    robot_id = a.post("submit_robot", body).json()["robot_id"]
    row = su.execute(
        "select r.input_data ->> 'n', r.input_data ->> 'k' from capataz.robots as r where r.robot_id = %s", [robot_id]
    ).fetchone()
    assert row == ("1234567890.12345678901234567890", "100")


def test_a_body_of_any_declared_or_real_size_is_bounded(gateway: Gateway, world: World) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"robot_type":"INVOICE","input_data":"'
        for _ in range(50):
            yield b"x" * 10000
        yield b'"}'

    caller = Caller(gateway, world.keys["A", "admin"])
    problem(caller.post("submit_robot", b'{"x":"' + b"x" * 100000 + b'"}'), 413, "HTTP413")
    answer = caller.http.post("/v1/rpc/submit_robot", content=chunks(), headers={"Content-Type": "application/json"})
    problem(answer, 413, "HTTP413")


def talk(gateway: Gateway, *parts: bytes, pause: float = 0.0) -> bytes:
    """What a raw connection is answered until it is closed."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE) as opened:
        try:
            for part in parts:
                opened.sendall(part)
                time.sleep(pause)
        except OSError:
            pass
        found = b""
        while True:
            try:
                data = opened.recv(65536)
            except OSError:
                return found
            if not data:
                return found
            found += data


def test_headers_are_bounded(gateway: Gateway) -> None:
    many = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 100) for n in range(500))
    assert talk(gateway, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n").startswith(b"HTTP/1.1 431")
    assert talk(gateway, b"GET /" + b"x" * 40000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 431")
    assert talk(gateway, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40000).startswith(b"HTTP/1.1 431")
    assert talk(gateway, b"\x16\x03\x01\x02\x00\x01 this is TLS").startswith(b"HTTP/1.1 400")


@pytest.mark.slow
def test_headers_that_never_end_are_given_up(gateway: Gateway) -> None:
    began = time.monotonic()
    assert talk(gateway, b"GET /healthz HTTP/1.1\r\n").startswith(b"HTTP/1.1 408")
    assert 8 < time.monotonic() - began < 20


def test_input_fits_the_schema_of_the_module(gateway: Gateway, su: Connection) -> None:
    schema = {
        "type": "object",
        "required": ["iban"],
        "properties": {"iban": {"type": "string", "pattern": "^[A-Z]{2}"}},
    }
    su.execute(
        "select capataz.register_module('Schemed', '1', array['INVOICE', 'REVIEW'], p_registration_data => %s)",
        [json.dumps({"input_schemas": {"INVOICE": schema}})],
    )
    (key,) = su.execute("select capataz.issue_api_key('Schemed', 'all', array['submit'])").fetchall()[0]
    caller = Caller(gateway, key)
    assert caller.call("submit_robot", robot_type="INVOICE", input_data={"iban": "DE12"}).status_code == 200
    assert caller.call("submit_robot", robot_type="REVIEW").status_code == 200
    for answer, name in (
        (caller.call("submit_robot", robot_type="INVOICE"), "input_data"),
        (caller.call("submit_robot", robot_type="INVOICE", input_data={"iban": "secret"}), "input_data.iban"),
        (
            caller.call(
                "submit_robots",
                robots=[{"robot_type": "REVIEW"}, {"robot_type": "INVOICE", "input_data": {"iban": "secret"}}],
            ),
            "robots[1].input_data.iban",
        ),
    ):
        found = problem(answer, 400, "RB400")
        assert name in found["detail"]
        assert "secret" not in answer.text
    caller.close()


def test_no_schema_holds_up_anybody_else(gateway: Gateway, a: Caller, su: Connection) -> None:
    schemas = {
        "SLOW": {"properties": {"x": {"pattern": "^(a+)+$"}}},
        "UNIQUE": {"properties": {"x": {"uniqueItems": True}}},
        "PATTERN": {"properties": {"x": {"pattern": "("}}},
        "NONE": {"properties": {"x": {"allOf": 3}}},
    }
    su.execute(
        "select capataz.register_module('Hostile', '1', %s, p_registration_data => %s)",
        [list(schemas), json.dumps({"input_schemas": schemas})],
    )
    (key,) = su.execute("select capataz.issue_api_key('Hostile', 'all', array['submit'])").fetchall()[0]

    def hang(number: int) -> httpx.Response:
        caller = Caller(gateway, key)
        if number % 2:
            return caller.call("submit_robot", robot_type="SLOW", input_data={"x": "a" * 50 + "!"})
        return caller.call("submit_robot", robot_type="UNIQUE", input_data={"x": [{"a": n} for n in range(7000)]})

    for robot_type in ("PATTERN", "NONE"):
        answer = Caller(gateway, key).call("submit_robot", robot_type=robot_type, input_data={"x": "a"})
        assert "cannot be checked" in problem(answer, 400, "RB400")["detail"]
    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(hang, number) for number in range(4)]
        slowest, asked = 0.0, 0
        while not all(one.done() for one in hanging):
            began = time.monotonic()
            assert a.call("utc_now").status_code == 200
            slowest, asked = max(slowest, time.monotonic() - began), asked + 1
        answers = [one.result() for one in hanging]
    assert asked > 20
    assert slowest < 0.9
    details = [problem(answer, answer.status_code)["detail"] for answer in answers]
    busy = "the gateway is busy"  # to those that waited long for the others of their module
    assert set(details) <= {"input_data cannot be checked in time against the schema", busy}
    assert details.count(busy) < 3
    assert {answer.status_code for answer in answers} <= {400, 503}
    assert Caller(gateway, key).call("submit_robot", robot_type="SLOW", input_data={"x": "aa"}).status_code == 200


# --- idempotency ------------------------------------------------------------------------------------------------


def robots(su: Connection) -> int:
    found: int = su.execute("select count(*) from capataz.robots").fetchall()[0][0]
    return found


def test_the_same_request_is_done_once(a: Caller, su: Connection, gateway: Gateway) -> None:
    before = robots(su)
    first = a.call("submit_robot", idempotency_key="same", robot_type="INVOICE", input_data={"x": 1, "y": 2})
    again = a.post("submit_robot", b'{ "input_data": {"y":2,"x":1}, "robot_type":"INVOICE" }', Idempotency_Key="same")
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert gateway.line(again)["replayed"] is True
    assert robots(su) == before + 1
    many = [a.call("submit_robots", idempotency_key="many", robots=[{"robot_type": "INVOICE"}]) for _ in range(2)]
    assert many[0].content == many[1].content
    assert robots(su) == before + 2


def test_another_request_under_the_same_key_is_409(a: Caller) -> None:
    assert a.call("submit_robot", idempotency_key="other", robot_type="INVOICE").status_code == 200
    problem(a.call("submit_robot", idempotency_key="other", robot_type="REVIEW"), 409, "RB409")
    problem(a.call("submit_robots", idempotency_key="other", robots=[]), 409, "RB409")


def test_numbers_that_differ_are_different_requests(a: Caller) -> None:
    body = b'{"robot_type": "INVOICE", "input_data": {"x": [0.1, 1e40]}}'
    first = a.post("submit_robot", body, Idempotency_Key="digits")
    assert first.status_code == 200
    assert a.post("submit_robot", body.replace(b" ", b""), Idempotency_Key="digits").content == first.content
    for other in (b"0.1000000000000000000001", b'"0.1"', b'["0.1"]'):
        problem(a.post("submit_robot", body.replace(b"0.1", other), Idempotency_Key="digits"), 409, "RB409")
    problem(a.post("submit_robot", body.replace(b"1e40", b"1e41"), Idempotency_Key="digits"), 409, "RB409")


def test_two_idempotency_keys_are_400(a: Caller) -> None:
    answer = a.http.post(
        "/v1/rpc/submit_robot",
        json={"robot_type": "INVOICE"},
        headers=[("Idempotency-Key", "one"), ("Idempotency-Key", "two")],
    )
    problem(answer, 400, "RB400")


def test_keys_of_different_callers_do_not_meet(callers: Callable[..., Caller]) -> None:
    first = callers("A").call("submit_robot", idempotency_key="ours", robot_type="INVOICE")
    second = callers("B").call("submit_robot", idempotency_key="ours", robot_type="REVIEW")
    assert (first.json()["module_name"], second.json()["module_name"]) == ("A", "B")


def test_what_was_refused_may_be_corrected(a: Caller) -> None:
    problem(a.call("submit_robot", idempotency_key="fix", robot_type="NOBODY_DOES_THIS"), 503)
    assert a.call("submit_robot", idempotency_key="fix", robot_type="INVOICE").status_code == 200


def test_two_at_once_are_one(gateway: Gateway, world: World, su: Connection) -> None:
    before = robots(su)

    def submit(_: int) -> httpx.Response:
        caller = Caller(gateway, world.keys["A", "submit"])
        return caller.call("submit_robot", idempotency_key="race", robot_type="INVOICE")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(submit, range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 7
    assert robots(su) == before + 1


@pytest.mark.parametrize("key", ["", "a b", "ñ", "x" * 256])
def test_bad_idempotency_keys_are_400(a: Caller, key: str) -> None:
    answer = a.http.post(
        "/v1/rpc/submit_robot", json={"robot_type": "INVOICE"}, headers=[("Idempotency-Key", key.encode())]
    )
    problem(answer, 400, "RB400")


def test_only_submits_take_one(a: Caller) -> None:
    problem(a.call("utc_now", idempotency_key="x"), 400, "RB400")


# --- audit ------------------------------------------------------------------------------------------------------


def test_the_audit_line_says_who_did_what(a: Caller, gateway: Gateway, world: World, role: str) -> None:
    answer = a.call("submit_robot", robot_type="INVOICE", input_data={"secret": "hunter2"})
    line = gateway.line(answer)
    assert line["duration_ms"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    del line["time"], line["duration_ms"]
    assert line == {
        "reference": answer.headers["capataz-reference"],
        "outcome": "ok",
        "status": 200,
        "method": "POST",
        "address": "127.0.0.1",
        "function": "submit_robot",
        "role": role,
        "key_id": world.keys["A", "admin"][4:20],
        "module_name": "A",
        "robot_id": answer.json()["robot_id"],
    }
    refused = gateway.line(a.call("get_robot", robot_id="nobody"))
    assert (refused["outcome"], refused["status"], refused["code"], refused["robot_id"]) == (
        "refused", 404, "RB404", "nobody",
    )  # fmt: skip
    text = gateway.audit.read_text()
    assert "hunter2" not in text
    assert all(key.rsplit("_", 1)[1] not in text for key in world.keys.values())


def test_no_secret_reaches_the_log(gateway: Gateway, world: World) -> None:
    caller = Caller(gateway, world.keys["A", "read"])
    problem(caller.call("submit_robot", robot_type="INVOICE", input_data={"secret": "hunter3"}), 403)
    stray = "cpz_0123456789abcdef_" + "5" * 64
    problem(Caller(gateway, stray).call("utc_now"), 401)
    log = gateway.logged("RB403")
    assert "hunter3" not in log
    assert stray not in log
    assert all(key.rsplit("_", 1)[1] not in log for key in world.keys.values())


def test_lines_cannot_be_forged(a: Caller, gateway: Gateway) -> None:
    forged = 'x"}\n{"reference":"forged","status":200}\r\u2028\x1b[2J'
    before = len(gateway.lines())
    answers = [
        a.call("get_robot", robot_id=forged),
        a.http.get("/nowhere/%0a%7b%22reference%22%3a%22forged%22%7d"),
        a.http.post("/v1/rpc/x%0a%7b%22reference%22%3a%22forged%22%7d%1b[2J"),
        a.call("submit_robot", robot_type=forged),
        a.call("claim_robots", module_name=forged),
    ]
    assert all(gateway.line(answer)["status"] == answer.status_code for answer in answers)
    assert len(gateway.lines()) == before + len(answers)
    assert not gateway.lines("forged")
    log = gateway.logged(answers[-1].headers["capataz-reference"]) if answers[-1].status_code != 400 else ""
    assert "\x1b" not in log
    assert not any(line.startswith('{"reference":"forged"') for line in log.splitlines())


def test_the_address_behind_a_trusted_proxy(a: Caller, gateway: Gateway) -> None:
    def address(*forwarded: str) -> str | None:
        answer = a.http.get("/v1/modules", headers=[("X-Forwarded-For", value) for value in forwarded])
        found: str | None = gateway.line(answer)["address"]
        return found

    assert address() == "127.0.0.1"
    assert address("203.0.113.7") == "203.0.113.7"
    assert address("198.51.100.1, 203.0.113.7") == "203.0.113.7"  # what the proxy saw, not what its caller claims
    assert address("198.51.100.1", "203.0.113.7, 127.0.0.1") == "203.0.113.7"
    assert address("2001:db8::1") == "2001:db8::1"
    assert address("203.0.113.7:41234") == "203.0.113.7"
    assert address("[2001:db8::1]:443") == address("[2001:db8::1]") == "2001:db8::1"
    assert address("127.0.0.1:80,198.51.100.1, 203.0.113.7:41234") == "203.0.113.7"
    # whoever it was: not the proxy
    for unreadable in (
        "garbage[2J",
        "unknown",
        "",
        "203.0.113.7,",
        "203.0.113.7, unknown",
        "203.0.113.7:",
        "1.2.3.4:x",
    ):
        assert address(unreadable) is None, unreadable


def test_nobody_else_is_believed(world: World, tmp_path: Path) -> None:
    with serving(world.gateway_dsn, tmp_path / "audit.log") as gateway:
        caller = Caller(gateway, world.keys["A", "read"])
        answer = caller.http.get("/v1/modules", headers={"X-Forwarded-For": "203.0.113.7"})
        assert gateway.line(answer)["address"] == "127.0.0.1"
        # CORS is off unless asked for
        preflight = caller.http.options(
            "/v1/modules", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
        )
        problem(preflight, 405, "HTTP405")
        assert "access-control-allow-origin" not in caller.http.get("/v1/modules", headers={"Origin": ORIGIN}).headers
        # logrotate moves the file away: the next line makes a new one
        (tmp_path / "audit.log").rename(tmp_path / "audit.log.1")
        again = caller.http.get("/v1/modules")
        assert gateway.line(again)["status"] == 200
        assert len((tmp_path / "audit.log").read_text().splitlines()) == 1


# --- the rest of HTTP -------------------------------------------------------------------------------------------


def test_every_answer_has_the_headers_of_all(a: Caller) -> None:
    for answer in (a.http.get("/healthz"), a.call("utc_now"), a.http.get("/nowhere"), a.http.get("/docs")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["capataz-reference"])
        assert "server" not in answer.headers
    assert a.call("utc_now").headers["cache-control"] == "no-store"


def test_cors_for_the_origins_that_were_named(a: Caller) -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = a.http.options("/v1/rpc/utc_now", headers={"Origin": ORIGIN, **wanted})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert a.http.options("/v1/rpc/utc_now", headers={"Origin": "https://evil.example", **wanted}).status_code == 400
    answer = a.http.get("/v1/robots/nobody", headers={"Origin": ORIGIN})
    problem(answer, 404, "RB404")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    other = a.http.get("/v1/modules", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    assert "access-control-allow-credentials" not in answer.headers


def test_health_and_readiness(gateway: Gateway) -> None:
    assert httpx.get(f"{gateway.url}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{gateway.url}/readyz")
    assert ready.json()["status"] == "ok"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", ready.json()["version"])


def test_the_page_needs_nothing_from_elsewhere(gateway: Gateway) -> None:
    page = httpx.get(f"{gateway.url}/docs")
    assert page.headers["content-type"].startswith("text/html")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) >= 4
    for link in links:
        assert "//" not in link
        found = httpx.get(f"{gateway.url}/{link}")
        assert found.status_code == 200, link
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "<script>" not in page.text


def test_the_document_describes_what_is_there(a: Caller, su: Connection) -> None:
    document = a.http.get("/openapi.json").json()
    granted = su.execute(
        "select p.proname::text from pg_proc as p where p.pronamespace = 'capataz'::regnamespace"
        " and has_function_privilege('capataz_gateway', p.oid, 'execute')"
    ).fetchall()
    hidden = {"authenticate", "verify_api_key", "take_rate_token", "begin_idempotent", "finish_idempotent"}
    offered = {path.removeprefix("/v1/rpc/") for path in document["paths"] if path.startswith("/v1/rpc/")}
    assert offered == {name for (name,) in granted} - hidden
    submit = document["paths"]["/v1/rpc/submit_robot"]["post"]
    schema = submit["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["robot_type"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["priority"]["enum"] == ["LOW", "NORMAL", "HIGH", "CRITICAL", None]
    assert schema["properties"]["cache_key"]["maxLength"] == 255
    assert schema["properties"]["robot_type"]["description"]
    assert set(submit["responses"]) == {"200", "400", "401", "403", "404", "409", "413", "415", "429", "503"}
    assert json.dumps(document).count("capataz_ops") == 0


# --- the process ------------------------------------------------------------------------------------------------


def refusal(dsn: str, tmp_path: Path, *options: str) -> str:
    with pytest.raises(AssertionError) as found, serving(dsn, tmp_path / "audit.log", *options):
        pass
    return str(found.value)


def test_it_does_not_start_as_somebody_who_reaches_everything(world: World, tmp_path: Path, admin: Connection) -> None:
    assert "it is a superuser" in refusal(world.dsn, tmp_path)
    name = f"capataz_test_operator_{time.monotonic_ns()}"
    admin.execute(f"create role {name} login in role capataz_operator".encode())
    try:
        text = refusal(psycopg.conninfo.make_conninfo(world.dsn, user=name), tmp_path)
    finally:
        admin.execute(f"drop role {name}".encode())
    assert "not a member of capataz_gateway" in text
    assert "capataz_operator" in text
    assert "create role" in text


@pytest.mark.parametrize(
    "other", ["capataz_owner", "capataz_admin", "capataz_operator", "capataz_viewer", "capataz_worker", "superuser"]
)
def test_it_does_not_start_as_a_member_of_more(world: World, tmp_path: Path, admin: Connection, other: str) -> None:
    name = f"capataz_test_more_{time.monotonic_ns()}"
    if other == "superuser":
        other = f"{name}_super"
        admin.execute(f"create role {other} superuser".encode())
    admin.execute(f"create role {name} login in role capataz_gateway, {other}".encode())
    try:
        text = refusal(psycopg.conninfo.make_conninfo(world.dsn, user=name), tmp_path)
    finally:
        admin.execute(f"drop role {name}, {other}".encode() if name in other else f"drop role {name}".encode())
    assert f"is also a member of {other}" in text


@pytest.mark.parametrize(
    ("setting", "is_warned"),
    [
        ("log_min_duration_statement = '1min'", True),
        ("log_statement = 'all'", True),
        ("log_statement = 'ddl'", False),
        ("log_parameter_max_length_on_error = -1", True),
    ],
)
def test_it_warns_where_keys_would_be_logged(
    world: World, tmp_path: Path, admin: Connection, setting: str, is_warned: bool
) -> None:
    with gateway_role(admin) as name:
        admin.execute(f"alter role {name} set {setting}".encode())
        with serving(psycopg.conninfo.make_conninfo(world.dsn, user=name), tmp_path / "audit.log") as running:
            running.stop()
            assert ("would hold API keys" in "".join(running.log)) is is_warned
        if is_warned:
            admin.execute(f"alter role {name} set log_parameter_max_length = 0".encode())
            admin.execute(f"alter role {name} set log_parameter_max_length_on_error = 0".encode())
            with serving(psycopg.conninfo.make_conninfo(world.dsn, user=name), tmp_path / "audit.log") as running:
                running.stop()
                assert "would hold API keys" not in "".join(running.log)


def test_it_does_not_start_without_capataz(
    empty_database: Callable[..., str], role: str, tmp_path: Path, world: World
) -> None:
    dsn = psycopg.conninfo.make_conninfo(empty_database(), user=role)
    assert "has no Capataz" in refusal(dsn, tmp_path)
    assert "no origin" in refusal(world.gateway_dsn, tmp_path, "--cors-origin", "app.example/")
    assert "cannot open" in refusal(world.gateway_dsn, tmp_path / "nowhere")


def test_sigterm_lets_calls_under_way_finish(world: World, tmp_path: Path) -> None:
    with serving(world.gateway_dsn, tmp_path / "audit.log") as gateway, world.connect() as holder:
        caller = Caller(gateway, world.keys["A", "admin"])
        robot_id = submitted(caller)
        found: list[httpx.Response] = []
        with holder.transaction():
            holder.execute("select from capataz.robots as r where r.robot_id = %s for update", [robot_id])
            thread = threading.Thread(
                target=lambda: found.append(caller.call("cancel_robot", robot_id=robot_id)), daemon=True
            )
            thread.start()
            deadline = time.monotonic() + PATIENCE
            with world.connect() as observer:
                while not observer.execute(
                    "select from pg_stat_activity as s where s.wait_event_type = 'Lock'"
                    " and s.application_name like 'capataz key %' and s.datname = current_database()"
                ).fetchall():
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            gateway.process.terminate()
            time.sleep(0.5)
            assert gateway.process.poll() is None
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{gateway.url}/healthz")
        thread.join(PATIENCE)
        assert found[0].json() == {"result": "FAILED"}
        gateway.process.wait(PATIENCE)
        assert gateway.line(found[0])["outcome"] == "ok"


def test_it_outlives_a_lost_database(world: World, tmp_path: Path, su: Connection) -> None:
    with serving(world.gateway_dsn, tmp_path / "audit.log", "--connections", "3") as gateway:
        caller = Caller(gateway, world.keys["A", "admin"])
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: Caller(gateway, world.keys["A", "read"]).call("module_health"), range(6)))
        for _ in range(3):
            su.execute(
                "select pg_terminate_backend(s.pid) from pg_stat_activity as s"
                " where s.usename = %s and s.datname = current_database()",
                [psycopg.conninfo.conninfo_to_dict(world.gateway_dsn)["user"]],
            )
            for _ in range(4):
                assert caller.call("utc_now").status_code == 200
        assert caller.http.get("/readyz").status_code == 200


def test_a_full_pool_is_503(world: World, tmp_path: Path) -> None:
    with (
        serving(world.gateway_dsn, tmp_path / "audit.log", "--connections", "1", "--timeout", "20") as gateway,
        world.connect() as holder,
    ):
        caller = Caller(gateway, world.keys["A", "admin"])
        robot_id = submitted(caller)
        with ThreadPoolExecutor(1) as pool, holder.transaction():
            holder.execute("select from capataz.robots as r where r.robot_id = %s for update", [robot_id])
            other = Caller(gateway, world.keys["A", "admin"])
            waiting = pool.submit(lambda: other.call("cancel_robot", robot_id=robot_id))
            time.sleep(0.5)
            answer = caller.call("utc_now")
            found = problem(answer, 503, "RB503")
            assert found["detail"] == "the gateway is busy"
            assert caller.http.get("/healthz").status_code == 200
        assert waiting.result(PATIENCE).status_code == 200
        assert caller.call("utc_now").status_code == 200


def test_whoever_holds_the_tokens_of_a_module_holds_up_nobody_else(
    world: World, tmp_path: Path, su: Connection
) -> None:
    su.execute(
        "select capataz.register_module('Held', '1', array['INVOICE'], p_registration_data => %s)",
        [json.dumps({"rate_limit": {"per_second": 1000, "burst": 1000}})],
    )
    keys = [
        su.execute("select capataz.issue_api_key('Held', %s, array['read'])", [f"many {n}"]).fetchall()[0][0]
        for n in range(6)
    ]
    with (
        serving(world.gateway_dsn, tmp_path / "audit.log", "--connections", "2") as gateway,
        world.connect() as holder,
        ThreadPoolExecutor(12) as pool,
    ):
        for key in keys:
            assert Caller(gateway, key).call("utc_now").status_code == 200
        b = Caller(gateway, world.keys["B", "admin"])
        assert b.call("utc_now").status_code == 200
        with holder.transaction():
            held = holder.execute(
                "select t.tokens from capataz_ops.rate_buckets as t where t.module_name = 'Held' for update"
            ).fetchall()
            assert held
            waiting = [pool.submit(lambda key: Caller(gateway, key).call("utc_now"), key) for key in keys * 2]
            time.sleep(0.5)
            slowest = 0.0
            while not all(one.done() for one in waiting):
                began = time.monotonic()
                assert b.call("utc_now").status_code == 200
                slowest = max(slowest, time.monotonic() - began)
            assert slowest < 0.9
            details = set()
            for one in waiting:
                details.add(problem(one.result(), 503, "RB503")["detail"])
                assert one.result().headers["retry-after"]
            assert "what the call needs is locked" in details
        assert Caller(gateway, keys[0]).call("utc_now").status_code == 200


async def _closed_midway(dsn: str) -> None:
    lines = Lines(dsn, {"autocommit": True, "application_name": "closed midway"}, size=1, prepare=True)
    line = await lines.take(seconds=PATIENCE, waiting=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await line.run((b"select pg_sleep(600)", ()))
    assert line.is_broken
    lines.give(line)
    lines.close()


def test_what_is_closed_midway_is_cancelled(world: World, su: Connection) -> None:
    asyncio.run(_closed_midway(world.gateway_dsn))
    deadline = time.monotonic() + PATIENCE
    while su.execute("select s.pid from pg_stat_activity as s where s.application_name = 'closed midway'").fetchall():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_several_processes_serve_one_port(world: World, tmp_path: Path) -> None:
    with serving(world.gateway_dsn, tmp_path / "audit.log", "--workers", "2") as gateway:
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: Caller(gateway, world.keys["A", "admin"]).call("utc_now").status_code, range(40))
            )
        assert answers == [200] * 40
        assert len([line for line in gateway.lines() if line.get("function") == "utc_now"]) == 40
        assert gateway.stop() == 0

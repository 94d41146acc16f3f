"""/metrics of the gateway: who sees what, in which format, and what a scrape may not do (docs/metrics.md)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capataz.gateway.scrapes import MetricsSettings
from capataz.metrics import OPENMETRICS
from gateways import Gateway, World, build, gateway_role, problem, serving
from support import PATIENCE, Connection

TOKEN = "a-token-for-prometheus"


@pytest.fixture(scope="module")
def viewer(admin: Connection) -> Iterator[str]:
    name = f"capataz_test_metrics_{os.getpid()}"
    admin.execute(sql.SQL("create role {} login in role capataz_viewer").format(sql.Identifier(name)))
    yield name
    admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def world(module_dsn: str, admin: Connection) -> Iterator[World]:
    with gateway_role(admin) as role:
        made = build(module_dsn, role)
        with made.connect() as connection:
            connection.execute("select capataz.submit_robot('INVOICE', '{}', 'A')")
            connection.execute("select capataz.submit_robot('REVIEW', '{}', 'B')")
        yield made


@pytest.fixture(scope="module")
def gateway(world: World, viewer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with metrics of the fleet."""
    metrics_dsn = make_conninfo(world.dsn, user=viewer)
    audit = tmp_path_factory.mktemp("metrics") / "audit.log"
    with serving(world.gateway_dsn, audit, "--metrics-dsn", metrics_dsn, CAPATAZ_METRICS_TOKEN=TOKEN) as running:
        yield running


def scrape(gateway: Gateway, token: str | None, accept: str = OPENMETRICS) -> httpx.Response:
    headers = {"Accept": accept}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.get(f"{gateway.url}/metrics", headers=headers, timeout=PATIENCE)


def names(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {family.name for family in parse_openmetrics(answer.text)}


def modules(answer: httpx.Response) -> set[str]:
    """Modules that any sample names."""
    return {
        sample.labels["module"]
        for family in parse_openmetrics(answer.text)
        for sample in family.samples
        if "module" in sample.labels
    }


def test_the_token_of_the_fleet_sees_all_in_both_formats(gateway: Gateway) -> None:
    answer = scrape(gateway, TOKEN)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.headers["cache-control"] == "no-store"
    assert names(answer) >= {"capataz_robots_waiting", "capataz_job_late", "capataz_check_status", "capataz_build_info"}
    assert modules(answer) == {"A", "B"}
    text = scrape(gateway, TOKEN, "text/plain; version=0.0.4")
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    waiting = [family for family in parse_text(text.text) if family.name == "capataz_robots_waiting"]
    assert sum(sample.value for family in waiting for sample in family.samples) == 2
    assert scrape(gateway, TOKEN, "*/*").headers["content-type"].startswith("text/plain")


def test_a_key_sees_its_own_module_alone(gateway: Gateway, world: World) -> None:
    for scope in ("read", "admin"):
        answer = scrape(gateway, world.keys["A", scope])
        assert modules(answer) == {"A"}
        assert names(answer) >= {"capataz_robots_waiting", "capataz_executions_ended", "capataz_workers"}
        assert not [n for n in names(answer) if n.startswith(("capataz_job", "capataz_check", "capataz_database"))]
    assert modules(scrape(gateway, world.keys["B", "read"])) == {"B"}
    # a call with a key, so it is in the audit log
    key = world.keys["A", "read"]
    line = gateway.line(scrape(gateway, key))
    assert (line["outcome"], line["path"], line["key_id"], line["module_name"]) == ("ok", "/metrics", key[4:20], "A")


def test_others_are_refused(gateway: Gateway, world: World) -> None:
    assert scrape(gateway, None).headers["www-authenticate"] == 'Bearer realm="capataz"'
    problem(scrape(gateway, None), 401, "RB401")
    for token in (TOKEN + "x", TOKEN[:-1], "cpz_0123456789abcdef_" + "0" * 64, "x"):
        problem(scrape(gateway, token), 401, "RB401")
    problem(httpx.get(f"{gateway.url}/metrics", auth=("capataz", TOKEN)), 401, "RB401")
    problem(httpx.get(f"{gateway.url}/metrics?token={TOKEN}"), 401, "RB401")
    for scope in ("submit", "work"):
        problem(scrape(gateway, world.keys["A", scope]), 403, "RB403")
    problem(httpx.post(f"{gateway.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}), 405)


def test_a_key_that_is_revoked_is_refused_at_once(gateway: Gateway, world: World) -> None:
    with world.connect() as connection:
        ((key,),) = connection.execute("select capataz.issue_api_key('A', 'short', array['read'])").fetchall()
        assert scrape(gateway, key).status_code == 200
        connection.execute("select capataz.revoke_api_key(%s)", [key[4:20]])
        problem(scrape(gateway, key), 401, "RB401")


def test_the_token_opens_nothing_else_and_is_written_nowhere(gateway: Gateway) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    problem(httpx.get(f"{gateway.url}/v1/modules", headers=headers), 401, "RB401")
    refused = scrape(gateway, None)
    assert gateway.line(refused)["path"] == "/metrics"
    assert scrape(gateway, TOKEN).status_code == 200
    written = gateway.audit.read_text()
    assert TOKEN not in written
    scrapes = [line for line in gateway.lines() if line.get("path") == "/metrics" and line["outcome"] == "ok"]
    assert all("key_id" in line for line in scrapes)  # of keys alone


def test_many_scrapes_at_once_share_one_connection(gateway: Gateway, world: World, viewer: str) -> None:
    stop = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        with world.connect() as connection:
            while not stop.is_set():
                ((count,),) = connection.execute(
                    "select count(*) from pg_stat_activity where usename = %s", [viewer]
                ).fetchall()
                seen.append(count)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: scrape(gateway, TOKEN), range(24)))
    finally:
        stop.set()
        watcher.join(PATIENCE)
    assert {answer.status_code for answer in answers} == {200}
    assert max(seen) <= 1


def test_what_fails_is_503_and_the_next_scrape_works(
    gateway: Gateway, world: World, admin: Connection, viewer: str
) -> None:
    assert scrape(gateway, TOKEN).status_code == 200
    name = sql.Identifier(str(conninfo_to_dict(world.dsn)["dbname"]))
    admin.execute(sql.SQL("alter database {} allow_connections false").format(name))
    try:
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [viewer])
        answer = _until(lambda: scrape(gateway, TOKEN), 503)
        found = problem(answer, 503, "RB503")
        assert "retry-after" in answer.headers
        assert not any(word in str(found) for word in ("Traceback", "psycopg", "FATAL", viewer))
    finally:
        admin.execute(sql.SQL("alter database {} allow_connections true").format(name))
    assert _until(lambda: scrape(gateway, TOKEN), 200).status_code == 200
    with world.connect() as connection:  # a role that may no longer read: the scraper cannot mend that either
        role = sql.Identifier(viewer)
        connection.execute(sql.SQL("revoke capataz_viewer from {}").format(role))
        try:
            problem(_until(lambda: scrape(gateway, TOKEN), 503), 503, "RB503")
        finally:
            connection.execute(sql.SQL("grant capataz_viewer to {}").format(role))
    assert _until(lambda: scrape(gateway, TOKEN), 200).status_code == 200


def _until(ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
    """The answer once it has a status: for a second the last one is good for others too."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer.status_code == status or time.monotonic() > deadline:
            return answer
        time.sleep(0.1)


def test_without_a_token_keys_alone_are_answered(world: World, tmp_path: Path) -> None:
    with serving(world.gateway_dsn, tmp_path / "audit.log") as gateway:
        problem(scrape(gateway, TOKEN), 401, "RB401")
        problem(scrape(gateway, None), 401, "RB401")
        assert modules(scrape(gateway, world.keys["B", "admin"])) == {"B"}


def test_the_document_knows_it(gateway: Gateway) -> None:
    operation = httpx.get(f"{gateway.url}/openapi.json").json()["paths"]["/metrics"]["get"]
    assert set(operation["responses"]) == {"200", "401", "403", "429", "503"}


@pytest.mark.parametrize(
    ("options", "token", "said"),
    [
        (["--metrics-dsn", "{gateway}"], None, "CAPATAZ_METRICS_TOKEN"),
        (["--metrics-dsn", "{gateway}"], "short", "16 visible"),
        (["--metrics-dsn", "{gateway}"], "cpz_looks_like_a_key", "must not begin"),
        ([], TOKEN, "--dashboard-dsn"),
        (["--metrics-dsn", "{gateway}"], TOKEN, "neither capataz_viewer nor"),
        (["--metrics-dsn", "{superuser}"], TOKEN, "a superuser"),
    ],
)
def test_half_a_setting_is_refused_at_the_start(world: World, options: list[str], token: str | None, said: str) -> None:
    environment = {n: v for n, v in os.environ.items() if not n.startswith("CAPATAZ_")}
    environment |= {"COLUMNS": "200"} | ({"CAPATAZ_METRICS_TOKEN": token} if token else {})
    given = [option.format(gateway=world.gateway_dsn, superuser=world.dsn) for option in options]
    ended = subprocess.run(
        [sys.executable, "-m", "capataz", "serve", "--port", "0", "--dsn", world.gateway_dsn, *given],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.returncode != 0
    assert said in " ".join(ended.stderr.replace("│", " ").split())
    assert token is None or token not in ended.stderr


def test_settings_show_no_secret() -> None:
    assert TOKEN not in repr(MetricsSettings("postgresql://viewer:secret@db/work", TOKEN))
    assert "secret" not in repr(MetricsSettings("postgresql://viewer:secret@db/work", TOKEN))


def test_a_key_takes_a_token_of_its_rate_limit(gateway: Gateway, world: World) -> None:
    with world.connect() as connection:
        connection.execute(
            "select capataz.register_module('Limited', '1.0', array['X'], p_registration_data =>"
            ' \'{"rate_limit": {"per_second": 0.01, "burst": 2}}\')'
        )
        ((key,),) = connection.execute("select capataz.issue_api_key('Limited', 'x', array['read'])").fetchall()
    answers = [scrape(gateway, key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert scrape(gateway, TOKEN).status_code == 200

"""Metrics: what is exposed is what the tables hold, in a form that parsers of Prometheus accept (ADR 0027)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from psycopg import sql

from capataz.errors import Forbidden
from capataz.metrics import OPENMETRICS, MetricsServer, render
from support import MODULE, Connection, claim, claim_one, install_clock, register, submit

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(connection: Connection) -> Samples:
    """The samples of a scrape, by name and labels; the parser of OpenMetrics checks the form and the histograms."""
    body, content_type = render(connection, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_openmetrics(body.decode())
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


@pytest.fixture
def clock(db: Connection) -> Connection:
    install_clock(db)
    db.execute("update test_clock.clock set frozen_at = '2026-03-10 12:00:00'")
    return db


def tick(connection: Connection, seconds: float) -> None:
    connection.execute("update test_clock.clock set frozen_at = frozen_at + make_interval(secs => %s)", [seconds])


def test_metrics_show_what_the_tables_hold(clock: Connection) -> None:
    register(clock, "M", max_concurrency=5)
    register(clock, "Idle")
    clock.execute("select capataz.heartbeat_worker('w', 'M')")
    submit(clock, 3, "M", priority="HIGH")
    submit(clock, 2, "M", priority="LOW", available_at="2026-03-11T00:00:00")
    robots = claim(clock, 2, "M", "w")
    tick(clock, 40)
    clock.execute("select capataz.complete_execution(%s)", [robots[0][1]])
    clock.execute("select capataz.fail_execution(%s, 'secret text', p_retryable => false)", [robots[1][1]])
    claim_one(clock, "M", "w")
    submit(clock, 1, "M")
    tick(clock, 50)
    clock.execute("select capataz.heartbeat_worker('w', 'M')")
    clock.execute("select capataz.sample_resources(), capataz.fold_counters()")
    clock.execute("select capataz.run_job('fold_counters')")
    samples = scrape(clock)

    assert of(samples, "capataz_robots_waiting", module="M", priority="NORMAL") == 1
    assert of(samples, "capataz_robots_waiting", module="M", priority="LOW") == 2
    assert of(samples, "capataz_robots_not_due", module="M", priority="LOW") == 2
    assert of(samples, "capataz_robots_waiting", module="Idle", priority="CRITICAL") == 0
    assert of(samples, "capataz_queue_oldest_seconds", module="M") == 50
    assert of(samples, "capataz_queue_oldest_seconds", module="Idle") == 0
    assert of(samples, "capataz_executions_running", module="M") == 1
    assert of(samples, "capataz_module_concurrency_limit", module="M") == 5
    assert of(samples, "capataz_executions_ended_total", module="M", state="COMPLETED") == 1
    assert of(samples, "capataz_executions_ended_total", module="M", state="FAILED") == 1
    assert of(samples, "capataz_execution_duration_seconds_bucket", module="M", le="30.0") == 0
    assert of(samples, "capataz_execution_duration_seconds_bucket", module="M", le="60.0") == 1
    assert of(samples, "capataz_execution_duration_seconds_count", module="M") == 1
    assert of(samples, "capataz_execution_duration_seconds_sum", module="M") == 40
    assert (
        sum(v for (n, labels), v in samples.items() if n == "capataz_module_health" and ("module", "M") in labels) == 1
    )
    assert of(samples, "capataz_workers", module="M", state="alive") == 1
    assert of(samples, "capataz_job_last_success_timestamp_seconds", job="fold_counters") == pytest.approx(
        1773144090, abs=60
    )
    assert of(samples, "capataz_job_failed", job="fold_counters") == 0
    assert of(samples, "capataz_job_runs_total", job="fold_counters") == 1
    assert of(samples, "capataz_database_size_bytes") > 1e6
    assert of(samples, "capataz_sample_timestamp_seconds") == pytest.approx(1773144060, abs=60)


def test_both_formats_are_accepted_by_their_parsers(clock: Connection) -> None:
    register(clock, 'odd "name"\\')
    text, kind = render(clock, "text/plain; version=0.0.4")
    assert kind.startswith("text/plain")
    assert any(family.name == "capataz_robots_waiting" for family in parse_text(text.decode()))
    assert of(scrape(clock), "capataz_module_active", module='odd "name"\\') == 1


def test_names_and_units_follow_the_conventions(clock: Connection) -> None:
    register(clock)
    body, _ = render(clock, OPENMETRICS)
    for family in parse_openmetrics(body.decode()):
        assert re.fullmatch(r"capataz_[a-z_]+", family.name)
        assert not family.name.endswith(("_ms", "_percent", "_minutes", "_hours", "_mb")), family.name
        assert family.documentation.endswith("."), family.name
        if family.type == "counter":
            assert not family.name.endswith("_total")  # samples carry it
        for unit in ("seconds", "bytes"):
            if family.name.endswith(f"_{unit}"):
                assert family.unit == unit, family.name


def test_labels_never_name_robots_executions_or_workers(clock: Connection) -> None:
    register(clock)
    ids = submit(clock, 20)
    attempts = [execute_id for _, execute_id in claim(clock, 10, worker="worker-one")]
    clock.execute("select capataz.heartbeat_worker('worker-one', %s)", [MODULE])
    body = render(clock, OPENMETRICS)[0].decode()
    before = body.count("\n")
    for name in [*ids, *attempts, "worker-one"]:
        assert name not in body
    submit(clock, 200)
    assert render(clock, OPENMETRICS)[0].decode().count("\n") == before


def test_counters_only_grow(clock: Connection) -> None:
    register(clock, "M")
    last: Samples = {}
    for number in range(4):
        for execute_id in [e for _, e in (submit(clock, 5, "M"), claim(clock, 5, "M"))[1]]:
            tick(clock, 0.5)
            clock.execute("select capataz.complete_execution(%s)", [execute_id])
        clock.execute("select capataz.fold_counters()")
        if number % 2:
            clock.execute("delete from capataz.robot_execute")
            clock.execute("delete from capataz.robots")
            clock.execute("select capataz.rebuild_derived()")
        if number == 2:
            tick(clock, 86400 * 20)
            clock.execute("select capataz.trim_windows()")
        samples = scrape(clock)
        for (name, labels), value in samples.items():
            if name.endswith(("_total", "_bucket", "_count", "_sum")):
                assert value >= last.get((name, labels), 0), name
        last = samples
    assert of(last, "capataz_executions_ended_total", module="M", state="COMPLETED") == 20
    assert of(last, "capataz_execution_duration_seconds_count", module="M") == 20


def test_a_viewer_can_read_them_and_a_worker_cannot(db: Connection, admin: Connection) -> None:
    register(db)
    name = f"metrics_{os.getpid()}_{time.monotonic_ns()}"
    admin.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
    try:
        db.execute(sql.SQL("grant capataz_viewer to {}").format(sql.Identifier(name)))
        db.execute(sql.SQL("set role {}").format(sql.Identifier(name)))
        assert scrape(db)
        db.execute("reset role")
        db.execute(sql.SQL("revoke capataz_viewer from {0}; grant capataz_worker to {0}").format(sql.Identifier(name)))
        db.execute(sql.SQL("set role {}").format(sql.Identifier(name)))
        with pytest.raises(Forbidden):
            render(db, None)
    finally:
        db.execute("reset role")
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@pytest.fixture
def server(dsn: str) -> Iterator[MetricsServer]:
    with MetricsServer(dsn, "127.0.0.1", 0) as made:
        made.start()
        yield made
        made.stop()


def get(port: int, path: str = "/metrics", accept: str = OPENMETRICS) -> tuple[int, str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read().decode()


def test_the_server_answers_scrapes_and_survives_the_database(
    server: MetricsServer, dsn: str, admin: Connection
) -> None:
    status, content_type, body = get(server.port)
    assert (status, content_type.partition(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith("# EOF\n")
    assert get(server.port, accept="")[1].startswith("text/plain")
    assert get(server.port, "/elsewhere")[0] == 404
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    admin.execute(sql.SQL("alter database {} allow_connections false").format(sql.Identifier(str(name))))
    try:
        status, _, body = get(server.port)
        assert status == 503
        assert "password" not in body
    finally:
        admin.execute(sql.SQL("alter database {} allow_connections true").format(sql.Identifier(str(name))))
    assert get(server.port)[0] == 200


def test_the_command_prints_and_serves(dsn: str) -> None:
    environment = {**os.environ, "CAPATAZ_DSN": dsn}
    command = [sys.executable, "-m", "capataz", "metrics"]
    printed = subprocess.run(
        [*command, "--once"], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert list(parse_openmetrics(printed.stdout))
    with subprocess.Popen([*command, "--port", "0"], env=environment, stderr=subprocess.PIPE, text=True) as served:
        assert served.stderr is not None
        found = re.search(r":(\d+)/metrics", served.stderr.readline())
        assert found
        assert get(int(found[1]))[0] == 200
        served.send_signal(signal.SIGTERM)
        assert served.wait(30) == 0


def test_alert_rules_use_metrics_that_exist(clock: Connection) -> None:
    register(clock, max_concurrency=1)
    clock.execute("select capataz.sample_resources()")
    known = {name for name, _ in scrape(clock)}
    rules = (Path(__file__).parents[2] / "ops" / "alerts" / "capataz.rules.yml").read_text()
    expressions = "\n".join(
        line for line in rules.splitlines() if "summary:" not in line and "description:" not in line
    )
    used: set[Any] = set(re.findall(r"\bcapataz_[a-z_]+", expressions))
    # one comes with the backup, one is absent where nobody holds a snapshot
    assert used - known <= {"capataz_backup_last_success_timestamp_seconds", "capataz_oldest_snapshot_seconds"}
    assert len(used) >= 10

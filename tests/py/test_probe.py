"""The prober: what it makes of answers, what it records, and that several of them do no harm. Endpoints are real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

from capataz import Capataz
from capataz.cli import app
from capataz.errors import Forbidden
from capataz.probe import Answer, Probed, Prober, _explain

PATIENCE = 60.0

Connection = psycopg.Connection[tuple[Any, ...]]


class Endpoints:
    """A web server whose pages behave well or badly; ``url("/ok")``."""

    def __init__(self) -> None:
        outer = self
        self.release = threading.Event()
        self.actions: dict[str, Callable[[], None]] = {}
        self.lock = threading.Lock()
        self.calls: list[str] = []
        self.inside = self.most_inside = 0
        self.barrier = threading.Barrier(1)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with outer.lock:
                    outer.calls.append(self.path)
                    outer.inside += 1
                    outer.most_inside = max(outer.most_inside, outer.inside)
                try:
                    outer.answer(self)
                except OSError:  # the prober has hung up
                    pass
                finally:
                    with outer.lock:
                        outer.inside -= 1

            def log_message(self, *arguments: Any) -> None:
                del arguments

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, path: str, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.server.server_address[1]}{path}"

    def close(self) -> None:
        self.release.set()
        self.barrier.abort()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, _, name = request.path.partition("?")
        if name in self.actions:
            self.actions[name]()
        if path == "/hang":
            self.release.wait(PATIENCE)
        if path == "/together":
            self.barrier.wait(PATIENCE)
        if path == "/garbage":
            request.wfile.write(b"220 mail.example ESMTP\r\n")
            return
        status = {"/empty": 204, "/teapot": 418, "/error": 503, "/unchanged": 304}.get(path, 200)
        targets = {"/redirect": "/ok", "/loop": "/loop", "/elsewhere": "ftp://localhost/x"}
        if path in targets:
            status = 302
        request.send_response(status)
        if path in targets:
            request.send_header("Location", targets[path])
        request.end_headers()
        if path == "/drip":
            request.wfile.write(b"x")
            self.release.wait(PATIENCE)
        if path == "/endless":
            while not self.release.is_set():
                request.wfile.write(b"x" * 65536)


@pytest.fixture
def web() -> Iterator[Endpoints]:
    made = Endpoints()
    yield made
    made.close()


@pytest.fixture
def modules(db: Connection, web: Endpoints) -> Callable[..., str]:
    """``modules("/ok")`` registers a module with that endpoint and gives its name."""

    def register(path: str, name: str | None = None, **settings: Any) -> str:
        name = name or f"Module{uuid4().hex[:8]}"
        endpoint = web.url(path) if path.startswith("/") else path
        db.execute(
            "select capataz.register_module(%s, '1.0', array['work'], p_health_endpoint => %s,"
            " p_registration_data => %s)",
            [name, endpoint, json.dumps(settings)],
        )
        return name

    return register


def checks(db: Connection, module: str) -> list[tuple[Any, ...]]:
    return db.execute(
        "select is_healthy, response_time_ms is not null, error_message from capataz_ops.health_checks"
        " where module_name = %s order by check_id",
        [module],
    ).fetchall()


def check(endpoint: str, timeout: float = PATIENCE) -> Answer:
    return asyncio.run(Prober("", timeout=timeout).check(endpoint))


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


# --- answers


@pytest.mark.parametrize("path", ["/ok", "/empty", "/redirect", "/endless"])
def test_a_2xx_in_time_is_good(web: Endpoints, path: str) -> None:
    answer = check(web.url(path))
    assert (answer.healthy, answer.error_message) == (True, None)
    assert answer.response_time_ms is not None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/teapot", "HTTP 418 I'm a Teapot"),
        ("/error", "HTTP 503 Service Unavailable"),
        ("/unchanged", "HTTP 304 Not Modified"),
        ("/loop", "too many redirects: more than 5"),
    ],
)
def test_any_other_answer_is_failed_and_says_why(web: Endpoints, path: str, message: str) -> None:
    answer = check(web.url(path))
    assert answer.healthy is False
    assert answer.error_message is not None
    assert answer.error_message.lower() == message.lower()


@pytest.mark.parametrize(("path", "message"), [("/hang", "no answer"), ("/drip", "no end")])
def test_what_does_not_end_in_time_is_failed(web: Endpoints, path: str, message: str) -> None:
    answer = check(web.url(path), timeout=0.4)
    assert answer.healthy is False
    assert answer.error_message == f"timeout: {message} within 0.4 s"
    assert answer.response_time_ms is not None


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("ftp://localhost/x", "invalid URL"),
        ("file:///etc/passwd", "invalid URL"),
        ("localhost/health", "invalid URL"),
        ("http://", "invalid URL"),
        ("http://[/", ""),
        ("http://localhost:port/", "invalid URL"),
        ("http://no host/", ""),
        ("http://nobody.invalid/", "host not found"),
        ("\x00", "invalid URL"),
        ("日本語", "invalid URL"),
        ("http://localhost:99999/", ""),
    ],
)
def test_no_endpoint_breaks_the_prober(endpoint: str, message: str) -> None:
    answer = check(endpoint)
    assert answer.healthy is False
    assert answer.response_time_ms is None
    assert answer.error_message
    assert answer.error_message.startswith(message)
    assert len(answer.error_message) <= 300


def test_a_closed_port_another_protocol_and_no_tls_are_told_apart(web: Endpoints) -> None:
    assert check(f"http://127.0.0.1:{closed_port()}/").error_message == "connection refused"
    assert (check(web.url("/garbage")).error_message or "").startswith("not HTTP")
    assert (check(web.url("/ok", scheme="https")).error_message or "").startswith("TLS error")
    assert (check(web.url("/elsewhere")).error_message or "").startswith("invalid URL")


def test_what_is_wrong_with_a_certificate_is_said() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "certificate has expired"
    error = httpx.ConnectError("no")
    error.__cause__ = ExceptionGroup("attempts", [OSError(1, "x"), cause])
    assert _explain(error) == "TLS error: certificate has expired"


def test_a_message_never_holds_the_password_of_an_endpoint() -> None:
    for endpoint in ("http://me:secret@[/", "ftp://me:secret@localhost/", "http://me:secret@localhost:port/"):
        assert "secret" not in str(check(endpoint))


# --- one round


def test_what_is_due_is_checked_and_recorded(dsn: str, db: Connection, modules: Callable[..., str]) -> None:
    good, bad = modules("/ok", "Good"), modules("/error", "Bad")
    refused = modules(f"http://127.0.0.1:{closed_port()}/", "Refused")
    db.execute("select capataz.register_module('Silent', '1.0', array['work'])")
    modules("/ok", "Inactive")
    db.execute("select capataz.deactivate_module('Inactive')")
    found = Prober(dsn).once()
    assert [(p.module_name, p.healthy, p.error_message, p.health, p.note) for p in found] == [
        (bad, False, "HTTP 503 Service Unavailable", "DEGRADED", None),
        (good, True, None, "HEALTHY", None),
        (refused, False, "connection refused", "DEGRADED", None),
    ]
    assert checks(db, good) == [(True, True, None)]
    assert checks(db, bad) == [(False, True, "HTTP 503 Service Unavailable")]
    assert checks(db, refused) == [(False, False, "connection refused")]
    assert Prober(dsn).once() == []


def test_failed_checks_open_the_breaker_and_a_good_one_closes_it(
    dsn: str, db: Connection, web: Endpoints, modules: Callable[..., str]
) -> None:
    name = modules("/error", health_failure_threshold=2)

    def again() -> Any:
        db.execute("update capataz.module_registry set last_health_check = last_health_check - interval '1 hour'")
        (probed,) = Prober(dsn).once()
        return probed.health

    (first,) = Prober(dsn).once()
    assert [first.health, again()] == ["DEGRADED", "UNHEALTHY"]
    modules("/ok", name)
    assert again() == "HEALTHY"


def test_many_are_called_at_once_but_no_more_than_asked(dsn: str, web: Endpoints, modules: Callable[..., str]) -> None:
    web.barrier = threading.Barrier(12)
    for _ in range(12):
        modules("/together")
    assert [p.healthy for p in Prober(dsn, concurrency=12, timeout=PATIENCE).once()] == [True] * 12
    assert web.most_inside == 12


def test_no_more_than_the_concurrency(dsn: str, web: Endpoints, modules: Callable[..., str]) -> None:
    for _ in range(12):
        modules("/ok")
    assert len(Prober(dsn, concurrency=3, timeout=PATIENCE).once()) == 12
    assert web.most_inside <= 3


def test_what_somebody_else_recorded_meanwhile_stands(
    dsn: str, db: Connection, web: Endpoints, modules: Callable[..., str]
) -> None:
    name = modules("/error?pushed", "Pushed")

    def push() -> None:
        with psycopg.connect(dsn, autocommit=True) as other:
            other.execute("select capataz.record_health_check(%s, true, 7)", [name])

    web.actions["pushed"] = push
    (probed,) = Prober(dsn).once()
    assert (probed.healthy, probed.health, probed.note) == (False, None, "somebody else was quicker")
    assert checks(db, name) == [(True, True, None)]


def test_a_module_that_goes_away_meanwhile_is_no_error(dsn: str, web: Endpoints, modules: Callable[..., str]) -> None:
    name = modules("/ok?gone", "Gone")

    def remove() -> None:
        with psycopg.connect(dsn, autocommit=True) as other:
            other.execute("delete from capataz.module_registry where module_name = %s", [name])

    web.actions["gone"] = remove
    (probed,) = Prober(dsn).once()
    assert (probed.health, probed.note) == (None, "no longer registered")


def test_a_role_that_may_not_is_told_so(dsn: str) -> None:
    with pytest.raises(Forbidden, match="due_health_checks"):
        Prober(make_conninfo(dsn, options="-c role=capataz_worker")).once()


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": float("nan")}, {"every": -1}, {"concurrency": 0}])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Prober("", **options)


# --- all the time


class Running:
    """A prober in a thread of its own."""

    def __init__(self, dsn: str, **options: Any) -> None:
        self.results: list[Probed] = []
        self.prober = Prober(dsn, every=0.1, on_result=self.results.append, **options)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()

    def _main(self) -> None:
        try:
            self.prober.run()
        except BaseException as error:
            self.error = error

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.error is None, self.error
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    def stop(self) -> None:
        self.prober.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


def test_it_checks_again_when_a_module_is_due_again_and_survives_a_lost_connection(
    dsn: str, db: Connection, modules: Callable[..., str]
) -> None:
    name = modules("/ok", health_check_interval_seconds=1)
    running = Running(dsn)
    running.wait_for(lambda: len(running.results) >= 2)
    assert db.execute(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'capataz probe'"
        " and datname = current_database()"
    ).fetchone() == (1,)
    seen = len(running.results)
    running.wait_for(lambda: len(running.results) >= seen + 2)
    running.stop()
    assert running.error is None
    assert all(p.healthy for p in running.results)
    recorded = sum(p.health is not None for p in running.results)
    assert recorded <= len(checks(db, name)) <= len(running.results)


def test_one_that_hangs_does_not_keep_others_waiting(
    dsn: str, db: Connection, web: Endpoints, modules: Callable[..., str]
) -> None:
    hanging = modules("/hang", "Hanging")
    modules("/ok", "Quick", health_check_interval_seconds=1)
    running = Running(dsn, timeout=PATIENCE)
    running.wait_for(lambda: len(running.results) >= 2 and "/hang" in web.calls)
    running.stop()  # does not wait for it
    assert {p.module_name for p in running.results} == {"Quick"}
    assert checks(db, hanging) == []
    assert web.calls.count("/hang") == 1


def test_two_probers_at_once_do_not_count_a_failure_twice(
    dsn: str, db: Connection, web: Endpoints, modules: Callable[..., str]
) -> None:
    """Both call while the endpoint hangs, and both answers come: one counts."""
    name = modules("/hang", "Contested")
    first, second = Running(dsn, timeout=PATIENCE), Running(dsn, timeout=PATIENCE)
    first.wait_for(lambda: web.calls.count("/hang") == 2)
    web.release.set()
    notes = []
    for running in (first, second):
        running.wait_for(lambda running=running: bool(running.results))  # type: ignore[misc]
        running.stop()
        notes += [p.note for p in running.results]
    assert sorted(notes, key=str) == [None, "somebody else was quicker"]
    assert len(checks(db, name)) == 1


def test_a_database_that_is_not_there_yet_is_waited_for(
    dsn: str, db: Connection, admin: Connection, modules: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    modules("/ok", "Fine")
    name = sql.Identifier(db.info.dbname)
    admin.execute(sql.SQL("alter database {} with allow_connections false").format(name))
    running = Running(dsn)
    running.wait_for(lambda: "connection for health checks lost" in caplog.text)
    admin.execute(sql.SQL("alter database {} with allow_connections true").format(name))
    running.wait_for(lambda: bool(running.results))
    running.stop()
    assert running.error is None


# --- the command


def run(dsn: str, *arguments: str, exits: int = 0) -> Any:
    result = CliRunner().invoke(app, ["probe", "--dsn", dsn, *arguments])
    assert result.exit_code == exits, result.output
    return result


def test_the_command_shows_a_table_or_json(dsn: str, modules: Callable[..., str]) -> None:
    modules("/ok", "Fine")
    modules("/error", "Broken")
    text = run(dsn, "--once").stdout
    lines = [line.split() for line in text.splitlines()]
    assert lines[1][:2] == ["Broken", "failed"]
    assert lines[1][-6:] == ["ms", "DEGRADED", "HTTP", "503", "Service", "Unavailable"]
    assert lines[2][:2] == ["Fine", "good"]
    assert lines[2][-1] == "HEALTHY"
    assert "Nothing is due" in run(dsn, "--once").stderr
    modules("/ok", "Third")
    (found,) = json.loads(run(dsn, "--once", "--json").stdout)
    assert (found["module_name"], found["healthy"], found["health"]) == ("Third", True, "HEALTHY")
    assert json.loads(run(dsn, "--once", "--json").stdout) == []


def test_the_command_refuses_what_makes_no_sense(dsn: str) -> None:
    for option in (["--timeout", "0"], ["--concurrency", "0"], ["--every", "0"]):
        run(dsn, "--once", *option, exits=2)
    assert "cannot reach" in run("host=/nowhere", "--once", exits=3).stderr
    assert "not a connection string" in run("nonsense", "--once", exits=1).stderr
    forbidden = run(make_conninfo(dsn, options="-c role=capataz_viewer"), "--once", exits=1)
    assert "permission denied" in forbidden.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_in_order(
    dsn: str, db: Connection, web: Endpoints, modules: Callable[..., str], number: signal.Signals, code: int
) -> None:
    modules("/ok", "Quick")
    hanging = modules("/hang", "Hanging")
    process = subprocess.Popen(
        [sys.executable, "-m", "capataz", "probe", "--json", "--every", "0.1", "--timeout", "60"],
        env={**os.environ, "CAPATAZ_DSN": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    assert (line["module_name"], line["health"]) == ("Quick", "HEALTHY")
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert checks(db, hanging) == []


def test_the_class_takes_a_client(dsn: str, modules: Callable[..., str]) -> None:
    modules("/ok", "Fine")
    with Capataz(dsn) as client:
        assert [p.module_name for p in Prober(client).once()] == ["Fine"]

"""What the tests of the gateway share: a database with two modules and their keys, and a gateway in a process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from support import PATIENCE, Connection

SCOPES = ("submit", "work", "read", "admin")


@dataclass
class Gateway:
    """A running ``capataz serve``."""

    process: subprocess.Popen[str]
    url: str
    audit: Path
    log: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def lines(self, reference: str | None = None) -> list[dict[str, Any]]:
        """The audit log, or the lines with this reference."""
        text = self.audit.read_text("ascii") if self.audit.exists() else ""
        found = [json.loads(line) for line in text.splitlines()]
        return [line for line in found if reference in (None, line["reference"])]

    def line(self, answer: httpx.Response) -> dict[str, Any]:
        """The audit line of an answer. It is written once the answer is sent."""
        deadline = time.monotonic() + PATIENCE
        while not (found := self.lines(answer.headers["capataz-reference"])) and time.monotonic() < deadline:
            time.sleep(0.01)
        (line,) = found
        return line

    def logged(self, text: str) -> str:
        """The log once it holds a text."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = "".join(self.log)
            if text in found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{text!r} is not in the log: {''.join(self.log)}")

    def stop(self) -> int:
        """End it in order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        if self.reader is not None:
            self.reader.join(PATIENCE)
        return code


@contextlib.contextmanager
def serving(dsn: str, audit: Path, *options: str, **settings: str) -> Iterator[Gateway]:
    """A gateway on a free port, ended at the end; ``settings``: of its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAPATAZ_")} | settings
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "capataz", "serve", "--port", "0", "--verbose"),
            *("--dsn", dsn, "--audit-log", str(audit), *options),
        ],
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    if " at http" not in first:
        rest = process.stderr.read()
        process.wait(PATIENCE)
        raise AssertionError(first + rest)
    gateway = Gateway(process, first.split(" at ", 1)[1].strip(), audit, [first])

    def read() -> None:
        assert process.stderr is not None
        gateway.log.extend(process.stderr)

    gateway.reader = threading.Thread(target=read, daemon=True)
    gateway.reader.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{gateway.url}/healthz").status_code == 200:
                    break
            assert time.monotonic() < deadline, "".join(gateway.log)
            time.sleep(0.02)
        yield gateway
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def gateway_role(admin: Connection) -> Iterator[str]:
    """A login role for a gateway; dropped at the end."""
    name = f"capataz_test_gateway_{os.getpid()}_{time.monotonic_ns()}"
    admin.execute(sql.SQL("create role {} login in role capataz_gateway").format(sql.Identifier(name)))
    yield name
    admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@dataclass
class World:
    """A database with modules A and B of types INVOICE and REVIEW, and a key of each scope for each."""

    dsn: str
    gateway_dsn: str
    keys: dict[tuple[str, str], str]

    def connect(self) -> Connection:
        return psycopg.connect(self.dsn, autocommit=True)


def build(dsn: str, role: str) -> World:
    """Register the modules and issue the keys."""
    keys: dict[tuple[str, str], str] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for module in ("A", "B"):
            connection.execute("select capataz.register_module(%s, '1.0', array['INVOICE', 'REVIEW'])", [module])
            for scope in SCOPES:
                row = connection.execute(
                    "select capataz.issue_api_key(%s, %s, array[%s])", [module, f"{module} {scope}", scope]
                ).fetchone()
                assert row is not None
                keys[module, scope] = row[0]
    return World(dsn, make_conninfo(dsn, user=role), keys)


class Caller:
    """Calls a gateway with a key."""

    def __init__(self, gateway: Gateway, key: str | None) -> None:
        self.http = httpx.Client(base_url=gateway.url, timeout=PATIENCE, trust_env=False)
        if key is not None:
            self.http.headers["Authorization"] = f"Bearer {key}"

    def call(self, function: str, /, *, idempotency_key: str | None = None, **arguments: Any) -> httpx.Response:
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self.http.post(f"/v1/rpc/{function}", json=arguments, headers=headers)

    def post(self, function: str, body: bytes, **headers: str) -> httpx.Response:
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
        return self.http.post(f"/v1/rpc/{function}", content=body, headers=sent)

    def close(self) -> None:
        self.http.close()


def problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The answer as a problem, checked for everything that all problems have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    assert found["type"] == f"urn:capataz:error:{found['code']}"
    assert found["reference"] == answer.headers["capataz-reference"]
    assert found["title"]
    assert found["detail"]
    assert set(found) <= {"type", "title", "status", "detail", "hint", "code", "reference"}
    if code is not None:
        assert found["code"] == code
    return found

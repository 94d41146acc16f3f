"""Connections of the gateway that do not go on, and one too many (docs/gateway.md). No database: the protocol alone."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from capataz.gateway import app as gateway_app
from capataz.gateway import server
from capataz.gateway.app import Frame, Problems, Settings
from capataz.gateway.audit import AuditLog
from support import PATIENCE

Serve = Callable[..., contextlib.AbstractContextManager[int]]

ENDLESS = b"%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"


class _Nobody:
    role = None


async def _answers(scope: Any, receive: Any, send: Any) -> None:
    """Does not read the body, unless the path says so."""
    if scope["path"] == "/reads":
        while (await receive()).get("more_body"):
            pass
    body = b"ok" if scope["path"] != "/big" else b"x" * 20_000_000
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """``with serve(limit) as port``: the gateway's protocol and frame around an application that answers "ok"."""

    @contextlib.contextmanager
    def running(limit: int = server.MAX_CONNECTIONS, timeout: float = 30.0) -> Iterator[int]:
        settings = Settings("", timeout=timeout)
        framed = Frame(Problems(_answers, settings), AuditLog(tmp_path / "audit"), _Nobody(), settings)  # type: ignore[arg-type]
        configured = uvicorn.Config(
            framed, http=server.Protocol, ws="none", lifespan="off", log_config=None, limit_concurrency=limit
        )
        uvicorn_server = uvicorn.Server(configured)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            try:
                yield port
            finally:
                uvicorn_server.should_exit = True
                thread.join(PATIENCE)

    return running


def connect(port: int, request: bytes) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    opened.sendall(request)
    return opened


def answer(opened: socket.socket) -> bytes:
    """The next answer's headers and body; b"" at the end of the connection."""
    found = b""
    while b"\r\n\r\n" not in found:
        data = opened.recv(1)
        if not data:
            return found
        found += data
    size = next(int(line[15:]) for line in found.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while size:
        data = opened.recv(size)
        found += data
        size -= len(data)
    return found


def is_closed(opened: socket.socket) -> bool:
    """Whether the other side closes it, however many bytes it gets meanwhile."""
    try:
        return opened.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("request_", [ENDLESS % b"GET /", ENDLESS % b"POST /", CHUNKED], ids=["GET", "POST", "chunked"])
def test_a_body_that_never_ends_is_given_up_after_the_answer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, request_: bytes
) -> None:
    monkeypatch.setattr(server, "REST_SECONDS", 0.2)
    with serve() as port, connect(port, request_) as opened:
        assert answer(opened).startswith(b"HTTP/1.1 200")
        opened.sendall(b"1")  # what comes does not put it off
        assert is_closed(opened)


def test_a_body_that_is_waited_for_in_vain_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REST_SECONDS", 0.2)
    monkeypatch.setattr(gateway_app, "GRACE_SECONDS", 0.1)
    with serve(timeout=0.1) as port, connect(port, ENDLESS % b"POST /reads") as opened:
        assert answer(opened).startswith(b"HTTP/1.1 503")
        assert is_closed(opened)


def test_a_body_that_arrives_late_costs_no_connection(serve: Serve) -> None:
    with serve() as port, connect(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12") as opened:
        assert answer(opened).endswith(b"ok")
        opened.sendall(b"345GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(opened).endswith(b"ok")
        # a body that comes with its request, and requests that come together
        opened.sendall(b"POST /reads HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345" * 2)
        assert answer(opened).endswith(b"ok")
        assert answer(opened).endswith(b"ok")


@pytest.mark.parametrize(
    "before", [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_an_idle_connection_ends_whatever_came_last(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    """The rest of a body, or blank lines between requests, are no request."""
    with serve() as port, connect(port, before) as opened:
        assert answer(opened).endswith(b"ok")
        monkeypatch.setattr(server, "KEEP_ALIVE_SECONDS", 0.2)
        opened.sendall(b"x" if b"POST" in before else b"\r\n")
        assert is_closed(opened)


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_an_answer_that_nobody_takes_holds_no_connection(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, more: bytes
) -> None:
    monkeypatch.setattr(server, "TAKE_SECONDS", 0.2)
    get = b"GET %s HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n"
    with serve(2) as port, connect(port, get % b"/big") as opened:
        assert opened.recv(12) == b"HTTP/1.1 200"
        deadline = time.monotonic() + PATIENCE
        while True:  # as long as it is held, there is no room for a second one
            with connect(port, get % b"/") as second:
                if answer(second).startswith(b"HTTP/1.1 200"):
                    break
            assert time.monotonic() < deadline


def test_one_connection_too_many_is_a_problem_with_a_reference(serve: Serve, tmp_path: Path) -> None:
    get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with serve(3) as port, contextlib.ExitStack() as stack:
        for _ in range(2):
            opened = stack.enter_context(connect(port, get))
            assert answer(opened).startswith(b"HTTP/1.1 200")
        refused = stack.enter_context(connect(port, get))
        head, _, body = answer(refused).partition(b"\r\n\r\n")
        assert is_closed(refused)
    assert head.startswith(b"HTTP/1.1 503")
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    problem = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert (headers["connection"], headers["retry-after"]) == ("close", "1")
    assert (problem["status"], problem["code"]) == (503, "RB503")
    assert problem["reference"] == headers["capataz-reference"]
    lines = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    assert [(line["reference"], line["status"], line["code"]) for line in lines] == [
        (problem["reference"], 503, "RB503")
    ]

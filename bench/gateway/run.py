"""The gateway: POST /v1/rpc/submit_robot from keep-alive clients, with key check, rate limit and audit log on.

Usage: make bench ARGS='gateway -- --seconds 20 --clients 16 --workers 2'

The load generator shares the machine: it is one process that writes the same bytes again and again over loopback and
reads no more of an answer than its status and length. Target, on 2 cores: 1,000 requests/s, p95 below 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import psutil
import uvloop
from psycopg.conninfo import make_conninfo

ROLE = "capataz_bench_gateway"
LIMIT = {"rate_limit": {"per_second": 1_000_000, "burst": 1_000_000}}


class Client(asyncio.Protocol):
    """One keep-alive connection that has always one request under way."""

    def __init__(self, request: bytes, latencies: list[float], until: float) -> None:
        self.request = request
        self.latencies = latencies
        self.until = until
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.sent = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        at = head.lower().index(b"content-length:") + 15
        if len(body) < int(head[at : head.index(b"\r", at) if b"\r" in head[at:] else len(head)]):
            return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError(self.buffer.decode()))
            self.transport.close()
            return
        self.latencies.append(now - self.sent)
        self.buffer = b""
        if now < self.until:
            self.send()
        else:
            self.transport.close()
            self.ended.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or RuntimeError("the gateway closed the connection"))


async def load(port: int, request: bytes, clients: int, seconds: float) -> tuple[list[float], float]:
    """Latencies of all requests, and how long it took."""
    latencies: list[float] = []
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: Client(request, latencies, began + seconds), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(client.ended for client in made))
    return latencies, time.perf_counter() - began


def cpu_seconds(**roots: int) -> dict[str, float]:
    """CPU time that processes and their descendants have used so far."""
    spent = {}
    for name, pid in roots.items():
        process = psutil.Process(pid)
        spent[name] = 0.0
        for found in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                spent[name] += sum(found.cpu_times()[:2])
    return spent


def main() -> None:
    """Starts a gateway, warms it up, measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=6)
    parser.add_argument("--no-limit", action="store_true", help="without a rate limit")
    given = parser.parse_args()
    if given.seconds > 600 or given.clients > 256:
        sys.exit("at most 600 seconds and 256 clients")
    with common.database("capataz_bench_gateway") as dsn, common.connect(dsn) as connection:
        common.prepare(connection)
        connection.execute(f"drop role if exists {ROLE}".encode())
        connection.execute(f"create role {ROLE} login in role capataz_gateway".encode())
        if not given.no_limit:
            connection.execute(
                "select capataz.register_module(%s, '1.0', array['BENCH'], p_registration_data => %s)",
                [common.MODULE, json.dumps(LIMIT)],
            )
        row = connection.execute(
            "select capataz.issue_api_key(%s, 'bench', array['submit'])", [common.MODULE]
        ).fetchone()
        assert row is not None
        body = b'{"robot_type":"BENCH","input_data":{"document":1,"pages":3}}'
        request = (
            b"POST /v1/rpc/submit_robot HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
            + row[0].encode()
            + b"\r\n"
            b"Content-Type: application/json\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        with tempfile.NamedTemporaryFile() as audit:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "capataz", "serve", "--port", "0", "--dsn", make_conninfo(dsn, user=ROLE)),
                    *("--workers", str(given.workers), "--connections", str(given.connections)),
                    *("--audit-log", audit.name),
                ],
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                assert process.stderr is not None
                port = int(process.stderr.readline().rsplit(":", 1)[1])
                time.sleep(2)
                uvloop.run(load(port, request, given.clients, 3))
                roots = {"gateway": process.pid}
                if (server := psutil.Process(connection.info.backend_pid).parent()) is not None:
                    roots["PostgreSQL"] = server.pid
                before = cpu_seconds(**roots)
                latencies, seconds = uvloop.run(load(port, request, given.clients, given.seconds))
                used = {name: value - before[name] for name, value in cpu_seconds(**roots).items()}
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
            lines = Path(audit.name).read_bytes().count(b"\n")
        connection.execute(f"drop role {ROLE}".encode())
    latencies.sort()
    shown = ", ".join(f"{name} {latencies[int(len(latencies) * at)] * 1000:.1f} ms" for name, at in QUANTILES)
    print(
        f"submit_robot over HTTP, {given.clients} clients, {given.workers} processes: "
        f"{len(latencies) / seconds:,.0f} requests/s (target 1,000), {shown} (target p95 < 50 ms); "
        f"{lines:,} audit lines"
    )
    parts = ", ".join(f"{name} {value / len(latencies) * 1000:.2f} ms" for name, value in used.items())
    print(f"CPU time per request: {parts}")


QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))

if __name__ == "__main__":
    main()

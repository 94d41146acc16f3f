"""schemathesis over the gateway's OpenAPI document, with all its checks and one of ours: nothing of the inside is told.

A short run by default; ``make fuzz`` sends at least CAPATAZ_FUZZ requests. What is not as schemathesis has it, and why:

- 503 is an answer (RB503: no module can take it), so it is no server error;
- 400 is an answer to what the types allow: the document gives types, ranges of types and lengths; what a value means (a
  robot type that the module supports, a time that is to come) is a rule of the database.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from gateways import World, build, gateway_role, serving
from support import Connection

REQUESTS = int(os.environ.get("CAPATAZ_FUZZ", "300"))
SECONDS = 50 if REQUESTS <= 1000 else 1200

CONFIG = """
hooks = "hooks.py"
continue-on-failure = true
request-timeout = 30

[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", 503]

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 413, 429, 503]

[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, 431, 503]

[dictionaries]
modules.values = ["A", "B"]
types.values = ["INVOICE", "REVIEW", "OTHER"]
robots.values = [{robots}]
executions.values = [{executions}]

[parameters]
"body.module_name" = {{ dictionary = "modules", probability = 0.8 }}
"body.robot_type" = {{ dictionary = "types", probability = 0.8 }}
"body.robot_id" = {{ dictionary = "robots", probability = 0.5 }}
"body.execute_id" = {{ dictionary = "executions", probability = 0.8 }}
"path.robot_id" = {{ dictionary = "robots", probability = 0.5 }}
"""

HOOKS = """
import re

import schemathesis

INTERNALS = re.compile(
    "capataz_ops|PL/pgSQL|pg_catalog|relation |Traceback|psycopg|site-packages|CONTEXT:|DETAIL:|cpz_[0-9a-f]{16}_", re.A
)


@schemathesis.check
def tells_nothing_of_the_inside(ctx, response, case):
    if response.status_code >= 400:
        assert INTERNALS.search(response.text) is None, response.text
        assert response.headers["content-type"] == ["application/problem+json"], response.headers
    assert response.headers["capataz-reference"]
"""


@contextmanager
def kept_busy(world: World) -> Iterator[None]:
    """Module A is active, and has robots to claim, whatever the fuzzer does to it."""
    over = threading.Event()

    def keep() -> None:
        with psycopg.connect(world.dsn, autocommit=True) as connection:
            while not over.wait(0.2):
                with contextlib.suppress(psycopg.Error):  # deactivated again in between
                    connection.execute("select capataz.activate_module('A')")
                    connection.execute("select capataz.submit_robot('INVOICE', '{\"document\": 1}', 'A')")

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 250)
def test_schemathesis_finds_nothing(dsn: str, admin: Connection, tmp_path: Path) -> None:
    with gateway_role(admin) as role:
        world = build(dsn, role)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for module in ("A", "B"):
                connection.execute(
                    "select capataz.submit_robot('INVOICE', '{}', %s) from generate_series(1, 12)", [module]
                )
                connection.execute("select capataz.claim_robots(%s, 6)", [module])
            rows = connection.execute(
                "select r.robot_id, e.execute_id from capataz.robots as r"
                " left join capataz.robot_execute as e on e.robot_id = r.robot_id"
            ).fetchall()
        (tmp_path / "schemathesis.toml").write_text(
            CONFIG.format(
                robots=", ".join(f'"{robot_id}"' for robot_id, _ in rows),
                executions=", ".join(f'"{execute_id}"' for _, execute_id in rows if execute_id),
            )
        )
        (tmp_path / "hooks.py").write_text(HOOKS)
        audit = tmp_path / "audit.log"
        with serving(world.gateway_dsn, audit) as gateway, kept_busy(world):
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
                    *("run", f"{gateway.url}/openapi.json", "--url", gateway.url, "--checks", "all"),
                    *("--header", f"Authorization: Bearer {world.keys['A', 'admin']}"),
                    *(
                        "--phases",
                        "coverage,fuzzing" if REQUESTS > 1000 else "fuzzing",
                        "--no-shrink",
                        "--seed",
                        "20261128",
                    ),
                    *("--max-examples", str(max(6, REQUESTS // 40)), "--workers", "2"),
                ],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=SECONDS + 200,
            )
            failed = [line for line in gateway.log if " ERROR " in line]
        lines = audit.read_text("ascii").splitlines()
    summary = re.findall(r"Test cases:\n.*|=+ .* =+$", done.stdout)
    print(*summary, f"{len(lines)} requests in the audit log", sep="\n")
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-5000:]
    assert not failed, failed[:5]
    assert len(lines) >= REQUESTS

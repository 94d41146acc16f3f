"""What the benchmarks share: a deployed database of their own, a module, a backlog, pgbench."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capataz import deploy

LIFECYCLE = Path(__file__).resolve().parent / "lifecycle"
MODULE = "Bench"


def server_dsn() -> str:
    """URL of the server under test: CAPATAZ_DSN, a superuser's."""
    return os.environ.get("CAPATAZ_DSN") or sys.exit("CAPATAZ_DSN is not set: run `make bench`")


@contextmanager
def database(name: str, keep: bool = False) -> Iterator[str]:
    """Connection string of a freshly deployed database, dropped at the end unless ``keep``."""
    server = server_dsn()
    identifier = sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))
        admin.execute(sql.SQL("create database {}").format(identifier))
    dsn = make_conninfo(server, dbname=name)
    try:
        deploy.migrate(dsn)
        yield dsn
    finally:
        if not keep:
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(sql.SQL("drop database if exists {} with (force)").format(identifier))


def connect(dsn: str) -> psycopg.Connection[Any]:
    """An autocommit connection."""
    return psycopg.connect(dsn, autocommit=True, application_name="capataz bench")


def prepare(connection: psycopg.Connection[Any], history: int = 0) -> None:
    """Registers the module, imports ``history`` COMPLETED robots, and stores an array of 1000 robots to submit."""
    connection.execute("select capataz.register_module(%s, '1.0', array['BENCH'])", [MODULE])
    connection.execute(
        """
        insert into capataz.robots (
          robot_id, robot_type, status, module_name, input_data, created_at, started_at, completed_at
        )
        select
          'history_' || g.n, 'BENCH', 'COMPLETED', %s, '{"document": 1}',
          t.at - interval '1 day', t.at, t.at
        from generate_series(1, %s) as g (n)
        cross join (select capataz.utc_now() - interval '2 days' as at) as t
        """,
        [MODULE, history],
    )
    connection.execute("create schema bench")
    connection.execute(
        """
        create table bench.bulk as
        select jsonb_agg(
          jsonb_build_object('robot_type', 'BENCH', 'input_data', jsonb_build_object('document', g.n, 'pages', 3))
        ) as robots
        from generate_series(1, 1000) as g (n)
        """
    )


def fill(connection: psycopg.Connection[Any], wanted: int) -> None:
    """Brings the number of PENDING robots up to ``wanted``, then vacuums, analyzes and writes a checkpoint."""
    row = connection.execute("select count(*) from capataz.robots where status = 'PENDING'").fetchone()
    assert row is not None
    for _ in range(max(0, wanted - row[0] + 999) // 1000):
        connection.execute("select count(*) from capataz.submit_robots((select b.robots from bench.bulk as b))")
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


def pgbench(
    dsn: str,
    script: Path,
    clients: int,
    seconds: int,
    variables: Mapping[str, int] | None = None,
    progress: int = 0,
    rate: int = 0,
) -> tuple[float, list[float]]:
    """Transactions per second over all, and per interval of ``progress`` seconds (0: none).

    ``rate``: at most so many a second (0: as many as it can).
    """
    program = shutil.which("pgbench") or next(
        iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")), reverse=True)), None
    )
    if program is None:
        sys.exit("pgbench not found: install the server package of PostgreSQL")
    parts = conninfo_to_dict(dsn)
    environment = dict(os.environ)
    for key, name in (("host", "PGHOST"), ("port", "PGPORT"), ("user", "PGUSER"), ("password", "PGPASSWORD")):
        if parts.get(key):
            environment[name] = str(parts[key])
    command = [program, "-n", "-M", "prepared", "-j", "2", "-c", str(clients), "-T", str(seconds), "-f", str(script)]
    if progress:
        command += ["-P", str(progress)]
    if rate:
        command += ["-R", str(rate)]
    for name, value in (variables or {}).items():
        command += ["-D", f"{name}={value}"]
    done = subprocess.run(
        [*command, str(parts["dbname"])], env=environment, capture_output=True, text=True, check=False
    )
    total = re.search(r"tps = ([0-9.]+)", done.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if done.returncode or total is None or (failed and failed.group(1) != "0"):
        sys.exit(f"{script.name}: pgbench failed\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
    intervals = [float(found) for found in re.findall(r"progress: [0-9.]+ s, ([0-9.]+) tps", done.stderr)]
    return float(total.group(1)), intervals

"""Throughput of the robot lifecycle, next to a minimal ``skip locked`` queue on a narrow table in the same run.

Usage: python bench/lifecycle/run.py [--seconds 20] [--history 500000] [--only batch20,...]

Needs CAPATAZ_DSN (a superuser's URL of a server with room for a database of its own, which is dropped at the end) and
pgbench on PATH or in PostgreSQL's own directory. Prints one line per figure: robots per second, and the ratio to the yardstick.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capataz import deploy

HERE = Path(__file__).resolve().parent
DATABASE = "capataz_bench_lifecycle"
# figure: script, clients, robots per transaction, target per second, pgbench variables
FIGURES: dict[str, tuple[str, int, int, int, dict[str, int]]] = {
    "narrow100": ("narrow_batch.sql", 2, 100, 0, {"size": 100}),
    "batch20": ("batch.sql", 4, 20, 11_000, {"size": 20}),
    "batch100": ("batch.sql", 2, 100, 16_000, {"size": 100}),
    "single": ("single.sql", 8, 1, 1_300, {}),
    "submit": ("submit.sql", 8, 1, 7_000, {}),
    "submit_bulk": ("submit_bulk.sql", 2, 1000, 40_000, {}),
}


def pgbench() -> str:
    """Path of pgbench."""
    found = shutil.which("pgbench") or next(iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")))), None)
    if found is None:
        sys.exit("pgbench not found: install the server package of PostgreSQL")
    return found


@contextmanager
def database(server: str, keep: bool) -> Iterator[str]:
    """A deployed database of our own, dropped at the end."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"drop database if exists {DATABASE} with (force)")
        admin.execute(f"create database {DATABASE}")
    dsn = make_conninfo(server, dbname=DATABASE)
    try:
        deploy.migrate(dsn)
        yield dsn
    finally:
        if not keep:
            with psycopg.connect(server, autocommit=True) as admin:
                admin.execute(f"drop database if exists {DATABASE} with (force)")


def prepare(connection: psycopg.Connection[Any], history: int) -> None:
    """Registers the module, loads the history, makes the yardstick's table."""
    connection.execute("select capataz.register_module('Bench', '1.0', array['BENCH'])")
    connection.execute(
        """
        insert into capataz.robots (robot_id, robot_type, status, module_name, input_data, created_at, started_at, completed_at)
        select 'history_' || g, 'BENCH', 'COMPLETED', 'Bench', '{"document": 1}',
               capataz.utc_now() - interval '3 days', capataz.utc_now() - interval '2 days', capataz.utc_now() - interval '2 days'
        from generate_series(1, %s) as g
        """,
        [history],
    )
    connection.execute("create schema bench")
    connection.execute("create table bench.bulk as select jsonb_agg(jsonb_build_object('robot_type', 'BENCH', 'input_data',"
                       " jsonb_build_object('document', g, 'pages', 3))) as robots from generate_series(1, 1000) as g")
    connection.execute("create table bench.queue (id bigint generated always as identity primary key, state int default 0)")
    connection.execute("create index on bench.queue (id) where state = 0")


def fill(connection: psycopg.Connection[Any], narrow: bool, wanted: int) -> None:
    """Brings the backlog up to what the next figure needs."""
    if narrow:
        connection.execute("insert into bench.queue (state) select 0 from generate_series(1, %s)", [wanted])
    else:
        row = connection.execute(
            "select count(*) from capataz.robots where status = 'PENDING' and module_name = 'Bench'"
        ).fetchone()
        assert row is not None
        for _ in range(max(0, wanted - row[0]) // 1000 + 1):
            connection.execute("select count(*) from capataz.submit_robots((select robots from bench.bulk))")
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


def measure(dsn: str, figure: str, seconds: int) -> float:
    """Robots per second of one figure."""
    script, clients, robots, _, variables = FIGURES[figure]
    parts = conninfo_to_dict(dsn)
    environment = {**os.environ}
    for key, name in (("host", "PGHOST"), ("port", "PGPORT"), ("user", "PGUSER"), ("password", "PGPASSWORD")):
        if parts.get(key):
            environment[name] = str(parts[key])
    command = [pgbench(), "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", str(HERE / script)]
    for name, value in variables.items():
        command += ["-D", f"{name}={value}"]
    done = subprocess.run([*command, str(parts["dbname"])], env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if done.returncode or found is None:
        sys.exit(f"{figure}: pgbench failed\n{done.stderr[-2000:]}")
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if failed and failed.group(1) != "0":
        sys.exit(f"{figure}: {failed.group(1)} transactions failed")
    return float(found.group(1)) * robots


def main() -> None:
    """Runs the figures and prints them."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--history", type=int, default=500_000)
    arguments.add_argument("--only", default=",".join(FIGURES))
    arguments.add_argument("--keep", action="store_true", help="leave the database for a look")
    given = arguments.parse_args()
    server = os.environ.get("CAPATAZ_DSN") or sys.exit("CAPATAZ_DSN is not set")
    yardstick = 0.0
    with database(server, given.keep) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        prepare(connection, given.history)
        version = connection.execute("show server_version").fetchone()
        print(f"PostgreSQL {version[0] if version else '?'}, {given.history} robots of history, {given.seconds} s a figure")
        print(f"{'figure':<12} {'clients':>7} {'robots/s':>10} {'target':>8} {'to narrow':>10}")
        for figure in given.only.split(","):
            _, clients, robots, target, _ = FIGURES[figure]
            if not figure.startswith("submit"):
                rate = 100_000 if figure.startswith("narrow") else 30_000 if robots > 1 else 3_000
                fill(connection, figure.startswith("narrow"), rate * given.seconds)
            rate_measured = measure(dsn, figure, given.seconds)
            if figure == "narrow100":
                yardstick = rate_measured
            ratio = f"{rate_measured / yardstick:10.3f}" if yardstick else ""
            print(f"{figure:<12} {clients:>7} {rate_measured:>10,.0f} {target or '':>8} {ratio}", flush=True)


if __name__ == "__main__":
    main()

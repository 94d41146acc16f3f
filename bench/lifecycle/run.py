"""Throughput of the robot lifecycle, next to a minimal ``skip locked`` queue on a narrow table in the same run.

Usage: make bench ARGS='lifecycle -- --seconds 20 --history 500000 --only batch20,batch100'

Prints one line per figure: robots per second, the target, and the ratio to the narrow queue measured just before it.
``limit100`` is ``batch100`` with a max_concurrency that is never reached: at most 10 % slower (ADR 0007).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
from psycopg.types.json import Jsonb

# figure: script, clients, robots per transaction, target per second
FIGURES: dict[str, tuple[str, int, int, int]] = {
    "batch20": ("batch.sql", 4, 20, 11_000),
    "batch100": ("batch.sql", 2, 100, 16_000),
    "limit100": ("batch.sql", 2, 100, 0),
    "single": ("single.sql", 8, 1, 1_300),
    "submit": ("submit.sql", 8, 1, 7_000),
    "submit_bulk": ("submit_bulk.sql", 2, 1000, 40_000),
}


def main() -> None:
    """Runs the figures and prints them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--history", type=int, default=500_000)
    parser.add_argument("--only", default=",".join(FIGURES))
    parser.add_argument("--keep", action="store_true", help="leave the database for a look")
    given = parser.parse_args()
    with common.database("capataz_bench_lifecycle", given.keep) as dsn, common.connect(dsn) as connection:
        common.prepare(connection, given.history)
        connection.execute("create table bench.queue (id bigint generated always as identity, state int default 0)")
        connection.execute("alter table bench.queue add primary key (id)")
        connection.execute("create index on bench.queue (id) where state = 0")
        row = connection.execute("show server_version").fetchone()
        print(f"PostgreSQL {row[0] if row else '?'}, {given.history} robots of history, {given.seconds} s a figure")
        print(f"{'figure':<12} {'clients':>7} {'robots/s':>10} {'target':>8} {'narrow/s':>10} {'ratio':>7}")
        for figure in given.only.split(","):
            script, clients, robots, target = FIGURES[figure]
            yardstick_seconds = max(3, given.seconds // 4)
            connection.execute(
                "insert into bench.queue (state) select 0 from generate_series(1, %s)", [100_000 * yardstick_seconds]
            )
            if not figure.startswith("submit"):
                common.fill(connection, (30_000 if robots > 1 else 3_000) * given.seconds)
            limit = 1_000_000 if figure.startswith("limit") else None
            connection.execute(
                "select capataz.register_module(%s, '1.0', array['BENCH'], p_registration_data => %s)",
                [common.MODULE, Jsonb({"max_concurrency": limit})],
            )
            connection.execute("vacuum analyze bench.queue")
            narrow, _ = common.pgbench(dsn, common.LIFECYCLE / "narrow_batch.sql", 2, yardstick_seconds, {"size": 100})
            variables = {"size": robots} if script == "batch.sql" else {}
            rate, _ = common.pgbench(dsn, common.LIFECYCLE / script, clients, given.seconds, variables)
            aim = f"{target:,}" if target else ""
            print(
                f"{figure:<12} {clients:>7} {rate * robots:>10,.0f} {aim:>8} {narrow * 100:>10,.0f}"
                f" {rate * robots / (narrow * 100):>7.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

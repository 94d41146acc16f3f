"""Throughput while a forgotten transaction pins an old snapshot: the last 10 s against the first 10 s.

Usage: make bench ARGS='pinned -- --seconds 60'

A REPEATABLE READ transaction stays open for the whole run; 4 clients claim and complete in batches of 20.
Target: the last 10 s reach 80 % of the first 10 s.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common


def main() -> None:
    """Runs the queue under a pinned snapshot and prints the rate per 10 seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--history", type=int, default=500_000)
    given = parser.parse_args()
    with common.database("capataz_bench_pinned") as dsn, common.connect(dsn) as connection:
        common.prepare(connection, given.history)
        common.fill(connection, 20_000 * given.seconds)
        with common.connect(dsn) as forgotten:
            forgotten.execute("begin isolation level repeatable read")
            forgotten.execute("select count(*) from capataz.module_registry")
            _, rates = common.pgbench(dsn, common.LIFECYCLE / "batch.sql", 4, given.seconds, {"size": 20}, progress=10)
            forgotten.execute("rollback")
        for place, rate in enumerate(rates):
            print(f"{place * 10:>4} to {place * 10 + 10:>3} s: {rate * 20:>8,.0f} robots/s")
        print(f"last to first: {rates[-1] / rates[0]:.2f} (target 0.80)")


if __name__ == "__main__":
    main()

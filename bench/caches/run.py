"""Latency of cached reads, health and routing with many modules and robots, while robots are claimed and completed.

Usage: make bench ARGS='caches -- --modules 1000 --robots 1000000 --seconds 60'

Each type of robot is supported by two modules in a hundred, and the type ALL by all. Of the robots nine in ten are
history and one in ten waits. ``--clients`` pgbench clients claim and complete batches of 5 of random modules, in all at
most ``--rate`` batches a second (0: as many as they can; then the figures are mostly those of the scheduler), and the
jobs run as `capataz tick` runs them. One more client measures: the answer to a call on an open connection, JSON left as
text; `select 1` shows what the machine itself takes. A submit is compared with one that names a module: the next of
those that support the type, in turn.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

MODULES = """
select count(*)
from generate_series(1, %(modules)s) as g (n)
cross join lateral capataz.register_module(
  'Module ' || g.n, '1.0', array['TYPE_' || g.n %% 100, 'TYPE_' || (g.n * 7 + 3) %% 100, 'ALL'],
  p_registration_data => case
    when g.n %% 5 = 0 then '{}'::jsonb else jsonb_build_object('max_concurrency', 50 + g.n %% 40)
  end
)
"""

ROBOTS = """
insert into capataz.robots (
  robot_id, robot_type, status, module_name, input_data, priority, created_at, available_at, started_at, completed_at
)
select
  'load_' || g.n, 'ALL', case when r.waits then 'PENDING' else 'COMPLETED' end::capataz.robot_status_enum,
  'Module ' || g.n %% %(modules)s + 1, '{"document": 17, "pages": 3}',
  (enum_range(null::capataz.priority_enum))[1 + g.n / 7 %% 4],
  t.at, t.at, case when not r.waits then t.at end, case when not r.waits then t.at end
from generate_series(%(first)s, %(last)s) as g (n)
cross join lateral (select g.n / %(modules)s %% 10 = 0 as waits) as r
cross join lateral (select capataz.utc_now() - interval '30 minutes' + g.n %% 1000 * interval '1 second' as at) as t
"""

CACHED = "select capataz.cached('{}')"

# what is measured: statement, target for the 99th percentile in milliseconds
CALLS: dict[str, tuple[str, float | None]] = {
    "cached active_modules": (CACHED.format("active_modules"), 2),
    "cached routing_table": (CACHED.format("routing_table"), 2),
    "cached performance_scoreboard": (CACHED.format("performance_scoreboard"), 2),
    "cached system_health": (CACHED.format("system_health"), 2),
    "system_health()": ("select * from capataz.system_health()", 15),
    "route_robot, 20 candidates": ("select capataz.route_robot('TYPE_7')", None),
    "route_robot, all modules": ("select capataz.route_robot('ALL')", None),
    "select 1": ("select 1", None),
}

SUBMIT = "select robot_id from capataz.submit_robot(%s, '{}', %s)"


def percentile(values: list[float], share: float) -> float:
    """A percentile of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]


def milliseconds(connection: psycopg.Connection[Any], statement: str, arguments: Sequence[Any] | None = None) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    connection.execute(statement.encode(), arguments, prepare=True).fetchall()
    return (time.perf_counter() - begun) * 1000


def load(connection: psycopg.Connection[Any], modules: int, robots: int) -> None:
    """Registers the modules and imports the robots."""
    connection.execute(MODULES.encode(), {"modules": modules})
    for first in range(0, robots, 100_000):
        last = min(first + 100_000, robots) - 1
        connection.execute(ROBOTS.encode(), {"modules": modules, "first": first, "last": last})
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


@contextmanager
def ticking(dsn: str) -> Iterator[None]:
    """Runs due jobs every second, as `capataz tick` does."""
    stop = threading.Event()

    def tick() -> None:
        with common.connect(dsn) as connection:
            while not stop.wait(1.0):
                connection.execute("select * from capataz.run_due_jobs()")

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure_calls(dsn: str, going_on: Callable[[], bool]) -> dict[str, list[float]]:
    """Takes turns between the calls while the load lasts."""
    found: dict[str, list[float]] = {name: [] for name in CALLS}
    with common.connect(dsn) as connection:
        set_json_loads(lambda text: text, connection)
        while going_on():
            for name, (statement, _) in CALLS.items():
                found[name].append(milliseconds(connection, statement))
    return {name: sorted(values[1:]) for name, values in found.items()}


def measure_submits(dsn: str, kind: str, going_on: Callable[[], bool]) -> tuple[list[float], list[float]]:
    """Takes turns between submits with a fixed module and routed ones while the load lasts."""
    pinned: list[float] = []
    routed: list[float] = []
    with common.connect(dsn) as connection:
        connection.execute("set synchronous_commit = off")  # the flush of the commit is not what is compared
        rows = connection.execute("select module_name from capataz.routing_table where robot_type = %s", [kind])
        modules = itertools.cycle(row[0] for row in rows.fetchall())
        while going_on():
            pinned.append(milliseconds(connection, SUBMIT, [kind, next(modules)]))
            routed.append(milliseconds(connection, SUBMIT, [kind, None]))
    return sorted(pinned[5:]), sorted(routed[5:])


def main() -> None:
    """Loads, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", type=int, default=1000)
    parser.add_argument("--robots", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--keep", action="store_true", help="leave the database for a look")
    given = parser.parse_args()

    with common.database("capataz_bench_caches", given.keep) as dsn, common.connect(dsn) as connection:
        load(connection, given.modules, given.robots)
        row = connection.execute("show server_version").fetchone()
        print(f"PostgreSQL {row[0] if row else '?'}, {given.modules} modules, {given.robots} robots", end=", ")
        print(f"{given.clients} clients, {given.rate or 'no limit of'} batches/s, {given.seconds} s")
        script = Path(__file__).with_name("batch_any.sql")
        with ThreadPoolExecutor(1) as pool, ticking(dsn):
            connection.execute("select capataz.warm_caches()")
            done = pool.submit(
                common.pgbench, dsn, script, given.clients, given.seconds, {"modules": given.modules}, 0, given.rate
            )
            found = measure_calls(dsn, lambda: not done.done())
            rate, _ = done.result()
            print(f"{rate * 5:,.0f} robots/s claimed and completed meanwhile")
            print(f"{'call':<32} {'calls':>7} {'p50 ms':>8} {'p99 ms':>8} {'target':>7}")
            for name, values in found.items():
                target = CALLS[name][1]
                print(
                    f"{name:<32} {len(values):>7} {percentile(values, 0.5):>8.3f} {percentile(values, 0.99):>8.3f}"
                    f" {f'{target:g}' if target else '':>7}"
                )
            for kind, text in (("TYPE_7", "20 candidates"), ("ALL", "all modules")):
                done = pool.submit(
                    common.pgbench,
                    dsn,
                    script,
                    given.clients,
                    given.seconds // 3,
                    {"modules": given.modules},
                    0,
                    given.rate,
                )
                pinned, routed = measure_submits(dsn, kind, lambda: not done.done())  # noqa: B023
                done.result()
                before, after = percentile(pinned, 0.5), percentile(routed, 0.5)
                print(
                    f"submit_robot, {text}: p50 {before:.3f} ms with a module, {after:.3f} ms routed:"
                    f" routing adds {after - before:.3f} ms (target 0.2), {len(routed)} submits"
                )


if __name__ == "__main__":
    main()

"""How fast the analytics functions are on a big system while it works.

Usage: make bench ARGS='analytics -- --robots 10000000 --queue 100000 --seconds 60'

1. Builds the big database (bench/big.py).
2. Lets ``--rate`` robots a second be submitted, claimed and completed, with all jobs running as they are due.
3. Meanwhile calls every function for ``--seconds`` in turn: p50 and p99, target 100 ms.
4. Prints the plans of the statements inside each function (``--plans``), with buffers.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import big
import common
import psycopg

READS = {
    "performance_scoreboard": "select * from capataz.performance_scoreboard()",
    "module_benchmark, 7 days": "select * from capataz.module_benchmark()",
    "module_benchmark, a year": "select * from capataz.module_benchmark(capataz.utc_now() - interval '365 days')",
    "step_analysis": "select * from capataz.step_analysis()",
    "error_patterns, 7 days": "select * from capataz.error_patterns()",
    "error_patterns, a year": "select * from capataz.error_patterns(capataz.utc_now() - interval '200 days')",
    "capacity_plan": "select * from capataz.capacity_plan()",
    "queue_forecast, a module": "select * from capataz.queue_forecast('Bench1')",
    "queue_forecast, all": "select * from capataz.queue_forecast()",
    "robot_timeline": "select * from capataz.robot_timeline('history_' || (1 + floor(random() * %(robots)s))::bigint)",
}


def run_jobs(dsn: str, stop: threading.Event) -> None:
    """Runs the jobs that are due, once a second, as capataz tick does."""
    with common.connect(dsn) as connection:
        while not stop.wait(1):
            for (name,) in connection.execute("select job_name from capataz.list_jobs() where is_due").fetchall():
                connection.execute("select capataz.run_job(%s)", [name])


def reads_beside_work(dsn: str, robots: int, seconds: int, rate: int) -> None:
    """Prints p50 and p99 of each function while robots are worked."""
    stop = threading.Event()
    times: dict[str, list[float]] = {name: [] for name in READS}
    worked = [0.0]

    def work() -> None:
        done, _ = common.pgbench(dsn, Path(__file__).with_name("work.sql"), 2, seconds + 5, {}, rate=max(1, rate // 20))
        worked[0] = done * 20

    workers = [threading.Thread(target=work), threading.Thread(target=run_jobs, args=(dsn, stop))]
    for worker in workers:
        worker.start()
    try:
        with common.connect(dsn) as connection:
            for query in READS.values():  # their plans, once
                connection.execute(query.encode(), {"robots": robots}).fetchall()
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for name, query in READS.items():
                    begun = time.monotonic()
                    connection.execute(query.encode(), {"robots": robots}).fetchall()
                    times[name].append((time.monotonic() - begun) * 1000)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    print(f"\nwhile {worked[0]:,.0f} robots/s are submitted, claimed and completed")
    print(f"{'function':<28} {'calls':>6} {'p50 ms':>9} {'p99 ms':>9}   target 100")
    for name, taken in times.items():
        ordered = sorted(taken)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        print(f"{name:<28} {len(taken):>6} {statistics.median(ordered):>9.1f} {p99:>9.1f}", flush=True)


def plans(dsn: str, robots: int) -> None:
    """Prints the plans of the statements inside each function."""
    with common.connect(dsn) as connection:
        found: list[str] = []
        connection.add_notice_handler(lambda notice: found.append(notice.message_primary or ""))
        try:
            connection.execute("load 'auto_explain'")
        except psycopg.Error as error:
            print(f"no plans: {error}")
            return
        for setting in (
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_analyze = on",
            "auto_explain.log_buffers = on",
            "auto_explain.log_timing = off",
            "auto_explain.log_nested_statements = on",
            "auto_explain.log_level = notice",
            "client_min_messages = notice",
        ):
            connection.execute(f"set {setting}".encode())
        for name, query in READS.items():
            found.clear()
            connection.execute(query.encode(), {"robots": robots}).fetchall()
            print(f"\n=== {name}")
            # short statements are helpers: checks of arguments and the like
            for plan in found:
                if float(plan.split("duration: ")[-1].split(" ms")[0] if "duration: " in plan else 0) >= 1:
                    print(plan)


def main() -> None:
    """Builds, measures, prints."""
    parser = big.arguments(__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1000, help="robots a second that are worked meanwhile")
    given = parser.parse_args()
    with big.database(given) as dsn:
        reads_beside_work(dsn, given.robots, given.seconds, given.rate)
        if given.plans:
            plans(dsn, given.robots)


if __name__ == "__main__":
    main()

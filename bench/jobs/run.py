"""What the scheduled jobs cost on a big, idle system; whether they ever make a claim wait; how fast people's views are.

Usage: make bench ARGS='jobs -- --robots 10000000 --queue 1000000'

1. Builds the big database (bench/big.py).
2. Runs each job as often as its minute, hour or day allows and prints the processor time of its backend, as it is in a
   day of an idle system: the sum is to stay below 2 % of one core.
3. Claims and completes one robot at a time with a lock_timeout of 20 ms while every job runs again and again: a claim
   that waits longer for a lock fails, and is counted.
4. Reads views and functions, and scrapes metrics, while 1,000 robots a second are worked: p50 and p99, target 100 ms
   (``--plans``: plans).
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import big
import common
import psycopg

from capataz import metrics

DAY = 86_400
TICKS = 100.0  # of /proc/PID/stat a second, on Linux everywhere

SCRAPE = "lines of capataz metrics"

READS = {
    "view running": "select * from capataz.running",
    "view stuck": "select * from capataz.stuck",
    "view queue": "select * from capataz.queue",
    "view modules": "select * from capataz.modules",
    "view today": "select * from capataz.today",
    "throughput, 1 h": "select * from capataz.throughput()",
    "throughput of a type, 24 h": "select * from capataz.throughput('Bench1', 'INVOICE', 1440)",
    "error_rates, 24 h": "select * from capataz.error_rates()",
    "error_rates, 92 days": "select * from capataz.error_rates(p_hours => 2208)",
    "resource_trend, a day": "select * from capataz.resource_trend()",
    "resource_trend, 30 days": "select * from capataz.resource_trend('Bench1', capataz.utc_now() - interval '30 days')",
    "fleet_trend, a day": "select * from capataz.fleet_trend()",
    "list_jobs": "select * from capataz.list_jobs()",
    "system_health": "select * from capataz.system_health()",
    "get_robot": "select * from capataz.get_robot('history_1')",
    "explain_robot": "select * from capataz.explain_robot('queue_1')",
    "report of today": "select capataz.report('daily', capataz.utc_now()::date)",
    "scrape of metrics": SCRAPE,
}


def processor_ms(pid: int) -> float | None:
    """Processor time that a backend has used, milliseconds; None where the server is elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS


def settle(connection: psycopg.Connection[Any]) -> None:
    """Makes the next run of the sampler and the purge a full one."""
    connection.execute(
        "delete from capataz_ops.fleet_trends where sampled_at >= date_trunc('minute', capataz.utc_now())"
    )
    connection.execute(
        "delete from capataz_ops.module_trends where sampled_at >= date_trunc('minute', capataz.utc_now())"
    )


def cost_of_jobs(dsn: str, repeats: int) -> None:
    """Prints what each job costs, and all of them together."""
    print(f"\n{'job':<22} {'every':>8} {'runs':>5} {'wall ms':>9} {'cpu ms':>9} {'% of a core':>12}")
    total = 0.0
    with common.connect(dsn) as connection, common.connect(dsn) as other:
        jobs = connection.execute(
            "select job_name, every_seconds from capataz_ops.jobs order by every_seconds, job_name"
        )
        for name, every in jobs.fetchall():
            runs = repeats if every <= 3600 else 2
            connection.execute("select capataz.run_job(%s)", [name])  # its plans, once
            walls = []
            before = processor_ms(connection.info.backend_pid)
            for _ in range(runs):
                if name == "sample_resources":
                    settle(other)
                begun = time.monotonic()
                row = connection.execute("select capataz.run_job(%s)", [name]).fetchone()
                walls.append((time.monotonic() - begun) * 1000)
                assert row == ("ok",), (name, row)
            after = processor_ms(connection.info.backend_pid)
            cpu = (after - before) / runs if before is not None and after is not None else statistics.mean(walls)
            share = cpu / (every * 1000) * 100
            total += share
            print(
                f"{name:<22} {every:>7}s {runs:>5} {statistics.mean(walls):>9.1f} {cpu:>9.1f} {share:>12.4f}",
                flush=True,
            )
    print(f"{'all jobs':<22} {'':>8} {'':>5} {'':>9} {'':>9} {total:>12.4f}   target < 2")


def claims_beside_jobs(dsn: str, seconds: int) -> None:
    """Prints how long claims take, and how many waited more than 20 ms for a lock, while jobs run without a pause."""
    stop = threading.Event()
    counts: dict[str, int] = {}

    def run_jobs() -> None:
        with common.connect(dsn) as connection, common.connect(dsn) as other:
            names = [
                row[0] for row in connection.execute("select job_name from capataz_ops.jobs order by 1").fetchall()
            ]
            while not stop.is_set():
                for name in names:
                    settle(other)
                    connection.execute("update capataz_ops.walks set ended_at = null where walk_name = 'purge_history'")
                    connection.execute("select capataz.run_job(%s)", [name])
                    counts[name] = counts.get(name, 0) + 1
                    if stop.is_set():
                        break

    def claim(during: bool) -> tuple[list[float], int]:
        waits, late = [], 0
        deadline = time.monotonic() + seconds
        with common.connect(dsn) as connection:
            connection.execute("set lock_timeout = '20ms'")
            while time.monotonic() < deadline:
                begun = time.monotonic()
                try:
                    rows = connection.execute("select execute_id from capataz.claim_robots('Bench1')").fetchall()
                    waits.append((time.monotonic() - begun) * 1000)
                except psycopg.errors.LockNotAvailable:
                    late += 1
                    continue
                if rows:
                    connection.execute("set lock_timeout = 0")
                    connection.execute("select capataz.complete_execution(%s)", rows[0])
                    connection.execute("set lock_timeout = '20ms'")
        return waits, late

    print(f"\n{'claims, one by one':<26} {'claims':>8} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'lock > 20 ms':>13}")
    for during in (False, True):
        thread = threading.Thread(target=run_jobs)
        if during:
            thread.start()
        waits, late = claim(during)
        stop.set()
        if during:
            thread.join()
        stop.clear()
        ordered = sorted(waits)
        print(
            f"{'while jobs run' if during else 'alone':<26} {len(waits):>8} {statistics.median(ordered):>8.2f}"
            f" {ordered[int(len(ordered) * 0.99)]:>8.2f} {ordered[-1]:>8.2f} {late:>13}",
            flush=True,
        )
    print("runs of jobs meanwhile: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))


def reads_beside_work(dsn: str, seconds: int, plans: bool) -> None:
    """Prints how long views, functions and a scrape take while 1,000 robots a second are worked."""
    worked = [0.0]

    def work() -> None:
        script = Path(__file__).resolve().parent / "work.sql"
        worked[0] = common.pgbench(dsn, script, 2, seconds + 10, rate=50)[0] * 20

    def read(connection: psycopg.Connection[Any], query: str) -> int:
        if query == SCRAPE:
            return metrics.render(connection)[0].count(b"\n")
        return len(connection.execute(query.encode()).fetchall())

    load = threading.Thread(target=work)
    with common.connect(dsn) as connection:  # robots that run meanwhile
        connection.execute("select count(*) from capataz.claim_robots('Bench2', 1000, 'bench')")
    load.start()
    time.sleep(5)
    print(f"\n{'read':<28} {'rows':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}   target p99 < 100")
    with common.connect(dsn) as connection:
        each = seconds / len(READS)
        for name, query in READS.items():
            times: list[float] = []
            deadline = time.monotonic() + each
            rows = 0
            while time.monotonic() < deadline or len(times) < 20:
                begun = time.monotonic()
                rows = read(connection, query)
                times.append((time.monotonic() - begun) * 1000)
            times.sort()
            print(
                f"{name:<28} {rows:>6} {statistics.median(times):>8.2f}"
                f" {times[min(len(times) - 1, int(len(times) * 0.99))]:>8.2f} {times[-1]:>8.2f}",
                flush=True,
            )
            if plans and query != SCRAPE:
                for row in connection.execute(f"explain (analyze, buffers, costs off) {query}".encode()):
                    print("    " + row[0])
    load.join()
    print(f"while {worked[0]:,.0f} robots/s were submitted, claimed and completed")


def main() -> None:
    """Builds the big database and prints the figures."""
    parser = big.arguments(__doc__)
    parser.add_argument("--repeats", type=int, default=10, help="runs of each job")
    parser.add_argument("--seconds", type=int, default=30, help="of claiming, twice, and of reading")
    given = parser.parse_args()
    with big.database(given) as dsn:
        cost_of_jobs(dsn, given.repeats)
        claims_beside_jobs(dsn, given.seconds)
        reads_beside_work(dsn, given.seconds, given.plans)


if __name__ == "__main__":
    main()

"""The Python Worker: throughput with a no-op handler in one process, and idle pick-up latency.

Usage: make bench ARGS='worker -- --robots 60000 --pickups 300'

Throughput: every robot durably claimed and durably completed (target 6,000/s). Latency: from the commit of a submit to
the start of its handler, in another process that is idle (target p50 < 3 ms, p95 < 8 ms). Both read one clock.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

from capataz import Context, Worker


def work(dsn: str, concurrency: int) -> None:
    """The worker process: answers with the moment its handler started."""
    worker = Worker(dsn, module_name=common.MODULE, concurrency=concurrency)

    @worker.robot("BENCH", inline=True)
    def handle(context: Context) -> dict[str, Any]:
        return {"started": time.monotonic()}

    worker.run()


def start(dsn: str, concurrency: int) -> subprocess.Popen[bytes]:
    """Starts a worker process."""
    return subprocess.Popen([sys.executable, __file__, "--work", dsn, "--concurrency", str(concurrency)])


def main() -> None:
    """Measures throughput, then latency."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--robots", type=int, default=60_000)
    parser.add_argument("--pickups", type=int, default=300)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--work", metavar="DSN", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.concurrency)
        return
    with common.database("capataz_bench_worker") as dsn, common.connect(dsn) as connection:
        common.prepare(connection)
        common.fill(connection, given.robots)
        process = start(dsn, given.concurrency)
        try:
            done: list[tuple[float, int]] = []
            while not done or done[-1][1] < given.robots:
                row = connection.execute("select count(*) from capataz.robots where status = 'COMPLETED'").fetchone()
                assert row is not None
                if row[0] > 0:
                    done.append((time.monotonic(), row[0]))
                time.sleep(0.25)
                if process.poll() is not None:
                    sys.exit("the worker process ended")
            (begun, first), (ended, last) = done[0], next(entry for entry in done if entry[1] >= given.robots)
            print(f"throughput: {(last - first) / (ended - begun):,.0f} robots/s (target 6,000)", flush=True)

            latencies = []
            for _ in range(given.pickups):
                row = connection.execute("select robot_id from capataz.submit_robot('BENCH')").fetchone()
                committed = time.monotonic()
                assert row is not None
                while True:
                    output = connection.execute(
                        "select r.output_data from capataz.robots as r where r.robot_id = %s", [row[0]]
                    ).fetchone()
                    if output is not None and output[0] is not None:
                        break
                    time.sleep(0.002)
                latencies.append((output[0]["started"] - committed) * 1000)
                time.sleep(0.06)  # idle: beyond the 50 ms within which a session sends one notification
            latencies.sort()
            picked = {name: latencies[int(len(latencies) * share)] for name, share in (("p50", 0.5), ("p95", 0.95))}
            print(f"pick-up: {json.dumps({name: f'{value:.1f} ms' for name, value in picked.items()})} (3, 8)")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


if __name__ == "__main__":
    main()

"""Lost workers in real time: a killed worker's robots run again; a long silent handler of a live worker is left alone.

Usage: make bench ARGS='recovery -- --long 300'

Kills a worker process with SIGKILL while its handlers run and measures the time until another worker has claimed its
robots again (target: 35 s with the default 30 s heartbeat timeout). At the same time a handler that reports nothing for
``--long`` seconds runs in the living worker, and must complete at its first attempt.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

from capataz import Context, Worker


def work(dsn: str) -> None:
    """A worker process with four threads."""
    worker = Worker(dsn, module_name=common.MODULE, concurrency=4)

    @worker.robot("BENCH")
    def handle(context: Context) -> dict[str, Any]:
        time.sleep(float(context.input["seconds"]))
        return {}

    worker.run()


def main() -> None:
    """Kills, waits, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", type=float, default=300)
    parser.add_argument("--work", metavar="DSN", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return
    with common.database("capataz_bench_recovery") as dsn, common.connect(dsn) as connection:
        common.prepare(connection)

        def count(query: str) -> int:
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])

        def submit(seconds: float, copies: int) -> None:
            for _ in range(copies):
                connection.execute(
                    "select capataz.submit_robot('BENCH', jsonb_build_object('seconds', %s::float8))", [seconds]
                )

        command = [sys.executable, __file__, "--work", dsn]
        victim = subprocess.Popen(command)
        submit(120, 4)
        while count("select count(*) from capataz.robots where status = 'PROCESSING'") < 4:
            time.sleep(0.1)
        survivor = subprocess.Popen(command)
        submit(given.long, 1)
        while count("select count(*) from capataz.robots where status = 'PROCESSING'") < 5:
            time.sleep(0.1)
        try:
            victim.kill()
            killed = time.monotonic()
            submit_free = "select count(*) from capataz.robots where retry_count = 1 and status = 'PROCESSING'"
            while count(submit_free) < 3:  # the survivor has three threads free
                time.sleep(0.1)
            print(
                f"3 of the killed worker's robots run again after {time.monotonic() - killed:.1f} s (target 35)",
                flush=True,
            )
            long_robot = "from capataz.robots where (input_data ->> 'seconds')::float8 = " + str(given.long)
            while count(f"select count(*) {long_robot} and status = 'PROCESSING'"):
                time.sleep(0.5)
            kept = count(f"select count(*) {long_robot} and status = 'COMPLETED' and retry_count = 0")
            print(f"the silent handler of {given.long:.0f} s was {'left alone' if kept else 'TAKEN AWAY'}")
        finally:
            survivor.send_signal(signal.SIGTERM)
            survivor.wait(60)


if __name__ == "__main__":
    main()

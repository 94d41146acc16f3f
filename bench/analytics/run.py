"""How fast the analytics functions are on a big system while it works.

Usage: make bench ARGS='analytics -- --robots 10000000 --queue 100000 --seconds 60'

1. Builds ``--robots`` ended robots with an execution each over 400 days (triggers and secondary indexes off), every tenth
   with 3 steps, every twentieth failed; ``--queue`` waiting ones; samples of 30 days. Aggregates come from rebuild_derived.
2. Lets ``--rate`` robots a second be submitted, claimed and completed, with all jobs running as they are due.
3. Meanwhile calls every function for ``--seconds`` in turn: p50 and p99, target 100 ms.
4. Prints the plans of the statements inside each function (``--plans``), with buffers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import psycopg

TYPES = ("INVOICE", "CONTRACT", "LETTER")

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


def build(connection: psycopg.Connection[Any], robots: int, queue: int, modules: int) -> None:
    """Fills the tables."""
    for number in range(1, modules + 1):
        connection.execute(
            "select capataz.register_module(%s, '1.0', %s, p_registration_data => %s::jsonb)",
            [f"Bench{number}", list(TYPES), '{"max_concurrency": 10000, "sla_seconds": 3600}'],
        )
    connection.execute("create schema bench")
    connection.execute("set session_replication_role = replica")
    connection.execute("set synchronous_commit = off")
    connection.execute("set maintenance_work_mem = '512MB'")
    indexes = connection.execute(
        """
        select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
        from pg_index as i
        where i.indrelid in ('capataz.robots'::regclass, 'capataz.robot_execute'::regclass)
          and not i.indisprimary
        """
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"drop index {name}".encode())
    begun = time.monotonic()
    step = 500_000
    for first in range(1, robots + 1, step):
        last = min(first + step - 1, robots)
        given = {"types": list(TYPES), "modules": modules, "first": first, "last": last, "robots": robots}
        connection.execute(
            """
            with history as (
              select
                'history_' || g.n as robot_id, gen_random_uuid() as execute_id, (%(types)s::text[])[1 + g.n %% 3] as robot_type,
                'Bench' || (1 + g.n %% %(modules)s) as module_name, g.n %% 20 = 0 as is_failed,
                (enum_range(null::capataz.priority_enum))[1 + g.n %% 4] as priority, t.at, g.n,
                20000 + (g.n %% 20001)::integer as ms
              from generate_series(%(first)s::bigint, %(last)s::bigint) as g (n)
              cross join lateral (
                select capataz.utc_now() - (%(robots)s - g.n) * (interval '400 days' / %(robots)s) as at
              ) as t
            ), robots as (
              insert into capataz.robots (
                robot_id, robot_type, status, module_name, input_data, output_data, priority, created_at, updated_at,
                started_at, completed_at, processing_time_ms, available_at, error_category
              )
              select
                h.robot_id, h.robot_type, (case when h.is_failed then 'FAILED' else 'COMPLETED' end)::capataz.robot_status_enum,
                h.module_name, '{"document": 1}', '{"pages": 3}', h.priority, h.at - interval '1 minute', h.at,
                h.at - h.ms * interval '1 millisecond', h.at, h.ms, h.at - interval '1 minute',
                case when h.is_failed then 'PROCESSING' end
              from history as h
            ), steps as (
              insert into capataz_ops.execution_steps (
                execute_id, step_number, step_name, step_category, started_at, duration_ms
              )
              select h.execute_id, s.n, (array['load', 'ocr', 'store'])[s.n],
                (array['INIT', 'PROCESSING', 'FINALIZATION'])[s.n]::capataz.step_category_enum,
                h.at - h.ms * interval '1 millisecond', h.ms / 3
              from history as h
              cross join generate_series(1, 3) as s (n)
              where h.n %% 10 = 0
            )
            insert into capataz.robot_execute (
              execute_id, robot_id, module_name, execution_state, progress_percentage, started_at, completed_at,
              duration_ms, answered_status, robot_type, error_category, error_message, due_at, estimated_minutes,
              cpu_usage_percent, memory_usage_mb, current_step, step_category
            )
            select
              h.execute_id, h.robot_id, h.module_name,
              (case when h.is_failed then 'FAILED' else 'COMPLETED' end)::capataz.execution_state_enum, 100,
              h.at - h.ms * interval '1 millisecond', h.at, h.ms,
              (case when h.is_failed then 'FAILED' else 'COMPLETED' end)::capataz.robot_status_enum, h.robot_type,
              case when h.is_failed then 'PROCESSING' end,
              case when h.is_failed then (array['page ', 'cannot read file ', 'no answer within '])[1 + h.n %% 3] || h.n end,
              h.at - interval '1 minute', 1, 50, 200, 'ocr', 'PROCESSING'
            from history as h
            """,
            given,
        )
        print(f"  {last:,} robots of history after {time.monotonic() - begun:.0f} s", flush=True)
    for _, definition in indexes:
        connection.execute(definition.encode())
    print(f"  indexes after {time.monotonic() - begun:.0f} s", flush=True)
    connection.execute(
        """
        insert into capataz.robots (robot_id, robot_type, module_name, input_data, priority)
        select 'queue_' || g.n, (%s::text[])[1 + g.n %% 3], 'Bench' || (1 + g.n %% %s), '{}',
          (enum_range(null::capataz.priority_enum))[1 + g.n %% 4]
        from generate_series(1, %s::bigint) as g (n)
        """,
        [list(TYPES), modules, queue],
    )
    connection.execute("set session_replication_role = origin")
    connection.execute("vacuum analyze")
    connection.execute("select capataz.rebuild_derived()")
    print(f"  derived after {time.monotonic() - begun:.0f} s", flush=True)
    samples(connection, modules)
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


def samples(connection: psycopg.Connection[Any], modules: int) -> None:
    """Samples of queues, a day by minutes and 30 days by hours, as the sampler leaves them."""
    connection.execute(
        """
        do $$
        declare
          v_day timestamp;
        begin
          for i in 0..1 loop
            v_day := date_trunc('day', capataz.utc_now()) - i * interval '1 day';
            perform capataz_ops._make_partition('module_trends', v_day, v_day + interval '1 day');
            v_day := date_trunc('month', capataz.utc_now()) - i * interval '1 month';
            perform capataz_ops._make_partition('module_trend_hours', v_day, v_day + interval '1 month');
          end loop;
        end
        $$
        """
    )
    connection.execute(
        """
        insert into capataz_ops.module_trends
        select 'Bench' || n, g.at, '{100,200,300,400}', '{0,0,0,0}', 0, 5, 100, 10, 250, 1000, 10, 10, false
        from generate_series(1, %s) as n
        cross join generate_series(
          date_trunc('minute', capataz.utc_now()) - interval '1 day', capataz.utc_now() - interval '1 minute',
          interval '1 minute'
        ) as g (at)
        where g.at >= date_trunc('day', capataz.utc_now()) - interval '1 day'
        """,
        [modules],
    )
    connection.execute(
        """
        insert into capataz_ops.module_trend_hours
        select 'Bench' || n, g.at, 60, '{1,2,3,4}', '{0,0,0,0}', 0, 10, 5, 50, 10000, 10, 250, 1000, 10, 10, false
        from generate_series(1, %s) as n
        cross join generate_series(
          date_trunc('hour', capataz.utc_now()) - interval '29 days', capataz.utc_now() - interval '2 hours',
          interval '1 hour'
        ) as g (at)
        where g.at >= date_trunc('month', capataz.utc_now()) - interval '1 month'
        """,
        [modules],
    )
    connection.execute(
        """
        insert into capataz_ops.fleet_trends (sampled_at, cache_hit_percent, database_bytes, sample_ms)
        select g.at, 99, 1000000, 5
        from generate_series(
          date_trunc('minute', capataz.utc_now()) - interval '1 day', capataz.utc_now() - interval '1 minute',
          interval '1 minute'
        ) as g (at)
        """
    )


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
            for name, query in READS.items():  # its plans, once
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--robots", type=int, default=10_000_000)
    parser.add_argument("--queue", type=int, default=100_000)
    parser.add_argument("--modules", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1000, help="robots a second that are worked meanwhile")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the database for a look")
    given = parser.parse_args()
    with common.database("capataz_bench_analytics", given.keep) as dsn:
        with common.connect(dsn) as connection:
            row = connection.execute("show server_version").fetchone()
            print(f"PostgreSQL {row[0] if row else '?'}, {given.robots:,} robots, {given.modules} modules")
            build(connection, given.robots, given.queue, given.modules)
        reads_beside_work(dsn, given.robots, given.seconds, given.rate)
        if given.plans:
            plans(dsn, given.robots)


if __name__ == "__main__":
    main()

"""The big database that bench/analytics and bench/jobs read: built once (--keep), used again (--reuse).

``--robots`` ended robots with an execution each over 400 days, in the order in which they ended (triggers off,
secondary indexes made at the end), every tenth with 3 steps, every twentieth failed; ``--queue`` waiting ones; samples
of 30 days as the sampler leaves them. Aggregates come from rebuild_derived.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import common
import psycopg
from psycopg.conninfo import make_conninfo

from capataz import deploy

NAME = "capataz_bench_big"
TYPES = ("INVOICE", "CONTRACT", "LETTER")


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What both benchmarks can be told of the database."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--robots", type=int, default=10_000_000, help="ended robots, with an execution each")
    parser.add_argument("--queue", type=int, default=100_000, help="waiting robots")
    parser.add_argument("--modules", type=int, default=20)
    parser.add_argument("--keep", action="store_true", help="leave the database for the next run")
    parser.add_argument("--reuse", action="store_true", help="use the database that --keep left; it stays")
    parser.add_argument("--plans", action="store_true", help="print the plans")
    return parser


@contextmanager
def database(given: argparse.Namespace) -> Iterator[str]:
    """Connection string of the big database."""
    if given.reuse:
        dsn = make_conninfo(common.server_dsn(), dbname=NAME)
        deploy.migrate(dsn)
        yield dsn
        return
    with common.database(NAME, given.keep) as dsn:
        with common.connect(dsn) as connection:
            row = connection.execute("show server_version").fetchone()
            print(
                f"PostgreSQL {row[0] if row else '?'}, {given.robots:,} ended and {given.queue:,} waiting robots,"
                f" {given.modules} modules",
                flush=True,
            )
            build(connection, given.robots, given.queue, given.modules)
        yield dsn


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
                'history_' || g.n as robot_id, gen_random_uuid() as execute_id,
                (%(types)s::text[])[1 + g.n %% 3] as robot_type,
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
                h.robot_id, h.robot_type,
                (case when h.is_failed then 'FAILED' else 'COMPLETED' end)::capataz.robot_status_enum,
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
              case
                when h.is_failed
                  then (array['page ', 'cannot read file ', 'no answer within '])[1 + h.n %% 3] || h.n
              end,
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
    """Samples of queues, 30 days by minutes and by hours."""
    connection.execute(
        """
        do $$
        declare
          v_day timestamp;
        begin
          for i in 0..30 loop
            v_day := date_trunc('day', capataz.utc_now()) - i * interval '1 day';
            perform capataz_ops._make_partition('module_trends', v_day, v_day + interval '1 day');
          end loop;
          for i in 0..1 loop
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
        select n.name, g.at, '{100,200,300,400}', '{0,0,0,0}', 0, 5, 100, 10, 250, 1000, 10, 10, false
        from generate_series(
          date_trunc('minute', capataz.utc_now()) - interval '29 days',
          date_trunc('minute', capataz.utc_now()) - interval '1 minute', interval '1 minute'
        ) as g (at)
        cross join (
          select '' as name union all select 'Bench' || n from generate_series(1, %s) as n
        ) as n
        order by g.at
        """,
        [modules],
    )
    connection.execute(
        """
        insert into capataz_ops.module_trend_hours
        select 'Bench' || n, g.at, 60, '{1,2,3,4}', '{0,0,0,0}', 0, 10, 5, 50, 10000, 10, 250, 1000, 10, 10, false
        from generate_series(
          date_trunc('hour', capataz.utc_now()) - interval '29 days', capataz.utc_now() - interval '2 hours',
          interval '1 hour'
        ) as g (at)
        cross join generate_series(1, %s) as n
        where g.at >= date_trunc('month', capataz.utc_now()) - interval '1 month'
        order by g.at
        """,
        [modules],
    )
    connection.execute(
        """
        insert into capataz_ops.fleet_trends (sampled_at, cache_hit_percent, database_bytes, sample_ms)
        select g.at, 99, 1000000, 5
        from generate_series(
          date_trunc('minute', capataz.utc_now()) - interval '29 days',
          date_trunc('minute', capataz.utc_now()) - interval '1 minute', interval '1 minute'
        ) as g (at)
        """
    )

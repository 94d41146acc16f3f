"""What the demo asks the database: how far the run is, what came of it, and whether it is all accounted for.

Plain SQL over the three tables of schema ``capataz``: whatever the demo shows can be asked for with psql as well.
A run is known by the ids of its robots, in the order of its documents; copies of one document share a robot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

__all__ = ["ActiveRobot", "Facts", "LostAttempt", "Snapshot", "WorkerCount"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WorkerCount:
    """The attempts of one worker."""

    completed: int = 0
    failed: int = 0
    active: int = 0


@dataclass(frozen=True, slots=True)
class ActiveRobot:
    """An attempt under way."""

    worker_id: str
    robot_id: str
    source: str
    step: str | None
    category: str | None
    percent: int


@dataclass(slots=True)
class Snapshot:
    """The run at one moment."""

    status: dict[str, int] = field(default_factory=dict)
    retried: int = 0
    workers: dict[str, WorkerCount] = field(default_factory=dict)
    active: list[ActiveRobot] = field(default_factory=list)
    lost: int = 0

    @property
    def ended(self) -> int:
        return self.status.get("COMPLETED", 0) + self.status.get("FAILED", 0)


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """An attempt that went down with its worker, and the one that took its place."""

    robot_id: str
    source: str
    started_at: datetime
    given_up_at: datetime
    resumed_at: datetime | None
    resumed_by: str | None
    status: str
    ended_at: datetime | None


class Facts:
    """Questions about one run, asked over one connection in autocommit."""

    def __init__(self, connection: psycopg.Connection[Any], robot_ids: Sequence[str]) -> None:
        self._connection = connection
        self.documents = list(robot_ids)  # one per document
        self.robots = list(dict.fromkeys(robot_ids))  # each once

    def _rows(self, query: LiteralString, **values: Any) -> list[Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, {"ids": self.robots, "documents": self.documents, **values}).fetchall()

    # --- while it runs

    def snapshot(self) -> Snapshot:
        """Counts by status and worker, and what is under way."""
        shot = Snapshot()
        for row in self._rows(
            "select status::text, count(*) as n, count(*) filter (where retry_count > 0) as retried"
            " from capataz.robots where robot_id = any(%(ids)s) group by status"
        ):
            shot.status[row["status"]] = row["n"]
            shot.retried += row["retried"]
        for row in self._rows(
            "select coalesce(worker_id, '') as worker_id,"
            " count(*) filter (where execution_state = 'COMPLETED') as completed,"
            " count(*) filter (where execution_state = 'FAILED') as failed,"
            " count(*) filter (where execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')) as active,"
            " count(*) filter (where error_category = 'WORKER_LOST') as lost"
            " from capataz.robot_execute where robot_id = any(%(ids)s) group by 1"
        ):
            shot.workers[row["worker_id"]] = WorkerCount(row["completed"], row["failed"], row["active"])
            shot.lost += row["lost"]
        for row in self._rows(
            "select e.worker_id, e.robot_id, coalesce(r.source_reference, '') as source, e.current_step,"
            " e.step_category::text, coalesce(e.progress_percentage, 0) as percent"
            " from capataz.robot_execute as e join capataz.robots as r using (robot_id)"
            " where e.robot_id = any(%(ids)s)"
            " and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING') and e.worker_id is not null"
            " order by e.started_at, e.robot_id"
        ):
            shot.active.append(
                ActiveRobot(
                    row["worker_id"],
                    row["robot_id"],
                    row["source"],
                    row["current_step"],
                    row["step_category"],
                    row["percent"],
                )
            )
        return shot

    def now(self) -> datetime:
        """The database's clock, UTC."""
        moment = self._rows("select capataz.utc_now() as now")[0]["now"]
        assert isinstance(moment, datetime)
        return moment

    def held_by(self, worker_id: str) -> list[str]:
        """Robots under way in the hands of one worker."""
        return [
            row["robot_id"]
            for row in self._rows(
                "select robot_id from capataz.robot_execute where robot_id = any(%(ids)s) and worker_id = %(worker)s"
                " and execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING') order by robot_id",
                worker=worker_id,
            )
        ]

    # --- when it has ended

    def verify(self) -> dict[str, int]:
        """Count what must be nothing, so that the end can be trusted: every value but ``robots`` has to be 0."""
        row = self._rows(
            """
            with run as (
              select r.robot_id, r.status, r.cache_hit, r.retry_count, r.output_data, r.error_category,
                count(e.execute_id) as attempts,
                count(*) filter (where e.execution_state = 'COMPLETED') as successes,
                count(*) filter (where e.execution_state = 'FAILED') as failures,
                count(*) filter (where e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')) as open
              from unnest(%(ids)s::text[]) as d (robot_id)
              join capataz.robots as r using (robot_id)
              left join capataz.robot_execute as e using (robot_id)
              group by r.robot_id
            )
            select count(*) as robots,
              cardinality(%(ids)s::text[]) - count(*) as missing,
              count(*) filter (where status not in ('COMPLETED', 'FAILED')) as unfinished,
              count(*) filter (where open > 0) as still_open,
              count(*) filter (where status = 'COMPLETED' and not cache_hit and successes <> 1) as not_done_once,
              count(*) filter (where cache_hit and attempts > 0) as cached_but_worked,
              count(*) filter (where status = 'FAILED' and (successes > 0 or error_category is null)) as badly_failed,
              count(*) filter (where status = 'COMPLETED' and not cache_hit and failures <> retry_count) as miscounted,
              count(*) filter (where status = 'COMPLETED' and output_data -> 'licences' is null) as without_result
            from run
            """
        )[0]
        return {name: int(value) for name, value in row.items()}

    def licences(self) -> list[Row]:
        """Licences by the number of documents that carry them (copies counted)."""
        return self._rows(
            """
            select l ->> 'id' as id, count(*) as documents, round(avg((l ->> 'confidence')::numeric), 2) as confidence
            from unnest(%(documents)s::text[]) as d (robot_id)
            join capataz.robots as r using (robot_id)
            cross join lateral jsonb_array_elements(r.output_data -> 'licences') as l
            where r.status = 'COMPLETED'
            group by 1 order by 2 desc, 1
            """
        )

    def totals(self) -> Row:
        """Sums over the results."""
        return self._rows(
            """
            select count(*) as documents,
              count(*) filter (where r.status = 'COMPLETED') as completed,
              count(*) filter (where r.status = 'FAILED') as failed,
              count(*) filter (where r.cache_hit) as cache_hits,
              coalesce(sum((r.output_data ->> 'size_bytes')::bigint), 0)::bigint as bytes,
              coalesce(sum((r.output_data ->> 'holders_total')::int), 0)::bigint as holders,
              min((r.output_data -> 'years' ->> 'first')::int) as first_year,
              max((r.output_data -> 'years' ->> 'last')::int) as last_year,
              round(avg(r.confidence_score) filter (where r.status = 'COMPLETED'), 2) as confidence,
              round(avg(r.completeness_score) filter (where r.status = 'COMPLETED'), 2) as completeness,
              count(*) filter (where r.output_data ->> 'format' like 'dep-5%%') as machine_readable
            from unnest(%(documents)s::text[]) as d (robot_id) join capataz.robots as r using (robot_id)
            """
        )[0]

    def discrepancies(self, limit: int = 6) -> tuple[int, list[Row]]:
        """Documents whose licence text is not the licence that they name: how many, and the clearest ones."""
        rows = self._rows(
            """
            select distinct on (r.output_data ->> 'sha256', x ->> 'declared')
              r.input_data ->> 'package' as package, x ->> 'declared' as declared,
              x -> 'text_reads_as' ->> 0 as reads_as
            from unnest(%(ids)s::text[]) as d (robot_id)
            join capataz.robots as r using (robot_id)
            cross join lateral jsonb_array_elements(r.output_data -> 'discrepancies') as x
            where r.status = 'COMPLETED' and jsonb_array_length(x -> 'text_reads_as') = 1
            order by r.output_data ->> 'sha256', x ->> 'declared', 1
            """
        )

        def striking(row: Row) -> tuple[bool, bool, str]:
            """Well-known names first, another licence before another version of the same."""
            well_known = row["declared"].startswith(("Expat", "MIT", "GPL", "LGPL", "CC-", "Apache", "ISC", "BSD"))
            same_family = row["declared"].split("-")[0] == row["reads_as"].split("-")[0]
            return not well_known, same_family, row["package"]

        chosen: dict[tuple[str, str], Row] = {}
        for row in sorted(rows, key=striking):
            chosen.setdefault((row["declared"], row["reads_as"]), row)
        return len(rows), list(chosen.values())[:limit]

    def slowest(self, limit: int = 5) -> list[Row]:
        """The documents whose handler took longest."""
        return self._rows(
            """
            select r.input_data ->> 'package' as package, (r.output_data ->> 'size_bytes')::bigint as bytes,
              (r.performance_metrics ->> 'handler_ms')::numeric as handler_ms,
              jsonb_array_length(r.output_data -> 'licences') as licences
            from capataz.robots as r
            where r.robot_id = any(%(ids)s) and r.status = 'COMPLETED' and not r.cache_hit
            order by handler_ms desc nulls last, bytes desc limit %(limit)s
            """,
            limit=limit,
        )

    def durations(self) -> Row:
        """Attempts that succeeded: how many, how long from claim to end, and how long the handler of them took."""
        return self._rows(
            """
            select count(*) as attempts,
              percentile_disc(0.5) within group (order by e.duration_ms) as p50,
              percentile_disc(0.95) within group (order by e.duration_ms) as p95,
              round(percentile_cont(0.5) within group (
                order by (r.performance_metrics ->> 'handler_ms')::double precision)::numeric, 1) as handler_p50,
              round(percentile_cont(0.95) within group (
                order by (r.performance_metrics ->> 'handler_ms')::double precision)::numeric, 1) as handler_p95,
              round(sum((r.performance_metrics ->> 'cpu_ms')::numeric) / 1000, 1) as cpu_seconds,
              max((r.performance_metrics ->> 'memory_peak_mb')::numeric)::int as memory_mb
            from capataz.robot_execute as e join capataz.robots as r using (robot_id)
            where e.robot_id = any(%(ids)s) and e.execution_state = 'COMPLETED'
            """
        )[0]

    def failures(self) -> list[Row]:
        """Robots that failed, and why."""
        return self._rows(
            """
            select r.robot_id, r.input_data ->> 'package' as package, r.error_category as category,
              r.enterprise_metadata ->> 'made_to_fail' as made,
              r.retry_count, coalesce(e.error_message, r.error_details ->> 'message', '') as message
            from capataz.robots as r
            left join lateral (
              select error_message from capataz.robot_execute as e where e.robot_id = r.robot_id
              order by e.started_at desc limit 1
            ) as e on true
            where r.robot_id = any(%(ids)s) and r.status = 'FAILED'
            order by r.created_at, r.robot_id
            """
        )

    def lost_attempts(self) -> list[LostAttempt]:
        """Attempts that ended as WORKER_LOST, with what came after."""
        rows = self._rows(
            """
            select e.robot_id, coalesce(r.source_reference, '') as source, e.started_at, e.completed_at as given_up_at,
              n.started_at as resumed_at, n.worker_id as resumed_by, r.status::text, r.completed_at as ended_at
            from capataz.robot_execute as e
            join capataz.robots as r using (robot_id)
            left join lateral (
              select started_at, worker_id from capataz.robot_execute as n
              where n.robot_id = e.robot_id and n.started_at >= e.completed_at and n.execute_id <> e.execute_id
              order by n.started_at limit 1
            ) as n on true
            where e.robot_id = any(%(ids)s) and e.error_category = 'WORKER_LOST'
            order by e.completed_at, e.robot_id
            """
        )
        return [LostAttempt(**row) for row in rows]

    def tiers(self) -> list[Row]:
        """Robots by priority: how many, and how long they waited."""
        return self._rows(
            """
            select r.priority::text, count(*) as robots,
              round(extract(epoch from percentile_cont(0.5) within group (order by e.first - r.created_at))::numeric, 1)
                as waited
            from capataz.robots as r
            join lateral (
              select min(started_at) as first from capataz.robot_execute as e where e.robot_id = r.robot_id
            ) as e on e.first is not null
            where r.robot_id = any(%(ids)s)
            group by r.priority order by r.priority desc
            """
        )

    def module(self, module_name: str) -> Row:
        """The module's own figures."""
        return self._rows(
            """
            select module_id, health_status::text as health, success_rate_24h, error_count_24h, consecutive_failures,
              avg_processing_time_ms, total_robots_processed
            from capataz.module_registry where module_name = %(module)s
            """,
            module=module_name,
        )[0]

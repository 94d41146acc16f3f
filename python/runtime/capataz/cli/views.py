"""The tables and panels of the command line, from rows to Rich; no database here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..models import BatchProgress, Check, HealthCheck, JobRun, Robot, Submitted
from .grid import Column, Grid
from .output import (
    ago,
    coloured,
    count,
    duration,
    facts,
    moment,
    percent,
)

Row = dict[str, Any]

BAR_WIDTH = 14


def bar(percentage: float | None, *, width: int = BAR_WIDTH) -> RenderableType:
    """Return a progress bar."""
    return ProgressBar(total=100, completed=float(percentage or 0), width=width)


def modules_table(modules: Sequence[Row], queues: dict[str, Row] | None = None, *, title: str | None = None) -> Grid:
    """Return the modules, with their queues where given."""
    number = [Column("DONE", right=True), Column("OK 24H", right=True), Column("ERR", right=True)]
    head = [Column("MODULE", least=10), Column("HEALTH")]
    if queues is not None:
        head += [Column("WAIT", right=True), Column("RUN", right=True), Column("RETRY", right=True)]
    tail = [Column("AVG", right=True)]
    if queues is None:
        tail += [Column("LOAD", right=True, drop=2), Column("VERSION", drop=1, least=7), Column("TYPES", least=8)]
    grid = Grid(*head, *number, *tail, title=title)
    for module in modules:
        health = coloured(module["health_status"]) if module["is_active"] else Text("inactive", style="dim")
        cells: list[RenderableType] = [module["module_name"], health]
        if queues is not None:
            queue = queues.get(module["module_name"], {})
            cells += [count(queue.get(key, 0)) for key in ("pending", "processing", "retrying")]
        cells += [
            count(module["total_robots_processed"]),
            percent(module["success_rate_24h"]),
            count(module["error_count_24h"]),
            duration(module["avg_processing_time_ms"]),
        ]
        if queues is None:
            load = module["capacity_utilization"]
            cells += [
                "-" if load is None else f"{float(load) * 100:.0f} %",
                module["module_version"],
                ", ".join(module["supported_robot_types"]),
            ]
        grid.add(*cells)
    return grid


def robots_table(robots: Sequence[Row], now: datetime) -> Grid:
    """Return robots, one a line."""
    grid = Grid(
        Column("ROBOT"),
        Column("STATUS"),
        Column("MODULE", least=8, drop=3),
        Column("PRIO", drop=2),
        Column("TRY", right=True, drop=1),
        Column("CREATED", right=True),
        Column("TOOK", right=True),
        Column("ERROR", least=5),
    )
    for robot in robots:
        took = duration(robot["processing_time_ms"])
        if robot["status"] == "PROCESSING" and robot["started_at"] is not None:
            took = duration((now - robot["started_at"]).total_seconds() * 1000)
        elif robot["cache_hit"]:
            took = "cached"
        grid.add(
            robot["robot_id"],
            coloured(robot["status"]),
            robot["module_name"],
            coloured(robot["priority"]),
            f"{(robot['retry_count'] or 0) + 1}",
            ago(robot["created_at"], now),
            took,
            robot["error_category"] or "",
        )
    return grid


def executions_table(executions: Sequence[Row]) -> Grid:
    """Return the attempts at one robot."""
    grid = Grid(
        Column("TRY", right=True),
        Column("STATE"),
        Column("DONE", right=True),
        Column("STEP", least=10),
        Column("TOOK", right=True),
        Column("CPU", right=True, drop=1),
        Column("MEM", right=True, drop=2),
        Column("ERROR"),
        Column("MESSAGE", least=10, drop=3),
        title="Attempts",
    )
    for number, execution in enumerate(executions, 1):
        cpu, memory = execution["cpu_usage_percent"], execution["memory_usage_mb"]
        grid.add(
            str(number),
            coloured(execution["execution_state"]),
            f"{execution['progress_percentage'] or 0} %",
            execution["current_step"] or "-",
            duration(execution["duration_ms"]),
            "-" if cpu is None else f"{cpu:.0f} %",
            "-" if memory is None else f"{memory} MB",
            execution["error_category"] or "",
            first_line(execution["error_message"]),
        )
    return grid


def first_line(text: str | None) -> str:
    """Return the first line of a text."""
    return text.strip().splitlines()[0] if text and text.strip() else ""


def robot_view(robot: Robot, executions: Sequence[Row], now: datetime, *, output: str | None) -> Group:
    """Return everything about one robot."""
    parts: list[RenderableType] = [
        facts(
            [
                ("Robot", Text(robot.robot_id, style="bold")),
                ("Status", coloured(robot.status)),
                ("Type", robot.robot_type),
                ("Module", robot.module_name),
                ("Priority", coloured(robot.priority)),
                ("Batch", robot.correlation_id),
                ("Source", robot.source_reference),
                ("Cache", _cache(robot)),
                ("Created", f"{moment(robot.created_at)} ({ago(robot.created_at, now)})"),
                ("Due", moment(robot.available_at) if robot.status in ("PENDING", "RETRYING") else None),
                ("Started", moment(robot.started_at) if robot.started_at else None),
                ("Completed", moment(robot.completed_at) if robot.completed_at else None),
                ("Took", duration(robot.processing_time_ms) if robot.processing_time_ms is not None else None),
                ("Retries", f"{robot.retry_count} of {robot.retry_limit}"),
                ("Scores", _scores(robot)),
                ("Metrics", _metrics(robot)),
                ("Error", _error(robot)),
            ]
        )
    ]
    if executions:
        parts += ["", executions_table(executions)]
    if output is not None:
        parts += ["", Text("Output", style="bold"), Text(output)]
    return Group(*parts)


def _cache(robot: Robot) -> str | None:
    if robot.cache_hit:
        source = (robot.enterprise_metadata or {}).get("cache_source")
        return f"hit, output of {source}" if source else "hit"
    return robot.cache_key


def _scores(robot: Robot) -> str | None:
    if robot.status != "COMPLETED":
        return None
    return f"confidence {robot.confidence_score}, completeness {robot.completeness_score}"


def _metrics(robot: Robot) -> str | None:
    metrics = robot.performance_metrics
    if not isinstance(metrics, dict) or not metrics:
        return None
    return ", ".join(f"{key} {value}" for key, value in metrics.items())


def _error(robot: Robot) -> Text | None:
    if robot.error_category is None and not robot.error_details:
        return None
    details = robot.error_details if isinstance(robot.error_details, dict) else {}
    message = details.get("message") or ""
    return Text.assemble((robot.error_category or "ERROR", "red"), f" {message}")


def submitted_table(submitted: Sequence[Submitted]) -> Grid:
    """Return what became of submits."""
    grid = Grid("ROBOT", "STATUS", Column("MODULE", least=8), "NOTE")
    for robot in submitted:
        remark = "cache hit" if robot.cache_hit else "already under way" if robot.deduplicated else ""
        grid.add(robot.robot_id, coloured(robot.status), robot.module_name, remark)
    return grid


def checks_table(checks: Sequence[Check]) -> Grid:
    """Return why a robot runs or does not."""
    grid = Grid("", "CHECK", Column("DETAIL", least=20, cut="wrap"))
    marks = {True: Text("✓", style="green"), False: Text("✗", style="bold red"), None: Text("·", style="dim")}
    for check in checks:
        grid.add(marks[check.ok], check.check_name, check.detail or "")
    return grid


def health_table(checks: Sequence[HealthCheck]) -> Grid:
    """Return the findings of the doctor."""
    grid = Grid("STATUS", "CHECK", Column("DETAIL", least=20, cut="wrap"))
    for check in checks:
        grid.add(coloured(check.status), check.check_name, check.detail or "")
    return grid


def jobs_table(runs: Sequence[JobRun]) -> Grid:
    """Return the jobs that ran."""
    grid = Grid(Column("JOB", least=10), Column("OUTCOME", least=10), Column("TOOK", right=True))
    for run in runs:
        grid.add(run.job_name, coloured(run.outcome), duration(run.duration_ms))
    return grid


def batch_view(batch: BatchProgress, now: datetime) -> Group:
    """Return how far a batch is."""
    line = Table.grid(padding=(0, 1))
    line.add_row(
        bar(float(batch.percent or 0), width=40),
        percent(batch.percent),
        f"done {ago(batch.eta, now)}" if batch.eta is not None and batch.completed < batch.total else "",
    )
    names = ("total", "pending", "processing", "retrying", "completed", "failed")
    grid = Grid(*(Column(name.upper(), right=True) for name in names))
    grid.add(*(count(getattr(batch, name)) for name in names))
    return Group(Text(f"Batch {batch.correlation_id}", style="bold"), line, grid)


def running_table(running: Sequence[Row], now: datetime, *, title: str) -> Grid:
    """Return running attempts with their progress."""
    grid = Grid(
        Column("ROBOT", least=20, cut="middle"),
        Column("STEP", least=10),
        Column("PROGRESS", width=BAR_WIDTH),
        Column("", right=True),
        Column("FOR", right=True),
        Column("LEFT", right=True, drop=2),
        Column("MEM", right=True, drop=1),
        title=title,
    )
    for execution in running:
        eta = execution["estimated_completion_at"]
        left = "-" if eta is None or eta <= now else duration((eta - now).total_seconds() * 1000)
        state = execution["execution_state"]
        step: RenderableType = execution["current_step"] or "-"
        if state != "RUNNING":
            step = coloured(state)
        grid.add(
            execution["robot_id"],
            step,
            bar(execution["progress_percentage"]),
            f"{execution['progress_percentage'] or 0} %",
            duration(max(0.0, (now - execution["started_at"]).total_seconds() * 1000)),
            left,
            "-" if execution["memory_usage_mb"] is None else f"{execution['memory_usage_mb']} MB",
        )
    return grid


def failures_table(failures: Sequence[Row], now: datetime) -> Grid:
    """Return recent failures."""
    grid = Grid(
        Column("ROBOT", least=20, cut="middle"),
        Column("STATUS", drop=1),
        Column("ERROR", least=10),
        Column("WHEN", right=True),
        Column("MESSAGE", least=12),
        title="Last failures",
    )
    for failure in failures:
        grid.add(
            failure["robot_id"],
            coloured(failure["status"]),
            failure["error_category"] or "",
            ago(failure["last_error_at"], now),
            first_line(failure["message"]),
        )
    return grid

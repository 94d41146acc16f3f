"""The tables and panels of the command line, from rows to Rich; no database here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..models import (
    BatchProgress,
    BenchmarkRow,
    CapacityPlan,
    Check,
    ErrorPattern,
    HealthChange,
    HealthCheck,
    Job,
    JobRun,
    ModuleActivity,
    ModuleState,
    QueueForecast,
    ReportEntry,
    Robot,
    ScoreboardRow,
    StepRow,
    Submitted,
    TimelineEvent,
)
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
from .spark import meter, sparkline

if TYPE_CHECKING:
    from ..probe import Probed

Row = dict[str, Any]

BAR_WIDTH = 14
TIER_STYLES = {"HIGH": "green", "MEDIUM": "", "LOW": "yellow", "CRITICAL": "red"}


def bar(percentage: float | None, *, width: int = BAR_WIDTH) -> RenderableType:
    """Return a progress bar."""
    return ProgressBar(total=100, completed=float(percentage or 0), width=width)


def queues_table(modules: Sequence[Row], queues: dict[str, Row]) -> Grid:
    """Return the modules with their queues."""
    grid = Grid(
        Column("MODULE", least=10),
        Column("HEALTH"),
        *(Column(name, right=True) for name in ("WAIT", "RUN", "RETRY", "DONE", "OK 24H", "ERR", "AVG")),
    )
    for module in modules:
        queue = queues.get(module["module_name"], {})
        grid.add(
            module["module_name"],
            health_of(module["health_status"], is_active=module["is_active"]),
            *(count(queue.get(key, 0)) for key in ("pending", "processing", "retrying")),
            count(module["total_robots_processed"]),
            percent(module["success_rate_24h"]),
            count(module["error_count_24h"]),
            duration(module["avg_processing_time_ms"]),
        )
    return grid


def health_of(status: str | None, *, is_active: bool = True) -> Text:
    """Return a health in its colour; an inactive module has none that matters."""
    return coloured(status) if is_active else Text("inactive", style="dim")


@dataclass(frozen=True, slots=True)
class ModuleLine:
    """Everything there is to show about one module: its row, its state, and what ended minute by minute."""

    row: Row
    state: ModuleState
    completed: list[int]
    failed: list[int]

    @property
    def is_well(self) -> bool:
        return not self.state.is_active or self.state.health_status in ("HEALTHY", "UNKNOWN", None)

    def as_json(self) -> Row:
        """The row with what module_health adds; the series end with the minute under way."""
        return {
            **self.row,
            **{field.name: getattr(self.state, field.name) for field in fields(self.state)},
            "completed_per_minute": self.completed,
            "failed_per_minute": self.failed,
        }


def module_lines(
    rows: Sequence[Row], states: Sequence[ModuleState], activity: Sequence[ModuleActivity], now: datetime, minutes: int
) -> list[ModuleLine]:
    """Join what is known about the modules; a module that only one of the reads has seen is left out."""
    state_of = {state.module_name: state for state in states}
    this_minute = now.replace(second=0, microsecond=0)
    series: dict[str, tuple[list[int], list[int]]] = {}
    for ended in activity:
        place = minutes - 1 - round((this_minute - ended.minute).total_seconds() / 60)
        if 0 <= place < minutes:
            completed, failed = series.setdefault(ended.module_name, ([0] * minutes, [0] * minutes))
            completed[place] += ended.completed_count
            failed[place] += ended.failed_count
    return [
        ModuleLine(row, state_of[name], *series.get(name, ([0] * minutes, [0] * minutes)))
        for row in rows
        if (name := row["module_name"]) in state_of
    ]


def spark_minutes(width: int) -> int:
    """Return how many minutes a sparkline shows on a terminal of this width."""
    return next(minutes for least, minutes in ((220, 60), (110, 30), (76, 20), (0, 12)) if width >= least)


def modules_view(lines: Sequence[ModuleLine], now: datetime, *, width: int, room: int | None = None) -> Group:
    """Return the modules, and below them what is to be said about those that are not well.

    ``room``: at most so many lines; where modules have to be left out, those that are well go first.
    """
    concerns = [line for line in lines if not line.is_well]
    told = len(concerns)
    shown = list(lines)
    if room is not None:
        told = min(told, max(1, room // 6))
        spare = room - 1 - (2 * told + 1 if told else 0) - (1 if told < len(concerns) else 0)
        if len(shown) > spare:
            by_need = sorted(lines, key=lambda line: (line.is_well, -line.state.in_flight, -sum(line.completed[-5:])))
            kept = {id(line) for line in by_need[: max(1, spare - 1)]}
            shown = [line for line in lines if id(line) in kept]
    parts: list[RenderableType] = [modules_table(shown, now, width=width)]
    if len(shown) < len(lines):
        parts.append(Text(f"and {len(lines) - len(shown):,} more", style="dim"))
    if told:
        parts.append("")
        parts += [concern(line, now) for line in concerns[:told]]
    if told < len(concerns):
        parts.append(Text(f"and {len(concerns) - told:,} more that are not well", style="dim"))
    return Group(*parts)


def summary(lines: Sequence[ModuleLine]) -> Text:
    """Return how many modules there are of each health."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for status in ("HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"):
        number = sum(line.state.is_active and line.state.health_status == status for line in lines)
        if number:
            text.append(f"{number:,} ").append_text(coloured(status)).append("  ")
    inactive = sum(not line.state.is_active for line in lines)
    return text.append(f"{inactive:,} inactive", style="dim") if inactive else text


def modules_table(lines: Sequence[ModuleLine], now: datetime, *, width: int) -> Grid:
    """Return the modules: health, figures of 24 hours, robots running and waiting, throughput of the last minutes."""
    minutes = spark_minutes(width)
    meter_width = 6 if width >= 76 else 0
    grid = Grid(
        Column("MODULE", least=12),
        Column("HEALTH"),
        Column("TIER", drop=6),
        Column("SCORE", right=True, drop=5),
        Column("OK 24H", right=True),
        Column("ERR", right=True, drop=9),
        Column("AVG", right=True, drop=8),
        Column("RUN"),
        Column("WAIT", right=True),
        Column(f"LAST {minutes} MIN", cut="start"),
        Column("/MIN", right=True, drop=7),
        Column("CHECKED", right=True, drop=4),
        Column("DONE", right=True, drop=3),
        Column("VERSION", least=7, drop=2),
        Column("TYPES", least=8, drop=1),
    )
    for line in lines:
        row, state = line.row, line.state
        rate, errors = row["success_rate_24h"], row["error_count_24h"] or 0
        was_scored = row["last_performance_check"] is not None
        last = line.completed[-2] + line.failed[-2]  # in the last whole minute
        grid.add(
            row["module_name"],
            health_of(state.health_status, is_active=state.is_active),
            coloured(row["performance_tier"], TIER_STYLES) if was_scored else Text("-", style="dim"),
            f"{row['performance_score']:.2f}" if was_scored else Text("-", style="dim"),
            Text(percent(rate), style="" if rate is None or rate >= 99 else "yellow" if rate >= 90 else "red"),
            Text(count(errors), style="red" if errors else "dim"),
            duration(row["avg_processing_time_ms"]),
            meter(state.in_flight, state.max_concurrency, width=meter_width),
            Text("999+" if state.waiting >= 1000 else count(state.waiting), style="" if state.waiting else "dim"),
            sparkline(line.completed[-minutes:], line.failed[-minutes:]),
            Text(count(last), style="" if last else "dim"),
            ago(state.last_health_check, now),
            count(row["total_robots_processed"]),
            row["module_version"],
            ", ".join(row["supported_robot_types"]),
        )
    return grid


def concern(line: ModuleLine, now: datetime) -> Text:
    """Return in two lines that a module is not well, what its circuit breaker waits for, and why."""
    state = line.state
    health = health_of(state.health_status)
    text = Text.assemble(("● ", health.style), (state.module_name, "bold"), " is ", health)
    if state.health_since is not None:
        text.append(f" for {seconds_of(now - state.health_since)}")
    waits = probing(state, now)
    if waits is not None:
        text.append("; ").append(waits, style="cyan")
    if state.reason:
        text.append(f"\n  {first_line(state.reason)}", style="dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def seconds_of(span: timedelta) -> str:
    """Return a time span in whole seconds, for what is watched as it grows."""
    seconds = max(0.0, span.total_seconds())
    return f"{seconds:.0f} s" if seconds < 120 else duration(seconds * 1000)


def probing(state: ModuleState, now: datetime) -> str | None:
    """Return what an open circuit breaker waits for."""
    if state.health_status != "UNHEALTHY":
        return None
    if state.is_probing:
        return "probing now"
    if state.probe_after is not None and state.probe_after > now:
        return f"next probe in {seconds_of(state.probe_after - now)}"
    return "next probe as soon as a worker claims" if state.waiting else "next probe as soon as a robot waits"


def module_view(line: ModuleLine, history: Sequence[HealthChange], now: datetime) -> Group:
    """Return everything about one module."""
    row, state = line.row, line.state
    since = "" if state.health_since is None else f" for {seconds_of(now - state.health_since)}"
    score = None
    if row["last_performance_check"] is not None:
        when = ago(row["last_performance_check"], now)
        score = Text.assemble(
            f"{row['performance_score']:.2f} ", coloured(row["performance_tier"], TIER_STYLES), f", {when}"
        )
    parts: list[RenderableType] = [
        facts(
            [
                ("Module", Text(row["module_id"], style="bold")),
                ("Health", Text.assemble(health_of(state.health_status, is_active=state.is_active), since)),
                ("Why", first_line(state.reason)),
                ("Breaker", _breaker(state, now)),
                ("Checked", _checked(state, row, now)),
                ("Score", score),
                (
                    "24 hours",
                    f"{percent(row['success_rate_24h'])} succeeded, {count(row['error_count_24h'])} errors, "
                    f"{duration(row['avg_processing_time_ms'])} on average",
                ),
                ("Running", meter(state.in_flight, state.max_concurrency, width=20)),
                ("Waiting", "1,000 or more" if state.waiting >= 1000 else count(state.waiting)),
                ("Last hour", sparkline(line.completed, line.failed)),
                ("In all", f"{count(row['total_robots_processed'])} robots"),
                ("Types", ", ".join(row["supported_robot_types"])),
            ]
        )
    ]
    if history:
        parts += ["", history_table(history, now)]
    return Group(*parts)


def _breaker(state: ModuleState, now: datetime) -> Text | None:
    if state.opened_by is None:
        return None
    by = {"work": "by failing work", "checks": "by failed health checks", "hand": "by hand"}[state.opened_by]
    return Text.assemble(("open", "red"), f" {by}; ", (probing(state, now) or "", "cyan"))


def _checked(state: ModuleState, row: Row, now: datetime) -> str | None:
    if state.last_health_check is None:
        return "never" if row["health_endpoint"] else None
    text = f"{ago(state.last_health_check, now)}, up {percent(row['uptime_percentage_24h'])} of 24 hours"
    return text + (f"; the last {state.failed_checks} failed" if state.failed_checks else "")


def history_table(history: Sequence[HealthChange], now: datetime) -> Grid:
    """Return changes of health."""
    grid = Grid(
        Column("WHEN", right=True),
        Column("FROM", drop=1),
        Column("TO"),
        Column("WHY", least=10, cut="wrap"),
        title="Health",
    )
    for change in history:
        why = first_line(change.reason)
        grid.add(ago(change.changed_at, now), coloured(change.from_status), coloured(change.to_status), why)
    return grid


def probed_table(probed: Sequence[Probed]) -> Grid:
    """Return results of health checks."""
    grid = Grid(
        Column("MODULE", least=12),
        Column("CHECK"),
        Column("TOOK", right=True),
        Column("HEALTH"),
        Column("MESSAGE", least=15, cut="wrap"),
    )
    for check in probed:
        grid.add(*_probed_cells(check))
    return grid


def probed_line(check: Probed, at: datetime, width: int) -> Text:
    """Return one result as a line of a log."""
    name, verdict, took, health, message = _probed_cells(check)
    line = Text.assemble((f"{at:%H:%M:%S}  ", "dim"), f"{name:<{width}}  ")
    verdict.pad_right(6 - verdict.cell_len)
    health.pad_right(9 - health.cell_len)
    return Text.assemble(line, verdict, f"  {took:>8}  ", health, f"  {message}")


def _probed_cells(check: Probed) -> tuple[str, Text, str, Text, str]:
    verdict = Text("good", style="green") if check.healthy else Text("failed", style="red")
    notes = [note for note in (check.error_message, check.note) if note]
    return check.module_name, verdict, duration(check.response_time_ms), coloured(check.health), "; ".join(notes)


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


def runs_table(runs: Sequence[JobRun]) -> Grid:
    """Return the jobs that ran."""
    grid = Grid(Column("JOB", least=10), Column("OUTCOME", least=10), Column("TOOK", right=True))
    for run in runs:
        grid.add(run.job_name, coloured(run.outcome), duration(run.duration_ms))
    return grid


def reports_table(reports: Sequence[ReportEntry]) -> Grid:
    """Return the reports that are kept."""
    grid = Grid(
        Column("KIND"),
        Column("FROM"),
        Column("UNTIL BEFORE", drop=2),
        Column("COMPLETED", right=True),
        Column("FAILED", right=True),
        Column("FINDINGS", right=True),
        Column("BUILT", drop=1),
    )
    for entry in reports:
        grid.add(
            entry.kind,
            f"{entry.period_start}",
            f"{entry.period_end}",
            count(entry.completed_count),
            Text(count(entry.failed_count), style="red" if entry.failed_count else "dim"),
            Text(count(entry.finding_count), style="yellow" if entry.finding_count else "dim"),
            f"{entry.built_at:%Y-%m-%d %H:%M}",
        )
    return grid


def job_state(job: Job) -> Text:
    """Return in a word how a job is."""
    if job.last_outcome is not None and job.last_outcome.startswith("failed"):
        return Text("timeout" if job.last_outcome.endswith("timeout") else "failed", style="bold red")
    if job.is_late:
        return Text("late", style="yellow")
    if job.last_start_at is None:
        return Text("not yet", style="dim")
    return Text("ok", style="green")


def jobs_table(jobs: Sequence[Job], now: datetime) -> Grid:
    """Return the catalogue of jobs."""
    grid = Grid(
        Column("JOB", least=16),
        Column("SCHEDULE", drop=3),
        Column("STATE"),
        Column("LAST RUN", right=True),
        Column("TOOK", right=True, drop=4),
        Column("NEXT", right=True),
        Column("RUNS", right=True, drop=2),
        Column("FAILED", right=True, drop=2),
        Column("MISSED", right=True, drop=2),
        Column("WHAT IT DOES", least=24, drop=1),
    )
    for job in jobs:
        grid.add(
            job.job_name,
            Text(job.schedule, style="dim"),
            job_state(job),
            ago(job.last_start_at, now),
            duration(job.last_duration_ms),
            "now" if job.is_due else ago(job.next_due_at, now),
            count(job.run_count),
            count(job.failure_count) if job.failure_count else "-",
            count(job.missed_count) if job.missed_count else "-",
            job.description,
        )
    return grid


def job_remarks(jobs: Sequence[Job]) -> list[Text]:
    """Return what the table has no room for: errors of failed jobs, and the latest gap."""
    remarks = [
        Text.assemble((f"{job.job_name}: ", "bold red"), first_line(job.last_error))
        for job in jobs
        if job.last_outcome is not None and job.last_outcome.startswith("failed")
    ]
    gaps = [job for job in jobs if job.gap_from is not None and job.gap_until is not None]
    if gaps:
        longest = max(gaps, key=lambda job: (job.gap_until or datetime.min) - (job.gap_from or datetime.min))
        remarks.append(
            Text.assemble(
                ("Latest gaps: ", "yellow"),
                f"{longest.job_name} did not run from {moment(longest.gap_from)} to {moment(longest.gap_until)}"
                + (f"; so it was with {len(gaps) - 1} more" if len(gaps) > 1 else ""),
            )
        )
    return remarks


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


# --- analytics -------------------------------------------------------------------------------------------------

EVENT_STYLES = {
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
    "released": "magenta",
    "retried": "yellow",
    "step repeated": "yellow",
    "claimed": "cyan",
}
CHANGE_STYLES = {"new": "bold red", "growing": "red", "steady": "", "shrinking": "green", "vanished": "dim green"}


def timeline_table(events: Sequence[TimelineEvent]) -> Grid:
    """Return the life of a robot, each event with the time since it was submitted."""
    grid = Grid(
        Column("TIME (UTC)", least=8, cut="start"),
        Column("AFTER", right=True, drop=2),
        Column("TRY", right=True),
        Column("EVENT"),
        Column("STEP", least=10),
        Column("TOOK", right=True),
        Column("DETAIL", least=10, drop=1),
    )
    for event in events:
        after = (event.happened_at - events[0].happened_at).total_seconds() * 1000
        waited = event.event == "claimed"
        grid.add(
            Text(event.happened_at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]),
            Text(f"+{duration(after)}" if after > 0 else "", style="dim"),
            "" if event.attempt is None else str(event.attempt),
            Text(event.event, style=EVENT_STYLES.get(event.event, "")),
            event.step_name or "",
            "" if event.duration_ms is None or waited else duration(event.duration_ms),
            ", ".join(
                part
                for part in (
                    event.detail,
                    f"waited {duration(event.duration_ms)}" if waited and event.duration_ms else None,
                    event.step_category,
                )
                if part
            ),
        )
    return grid


def forecast_table(forecasts: Sequence[QueueForecast], now: datetime) -> Grid:
    """Return when backlogs will be empty."""
    grid = Grid(
        Column("MODULE", least=10),
        Column("WAIT", right=True),
        Column("LATER", right=True, drop=3),
        Column("RUN", right=True),
        Column("EMPTY", right=True),
        Column("AT (UTC)", right=True, drop=4),
        Column("ALL DONE", right=True, drop=2),
        Column("LATE", right=True),
        Column("PAST FORECASTS", right=True, drop=5),
        Column("FROM", least=16, drop=1),
    )
    for line in forecasts:
        empty: str | Text = "now" if not line.waiting else ago(line.empty_at, now)
        if line.waiting and line.empty_at is None:
            empty = Text("not at this rate", style="red") if line.busy else Text("not known yet", style="dim")
        grid.add(
            line.module_name,
            count(line.waiting) + ("+" if line.is_estimate else ""),
            count(line.not_due),
            count(line.in_flight),
            empty,
            line.empty_at.strftime("%m-%d %H:%M") if line.empty_at is not None else "-",
            ago(line.done_at, now),
            Text(count(line.late_count), style="red" if line.late_count else "dim"),
            f"off by {percent(line.past_error)} of {line.past_count}" if line.past_error is not None else "-",
            line.basis,
        )
    return grid


def forecast_remarks(forecasts: Sequence[QueueForecast]) -> list[Text]:
    """Return the robots that will be late, a line per module."""
    return [
        Text.assemble(
            (f"{line.module_name}: {count(line.late_count)} will be late: ", "red"),
            ", ".join(line.late_robot_ids[:5]),
            " ..." if line.late_count > 5 else "",
        )
        for line in forecasts
        if line.late_count
    ]


def errors_table(patterns: Sequence[ErrorPattern]) -> Grid:
    """Return what fails, the most frequent first."""
    grid = Grid(
        Column("MODULE", least=8),
        Column("CATEGORY", least=8),
        Column("STEP", least=8),
        Column("ERRORS", right=True),
        Column("BEFORE", right=True),
        Column("CHANGE"),
        Column("SHARE", right=True, drop=3),
        Column("BY HOUR, 0 TO 23", least=24, drop=4),
        Column("KIND", drop=2),
        Column("FOR EXAMPLE", drop=1),
    )
    for line in patterns:
        grid.add(
            line.module_name,
            line.error_category,
            line.step_name or "-",
            count(line.error_count),
            count(line.previous_count),
            Text(line.change or "–", style=CHANGE_STYLES.get(line.change or "", "")),
            percent(line.share),
            sparkline([0] * 24, line.hour_counts),
            Text(line.fingerprint, style="dim"),
            Text(line.example_execute_id, style="dim"),
        )
    return grid


def steps_tables(rows: Sequence[StepRow], limit: int) -> list[RenderableType]:
    """Return the steps of each module in which most time went."""
    tables: list[RenderableType] = []
    for module in dict.fromkeys(row.module_name for row in rows):
        grid = Grid(
            Column("STEP", least=12),
            Column("CATEGORY", drop=1),
            Column("SHARE", width=BAR_WIDTH),
            Column("", right=True),
            Column("TOTAL", right=True, drop=3),
            Column("TIMES", right=True, drop=2),
            Column("AVG", right=True),
            Column("MAX", right=True, drop=4),
            Column("CHANGE", right=True),
            title=module,
        )
        for row in [row for row in rows if row.module_name == module][:limit]:
            name = Text(row.step_name or "in no step", style="" if row.step_name else "dim")
            if row.is_bottleneck:
                name = Text.assemble((row.step_name or "", "bold yellow"), ("  bottleneck", "yellow"))
            grid.add(
                name,
                Text(row.step_category or "", style="dim"),
                bar(float(row.share or 0)),
                percent(row.share),
                duration(row.total_ms),
                count(row.step_count),
                duration(row.avg_ms),
                duration(row.max_ms),
                difference(row.change),
            )
        if tables:
            tables.append(Text())
        tables.append(grid)
    return tables


def difference(value: Any, *, good: int = -1) -> Text:
    """Return a change in percent; ``good``: 1 where more is better, -1 where less is."""
    if value is None:
        return Text("-", style="dim")
    style = "" if abs(value) < 5 else "green" if value * good > 0 else "red"
    return Text(f"{value:+.0f} %", style=style)


def scoreboard_table(rows: Sequence[ScoreboardRow]) -> Grid:
    """Return the modules side by side."""
    grid = Grid(
        Column("#", right=True),
        Column("MODULE", least=10),
        Column("SCORE", right=True),
        Column("TIER"),
        Column("HEALTH", drop=5),
        Column("DONE", right=True),
        Column("OK", right=True),
        Column("P50", right=True, drop=4),
        Column("P95", right=True),
        Column("P99", right=True, drop=6),
        Column("PER HOUR", right=True, drop=3),
        Column("EST/ACT", right=True, drop=2),
        Column("RETRIED", right=True, drop=1),
        Column("WAITED", right=True, drop=1),
    )
    for row in rows:
        rate = row.success_rate
        grid.add(
            str(row.rank),
            row.module_name,
            "-" if row.performance_score is None else f"{row.performance_score:.2f}",
            Text(row.performance_tier or "-", style=TIER_STYLES.get(row.performance_tier or "", "")),
            coloured(row.health_status),
            count(row.completed_count),
            Text(percent(rate), style="green" if rate >= 99 else "yellow" if rate >= 90 else "red"),
            duration(row.p50_ms),
            duration(row.p95_ms),
            duration(row.p99_ms),
            f"{row.throughput_per_hour:,.0f}",
            "-" if row.efficiency is None else f"{row.efficiency:.2f}",
            percent(row.retry_rate),
            duration(row.avg_wait_ms),
        )
    return grid


def benchmark_table(rows: Sequence[BenchmarkRow]) -> Grid:
    """Return modules against their peers, type by type."""
    grid = Grid(
        Column("TYPE", least=8),
        Column("MODULE", least=10),
        Column("DONE", right=True),
        Column("FAILED", right=True, drop=3),
        Column("TAKES", right=True),
        Column("VS PEERS", right=True),
        Column("EST/ACT", right=True, drop=2),
        Column("VS PEERS", right=True, drop=2),
        Column("COST", right=True),
        Column("VS PEERS", right=True),
        Column("PEERS", right=True, drop=1),
    )
    kind = None
    for row in rows:
        grid.add(
            row.robot_type if row.robot_type != kind else "",
            row.module_name,
            count(row.completed_count),
            count(row.failed_count),
            duration(row.avg_duration_ms),
            difference(row.duration_difference),
            "-" if row.efficiency is None else f"{row.efficiency:.2f}",
            difference(row.efficiency_difference, good=1),
            "-" if row.cost_per_robot is None else f"{row.cost_per_robot:,.2f}",
            difference(row.cost_difference),
            count(row.peer_count),
        )
        kind = row.robot_type
    return grid


def capacity_table(plans: Sequence[CapacityPlan]) -> Grid:
    """Return growth, peaks and capacity."""
    grid = Grid(
        Column("MODULE", least=10),
        Column("A DAY", right=True),
        Column("GROWTH A DAY", right=True),
        Column("95 %", right=True, drop=2),
        Column("MONTH", right=True, drop=3),
        Column("PEAK/H", right=True, drop=4),
        Column("TAKES", right=True, drop=5),
        Column("BUSY AT PEAK", right=True),
        Column("OF", right=True),
        Column("RUNS OUT", right=True),
        Column("NEEDED", right=True, drop=1),
    )
    for plan in plans:
        utilization = plan.peak_utilization or 0
        grid.add(
            plan.module_name,
            "-" if plan.per_day is None else f"{plan.per_day:,.0f}",
            "-" if plan.growth_per_day is None else f"{plan.growth_per_day:+,.1f}",
            "-" if plan.growth_low is None else f"{plan.growth_low:+,.1f} to {plan.growth_high:+,.1f}",
            f"{plan.month_total:,.0f}",
            "-" if plan.peak_per_hour is None else f"{plan.peak_per_hour:,.0f}",
            "-" if plan.service_seconds is None else duration(float(plan.service_seconds) * 1000),
            "-" if plan.busy_peak is None else f"{plan.busy_peak:,.1f}",
            Text(
                "no limit" if plan.capacity is None else count(plan.capacity),
                style="dim"
                if plan.capacity is None
                else "red"
                if utilization >= 100
                else "yellow"
                if utilization >= 80
                else "",
            ),
            Text(
                "-" if plan.runs_out_on is None else plan.runs_out_on.isoformat(),
                style="red" if plan.runs_out_on else "dim",
            ),
            "-" if plan.workers_needed is None else count(plan.workers_needed),
        )
    return grid


def capacity_remarks(plans: Sequence[CapacityPlan]) -> list[Text]:
    """Return what is to be said about growth and capacity, a line per module that grows or runs out."""
    lines = []
    for plan in plans:
        if plan.runs_out_on is not None:
            between = (
                f" (between {plan.runs_out_earliest or '-'} and {plan.runs_out_latest or 'never'})"
                if plan.is_growing
                else ""
            )
            lines.append(
                Text(
                    f"{plan.module_name}: the busiest hour takes all {count(plan.capacity)}"
                    f" on {plan.runs_out_on}{between}."
                )
            )
        elif plan.growth_per_day is None:
            lines.append(Text(f"{plan.module_name}: {plan.days_observed} of 14 days for a trend.", style="dim"))
    return lines

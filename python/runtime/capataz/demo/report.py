"""The summary at the end of the demo."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from capataz.cli.spark import sparkline

from .documents import Document
from .facts import LostAttempt, Row

__all__ = ["Outcome", "print_report"]

_WIDTH = 110
_LICENCES_SHOWN = 14


@dataclass(slots=True)
class Outcome:
    """All that is known of a run when it has ended."""

    run_id: str
    documents: int
    what: str
    made: list[Document]
    robots: int
    copies: int
    inherited: int
    cached: int
    seconds: float
    submit_seconds: float
    series: list[float]
    checks: dict[str, int] = field(default_factory=dict)
    totals: Row = field(default_factory=dict)
    licences: list[Row] = field(default_factory=list)
    discrepancy_count: int = 0
    discrepancies: list[Row] = field(default_factory=list)
    slowest: list[Row] = field(default_factory=list)
    durations: Row = field(default_factory=dict)
    failures: list[Row] = field(default_factory=list)
    lost: list[LostAttempt] = field(default_factory=list)
    tiers: list[Row] = field(default_factory=list)
    module: Row = field(default_factory=dict)
    killed: tuple[str, int] | None = None
    killed_at: datetime | None = None
    problems: list[str] = field(default_factory=list)
    dsn: str = ""
    psql: str | None = None
    embedded: bool = False
    kept: bool = False

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def worked(self) -> int:
        """Robots that workers completed in this run."""
        return int(self.durations.get("attempts") or 0)

    def as_json(self) -> dict[str, Any]:
        """The facts for programs; numbers as numbers."""
        facts = asdict(self)
        for name in ("dsn", "psql", "embedded", "kept", "made", "series"):
            del facts[name]
        facts["ok"] = self.ok
        return {key: _plain(value) for key, value in facts.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def print_report(console: Console, outcome: Outcome) -> None:
    """Print the summary: findings first, then how the work went, then the proof and how to look further."""
    width = min(console.width, _WIDTH)
    unicode = (console.encoding or "").lower().startswith("utf")

    def section(title: str, *parts: RenderableType) -> None:
        console.print(
            Panel(
                Group(*parts),
                title=f"[bold]{title}[/]",
                title_align="left",
                border_style="cyan",
                padding=(0, 1),
                width=width,
            )
        )

    console.print()
    section("Licences on this machine", *_licences(outcome, width, unicode))
    if outcome.discrepancies:
        section("Labels that their own text contradicts", *_discrepancies(outcome))
    section("How the work went", *_work(outcome, unicode))
    if outcome.killed:
        section("The worker that was killed", *_recovery(outcome))
    if outcome.failures:
        section("Refused documents", *_failures(outcome))
    section("The proof", *_proof(outcome))
    _further(console, outcome)


def _pairs(rows: Sequence[tuple[str, RenderableType | str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, min_width=12)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, value)
    return table


def _licences(outcome: Outcome, width: int, unicode: bool) -> list[RenderableType]:
    totals = outcome.totals
    named = [row for row in outcome.licences if not row["id"].startswith("LicenseRef-") or "public" in row["id"]]
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{totals['completed']}", "bold"),
            " documents (",
            f"{totals['bytes'] / 1e6:.1f} MB",
            ") name ",
            (f"{len(outcome.licences)}", "bold"),
            " licences, ",
            f"{len(named)} of them known to SPDX, and ",
            (f"{totals['holders']:,}", "bold"),
            " holders, ",
            f"years {totals['first_year']} to {totals['last_year']}.",
        ),
        Text(
            f"Mean confidence {totals['confidence']}, completeness {totals['completeness']}; "
            f"{totals['machine_readable']} documents are machine-readable (DEP-5).",
            style="dim",
        ),
        Text(),
    ]
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, max_width=34, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style="dim")
    shown = outcome.licences[:_LICENCES_SHOWN]
    top = max((row["documents"] for row in shown), default=1)
    room = max(10, width - 64)
    for row in shown:
        bar = _bar(row["documents"] / top, room, unicode)
        table.add_row(
            row["id"].removeprefix("LicenseRef-"),
            str(row["documents"]),
            Text(bar, style="cyan"),
            f"confidence {row['confidence']}",
        )
    parts.append(table)
    rest = outcome.licences[_LICENCES_SHOWN:]
    if rest:
        parts.append(Text(f"... and {len(rest)} more, such as {', '.join(row['id'] for row in rest[:5])}", style="dim"))
    return parts


def _bar(share: float, width: int, unicode: bool) -> str:
    if not unicode:
        return "#" * max(1, round(share * width))
    eighths = max(1, round(share * width * 8))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _discrepancies(outcome: Outcome) -> list[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("package", no_wrap=True, max_width=34, overflow="ellipsis")
    table.add_column("says", no_wrap=True, max_width=26, overflow="ellipsis")
    table.add_column("but the text is that of", no_wrap=True)
    for row in outcome.discrepancies:
        table.add_row(row["package"], row["declared"], Text(row["reads_as"], style="yellow"))
    more = outcome.discrepancy_count - len(outcome.discrepancies)
    parts: list[RenderableType] = [table]
    if more > 0:
        parts.append(Text(f"... and {more} more of this kind", style="dim"))
    return parts


def _work(outcome: Outcome, unicode: bool) -> list[RenderableType]:
    submit = f"{outcome.documents} documents in one call, {outcome.submit_seconds:.2f} s"
    rows: list[tuple[str, RenderableType | str]] = [("submitted", submit)]
    if outcome.copies:
        rows.append(("copies", f"{outcome.copies} documents have the content of another: one robot works for all"))
    if outcome.inherited:
        rows.append(("continued", f"{outcome.inherited} robots were left in the queue by an interrupted run"))
    hits = f"{outcome.cached} of {outcome.documents}"
    if outcome.cached:
        rows.append(("cache hits", Text(f"{hits} answered at once with the result of an earlier run", style="green")))
        rows.append(("", f"({_program()} --fresh does the work again, killed worker included)"))
    else:
        rows.append(("cache hits", f"{hits}; the next run takes these results"))
    if outcome.worked:
        durations = outcome.durations
        rate = outcome.worked / max(outcome.seconds, 0.001)
        rows.append(
            (
                "worked",
                f"{outcome.worked} robots in {outcome.seconds:.1f} s, {rate:.0f}/s with start-up and "
                "recovery, four steps each, every step recorded",
            )
        )
        rows.append(
            (
                "one robot",
                f"handler p50 {durations['handler_p50']} ms, p95 {durations['handler_p95']} ms; "
                f"claim to end p50 {durations['p50']} ms, p95 {durations['p95']} ms",
            )
        )
        rows.append(("resources", f"{durations['cpu_seconds']} s of CPU, at most {durations['memory_mb']} MB a worker"))
        if len(outcome.series) > 3:
            peak = max(outcome.series)
            rows.append(
                (
                    "throughput",
                    Text.assemble(sparkline(outcome.series[-60:], unicode=unicode), f"  peak {peak:.0f}/s"),
                )
            )
        if outcome.tiers:
            waits = ", ".join(f"{row['priority']} {row['waited']} s" for row in outcome.tiers)
            rows.append(("median wait", f"{waits}"))
    parts: list[RenderableType] = [_pairs(rows)]
    if outcome.slowest and outcome.worked:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("slowest documents", no_wrap=True, max_width=44, overflow="ellipsis")
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("size", justify="right", no_wrap=True)
        table.add_column("licences", justify="right", no_wrap=True)
        for row in outcome.slowest:
            table.add_row(
                row["package"], f"{row['handler_ms']:.0f} ms", f"{row['bytes'] / 1024:,.0f} KiB", str(row["licences"])
            )
        parts += [Text(), table]
    return parts


def _recovery(outcome: Outcome) -> list[RenderableType]:
    assert outcome.killed is not None
    assert outcome.killed_at is not None
    name, pid = outcome.killed

    def after(moment: datetime | None) -> str:
        assert outcome.killed_at is not None
        return f"{(moment - outcome.killed_at).total_seconds():.1f} s" if moment else "never"

    number = len(outcome.lost)
    parts: list[RenderableType] = [
        Text.assemble(
            (f"{name}", "bold"),
            f" (pid {pid}) got a SIGKILL while it held ",
            (f"{number}", "bold"),
            f" robot{'s' if number != 1 else ''}. Nobody told the database; it noticed the silence, ended those "
            "attempts as WORKER_LOST, and gave the robots to others:",
        ),
    ]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("document", "given up after", "running again after", "by", "end"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for attempt in outcome.lost[:6]:
        parts_of = attempt.source.split("/")
        ended = f"{attempt.status} after {after(attempt.ended_at)}"
        table.add_row(
            parts_of[-2] if len(parts_of) > 1 else attempt.source,
            after(attempt.given_up_at),
            after(attempt.resumed_at),
            "-".join((attempt.resumed_by or "nobody").split("-")[:2]),
            Text(ended, style="green" if attempt.status == "COMPLETED" else "yellow"),
        )
    parts.append(table)
    if number > 6:
        parts.append(Text(f"... and {number - 6} more", style="dim"))
    return parts


def _failures(outcome: Outcome) -> list[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("document", no_wrap=True)
    table.add_column("category", no_wrap=True)
    table.add_column("why", overflow="fold")
    for row in outcome.failures[:8]:
        why = f"{row['message']}  [made by the demo]" if row["made"] else row["message"]
        table.add_row(row["package"], Text(str(row["category"]), style="yellow"), Text(why))
    parts: list[RenderableType] = [table]
    if len(outcome.failures) > 8:
        parts.append(Text(f"... and {len(outcome.failures) - 8} more", style="dim"))
    if all(row["category"] == "VALIDATION" and not row["retry_count"] for row in outcome.failures):
        parts.append(Text("VALIDATION is not retried: the document would be as bad the second time.", style="dim"))
    return parts


def _proof(outcome: Outcome) -> list[RenderableType]:
    module = outcome.module
    parts: list[RenderableType] = []
    if outcome.ok:
        parts.append(
            Text.assemble(
                ("✓ ", "bold green"),
                (f"Asked the database: all {outcome.robots} robots ended exactly once, ", "green"),
                (
                    f"{outcome.checks['robots'] - len(outcome.failures)} COMPLETED and {len(outcome.failures)} FAILED; "
                    "none is open, lost or done twice.",
                    "green",
                ),
            )
        )
    for problem in outcome.problems:
        parts.append(Text(f"! {problem}", style="bold red"))
    health = str(module.get("health"))
    style = {"HEALTHY": "green", "UNHEALTHY": "red"}.get(health, "yellow")
    parts.append(
        Text.assemble(
            f"Module {module.get('module_id')}: ",
            (health, f"bold {style}"),
            f", success {module.get('success_rate_24h')} % of 24 h, {module.get('error_count_24h')} errors, "
            f"mean {module.get('avg_processing_time_ms')} ms, {module.get('total_robots_processed')} robots in all.",
        )
    )
    return parts


def _further(console: Console, outcome: Outcome) -> None:
    """How to go on with psql: commands that can be copied as they stand."""
    psql = shlex.quote(outcome.psql or "psql")
    target = shlex.quote(outcome.dsn) if outcome.embedded else '"$CAPATAZ_DSN"'
    console.print("\n[bold]Look further[/]")
    if outcome.embedded and not outcome.kept:
        console.print("  The embedded server stops with the demo; its data stay. Start it again and leave it up:")
        console.print(f"    [cyan]{_program()} --keep[/]")
        console.print("  and in another terminal:")
    console.print(f"    {psql} {target}", style="cyan", soft_wrap=True, markup=False)
    lost = outcome.lost[0].robot_id if outcome.lost else None
    queries = [
        (
            "what a document says",
            "select jsonb_pretty(output_data) from capataz.robots where input_data ->> 'package' = 'bash' limit 1;",
        ),
        (
            "what is under the GPL-3",
            "select distinct input_data ->> 'package' as package from capataz.robots where output_data -> 'licences' "
            '@> \'[{"id": "GPL-3.0-or-later"}]\';',
        ),
        (
            "where the time goes, step by step",
            "select step_name, count(*), round(avg(duration_ms), 1) as ms from capataz_ops.execution_steps "
            "group by 1 order by 3 desc;",
        ),
        (
            "what failed, and why",
            "select input_data ->> 'package' as package, error_category, error_details ->> 'message' as why "
            "from capataz.robots where status = 'FAILED';",
        ),
    ]
    if lost:
        queries.append(
            (
                "the life of a robot whose worker died",
                "select worker_id, execution_state, error_category, "
                f"started_at, completed_at from capataz.robot_execute where robot_id = '{lost}' order by "
                "started_at;",
            )
        )
    for title, query in queries:
        console.print(f"  [dim]-- {title}[/]")
        console.print(f"  {query}", style="cyan", soft_wrap=True, markup=False)
    console.print()


def _program() -> str:
    name = sys.argv[0].rsplit("/", 1)[-1]
    return f"{sys.argv[0] if '/' in sys.argv[0] else 'capataz'} demo" if name == "capataz" else "python -m capataz.demo"

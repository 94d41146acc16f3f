"""The summary at the end of the failover demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from capataz.cli.output import coloured
from capataz.cli.spark import sparkline

from .facts import SLOT, Evidence, Shot

__all__ = ["print_report"]

_WIDTH = 100


def print_report(
    console: Console, found: Evidence, shot: Shot, *, begun: datetime, marks: Mapping[str, datetime | None]
) -> None:
    """Print the run as two strips, what happened to the module's health, and what was checked."""
    width = min(console.width, _WIDTH)
    parts: list[RenderableType] = [
        _strips(shot, begun, marks, width - 20),
        Text(),
        _history(found, begun),
        Text(),
        _facts(found),
    ]
    console.print()
    console.print(
        Panel(
            Group(*parts),
            title="[bold]What happened[/]",
            title_align="left",
            border_style="green" if found.ok else "red",
            padding=(0, 1),
            width=width,
        )
    )


def _strips(shot: Shot, begun: datetime, marks: Mapping[str, datetime | None], width: int) -> RenderableType:
    """Throughput of both modules over the whole run, on one scale, and below it what happened when."""
    length = max(len(series) for series in shot.completed.values())
    step = -(-length // max(1, width))  # slots that a bar stands for
    rows = {
        name: (_squeezed(shot.completed[name], step), _squeezed(shot.failed[name], step)) for name in shot.completed
    }
    top = max((good + bad for pair in rows.values() for good, bad in zip(*pair, strict=True)), default=0)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True, overflow="crop")
    for name, (completed, failed) in rows.items():
        table.add_row(name, sparkline(completed, failed, top=top))
    places = [
        (int((at - begun).total_seconds() / SLOT / step), name)
        for name, at in marks.items()
        if at is not None and at >= begun
    ]
    arrows, labels = Text(), [Text(), Text()]
    for place, name in sorted(places):
        if arrows.cell_len <= place:
            arrows.append(" " * (place - arrows.cell_len)).append("↑", style="cyan")
        row = next((row for row in labels if row.cell_len <= place), labels[-1])
        row.append(" " * (place - row.cell_len)).append(name, style="cyan").append(" ")
    table.add_row(Text(f"{step * SLOT:g} s a bar", style="dim"), arrows)
    for row in labels:
        if row:
            table.add_row("", row)
    return table


def _squeezed(values: Sequence[int], step: int) -> list[float]:
    return [sum(values[start : start + step]) / step for start in range(0, len(values), step)]


def _history(found: Evidence, begun: datetime) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    entries: list[tuple[datetime, Text, str]] = [
        (change.changed_at, coloured(change.to_status), change.reason) for change in found.changes
    ]
    for number, (probe, wait) in enumerate(zip(found.probes, found.probe_waits, strict=False), 1):
        text = f"after {wait:.1f} s: {'failed' if probe.state == 'FAILED' else 'good'}"
        entries.append((probe.started_at, Text(f"probe {number}", style="cyan"), text))
    for at, what, why in sorted(entries, key=lambda entry: entry[0]):
        table.add_row(f"{(at - begun).total_seconds():.1f} s", what, why)
    return table


def _facts(found: Evidence) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for fact in found.facts:
        mark = Text("✓", style="bold green") if fact.ok else Text("✗", style="bold red")
        name = Text(fact.name[0].upper() + fact.name[1:], style="bold" if fact.ok else "bold red")
        table.add_row(mark, name.append(f": {fact.text}", style="not bold"))
    verdict = "Asked the database: every fact holds." if found.ok else "Not every fact holds."
    table.add_row("", Text(verdict, style="green" if found.ok else "bold red"))
    return table

"""What a person sees while the demo runs: a live picture in a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from capataz.cli.spark import sparkline

from .drawn import Drawn, Told
from .facts import ActiveRobot, Snapshot, WorkerCount

__all__ = ["LiveScreen", "Picture", "PlainScreen", "Screen", "WorkerLine", "make_screen"]

_STEPS = ("INIT", "VALIDATION", "PROCESSING", "FINALIZATION")
_SLOT = 0.5  # seconds of one bar of the sparkline
_EVENTS = 6
_MARKS = {
    "info": ("·", "cyan"),
    "kill": ("✗", "bold red"),
    "wait": ("…", "yellow"),
    "good": ("✓", "green"),
    "bad": ("!", "bold red"),
}


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker as shown: ``state`` is one of starting, working, idle, killed, stopped."""

    name: str
    worker_id: str
    pid: int
    state: str


@dataclass(slots=True)
class Picture:
    """Everything there is to show at one moment."""

    total: int
    shot: Snapshot
    workers: list[WorkerLine]
    done_before: int = 0  # answered from the cache at once


class Screen(Protocol):
    """Where the run is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, kind: str, text: str) -> None:
        """Tell something that happened: kind is info, kill, wait, good or bad."""

    def show(self, picture: Picture) -> None:
        """Show how far the run is."""


class _Pace:
    """Throughput from the number of robots ended so far."""

    def __init__(self) -> None:
        self.begun: float | None = None
        self._slots: dict[int, int] = {}
        self._last = 0

    def note(self, ended: int) -> None:
        now = time.monotonic()
        if self.begun is None:
            self.begun, self._last = now, ended
        slot = int((now - self.begun) / _SLOT)
        self._slots[slot] = self._slots.get(slot, 0) + max(0, ended - self._last)
        self._last = max(ended, self._last)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun if self.begun is not None else 0.0

    def series(self) -> list[float]:
        """Robots a second, slot by slot; the slot under way is left out."""
        if self.begun is None:
            return []
        return [self._slots.get(i, 0) / _SLOT for i in range(int(self.seconds / _SLOT))]

    def rate(self, window: float = 3.0) -> float:
        recent = self.series()[-int(window / _SLOT) :]
        return sum(recent) / len(recent) if recent else 0.0


class PlainScreen(Told):
    """One line per event, and one every two seconds: for logs, pipes and CI."""

    def __init__(self, console: Console, interval: float = 2.0) -> None:
        super().__init__(console)
        self._interval = interval
        self._begun = time.monotonic()
        self._next = 0.0
        self.pace = _Pace()

    def event(self, kind: str, text: str) -> None:
        self.line(time.monotonic() - self._begun, text if kind != "bad" else f"! {text}")

    def show(self, picture: Picture) -> None:
        self.pace.note(picture.shot.ended)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._interval
        shot = picture.shot
        working = sum(line.state in ("working", "idle") for line in picture.workers)
        self.line(
            time.monotonic() - self._begun,
            f"{shot.ended}/{picture.total} robots done ({shot.status.get('FAILED', 0)} failed), "
            f"{shot.status.get('PROCESSING', 0)} under way, {shot.status.get('RETRYING', 0)} waiting for a retry, "
            f"{shot.retried} retried, {self.pace.rate():.0f}/s, {working} workers",
        )


class LiveScreen(Drawn):
    """A picture that is drawn anew a few times a second."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._unicode = (console.encoding or "").lower().startswith("utf")
        self._events: deque[tuple[float, str, str]] = deque(maxlen=_EVENTS)
        self._begun = time.monotonic()
        self._picture: Picture | None = None
        self.pace = _Pace()

    def event(self, kind: str, text: str) -> None:
        self._events.append((time.monotonic() - self._begun, kind, text))

    def show(self, picture: Picture) -> None:
        self.pace.note(picture.shot.ended)
        self._picture = picture

    # --- drawing

    def render(self) -> RenderableType:
        picture = self._picture
        if picture is None:
            return self._event_lines()
        parts: list[RenderableType] = [
            self._overall(picture),
            self._counts(picture),
            Text(),
            self._worker_table(picture),
            Text(),
            self._step_line(picture.shot.active),
            Text(),
            self._event_lines(),
        ]
        return Panel(
            Group(*parts),
            title="[bold]Capataz[/] · LegalModule audits the licences of this machine",
            title_align="left",
            border_style="cyan",
            padding=(0, 1),
            width=min(self._console.width - 3, 110),  # room for the ^C that a terminal echoes
        )

    def _overall(self, picture: Picture) -> RenderableType:
        ended, total = picture.shot.ended, picture.total
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        rate = self.pace.rate()
        left = total - ended
        eta = f"{left / rate:3.0f} s left" if rate > 0.5 and left else "         "
        grid.add_row(
            Text(f"{ended:>4}/{total}", style="bold"),
            ProgressBar(total=max(total, 1), completed=ended, complete_style="cyan", finished_style="green"),
            Text(f"{100 * ended / max(total, 1):3.0f} %  {eta}"),
        )
        return grid

    def _counts(self, picture: Picture) -> RenderableType:
        status = picture.shot.status
        line = Text("     ")
        for label, value, style in (
            ("completed", status.get("COMPLETED", 0), "green"),
            ("failed", status.get("FAILED", 0), "red"),
            ("under way", status.get("PROCESSING", 0), "cyan"),
            ("waiting", status.get("PENDING", 0) + status.get("RETRYING", 0), "default"),
            ("retried", picture.shot.retried, "yellow"),
        ):
            line.append(f"{value} ", style=f"bold {style}" if value else "dim")
            line.append(f"{label}   ", style="default" if value else "dim")
        series = self.pace.series()
        line.append("\n     ")
        line.append_text(sparkline(series[-40:], unicode=self._unicode) or Text(" "))
        line.append(f" {self.pace.rate():.0f} robots/s", style="bold")
        return line

    def _worker_table(self, picture: Picture) -> RenderableType:
        table = Table(box=None, padding=(0, 1), expand=True, show_edge=False, header_style="dim")
        table.add_column("worker", no_wrap=True, width=9)
        table.add_column("pid", no_wrap=True, justify="right", width=8)
        table.add_column("state", no_wrap=True, width=9)
        table.add_column("done", no_wrap=True, justify="right", width=5)
        table.add_column("holds", no_wrap=True, justify="right", width=5)
        table.add_column("at work on", no_wrap=True, ratio=1, overflow="ellipsis")
        styles = {"killed": "bold red", "working": "green", "starting": "yellow", "stopped": "dim"}
        for line in picture.workers:
            count = picture.shot.workers.get(line.worker_id, WorkerCount())
            active = [a for a in picture.shot.active if a.worker_id == line.worker_id]
            if line.state == "killed":
                doing = Text(
                    "its robots wait for the foreman" if active else "its robots were given to others",
                    style="yellow" if active else "dim",
                )
            else:
                doing = Text(_short(active[0]) if active else "")
            table.add_row(
                line.name,
                str(line.pid),
                Text(line.state, style=styles.get(line.state, "default")),
                str(count.completed + count.failed),
                str(count.active) if count.active else "",
                doing,
            )
        return table

    def _step_line(self, active: Sequence[ActiveRobot]) -> RenderableType:
        line = Text("steps  ", style="dim")
        for index, step in enumerate(_STEPS):
            number = sum(a.category == step for a in active)
            if index:
                line.append(" → " if self._unicode else " > ", style="dim")
            line.append(f"{step} ", style="cyan" if number else "dim")
            line.append(str(number), style="bold cyan" if number else "dim")
        return line

    def _event_lines(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, justify="right", style="dim", width=7)
        table.add_column(no_wrap=True, width=1)
        table.add_column(overflow="fold")
        for at, kind, text in self._events:
            mark, style = _MARKS[kind]
            table.add_row(
                f"{at:.1f} s",
                Text(mark if self._unicode else "*", style=style),
                Text(text, style=style if kind in ("kill", "bad") else "default"),
            )
        return table


def _short(robot: ActiveRobot) -> str:
    parts = robot.source.rstrip("/").split("/")
    name = parts[-2] if len(parts) > 1 else robot.source
    return f"{name}  {robot.step or ''}"


def make_screen(console: Console) -> LiveScreen | PlainScreen:
    """A live picture where there is a terminal of some size, plain lines elsewhere."""
    if console.is_terminal and not console.is_dumb_terminal and console.width >= 60 and console.height >= 20:
        return LiveScreen(console)
    return PlainScreen(console)

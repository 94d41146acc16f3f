"""What a person sees while the failover demo runs: a live picture in a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from capataz.cli.output import coloured
from capataz.cli.spark import meter, sparkline
from capataz.cli.views import probing

from ..drawn import Drawn, Told
from .facts import SLOT, Shot

__all__ = ["CHAPTERS", "LiveScreen", "Picture", "PlainScreen", "Screen", "make_screen"]

CHAPTERS = ("calm", "broken", "UNHEALTHY", "repaired", "HEALTHY", "done")
_EVENTS = 9
_MARKS = {
    "info": ("·", "cyan"),
    "break": ("✗", "bold red"),
    "wait": ("…", "yellow"),
    "move": ("→", "magenta"),
    "good": ("✓", "green"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything there is to show at one moment."""

    shot: Shot
    submitted: int
    moved: int
    chapter: str
    broken: frozenset[str]  # modules whose handlers raise now


class Screen(Protocol):
    """Where the run is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, at: float, kind: str, text: str) -> None:
        """Tell something that happened, ``at`` seconds after the beginning: info, break, wait, move or good."""

    def show(self, picture: Picture) -> None:
        """Show how far the run is."""


class PlainScreen(Told):
    """One line per event, and one every three seconds: for logs, pipes and CI."""

    def __init__(self, console: Console, begun: float, interval: float = 3.0) -> None:
        super().__init__(console)
        self._begun = begun
        self._interval = interval
        self._next = 0.0

    def event(self, at: float, kind: str, text: str) -> None:
        self.line(at, text)

    def show(self, picture: Picture) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._interval
        modules = "; ".join(
            f"{name} {state.health_status}, {state.in_flight} running, {state.waiting} waiting, "
            f"{picture.shot.done(name)} done"
            for name, state in picture.shot.states.items()
        )
        self.line(time.monotonic() - self._begun, modules)


class LiveScreen(Drawn):
    """A picture that is drawn anew a few times a second."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._events: deque[tuple[float, str, str]] = deque(maxlen=_EVENTS)
        self._picture: Picture | None = None

    def event(self, at: float, kind: str, text: str) -> None:
        self._events.append((at, kind, text))

    def show(self, picture: Picture) -> None:
        self._picture = picture

    # --- drawing

    def render(self) -> RenderableType:
        picture = self._picture
        if picture is None:
            return self._event_lines()
        width = min(self._console.width - 3, 100)  # room for the ^C that a terminal echoes
        parts: list[RenderableType] = [_chapters(picture.chapter), Text()]
        for name in picture.shot.states:
            parts += [self._module(picture, name, width - 4), Text()]
        parts += [_totals(picture), Text(), self._event_lines()]
        return Panel(
            Group(*parts),
            title="[bold]Capataz[/] · a module breaks, and heals",
            title_align="left",
            border_style="cyan",
            padding=(0, 1),
            width=width,
        )

    @staticmethod
    def _module(picture: Picture, name: str, width: int) -> RenderableType:
        shot = picture.shot
        state = shot.states[name]
        head = Text.assemble((f"{name:<10}", "bold"), "  ", coloured(state.health_status))
        head.append(" " * max(0, 22 - head.cell_len))
        head.append("  run ").append_text(meter(state.in_flight, state.max_concurrency, width=8))
        head.append(f"  wait {state.waiting:>3}  done {shot.done(name):>4}")
        recent = shot.completed[name][-7:-1]
        head.append(f"  {sum(recent) / max(1, len(recent)) / SLOT:4.0f}/s", style="bold")
        breaker = Text("  breaker ", style="dim")
        if state.opened_by is None:
            breaker.append("closed", style="green")
        else:
            breaker.append("open", style="bold red").append(", ").append(probing(state, shot.now) or "", style="cyan")
        if name in picture.broken:
            breaker.append("   its handler raises", style="red")
        elif state.opened_by is not None:
            breaker.append("   its handler works again", style="green")
        pairs = [pair for other in shot.states for pair in zip(shot.completed[other], shot.failed[other], strict=True)]
        top = max(map(sum, pairs), default=0)
        line = sparkline(shot.completed[name][-width:], shot.failed[name][-width:], top=top)
        for text in (head, breaker, line):
            text.no_wrap, text.overflow = True, "crop"
        return Group(head, breaker, line)

    def _event_lines(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, justify="right", style="dim", width=7)
        table.add_column(no_wrap=True, width=1)
        table.add_column(overflow="ellipsis", no_wrap=True)
        for at, kind, text in self._events:
            mark, style = _MARKS[kind]
            table.add_row(f"{at:.1f} s", Text(mark, style=style), Text(text, style=style if kind != "info" else ""))
        for _ in range(_EVENTS - len(self._events)):  # of one height from the beginning
            table.add_row("", "", "")
        return table


def _chapters(current: str) -> Text:
    """Where in the story we are."""
    line = Text()
    place = CHAPTERS.index(current)
    for number, name in enumerate(CHAPTERS):
        if number:
            line.append(" ─ ", style="dim")
        if number < place:
            line.append(f"✓ {name}", style="green")
        elif number == place:
            line.append(f"▶ {name}", style="bold red" if name in ("broken", "UNHEALTHY") else "bold cyan")
        else:
            line.append(f"○ {name}", style="dim")
    line.no_wrap, line.overflow = True, "crop"
    return line


def _totals(picture: Picture) -> Text:
    status = picture.shot.status
    line = Text("robots  ", style="dim")
    counts: Sequence[tuple[str, int, str]] = (
        ("submitted", picture.submitted, ""),
        ("completed", status.get("COMPLETED", 0), "green"),
        ("waiting", picture.shot.waiting, ""),
        ("running", status.get("PROCESSING", 0), "cyan"),
        ("moved", picture.moved, "magenta"),
        ("failed", status.get("FAILED", 0), "red"),
    )
    for label, value, style in counts:
        line.append(f"{value:,} ", style=f"bold {style}".strip() if value else "dim")
        line.append(f"{label}  ", style="" if value else "dim")
    line.no_wrap, line.overflow = True, "crop"
    return line


def make_screen(console: Console, begun: float) -> LiveScreen | PlainScreen:
    """A live picture where there is a terminal of some size, plain lines elsewhere."""
    if console.is_terminal and not console.is_dumb_terminal and console.width >= 60 and console.height >= 24:
        return LiveScreen(console)
    return PlainScreen(console, begun)

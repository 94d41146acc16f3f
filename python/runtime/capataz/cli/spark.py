"""Little bars: throughput as a sparkline, a share as a meter. Text only, so that it also reads well in a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-:=+*#"


def sparkline(
    completed: Sequence[float], failed: Sequence[float] = (), *, top: float = 0.0, unicode: bool = True
) -> Text:
    """Return one bar per value, the height of what ended: red where half or more failed, yellow where some did.

    Zero has the lowest bar to itself, so that little can be told from nothing. ``top``: the highest bar stands for so
    much or more, so that several can be compared. ``unicode``: whether the terminal knows the bars.
    """
    failures = [*failed, *[0.0] * (len(completed) - len(failed))]
    totals = [good + bad for good, bad in zip(completed, failures, strict=True)]
    top = max(top, *totals, 0.0)
    bars = BARS if unicode else ASCII_BARS
    line = Text()
    for total, bad in zip(totals, failures, strict=True):
        if total <= 0:
            line.append(bars[0], style="dim")
            continue
        level = max(1, round(total / top * (len(bars) - 1)))
        line.append(bars[level], style="red" if 2 * bad >= total else "yellow" if bad else "green")
    return line


def meter(value: int, limit: int | None, *, width: int = 6) -> Text:
    """Return a number, and where there is a limit a bar of its share: yellow from 75 %, magenta when full."""
    if limit is None:
        return Text(f"{value:,}", style="" if value else "dim")
    share = min(1.0, value / limit) if limit > 0 else 1.0
    filled = round(share * width)
    if width and 0 < share < 1:  # a bar that looks empty or full is
        filled = min(max(filled, 1), width - 1)
    style = "magenta" if share >= 1 else "yellow" if share >= 0.75 else "green"
    gap = " " if width else ""
    return Text.assemble(("━" * filled, style), ("─" * (width - filled), "dim"), f"{gap}{value:,}/{limit:,}")

"""The plots of a report, as SVG that is put into the page: no script, and colours that follow light and dark.

matplotlib draws with stand-in colours; they become CSS variables afterwards, so that one drawing serves both modes. The
same document gives the same bytes: no dates, no random ids.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from . import words

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # about its font cache, once per machine

import matplotlib  # noqa: E402
import matplotlib.dates  # noqa: E402
from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator  # noqa: E402

#: What matplotlib does not describe to type checkers as it is used here: times on axes, and what makes ticks of them.
Axes = Any
dates: Any = matplotlib.dates

#: Stand-in colours, and the variables of the page that they become.
INK: Final = {
    "text": "#010101", "muted": "#020202", "grid": "#030303", "good": "#040404", "bad": "#050505", "low": "#060606",
    "normal": "#070707", "high": "#080808", "critical": "#090909", "line": "#0a0a0a", "limit": "#0b0b0b",
    "gap": "#0c0c0c", "before": "#0d0d0d",
}  # fmt: skip

STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "capataz",
    "text.parse_math": False,  # a name may hold dollar signs, and is no formula
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.edgecolor": INK["grid"],
    "axes.labelcolor": INK["muted"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": INK["grid"],
    "grid.linewidth": 0.6,
    "text.color": INK["text"],
    "xtick.color": INK["grid"],
    "ytick.color": INK["grid"],
    "xtick.labelcolor": INK["muted"],
    "ytick.labelcolor": INK["muted"],
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.labelcolor": INK["text"],
}

WIDTH: Final = 9.2
MODULES: Final = 15
#: Durations that an axis may name, seconds.
TICKS: Final = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 864000)


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing: its title, what it shows in words (for those who cannot see it), and the SVG."""

    name: str
    description: str
    svg: str


def _svg(figure: Figure, number: int) -> str:
    buffer = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    # in a page of HTML an svg element needs no namespaces and links by href
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(
        r'<svg [^>]*viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true" focusable="false">', text, count=1
    )
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", text))
    text = re.sub("<[^>]*>", lambda tag: _tag(tag[0], number, used), text)  # what is between tags are names and figures
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", text).strip()


def _tag(tag: str, number: int, used: Collection[str]) -> str:
    for name, colour in INK.items():
        tag = tag.replace(colour, f"var(--{name})")
    tag = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", tag)
    tag = re.sub(r"(\d\.\d\d)\d+", r"\1", tag)
    tag = re.sub(r' id="([^"]+)"', lambda m: f' id="p{number}-{m[1]}"' if m[1] in used else "", tag)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>p{number}-", tag)


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="none")
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    return figure, axes


def _times(axes: Axes, start: datetime, end: datetime) -> None:
    days = (end - start).days
    if days <= 1:
        axes.xaxis.set_major_locator(dates.HourLocator(byhour=range(0, 24, 3)))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    elif days <= 7:
        axes.xaxis.set_major_locator(dates.DayLocator())
        axes.xaxis.set_major_formatter(dates.DateFormatter("%a %d"))
    else:
        axes.xaxis.set_major_locator(dates.WeekdayLocator(byweekday=0))
        axes.xaxis.set_major_formatter(dates.DateFormatter("Mon %d %b"))
    axes.grid(visible=False, axis="x")
    axes.set_xlim(start, end)


def _counts(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bottom, top = axes.get_ylim()
    axes.set_ylim(0, max(top, 1.0) if bottom >= 0 or top > 0 else 1.0)


def _legend(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2, handlelength=1.2)


def _gaps(
    axes: Axes, steps: Sequence[Mapping[str, Any]], starts: Sequence[datetime], width: Any, now: datetime
) -> None:
    """Shade where nobody took samples."""
    for step, start in zip(steps, starts, strict=True):
        if not step["sample_count"] and start < now:
            axes.axvspan(start, start + width, color=INK["gap"], linewidth=0, zorder=0)


def _peak(values: Sequence[float | None], starts: Sequence[datetime], step: str) -> str:
    known = [(value, start) for value, start in zip(values, starts, strict=True) if value]
    if not known:
        return "none at all"
    value, start = max(known, key=lambda pair: pair[0])
    when = f"on {start:%d %B}" if step == "day" else f"in the hour from {start:%d %B %H:%M}"
    return f"the most, {words.figure(value)}, {when}"


def ended(document: Mapping[str, Any], number: int) -> Plot:
    """What ended, step by step: completed below, failed on top."""
    steps, starts, width, step = _course(document)
    figure, axes = _axes(2.9)
    completed, failed = [s["completed"] for s in steps], [s["failed"] for s in steps]
    common: dict[str, Any] = {"width": width * 0.86, "align": "edge", "linewidth": 0}
    axes.bar(starts, completed, color=INK["good"], label="Completed", **common)
    axes.bar(starts, failed, bottom=completed, color=INK["bad"], label="Failed", **common)
    _times(axes, starts[0], starts[-1] + width)
    _counts(axes)
    _legend(axes, 2)
    totals = [good + bad for good, bad in zip(completed, failed, strict=True)]
    return Plot(
        f"Executions ended each {step}",
        f"Bars, one per {step}: {words.count(sum(completed))} completed and {words.count(sum(failed))} failed; "
        f"{_peak(totals, starts, step)}.",
        _svg(figure, number),
    )


def waiting(document: Mapping[str, Any], number: int) -> Plot:
    """What waited, by priority."""
    steps, starts, width, step = _course(document)
    figure, axes = _axes(2.6)
    bottom = [0.0] * len(steps)
    for key in ("critical", "high", "normal", "low"):
        values = [float(s[f"waiting_{key}"] or 0) for s in steps]
        axes.bar(
            starts,
            values,
            bottom=bottom,
            width=width,
            align="edge",
            linewidth=0,
            color=INK[key],
            label=key.capitalize(),
        )
        bottom = [below + value for below, value in zip(bottom, values, strict=True)]
    _gaps(axes, steps, starts, width, _now(document))
    _times(axes, starts[0], starts[-1] + width)
    _counts(axes)
    _legend(axes, 4)
    peak = _peak([s["waiting_max"] for s in steps], starts, step)
    return Plot(
        "Robots waiting, by priority",
        f"Areas, means of each {step}; at once {peak}.{_gap_words(document)}",
        _svg(figure, number),
    )


def at_work(document: Mapping[str, Any], number: int) -> Plot:
    """What was at work, and the limit."""
    steps, starts, width, step = _course(document)
    figure, axes = _axes(2.6)
    middles = [start + width / 2 for start in starts]
    means = [float("nan") if s["in_flight"] is None else s["in_flight"] for s in steps]
    most = [float("nan") if s["in_flight_max"] is None else s["in_flight_max"] for s in steps]
    axes.fill_between(middles, most, color=INK["low"], linewidth=0, alpha=0.45, label="Most at once", step="mid")
    axes.plot(middles, means, color=INK["line"], linewidth=1.8, label="Mean", marker="o", markersize=2.6)
    limits = [float("nan") if s["capacity"] is None else s["capacity"] for s in steps]
    has_limit = any(s["capacity"] is not None for s in steps)
    if has_limit:
        axes.plot(middles, limits, color=INK["limit"], linewidth=1.4, linestyle=(0, (5, 3)), label="Limit")
    _gaps(axes, steps, starts, width, _now(document))
    _times(axes, starts[0], starts[-1] + width)
    _counts(axes)
    _legend(axes, 3)
    limit = next((s["capacity"] for s in reversed(steps) if s["capacity"] is not None), None)
    return Plot(
        "Executions at work",
        f"A line, means of each {step}, over an area of the most at once; at once "
        f"{_peak([s['in_flight_max'] for s in steps], starts, step)}"
        f"{f'; {words.count(limit)} are allowed' if limit is not None else ''}.{_gap_words(document)}",
        _svg(figure, number),
    )


def durations(document: Mapping[str, Any], number: int) -> Plot | None:
    """How long executions took, module by module: from the median to 99 %."""
    known = [m for m in document["modules"] if m["p50_ms"] is not None]
    known = sorted(known, key=lambda m: (-m["p95_ms"], m["module"]))[:MODULES]
    if not known:
        return None
    figure, axes = _axes(0.9 + 0.3 * len(known))
    places = list(range(len(known)))[::-1]
    ends = [[max(m[key], 1) / 1000 for m in known] for key in ("p50_ms", "p95_ms", "p99_ms")]
    axes.hlines(places, ends[0], ends[2], color=INK["low"], linewidth=5, zorder=1)
    axes.scatter(ends[0], places, color=INK["good"], s=42, label="Half", zorder=3, linewidths=0)
    axes.scatter(ends[1], places, color=INK["high"], s=42, label="95 %", marker="D", zorder=3, linewidths=0)
    axes.scatter(ends[2], places, color=INK["critical"], s=42, label="99 %", marker="s", zorder=2, linewidths=0)
    axes.set_yticks(places, [_short(m["module"]) for m in known])
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if high / low < 100:  # two decades, so that there are ticks
        middle = (low * high) ** 0.5
        low, high = middle / 10, middle * 10
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value)))
    axes.set_xlim(low, high)
    axes.tick_params(axis="y", labelcolor=INK["text"])
    axes.grid(visible=False, axis="y")
    _legend(axes, 3)
    slowest = known[0]
    more = f" The {MODULES} slowest are shown." if len(known) == MODULES else ""
    return Plot(
        "How long executions took",
        "A line per module from the time within which half of its executions were done to that of 99 %; the slowest is "
        f"{slowest['module']}, 95 % within {words.milliseconds(slowest['p95_ms'])}.{more}",
        _svg(figure, number),
    )


def errors_by_hour(document: Mapping[str, Any], number: int) -> Plot | None:
    """When executions failed: weekday against hour of the day."""
    hours = [h for h in document["errors"]["hours"] if h["failed"]]
    if not hours or document["kind"] == "daily":
        return None
    figure, axes = _axes(2.7)
    top = max(h["failed"] for h in hours)
    for h in document["errors"]["hours"]:
        box: dict[str, Any] = {"width": 0.94, "height": 0.9, "linewidth": 0}
        corner = (h["hour"] + 0.03, 7 - h["weekday"] + 0.05)
        axes.add_patch(Rectangle(corner, facecolor=INK["gap"], **box))
        if h["failed"]:
            axes.add_patch(Rectangle(corner, facecolor=INK["bad"], alpha=0.08 + 0.92 * (h["failed"] / top), **box))
            axes.text(
                h["hour"] + 0.5,
                7 - h["weekday"] + 0.5,
                _compact(h["failed"]),
                ha="center",
                va="center",
                fontsize=7.5,
                color=INK["text"],
            )
    axes.set_xlim(0, 24)
    axes.set_ylim(0, 7)
    axes.set_xticks([hour + 0.5 for hour in range(0, 24, 3)], [f"{hour:02d}:00" for hour in range(0, 24, 3)])
    axes.set_yticks([6.5 - place for place in range(7)], words.WEEKDAYS)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)
    worst = max(hours, key=lambda h: h["failed"])
    return Plot(
        "When executions failed",
        "A table of weekdays and hours of the day (UTC), the stronger the colour the more failed; the most, "
        f"{words.count(worst['failed'])} of {words.count(worst['ended'])}, on "
        f"{words.WEEKDAYS[worst['weekday'] - 1]} from {worst['hour']:02d}:00.",
        _svg(figure, number),
    )


def categories(document: Mapping[str, Any], number: int) -> Plot | None:
    """Why executions failed, against the period before."""
    known = document["errors"]["categories"][:10]
    if not known:
        return None
    figure, axes = _axes(0.9 + 0.42 * len(known))
    places = list(range(len(known)))[::-1]
    before = words.BEFORE[document["kind"]]
    axes.barh(
        [p + 0.2 for p in places], [c["failed"] for c in known], height=0.36, color=INK["bad"], label="This period"
    )
    axes.barh(
        [p - 0.2 for p in places],
        [c["failed_before"] or 0 for c in known],
        height=0.36,
        color=INK["before"],
        label=before.capitalize(),
    )
    axes.set_yticks(places, [_short(c["category"]) + (f"  ({c['trend']})" if c["trend"] else "") for c in known])
    axes.tick_params(axis="y", labelcolor=INK["text"])
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(left=0)
    _legend(axes, 2)
    first = known[0]
    return Plot(
        "Why executions failed",
        f"Bars per category, with {before}; the most is {first['category']}: {words.count(first['failed'])}, "
        f"{before} {'not known' if first['failed_before'] is None else words.count(first['failed_before'])}.",
        _svg(figure, number),
    )


def growth(document: Mapping[str, Any], number: int) -> Plot | None:
    """Executions per day, their line, and where it leads."""
    plan = document.get("capacity")
    if not plan or plan["growth"]["slope"] is None or "first_day" not in plan:
        return None
    steps, starts, width, _ = _course(document)
    slope, per_day = plan["growth"]["slope"], plan["growth"]["per_day"]
    first = starts.index(words.moment(plan["first_day"]))  # the line goes through the days from there on
    shown = starts[first : first + plan["days"]]
    middle = (len(shown) - 1) / 2
    line = [per_day + slope * (place - middle) for place in range(len(shown) + 30)]
    days = [shown[0] + width * place for place in range(len(shown) + 30)]
    figure, axes = _axes(2.7)
    axes.plot(
        shown,
        [s["completed"] + s["failed"] for s in steps[first : first + len(shown)]],
        color=INK["line"],
        linewidth=0,
        marker="o",
        markersize=4,
        label="Ended on the day",
    )
    axes.plot(days[: len(shown)], line[: len(shown)], color=INK["good"], linewidth=2, label="Growth")
    axes.plot(
        days[len(shown) - 1 :],
        [max(value, 0.0) for value in line[len(shown) - 1 :]],
        color=INK["good"],
        linewidth=2,
        linestyle=(0, (4, 3)),
        label="If it goes on",
    )
    low, high = plan["growth"]["slope_low"], plan["growth"]["slope_high"]
    if low is not None and high is not None:
        ahead = days[len(shown) - 1 :]
        axes.fill_between(
            ahead,
            [max(per_day + low * (len(shown) - 1 + k - middle), 0.0) for k in range(len(ahead))],
            [max(per_day + high * (len(shown) - 1 + k - middle), 0.0) for k in range(len(ahead))],
            color=INK["good"],
            alpha=0.15,
            linewidth=0,
        )
    _times(axes, days[0], days[-1])
    _counts(axes)
    _legend(axes, 3)
    return Plot(
        "Growth",
        f"Executions ended on each day, {words.figure(per_day)} on average, and a line through them that changes by "
        f"{words.figure(slope)} a day each day, drawn on for 30 days with its 95 % confidence.",
        _svg(figure, number),
    )


def _course(document: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[datetime], Any, str]:
    from datetime import timedelta

    steps = document["steps"]
    width = timedelta(seconds=document["step_seconds"])
    return steps, [words.moment(s["at"]) for s in steps], width, "day" if document["step_seconds"] >= 86400 else "hour"


def _now(document: Mapping[str, Any]) -> datetime:
    return words.moment(document["built_at"])


def _gap_words(document: Mapping[str, Any]) -> str:
    now = _now(document)
    gaps = sum(1 for s in document["steps"] if not s["sample_count"] and words.moment(s["at"]) < now)
    return f" Shaded: {gaps} of {len(document['steps'])} without samples." if gaps else ""


def _short(name: str) -> str:
    return name if len(name) <= 28 else name[:27] + "…"


def _compact(value: float) -> str:
    return f"{value:,.0f}" if value < 1000 else f"{value / 1000:,.0f}k" if value < 1e6 else f"{value / 1e6:,.0f}M"


DRAWN: Final[tuple[Callable[[Mapping[str, Any], int], Plot | None], ...]] = (
    ended, waiting, at_work, growth, durations, categories, errors_by_hour,
)  # fmt: skip


def plots(document: Mapping[str, Any]) -> list[Plot]:
    """Draw everything that a report has figures for."""
    with matplotlib.rc_context(STYLE):
        return [plot for number, draw in enumerate(DRAWN, 1) if (plot := draw(document, number)) is not None]

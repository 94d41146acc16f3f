"""How figures of a report are said: the same in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

NONE: Final = "–"

KINDS: Final = {"daily": "Daily report", "weekly": "Weekly report", "monthly": "Monthly report"}
BEFORE: Final = {"daily": "the day before", "weekly": "the week before", "monthly": "the month before"}
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def moment(text: str) -> datetime:
    """Return a time of the document."""
    return datetime.fromisoformat(text)


def clock(text: str | None) -> str:
    """Say a time to the minute."""
    return f"{moment(text):%Y-%m-%d %H:%M}" if text else NONE


def day(when: datetime) -> str:
    """Say a day with its weekday."""
    return f"{when:%A}, {when.day} {when:%B %Y}"


def count(value: float | None) -> str:
    """Say a number with thousands set apart."""
    return NONE if value is None else f"{round(value):,}"


def figure(value: float | None, places: int = 1) -> str:
    """Say a number with a few decimals, as many as tell something."""
    if value is None:
        return NONE
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: float | None) -> str:
    """Say a percentage."""
    return NONE if value is None else f"{figure(value, 2)} %"


def seconds(value: float | None) -> str:
    """Say a duration given in seconds."""
    if value is None:
        return NONE
    if value < 1:
        return f"{round(value * 1000)} ms"
    if value < 60:
        return f"{figure(value, 1)} s"
    if value < 3600:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    if value < 172800:
        hours, rest = divmod(round(value / 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{figure(value / 86400, 1)} days"


def milliseconds(value: float | None) -> str:
    """Say a duration given in milliseconds."""
    return NONE if value is None else seconds(value / 1000)


def size(value: float | None) -> str:
    """Say a number of bytes."""
    if value is None:
        return NONE
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(value) < 1000:
            return f"{figure(value, 0 if unit == 'bytes' else 1)} {unit}"
        value /= 1000
    return f"{figure(value, 1)} TB"


def change(now: float | None, before: float | None, of: str) -> str:
    """Say how a count changed against the period before."""
    if now is None or before is None or (not now and not before):
        return ""
    if not before:
        return f"none {of}"
    share = 100 * (now - before) / before
    if abs(share) < 0.5:
        return f"as {of}"
    return f"{share:+,.0f} % against {of}".replace("-", "−")


def title(document: Mapping[str, Any]) -> str:
    """Say which report it is."""
    start, end = moment(document["period"]["from"]), moment(document["period"]["to"])
    if document["kind"] == "daily":
        return day(start)
    if document["kind"] == "weekly":
        last = end - timedelta(days=1)
        return f"Week {start.isocalendar().week}: {start.day} {start:%B} to {last.day} {last:%B %Y}"
    return f"{start:%B %Y}"


def state(document: Mapping[str, Any]) -> str:
    """Say whether the figures are the last word."""
    if document["is_final"]:
        return f"Final; built {clock(document['built_at'])} UTC"
    return f"The period is not over: figures up to {clock(document['built_at'])} UTC"


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the figures at the top."""

    name: str
    value: str
    note: str = ""
    is_bad: bool = False


def tiles(document: Mapping[str, Any]) -> list[Tile]:
    """Return the figures at the top of a report."""
    summary = document["summary"]
    before = BEFORE[document["kind"]]
    ended = summary["completed"] + summary["failed"]
    rate, rate_before = summary["error_rate"], summary["error_rate_before"]
    note = f"of {count(ended)} ended" if ended else "nothing ended"
    if rate_before is not None:
        note = f"{percent(rate_before)} {before}"
    return [
        Tile(
            "Completed", count(summary["completed"]), change(summary["completed"], summary["completed_before"], before)
        ),
        Tile(
            "Failed",
            count(summary["failed"]),
            f"{count(summary['retried'])} of them tried again" if summary["retried"] else "",
        ),
        Tile("Error rate", percent(rate), note, is_bad=rate is not None and rate >= 10),
        Tile(
            "Half done within",
            milliseconds(summary["p50_ms"]),
            f"95 % within {milliseconds(summary['p95_ms'])}" if summary["p95_ms"] is not None else "",
        ),
        Tile("Longest wait", seconds(summary["oldest_due_seconds"]), "of a robot that was due"),
        Tile("Longest queue", count(summary["waiting_max"]), "robots waiting at once"),
        Tile(
            "At work",
            figure(summary["in_flight"]),
            f"on average, {count(summary['in_flight_max'])} at most" if summary["in_flight"] is not None else "",
        ),
        Tile("Working time", seconds(summary["busy_seconds"]), "of all executions together"),
    ]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report: texts, the first ``texts`` columns to the left, the rest are figures."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: int = 1
    note: str = ""


def tables(document: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a report; those that have nothing to say are left out."""
    made = [
        Table(
            "Modules",
            (
                "Module",
                "Health",
                "Completed",
                "Failed",
                "Error rate",
                "before",
                "p50",
                "p95",
                "Longest wait",
                "At once",
                "Unwell for",
                "Score",
            ),
            [
                (
                    m["module"],
                    m["health"] if m["is_active"] else f"{m['health']}, inactive",
                    count(m["completed"]),
                    count(m["failed"]),
                    percent(m["error_rate"]),
                    percent(m["error_rate_before"]),
                    milliseconds(m["p50_ms"]),
                    milliseconds(m["p95_ms"]),
                    seconds(m["oldest_due_seconds"]),
                    count(m["in_flight_max"]) + (f" of {count(m['capacity'])}" if m["capacity"] is not None else ""),
                    seconds(m["unhealthy_seconds"] + m["degraded_seconds"] or None),
                    figure(m["score"], 2),
                )
                for m in document["modules"]
            ],
            texts=2,
            note="p50, p95: half and 95 % of completed executions took no longer. At once: the most at work at the "
            "same time, and the limit. Unwell: time spent DEGRADED or UNHEALTHY.",
        ),
        Table(
            "Kinds of robots",
            ("Module", "Type", "Completed", "Failed", "Error rate", "Mean duration"),
            [
                (
                    t["module"],
                    t["type"],
                    count(t["completed"]),
                    count(t["failed"]),
                    percent(t["error_rate"]),
                    milliseconds(t["avg_ms"]),
                )
                for t in document["types"][:25]
            ],
            texts=2,
            note="The 25 with most executions." if len(document["types"]) > 25 else "",
        ),
        Table(
            "Failures by category",
            ("Category", "Trend", "Failed", BEFORE[document["kind"]]),
            [
                (c["category"], c["trend"] or NONE, count(c["failed"]), count(c["failed_before"]))
                for c in document["errors"]["categories"]
            ],
            texts=2,
        ),
        Table(
            "Where they happen",
            ("Module", "Category", "Step", "Failed", BEFORE[document["kind"]]),
            [
                (p["module"], p["category"], p["step"] or NONE, count(p["failed"]), count(p["failed_before"]))
                for p in document["errors"]["places"]
            ],
            texts=3,
        ),
        Table(
            "Changes of health",
            ("When (UTC)", "Module", "From", "To"),
            [(clock(h["at"]), h["module"], h["from"] or NONE, h["to"]) for h in document["health_changes"][:50]],
            texts=4,
            note="The first 50." if len(document["health_changes"]) > 50 else "",
        ),
    ]
    made.insert(0, _plans(document))
    return [table for table in made if table.rows]


def _plans(document: Mapping[str, Any]) -> Table:
    """Return the plan of each module (capacity_plan); reports of other kinds have none."""
    plans = (document.get("capacity") or {}).get("modules") or []
    return Table(
        "Plan of capacity per module",
        (
            "Module",
            "Runs out on",
            "Per day",
            "Growth a day",
            "95 % sure",
            "Busiest hour",
            "At work then",
            "Workers needed",
        ),
        [
            (
                p["module_name"],
                _runs_out(p),
                figure(p["per_day"]),
                _signed(p["growth_per_day"]),
                NONE if p["growth_low"] is None else f"{_signed(p['growth_low'])} to {_signed(p['growth_high'])}",
                count(p["peak_per_hour"]),
                figure(p["busy_peak"], 2) + ("" if p["capacity"] is None else f" of {count(p['capacity'])}"),
                count(p["workers_needed"]),
            )
            for p in plans
        ],
        texts=2,
        note="From up to 90 days before. Growth: executions more each day, and between what with 95 % confidence; "
        "fewer than 14 days tell none. Busiest hour: of the last 7 days, what ended in it and how many were at work at "
        "once to do so, of how many that may be. Runs out: when these are as many as the limit. Workers needed: "
        "attempts at once with which robots wait no longer than the module's target on average, in the busiest hour, "
        "when the month ends.",
    )


def _runs_out(plan: Mapping[str, Any]) -> str:
    if plan["capacity"] is None:
        return "no limit"
    if plan["growth_per_day"] is None and plan["runs_out_on"] is None:
        return f"{plan['days_observed']} of 14 days"
    return plan["runs_out_on"] or "not within ten years"


def _signed(value: float | None) -> str:
    return NONE if value is None else f"{value:+,.1f}".replace("-", "−")


def capacity(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the plan of capacity of a monthly report, as pairs of question and answer."""
    plan = document.get("capacity")
    if not plan:
        return []
    growth, flight, data, peak = plan["growth"], plan["in_flight"], plan["database"], plan["peak"]
    lines = [("Executions per day", figure(growth["per_day"]))]
    if growth["slope"] is not None:
        low, high = growth["slope_low"], growth["slope_high"]
        between = f", with 95 % confidence between {figure(low, 1)} and {figure(high, 1)}" if low is not None else ""
        sure = f"; a line explains {percent(100 * growth['r2'])} of the course" if growth["r2"] is not None else ""
        lines.append(("Growth", f"{growth['slope']:+,.1f} a day each day{between}{sure}".replace("+-", "−")))
        lines.append(("Next month, at this growth", f"{count(growth['next_month'])} executions"))
    if peak:
        lines.append(
            (
                "Busiest hour",
                f"{clock(peak['hour'])} UTC: {count(peak['ended'])} ended; {figure(peak['at_work'], 2)} at work at "
                "once did it (Little’s law)",
            )
        )
    if flight["mean"] is not None:
        some = any(p["capacity"] is not None for p in plan.get("modules") or [])
        none = "; not every module has a limit" if some else "; no limit is set"
        limit = f" of {count(flight['capacity'])} allowed" if flight["capacity"] else none
        share = f" ({percent(flight['percent'])} on average)" if flight["percent"] is not None else ""
        lines.append(
            ("At work at once", f"{figure(flight['mean'])} on average, {count(flight['max'])} at most{limit}{share}")
        )
        if flight["capacity"]:
            lines.append(("The limit is reached", flight["runs_out_on"] or "not within five years, at this growth"))
    if data["last_bytes"] is not None:
        grows = f", {size(data['bytes_per_day'])} more a day" if data["bytes_per_day"] is not None else ""
        year = f"; {size(data['in_a_year_bytes'])} in a year" if data["in_a_year_bytes"] is not None else ""
        lines.append(("Size of the database", f"{size(data['last_bytes'])}{grows}{year}"))
    return lines

"""A report as Markdown: for mail, tickets and terminals. Courses are drawn with block characters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from . import words

BARS: Final = "▁▂▃▄▅▆▇█"
SIGNS: Final = {"CRITICAL": "**Critical**", "WARNING": "**Warning**", "INFO": "Note"}


def bars(values: Sequence[float | None]) -> str:
    """Return one block per value; a gap is a dot."""
    top = max((value or 0 for value in values), default=0)
    return "".join(
        "·" if value is None else BARS[0] if not value else BARS[max(1, round(value / top * (len(BARS) - 1)))]
        for value in values
    )


def _cell(text: str) -> str:
    """Text that is nothing but text: no markup, no link, no cell of its own."""
    return re.sub(r"([\\`*\[\]|]|(?<!\w)_|_(?!\w))", r"\\\1", text).replace("<", "&lt;")


def _table(table: words.Table) -> list[str]:
    ruler = ["---" if place < table.texts else "--:" for place in range(len(table.columns))]
    lines = [f"| {' | '.join(table.columns)} |", f"|{'|'.join(ruler)}|"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in table.rows]
    if table.note:
        lines += ["", f"*{table.note}*"]
    return lines


def markdown(document: Mapping[str, Any]) -> str:
    """Return a report as Markdown."""
    steps = document["steps"]
    step = "day" if document["step_seconds"] >= 86400 else "hour"
    lines = [
        f"# {words.KINDS[document['kind']]}: {words.title(document)}",
        "",
        f"{words.state(document)}. Times are UTC.",
        "",
        "## What to know",
        "",
    ]
    lines += [f"- {SIGNS[f['severity']]}: {_cell(f['text'])}" for f in document["findings"]] or [
        "Nothing needs attention."
    ]
    lines += ["", "## In figures", "", "| | | |", "|---|--:|---|"]
    lines += [f"| {tile.name} | {tile.value} | {tile.note} |" for tile in words.tiles(document)]
    lines += ["", f"## Each {step}", ""]
    for name, values in (
        ("Ended", [s["completed"] + s["failed"] for s in steps]),
        ("Failed", [s["failed"] for s in steps]),
        ("Waiting", [s["waiting_max"] for s in steps]),
        ("At work", [s["in_flight"] for s in steps]),
    ):
        known = [value for value in values if value is not None]
        peak = f"at most {words.figure(max(known))}" if known else "no samples"
        lines.append(f"    {name:8} {bars(values)}  {peak}")
    if plan := words.capacity(document):
        lines += ["", "## Capacity", "", "| | |", "|---|---|"]
        lines += [f"| {question} | {answer} |" for question, answer in plan]
    for table in words.tables(document):
        lines += ["", f"## {table.name}", "", *_table(table)]
    return "\n".join(lines) + "\n"

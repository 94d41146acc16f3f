"""A report as one HTML file: nothing is loaded from anywhere, light and dark follow the reader's system."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from . import words
from .plots import Plot, plots

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b2430; --muted: #566171; --grid: #d9dee5; --edge: #e1e5eb;
  --good: #2a6fb5; --bad: #c9422f; --line: #17375e; --limit: #8a3fa0; --gap: #eceff3; --before: #b9c2cd;
  --low: #c3d0de; --normal: #7ea6cf; --high: #e39a2d; --critical: #b8321f;
  --warn-page: #fff6e5; --warn-edge: #e39a2d; --bad-page: #fdecea; --bad-edge: #c9422f;
  --well-page: #e9f5ee; --well-edge: #2e8b57;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --text: #e6eaf0; --muted: #a2adbb; --grid: #333c48; --edge: #2a323d;
    --good: #5b9fe3; --bad: #f0715d; --line: #cfe2f7; --limit: #cf93e2; --gap: #232a34; --before: #566171;
    --low: #45566a; --normal: #5583b3; --high: #e9ab4b; --critical: #e85f4c;
    --warn-page: #2d2617; --warn-edge: #e9ab4b; --bad-page: #331d1b; --bad-edge: #f0715d;
    --well-page: #16291f; --well-edge: #4fb37d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
main { max-width: 66rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
header p { margin: 0; color: var(--muted); }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .1rem 0 .3rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .7rem; }
.kind { font-weight: 600; letter-spacing: .02em; }
.findings { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem; }
.findings li { border-left: .3rem solid; border-radius: .4rem; padding: .55rem .8rem; overflow-wrap: anywhere; }
.findings b { margin-right: .4rem; }
.findings .critical { background: var(--bad-page); border-color: var(--bad-edge); }
.findings .warning { background: var(--warn-page); border-color: var(--warn-edge); }
.findings .info, .findings .well { background: var(--well-page); border-color: var(--well-edge); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .7rem; margin: 0; }
.tile, figure, .table { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem; }
.tile { padding: .8rem 1rem; display: flex; flex-direction: column; }
.tile dt { color: var(--muted); font-size: .88rem; }
.tile dd { margin: 0; font-size: 1.65rem; font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.3; }
.tile dd.note { color: var(--muted); font-size: .82rem; font-weight: 400; min-height: 1.2em; }
.tile dd.bad { color: var(--bad); }
figure { margin: 0 0 .9rem; padding: .9rem 1rem .7rem; }
figure h3 { font-size: 1rem; margin: 0 0 .4rem; }
figure .scroll { overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 34rem; height: auto; }
figure svg text { font-family: inherit; }
figcaption { color: var(--muted); font-size: .85rem; margin-top: .3rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .6rem; text-align: left; border-bottom: 1px solid var(--edge); white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--muted); font-weight: 600; }
tbody th { font-weight: 600; }
.number { text-align: right; }
td.answer { white-space: normal; }
.note { color: var(--muted); font-size: .82rem; margin: .4rem 0 0; }
footer { margin-top: 2.5rem; color: var(--muted); font-size: .82rem; }
:focus-visible { outline: .15rem solid var(--good); outline-offset: .1rem; }
@media print { body { background: none; } figure, .tile, .table { break-inside: avoid; } .table { overflow: visible; } }
"""

SIGNS: Final = {"CRITICAL": ("critical", "Critical"), "WARNING": ("warning", "Warning"), "INFO": ("info", "Note")}


def _findings(document: Mapping[str, Any]) -> str:
    items = [
        f'<li class="{kind}"><b>{sign}</b>{escape(finding["text"])}</li>'
        for finding in document["findings"]
        for kind, sign in [SIGNS[finding["severity"]]]
    ] or ['<li class="well">Nothing needs attention.</li>']
    return f'<ul class="findings">\n{"".join(items)}\n</ul>'


def _tile(tile: words.Tile) -> str:
    bad = ' class="bad"' if tile.is_bad else ""
    note = f'<dd class="note">{escape(tile.note)}</dd>'
    return f'<div class="tile"><dt>{escape(tile.name)}</dt><dd{bad}>{escape(tile.value)}</dd>{note}</div>'


def _figure(plot: Plot) -> str:
    description = escape(plot.description)
    return (
        f"<figure><h3>{escape(plot.name)}</h3>"
        f'<div class="scroll" role="img" tabindex="0" aria-label="{escape(plot.name)}. {description}">{plot.svg}</div>'
        f"<figcaption>{description}</figcaption></figure>"
    )


def _table(table: words.Table) -> str:
    def kind(place: int) -> str:
        return "" if place < table.texts else ' class="number"'

    head = "".join(f'<th scope="col"{kind(place)}>{escape(name)}</th>' for place, name in enumerate(table.columns))
    rows = "\n".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{escape(value)}</th>' if place == 0 else f"<td{kind(place)}>{escape(value)}</td>"
            for place, value in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    label = escape(table.name)
    return (
        f'<h2>{label}</h2><div class="table" role="region" tabindex="0" aria-label="{label}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>{note}"
    )


def _capacity(document: Mapping[str, Any]) -> str:
    plan = words.capacity(document)
    if not plan:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(question)}</th><td class="answer">{escape(answer)}</td></tr>'
        for question, answer in plan
    )
    return f'<h2>Plan of capacity</h2><div class="table"><table><tbody>{rows}</tbody></table></div>'


def page(document: Mapping[str, Any]) -> str:
    """Return a report as one self-contained HTML file."""
    kind, title = words.KINDS[document["kind"]], words.title(document)
    period = document["period"]
    body = "\n".join(
        (
            f'<header><p class="kind">Capataz · {kind}</p><h1>{escape(title)}</h1>',
            f"<p>{words.clock(period['from'])} to {words.clock(period['to'])} UTC."
            f" {escape(words.state(document))}.</p>",
            "</header>",
            f"<h2>What to know</h2>{_findings(document)}",
            f'<h2>In figures</h2><dl class="tiles">{"".join(_tile(tile) for tile in words.tiles(document))}</dl>',
            "<h2>In pictures</h2>",
            *(_figure(plot) for plot in plots(document)),
            _capacity(document),
            *(_table(table) for table in words.tables(document)),
            "<footer>Times are UTC. Durations of percentiles are within 5 %. The figures are kept in the database and "
            "do not change; docs/reports.md tells what each means.</footer>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{kind}: {escape(title)} – Capataz</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )

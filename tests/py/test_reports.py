"""Reports: sums against a recomputation, the same figures whenever rendered, files that need nothing else."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from capataz import Capataz, NotFound
from capataz.cli import app
from capataz.reporting import UnknownReportError, plots, render
from capataz.reporting.markdown import _cell
from capataz.reporting.words import change, figure, seconds, size
from support import Connection, install_clock, register, shift_clock

Document = dict[str, Any]
Run = Callable[..., Result]

MONDAY = datetime(2026, 3, 9)
CATEGORIES = ("EXTERNAL_API", "TIMEOUT", "STORAGE")


@pytest.fixture
def clock(db: Connection) -> Connection:
    """The database with a clock that tests move, on a Monday at midnight."""
    install_clock(db)
    db.execute("update test_clock.clock set frozen_at = %s, shift = '0'", [MONDAY])
    return db


def to(connection: Connection, moment: datetime) -> None:
    connection.execute("update test_clock.clock set frozen_at = %s, shift = '0'", [moment])


def import_ended(
    connection: Connection, module: str, robot_type: str, ended: list[tuple[datetime, int, str | None]]
) -> None:
    """Import executions that ended, as (when, milliseconds, error category or None), each with its robot."""
    for number, (when, milliseconds, category) in enumerate(ended):
        robot_id = f"{robot_type.lower()}_{when:%Y%m%d%H%M%S}000_{number}"
        state = "FAILED" if category else "COMPLETED"
        started = when - timedelta(milliseconds=milliseconds)
        connection.execute(
            "insert into capataz.robots (robot_id, robot_type, module_name, status, error_category, created_at,"
            " started_at, completed_at, input_data) values (%s, %s, %s, %s, %s, %s, %s, %s, '{}')",
            [robot_id, robot_type, module, state, category, started, started, when],
        )
        connection.execute(
            "insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state, error_category,"
            " current_step, started_at, completed_at) values (%s, %s, %s, %s, %s, 'READ', %s, %s)",
            [str(uuid4()), robot_id, module, state, category, started, when],
        )


@pytest.fixture
def week(clock: Connection) -> tuple[Connection, list[tuple[str, str, datetime, int, str | None]]]:
    """Two modules and a week of executions, with what there was of them."""
    chance = random.Random(20260309)
    register(clock, "Legal", ["AUDIT", "REVIEW"])
    register(clock, "Invoice", ["INVOICE"], max_concurrency=5)
    known: list[tuple[str, str, datetime, int, str | None]] = []
    for number in range(7):
        day = MONDAY + timedelta(days=number)
        to(clock, day + timedelta(hours=23, minutes=59))
        for module, robot_type in (("Legal", "AUDIT"), ("Legal", "REVIEW"), ("Invoice", "INVOICE")):
            ended = [
                (
                    day + timedelta(seconds=chance.randrange(86340)),
                    chance.randrange(20, 200_000),
                    chance.choice(CATEGORIES) if chance.random() < 0.2 else None,
                )
                for _ in range(chance.randrange(3, 12))
            ]
            import_ended(clock, module, robot_type, ended)
            known += [(module, robot_type, *one) for one in ended]
        clock.execute("select capataz.sample_resources(), capataz.fold_counters()")
    to(clock, MONDAY + timedelta(days=7, minutes=40))
    return clock, known


def test_the_sums_of_reports_are_those_of_what_ended(
    week: tuple[Connection, list[tuple[str, str, datetime, int, str | None]]], dsn: str
) -> None:
    connection, known = week
    with Capataz(dsn, connection=connection) as client:
        assert client.build_weekly_report() == 1
        assert len(client.list_reports("daily")) == 7
        weekly = client.report("weekly")
        days = [client.report("daily", date=(MONDAY + timedelta(days=n)).date()) for n in range(7)]
    for document, chosen in [
        (weekly, known),
        *((days[n], [k for k in known if (k[2] - MONDAY).days == n]) for n in range(7)),
    ]:
        good = [k for k in chosen if k[4] is None]
        summary: Document = document["summary"]  # type: ignore[assignment]
        assert (summary["completed"], summary["failed"]) == (len(good), len(chosen) - len(good))
        assert summary["avg_ms"] == pytest.approx(sum(k[3] for k in good) / len(good), abs=2)
        hours = Counter((k[2].replace(minute=0, second=0), k[4] is None) for k in chosen)
        for step in document["steps"]:  # type: ignore[union-attr]
            at = datetime.fromisoformat(step["at"])  # type: ignore[index,call-overload,arg-type]
            assert (step["completed"], step["failed"]) == (hours[at, True], hours[at, False])  # type: ignore[index,call-overload]
        ordered = sorted(k[3] for k in good)
        assert summary["p50_ms"] == pytest.approx(ordered[(len(ordered) + 1) // 2 - 1], rel=0.06)
        modules = {m["module"]: m for m in document["modules"]}  # type: ignore[union-attr,index,call-overload]
        for module in ("Legal", "Invoice"):
            own = [k for k in chosen if k[0] == module]
            assert (modules[module]["completed"], modules[module]["failed"]) == (  # type: ignore[index,call-overload]
                sum(k[4] is None for k in own), sum(k[4] is not None for k in own),
            )  # fmt: skip
        types = {(t["module"], t["type"]): t["completed"] + t["failed"] for t in document["types"]}  # type: ignore[union-attr,index,call-overload,operator]
        assert types == Counter(k[:2] for k in chosen)
        errors: Document = document["errors"]  # type: ignore[assignment]
        assert {c["category"]: c["failed"] for c in errors["categories"] if c["failed"]} == Counter(
            k[4] for k in chosen if k[4]
        )


def test_two_sessions_that_build_at_once_make_one_report(
    week: tuple[Connection, list[Any]], connect: Callable[..., Connection]
) -> None:
    first, second = connect(autocommit=False), connect(autocommit=False)
    [(one,)] = first.execute("select capataz.build_daily_report()").fetchall()
    first.commit()
    [(two,)] = second.execute("select capataz.build_daily_report()").fetchall()
    second.commit()
    assert (one, two) == (7, 0)


# --- rendering


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    return {kind: sample(kind) for kind in ("daily", "weekly", "monthly")}


def sample(kind: str) -> Document:
    """A document with something in every part, hostile names among it."""
    start = MONDAY if kind != "monthly" else datetime(2026, 3, 1)
    length = {"daily": 1, "weekly": 7, "monthly": 31}[kind]
    step = 86400 if kind == "monthly" else 3600
    steps = [
        {
            "at": (start + timedelta(seconds=step * n)).isoformat(), "completed": 100 + n, "failed": n % 7,
            "avg_ms": 1200,
            "sample_count": 0 if n == 3 else 60, "waiting_critical": None if n == 3 else 1.5,
            "waiting_high": None if n == 3 else 2.0, "waiting_normal": None if n == 3 else 10.0,
            "waiting_low": None if n == 3 else 4.0, "waiting_max": None if n == 3 else 40 + n,
            "oldest_due_seconds": 30, "in_flight": None if n == 3 else 3.5, "in_flight_max": None if n == 3 else 8,
            "capacity": None if n == 3 else 10, "cpu_percent": 100.0, "memory_mb": 300.0,
            "database_bytes": 10**9 + n * 10**6,
            "cache_hit_percent": 99.5,
        }
        for n in range(length * 86400 // step)
    ]  # fmt: skip
    name = '<img src="x" onerror=alert(1)>'
    module = {
        "version": "1.0", "is_active": True, "completed": 1000, "failed": 150, "retried": 20, "error_rate": 13.04,
        "completed_before": 900, "failed_before": 10, "error_rate_before": 1.1, "avg_ms": 1200, "busy_seconds": 1200,
        "p50_ms": 900, "p95_ms": 4000, "p99_ms": 9000, "waiting_max": 40, "oldest_due_seconds": 4000, "in_flight": 3.5,
        "in_flight_max": 8, "capacity": 10, "health": "HEALTHY", "unhealthy_seconds": 100, "degraded_seconds": 0,
        "score": 0.9,
        "tier": "HIGH", "durations": [[70, 1000]],
    }  # fmt: skip
    document: Document = {
        "format": 1, "kind": kind, "is_final": True, "built_at": "2026-04-01T01:00:00", "step_seconds": step,
        "period": {"from": start.isoformat(), "to": (start + timedelta(days=length)).isoformat()},
        "summary": {
            "modules": 2, "completed": 2000, "failed": 300, "retried": 40, "error_rate": 13.04,
            "completed_before": 1800,
            "failed_before": 20, "error_rate_before": 1.1, "avg_ms": 1200, "busy_seconds": 2400, "p50_ms": 900,
            "p95_ms": 4000, "p99_ms": 9000,
            "waiting_max": 63, "oldest_due_seconds": 4000, "in_flight": 3.5, "in_flight_max": 8,
            "sample_count": 1380, "samples_expected": 1440,
        },
        "steps": steps,
        "modules": [{"module": "Legal", **module}, {"module": name, **module}],
        "types": [{"module": name, "type": "A|B", "completed": 10, "failed": 1, "error_rate": 9.09, "avg_ms": 10}],
        "health_changes": [{"at": start.isoformat(), "module": name, "from": None, "to": "HEALTHY"}],
        "jobs": [],
        "errors": {
            "categories": [{"category": "TIMEOUT", "failed": 300, "failed_before": 20, "trend": "growing"}],
            "places": [{"module": name, "category": "TIMEOUT", "step": None, "failed": 300, "failed_before": 20}],
            "hours": [{"weekday": 3, "hour": 14, "ended": 500, "failed": 300}],
        },
        "findings": [{"severity": "CRITICAL", "code": "ERROR_RATE", "subject": name, "text": f"{name}: 13 % failed."}],
    }  # fmt: skip
    if kind == "monthly":
        document["capacity"] = {
            "days": 31,
            "first_day": start.date().isoformat(),
            "growth": {"per_day": 118.0, "slope": 1.0, "slope_low": 0.9, "slope_high": 1.1, "r2": 0.99,
                       "next_month": 4000},
            "peak": {"hour": start.isoformat(), "ended": 120, "at_work": 3.4},
            "in_flight": {"mean": 3.5, "max": 8, "capacity": 10, "percent": 35.0, "percent_max": 80.0,
                          "runs_out_on": "2026-06-01"},
            "database": {"first_bytes": 10**9, "last_bytes": 2 * 10**9, "bytes_per_day": 10**6,
                         "in_a_year_bytes": 3 * 10**9},
        }  # fmt: skip
    return document


class Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly"])
def test_a_page_needs_nothing_but_itself(documents: dict[str, Document], kind: str) -> None:
    text = render(documents[kind], "html")
    page = Page(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text.replace("url(#", "")
    assert "@import" not in text
    assert not set(page.tags) & {"script", "link", "img", "iframe", "object", "embed", "image"}
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href", "xlink:href"):
            assert value.startswith("#"), (tag, name, value)
    assert len(text) < 700_000
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly"])
def test_every_plot_says_in_words_what_it_shows(documents: dict[str, Document], kind: str) -> None:
    page = Page(render(documents[kind], "html"))
    said = [value for _, name, value in page.attributes if name == "aria-label"]
    assert page.tags["figure"] == page.tags["figcaption"] == page.tags["svg"] >= 5
    assert page.tags["h1"] == 1
    assert sum(len(text) > 40 for text in said) >= page.tags["figure"]
    assert [value for tag, name, value in page.attributes if (tag, name) == ("html", "lang")] == ["en"]
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert used <= set(ids)


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly"])
@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_rendering_again_gives_the_same_bytes(documents: dict[str, Document], kind: str, form: Any) -> None:
    assert render(documents[kind], form) == render(json.loads(json.dumps(documents[kind])), form)


def test_colours_follow_light_and_dark(documents: dict[str, Document]) -> None:
    text = render(documents["monthly"], "html")
    drawings = "".join(text.split("<svg")[1:])
    assert "var(--good)" in drawings
    for part in drawings.split("</svg>"):
        colours = part.split("</figure>")[0]
        assert "#0" not in colours.replace('"#', "").replace("(#", ""), "a stand-in colour is left"


def test_names_are_text_and_nothing_else(documents: dict[str, Document]) -> None:
    for kind in documents:
        page = Page(render(documents[kind], "html"))
        assert "img" not in page.tags
        assert any('<img src="x"' in words for words in page.words)
        assert "<img" not in render(documents[kind], "md").replace("&lt;img", "")
        assert "| A\\|B |" in render(documents[kind], "md")


@pytest.mark.parametrize("name", [r"$\bad{$", "cost $5 and $6", 'v1.2345 #040404 id="a"', "a < b > c --> d", "<!-- x"])
def test_plots_say_names_as_they_are(documents: dict[str, Document], name: str) -> None:
    document = json.loads(json.dumps(documents["weekly"]))
    document["modules"][0]["module"] = name
    for category in document["errors"]["categories"][:1]:
        category["category"] = name
    page = Page("".join(plot.svg for plot in plots.plots(document)))
    assert name in page.words
    assert any(words.startswith(name + "  (") for words in page.words)


def test_a_monthly_report_shows_the_plan_of_each_module(documents: dict[str, Document]) -> None:
    document = json.loads(json.dumps(documents["monthly"]))
    plan = {
        "module_name": "Legal", "days_observed": 31, "per_day": 101.5, "growth_per_day": 2.25, "growth_low": -0.5,
        "growth_high": 5, "peak_per_hour": 120, "busy_peak": 3.4, "capacity": 5, "peak_utilization": 68.0,
        "runs_out_on": "2026-07-09", "workers_needed": 7,
    }  # fmt: skip
    fresh = {"growth_per_day": None, "growth_low": None, "growth_high": None, "runs_out_on": None}
    document["capacity"]["in_flight"]["capacity"] = None
    document["capacity"]["modules"] = [
        plan,
        {**plan, "module_name": "Invoice", "capacity": None, "peak_utilization": None, "runs_out_on": None},
        {**plan, "module_name": "Fresh", "days_observed": 3, **fresh},
    ]
    text = render(document, "md")
    assert "| Legal | 2026-07-09 | 101.5 | +2.2 | −0.5 to +5.0 | 120 | 3.4 of 5 | 7 |" in text
    assert "| Invoice | no limit |" in text
    assert "| Fresh | 3 of 14 days | 101.5 | – |" in text
    assert "not every module has a limit" in text
    page = Page(render(document, "html"))
    assert {"Plan of capacity per module", "2026-07-09"} <= set(page.words)
    # one that was stored without plans
    assert "per module" not in render(documents["monthly"], "md")


@pytest.mark.parametrize("form", ["html", "md"])
def test_what_was_before_there_was_a_module_is_not_said(documents: dict[str, Document], form: Any) -> None:
    document = json.loads(json.dumps(documents["weekly"]))
    for part in (document["summary"], *document["modules"]):
        part.update(completed_before=None, failed_before=None, error_rate_before=None)
    for part in (*document["errors"]["categories"], *document["errors"]["places"]):
        part["failed_before"] = None
    document["errors"]["categories"][0]["trend"] = None
    text = render(document, form)
    assert "None" not in text
    assert "against the week before" not in text
    if form == "md":
        assert "| TIMEOUT | – | 300 | – |" in text
    else:
        assert "the week before not known" in text


def test_growth_is_drawn_over_the_days_it_was_reckoned_from(clock: Connection, dsn: str) -> None:
    """A month under way in a system that is there since the third: the days that are over, and none before or after."""
    to(clock, datetime(2026, 4, 3, 12))
    register(clock, "Legal", ["AUDIT"])
    for day in range(3, 21):
        import_ended(clock, "Legal", "AUDIT", [(datetime(2026, 4, day, 13), 1000, None)] * day)
    to(clock, datetime(2026, 4, 20, 20))
    clock.execute("select capataz.fold_counters()")
    with Capataz(dsn, connection=clock) as client:
        document = client.report("monthly", date=date(2026, 4, 20))
    assert document["capacity"]["days"] == 17
    drawn: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "_svg", lambda figure, number: drawn.append((figure, number)) or "")
        plots.growth(document, 1)
    [(figure, _)] = drawn
    points, line = (drawing.get_data() for drawing in figure.axes[0].lines[:2])
    assert [when.day for when in points[0]] == [when.day for when in line[0]] == list(range(3, 20))
    assert list(points[1]) == list(range(3, 20))
    assert [round(value) for value in line[1]] == list(range(3, 20))


def test_markdown_says_names_as_they_are() -> None:
    assert _cell("[click](http://x) `a` *b* _c_ d_e a|b <i>") == (
        "\\[click\\](http://x) \\`a\\` \\*b\\* \\_c\\_ d_e a\\|b &lt;i>"
    )


def test_a_report_of_nothing_can_be_read(clock: Connection, dsn: str) -> None:
    with Capataz(dsn, connection=clock) as client:
        for kind in ("daily", "weekly", "monthly"):
            document = client.report(kind, date=MONDAY.date())
            for form in ("html", "md", "json"):
                assert "Nothing needs attention" in render(document, form) or form == "json"  # type: ignore[arg-type]


def test_a_later_format_is_refused() -> None:
    with pytest.raises(UnknownReportError, match="format 1, not 2"):
        render({"format": 2}, "json")


def test_figures_are_said_for_people() -> None:
    assert [seconds(value) for value in (0.0421, 4.25, 61, 725, 3600, 9000, 500000)] == [
        "42 ms", "4.2 s", "1 min 1 s", "12 min", "1 h", "2 h 30 min", "5.8 days"
    ]  # fmt: skip
    assert [size(value) for value in (12, 1500, 2_345_678_901)] == ["12 bytes", "1.5 kB", "2.3 GB"]
    assert [change(110, 100, "before"), change(5, 0, "before"), change(90, 100, "before")] == [
        "+10 % against before", "none before", "−10 % against before"
    ]  # fmt: skip
    assert [figure(value) for value in (None, 3.0, 1234.56)] == ["–", "3", "1,234.6"]


# --- command line


@pytest.fixture
def run(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CAPATAZ_DSN", dsn)

    def call(*arguments: str, exits: int = 0) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == exits, result.output
        return result

    return call


def test_the_command_writes_one_file(week: tuple[Connection, list[Any]], run: Run, tmp_path: Path, dsn: str) -> None:
    connection, known = week
    connection.execute("select capataz.build_weekly_report()")
    out = tmp_path / "week.html"
    run("report", "weekly", "--out", str(out))
    first = out.read_text()
    assert "Weekly report" in first
    assert f"{sum(k[4] is None for k in known):,}" in first
    shift_clock(connection, 86400 * 3)
    connection.execute("delete from capataz.robot_execute")
    run("report", "weekly", "--date", "2026-03-12", "--format", "html", "--out", str(out))
    assert out.read_text() == first
    assert (
        json.loads(run("report", "daily", "--date", "2026-03-12", "--format", "json", "--out", "-").stdout)["kind"]
        == "daily"
    )
    assert json.loads(run("report", "daily", "--date", "2026-03-12", "--format", "json").stdout)["kind"] == "daily"
    assert run("report", "daily", "--date", "2026-03-12").stdout.startswith("# Daily report: Thursday, 12 March 2026")
    assert "The period is not over" in run("report", "weekly", "--date", "today").stdout
    listed = run("reports", "daily", "--limit", "3").stdout
    assert listed.count("daily") == 3


def test_the_command_refuses_what_there_is_not(run: Run, dsn: str, tmp_path: Path) -> None:
    assert "no daily report" in run("report", "daily", exits=1).output
    assert "unknown value" in run("report", "yearly", exits=1).output
    assert "--date" in run("report", "daily", "--date", "yesterdays", exits=2).output
    assert "--format" in run("report", "daily", "--format", "pdf", exits=2).output
    out = tmp_path / "report.pdf"
    assert (
        "no report has the format pdf" in run("report", "daily", "--date", "today", "--out", str(out), exits=2).output
    )
    assert not out.exists()
    run("report", "daily", "--date", "today", "--format", "md", "--out", str(out))  # asked for in so many words
    run("report", "daily", "--date", "today", "--out", str(tmp_path / "report"))
    assert out.read_text().startswith("# Daily report")
    assert (tmp_path / "report").read_text().startswith("# Daily report")
    with Capataz(dsn) as client, pytest.raises(NotFound):
        client.report("daily", date=date(2020, 1, 1))


@pytest.mark.parametrize("most", [1, 5, 9, 10, 18, 20, 49, 1000])
def test_any_number_of_failures_has_a_colour(most: int) -> None:
    hours = [{"weekday": 1 + n % 7, "hour": n % 24, "failed": n % (most + 1), "ended": 200000} for n in range(7 * 24)]
    hours[0]["failed"] = most
    assert plots.errors_by_hour({"kind": "weekly", "errors": {"hours": hours}}, 1) is not None

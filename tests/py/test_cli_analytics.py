"""The commands that analyse: what they print, with work and without, for people and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from capataz.cli import app
from support import install_clock, shift_clock

Run = Callable[..., Result]
COMMANDS = ["timeline", "forecast", "errors", "steps", "scoreboard", "benchmark", "capacity"]


def runner(dsn: str, monkeypatch: pytest.MonkeyPatch, width: int | None = None) -> Run:
    monkeypatch.setenv("CAPATAZ_DSN", dsn)
    monkeypatch.delenv("COLUMNS", raising=False)
    if width:
        monkeypatch.setenv("COLUMNS", str(width))

    def call(*arguments: str, exits: int = 0) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == exits, result.output
        return result

    return call


@pytest.fixture
def run(worked: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(worked, monkeypatch)


@pytest.fixture(scope="module")
def worked(module_dsn: str) -> str:
    """Two modules that did the same work; one fails at times, robots wait that will be late."""
    with psycopg.connect(module_dsn, autocommit=True) as db:
        install_clock(db)

        def rows(query: str, *params: Any) -> list[Any]:
            cursor = db.execute(query.encode(), params)
            return cursor.fetchall() if cursor.description else []

        for name in ("Quick", "Slow"):
            rows(
                "select capataz.register_module(%s, '1.0', array['OCR'], p_registration_data => %s::jsonb)",
                name,
                '{"sla_seconds": 60, "max_concurrency": 5, "failure_threshold": 1000}',
            )
        for day in range(20):
            for number in range(4 + day):
                for name, seconds in (("Quick", 2), ("Slow", 6)):
                    rows("select capataz.submit_robot('OCR', p_module_name => %s)", name)
                    [(execute_id,)] = rows("select execute_id from capataz.claim_robots(%s)", name)
                    rows(
                        "select capataz.report_progress(%s, p_current_step => 'load', p_step_category => 'INIT')",
                        execute_id,
                    )
                    shift_clock(db, 1)
                    rows("select capataz.report_progress(%s, 50, 'ocr', 'PROCESSING')", execute_id)
                    shift_clock(db, seconds)
                    if name == "Slow" and number % 4 == 3:
                        rows(
                            "select capataz.fail_execution(%s, %s, p_retryable => false)",
                            execute_id,
                            f"page {number} is blank",
                        )
                    else:
                        rows("select capataz.complete_execution(%s)", execute_id)
            if day < 19:
                shift_clock(db, timedelta(days=1).total_seconds())
        rows(
            "select capataz.submit_robot('OCR', p_module_name => 'Slow', p_robot_id => 'slow-' || n)"
            " from generate_series(1, 30) as n"
        )
        for job in ("sample_resources", "fold_counters", "fold_analytics", "store_forecasts"):
            rows(f"select capataz.{job}()")
    return module_dsn


@pytest.mark.parametrize("command", COMMANDS)
def test_each_speaks_json(run: Run, command: str) -> None:
    found = json.loads(run(command, *(["slow-1"] if command == "timeline" else []), "--json").stdout)
    assert isinstance(found, list)
    assert found


def test_timeline(run: Run) -> None:
    text = run("timeline", "slow-1").stdout
    assert "submitted" in text
    assert "due" in text
    assert run("timeline", "nobody", exits=1).output.startswith("error: no robot")


def test_forecast(run: Run) -> None:
    text = run("forecast").stdout
    assert "Slow" in text
    assert "30" in text
    assert "will be late: slow-" in text
    assert "Quick" not in text
    assert "Quick" in run("forecast", "Quick").stdout


def test_errors(run: Run) -> None:
    text = run("errors").stdout
    assert "PROCESSING" in text
    assert "ocr" in text
    assert "blank" not in text
    assert "Nothing failed" in run("errors", "--from", "2020-01-01", "--to", "2020-01-02").output
    run("errors", "--from", "soon", exits=2)
    run("errors", "--from", "2026-01-02", "--to", "2026-01-01", exits=1)


def test_steps(run: Run) -> None:
    text = run("steps").stdout
    assert "ocr  bottleneck" in text
    assert "Quick" not in run("steps", "Slow").stdout


def test_scoreboard(run: Run) -> None:
    assert "Quick" in run("scoreboard").stdout


def test_benchmark(run: Run) -> None:
    text = run("benchmark").stdout
    assert "OCR" in text
    assert re.search(r"\+1[23]\d %", text)  # 7 s against 3 s
    assert re.search(r"-5\d %", text)


def test_capacity(run: Run) -> None:
    text = run("capacity").stdout
    assert "Slow" in text
    run("capacity", "--month", "1999-01", exits=1)
    run("capacity", "--month", "May", exits=2)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("command", COMMANDS)
def test_each_fits_the_terminal(worked: str, monkeypatch: pytest.MonkeyPatch, command: str, width: int) -> None:
    run = runner(worked, monkeypatch, width)
    text = run(command, *(["slow-1"] if command == "timeline" else [])).stdout
    # sentences below the tables may wrap
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "timeline"])
def test_each_has_a_word_for_nothing(dsn: str, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    assert runner(dsn, monkeypatch)(command).output.strip()

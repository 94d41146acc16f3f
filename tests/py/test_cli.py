"""The command line: what each command does and prints, its errors and exit codes; against a real database."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner, Result

from capataz import Capataz, Worker, __version__
from capataz.cli import app, views
from capataz.cli.spark import meter, sparkline
from capataz.models import Job, ModuleActivity, ModuleHealth, ModuleState

PATIENCE = 60.0
COMMANDS = [
    "migrate", "demo", "demo-failover", "worker", "submit", "status", "robots", "modules", "cancel", "retry", "explain",
    "top", "tick", "probe", "doctor", "timeline", "forecast", "errors", "steps", "scoreboard", "benchmark", "capacity",
]  # fmt: skip

Run = Callable[..., Result]


@pytest.fixture
def run(module_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command against the test's database, as if piped."""
    monkeypatch.setenv("CAPATAZ_DSN", module_dsn)
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*arguments: str, exits: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        assert result.exit_code == exits, result.output
        return result

    return call


@pytest.fixture
def client(module_dsn: str) -> Iterator[Capataz]:
    with Capataz(module_dsn) as made:
        yield made


@pytest.fixture
def module(client: Capataz) -> str:
    name = f"Module{uuid4().hex[:8]}"
    client.register_module(name, "1.0.0", ["work"])
    return name


def submitted(run: Run, module: str, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("submit", "work", "--module", module, "--json", *arguments).stdout)
    return found


def finish(module_dsn: str, module: str, handler: Callable[[Any], Any]) -> None:
    worker = Worker(module_dsn, module)
    worker.robot("work")(handler)
    worker.run(drain=True)


# --- help


def test_the_help_lists_every_command_and_the_exit_codes(run: Run) -> None:
    text = run("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", text), command
    assert "Exit codes" in text
    assert run("--version").stdout.strip() == f"capataz {__version__}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_speaks_json_and_takes_a_dsn(run: Run, command: str) -> None:
    text = run(command, "--help").stdout
    assert "--json" in text
    assert "--dsn" in text


# --- submit and look


def test_submit_prints_a_table_or_json(run: Run, client: Capataz, module: str) -> None:
    robot = submitted(
        run, module, '{"a": 1}', "--priority", "high", "--batch", "b1", "--tag", "x", "--tag", "y",
        "--at", "2199-01-01T07:00:00-0500", "--metadata", '{"by": "me"}', "--id", f"mine-{module}",
    )  # fmt: skip
    assert robot["robot_id"] == f"mine-{module}"
    assert robot["status"] == "PENDING"
    row = client.get_robot(robot["robot_id"])
    assert (row.priority, row.correlation_id, row.compliance_tags) == ("HIGH", "b1", ["x", "y"])
    assert row.available_at.isoformat() == "2199-01-01T12:00:00"
    table = run("submit", "work", "--module", module, "--cache-key", module).stdout
    assert re.search(r"PENDING\s+" + module, table)
    assert "already under way" in run("submit", "work", "--module", module, "--cache-key", module).stdout


def test_input_comes_from_a_file_or_standard_input(run: Run, client: Capataz, module: str, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text('{"from": "file ñ"}')
    robot = submitted(run, module, f"@{file}")
    assert client.get_robot(robot["robot_id"]).input_data == {"from": "file ñ"}
    result = run("submit", "work", "-", "--module", module, "--json", stdin='{"from": "stdin"}')
    assert client.get_robot(json.loads(result.stdout)["robot_id"]).input_data == {"from": "stdin"}


def test_many_are_submitted_from_lines(run: Run, client: Capataz, module: str, tmp_path: Path) -> None:
    file = tmp_path / "robots.jsonl"
    element = {"robot_type": "work", "module_name": module}
    file.write_text("\n".join(json.dumps({**element, "input_data": {"n": n}}) for n in range(3)) + "\n\n")
    found = json.loads(run("submit", "--lines", str(file), "--json").stdout)
    assert [client.get_robot(robot["robot_id"]).input_data["n"] for robot in found] == [0, 1, 2]
    file.write_text(json.dumps(element) + "\nnot json\n")
    assert "line 2" in run("submit", "--lines", str(file), exits=1).output


def test_waiting_for_a_robot_tells_how_it_ended(run: Run, module_dsn: str, module: str) -> None:
    done = submitted(run, module, "--cache-key", f"done {module}")
    finish(module_dsn, module, lambda ctx: {"answer": 42})
    result = run("submit", "work", "--module", module, "--cache-key", f"done {module}", "--wait")  # a cache hit
    assert "COMPLETED" in result.stdout
    assert '"answer": 42' in result.stdout
    assert done["robot_id"] in result.stdout  # where the output came from
    process = subprocess.Popen(
        [sys.executable, "-m", "capataz", "submit", "work", "--module", module, "--wait", "--id", f"lost-{module}"],
        env={**os.environ, "CAPATAZ_DSN": module_dsn},
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE
    while not json.loads(run("robots", "--module", module, "--status", "pending", "--json").stdout):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run("cancel", f"lost-{module}")
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert "CANCELLED" in out


def test_status_shows_the_whole_a_robot_and_a_batch(run: Run, module_dsn: str, module: str) -> None:
    def handler(ctx: Any) -> dict[str, str]:
        ctx.step("READ", category="INIT", total=1)
        return {"text": "ñandú"}

    batch = f"batch-{module}"
    robot = submitted(run, module, "--batch", batch)
    overview = run("status").stdout
    assert re.search(r"\d+ waiting, \d+ running", overview)
    assert module in overview
    overall = json.loads(run("status", "--json").stdout)
    assert {m["module_name"]: m["pending"] for m in overall["modules"]}[module] == 1
    finish(module_dsn, module, handler)
    text = run("status", robot["robot_id"]).stdout
    for word in (robot["robot_id"], "COMPLETED", "READ", "ñandú", "Attempts", module):
        assert word in text
    row = json.loads(run("status", robot["robot_id"], "--json").stdout)
    assert row["output_data"] == {"text": "ñandú"}
    assert [e["execution_state"] for e in row["executions"]] == ["COMPLETED"]
    assert row["created_at"].endswith("Z")
    assert "100 %" in run("status", "--batch", batch).stdout
    assert json.loads(run("status", "--batch", batch, "--json").stdout)["completed"] == 1


def test_robots_are_filtered_and_listed_newest_first(run: Run, module: str, client: Capataz) -> None:
    ids = [submitted(run, module)["robot_id"] for _ in range(3)]
    client.cancel_robot(ids[0])
    listed = json.loads(run("robots", "--module", module, "--json").stdout)
    assert [row["robot_id"] for row in listed] == ids[::-1]
    table = run("robots", "--module", module, "--status", "failed").stdout
    assert ids[0] in table
    assert "CANCELLED" in table
    assert ids[1] not in table
    assert len(json.loads(run("robots", "--module", module, "-n", "2", "--json").stdout)) == 2
    assert json.loads(run("robots", "--type", "nothing", "--json").stdout) == []
    assert "No such robots" in run("robots", "--type", "nothing").stderr
    assert "WRONG" in run("robots", "--status", "WRONG", exits=2).output


def test_modules_are_listed(run: Run, module: str) -> None:
    assert re.search(rf"{module}\s+UNKNOWN", run("modules").stdout)
    assert module in {row["module_name"] for row in json.loads(run("modules", "--json").stdout)}


@pytest.fixture
def sick(client: Capataz, module: str) -> Iterator[str]:
    """A module with two failures in a row, which is its threshold, and one robot that waits."""
    break_module(client, module)
    yield module
    client.deactivate_module(module)  # not for the doctor


def break_module(client: Capataz, module: str) -> None:
    client.register_module(module, "1.0.0", ["work"], registration_data={"failure_threshold": 2, "max_concurrency": 4})
    client.record_health_check(module, True, response_time_ms=5)
    for number in range(3):
        client.submit_robot("work", {"n": number}, module_name=module, retry_limit=0)
    for claimed in client.claim_robots(module, batch_size=2):
        client.fail_execution(claimed.execute_id, "no disk\nline 2")


def test_modules_show_health_and_why_it_is_bad(run: Run, client: Capataz, sick: str) -> None:
    module = sick
    text = run("modules").stdout
    assert re.search(rf"{module}\s+UNHEALTHY\b.*\s0/4\s+1\s", text)
    assert re.search(
        rf"● {module} is UNHEALTHY for \d+ s; next probe in \d+ s\n  2 executions failed in a row: no disk\n", text
    )
    (row,) = [row for row in json.loads(run("modules", "--json").stdout) if row["module_name"] == module]
    assert (row["health_status"], row["opened_by"], row["waiting"], row["in_flight"]) == ("UNHEALTHY", "work", 1, 0)
    assert row["reason"].startswith("2 executions failed in a row")
    assert (sum(row["completed_per_minute"]), sum(row["failed_per_minute"])) == (0, 2)
    assert len(row["completed_per_minute"]) == 60
    client.deactivate_module(module)
    text = run("modules").stdout
    assert re.search(rf"{module}\s+inactive", text)
    assert f"● {module}" not in text


def test_one_module_is_shown_with_its_history(run: Run, sick: str) -> None:
    text = run("modules", sick).stdout
    assert "open by failing work; next probe in" in text
    lines = text.splitlines()[text.splitlines().index("Health") + 2 :]
    assert [line.split()[-len(end) :] for line, end in zip(lines, (["no", "disk"], ["is", "good"]), strict=True)] == [
        ["no", "disk"], ["is", "good"],
    ]  # fmt: skip
    found = json.loads(run("modules", sick, "--json").stdout)
    assert [change["to_status"] for change in found["health_history"]] == ["UNHEALTHY", "HEALTHY"]
    assert (
        "RB404" in run("modules", "nobody", exits=1).stderr or "no module" in run("modules", "nobody", exits=1).stderr
    )


def test_modules_are_watched_in_a_pipe_as_plain_text_or_json_lines(module_dsn: str, module: str) -> None:
    def watch(*arguments: str) -> list[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "capataz", "modules", "--watch", "--every", "0.2", *arguments],
            env={key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"CAPATAZ_DSN": module_dsn},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines: list[str] = []
        while sum(module in line for line in lines) < 2:
            lines.append(process.stdout.readline())
            assert lines[-1], "ended"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert "Traceback" not in err
        return lines

    lines = watch()
    assert not any("\x1b" in line for line in lines)
    assert sum(line.startswith("capataz ") for line in lines) == 2
    for line in watch("--json"):
        assert module in {row["module_name"] for row in json.loads(line)}


def test_explain_says_why_a_robot_waits(run: Run, module: str) -> None:
    robot = submitted(run, module, "--at", "2199-01-01")["robot_id"]
    text = run("explain", robot).stdout
    assert re.search(r"✗\s+due", text)
    checks = {check["check_name"]: check["ok"] for check in json.loads(run("explain", robot, "--json").stdout)}
    assert checks["due"] is False


def test_cancel_and_retry_go_on_after_a_refusal(run: Run, module: str) -> None:
    robot = submitted(run, module)["robot_id"]
    text = run("cancel", robot, "nobody", "--reason", "test", exits=1).stdout
    assert re.search(rf"{robot}\s+FAILED", text)
    assert "RB404" in text
    (answer,) = json.loads(run("retry", robot, "--json").stdout)
    assert answer == {"robot_id": robot, "status": "PENDING", "error": None}
    assert "RB409" not in run("retry", robot, exits=1).stdout


def test_top_shows_one_picture_where_piped(run: Run, module: str, client: Capataz) -> None:
    client.submit_robot("work", module_name=module)
    (claimed,) = client.claim_robots(module)
    client.report_progress(claimed.execute_id, progress_percentage=40, current_step="OCR")
    text = run("top").stdout
    for word in ("Modules", "Running", "OCR", "40 %", module, claimed.robot_id):
        assert word in text
    picture = json.loads(run("top", "--json").stdout)
    assert claimed.execute_id in {e["execute_id"] for e in picture["running"]}


def test_tick_runs_due_jobs_once(run: Run, module_dsn: str) -> None:
    with psycopg.connect(module_dsn, autocommit=True) as db:
        db.execute("update capataz_ops.jobs set last_start_at = null, last_end_at = null")
    runs = [json.loads(line) for line in run("tick", "--once", "--json").stdout.splitlines()]
    assert {job["job_name"] for job in runs} >= {"expire_executions", "fold_counters"}
    assert "Nothing is due" in run("tick", "--once").stderr


def test_doctor_finds_an_installation_well_or_says_what_is_missing(
    run: Run, module_dsn: str, empty_database: Callable[[], str]
) -> None:
    run("tick", "--once")
    checks = {check["check_name"]: check["status"] for check in json.loads(run("doctor", "--json").stdout)}
    assert checks["connection"] == checks["schema"] == checks["notifications"] == "OK"
    assert re.search(r"OK\s+server version\s+PostgreSQL", run("doctor").stdout)
    result = run("doctor", "--dsn", empty_database(), exits=4)
    assert "capataz migrate" in result.stdout


def test_migrate_deploys_and_may_be_repeated(run: Run, empty_database: Callable[[], str]) -> None:
    dsn = empty_database()
    first = json.loads(run("migrate", "--dsn", dsn, "--json").stdout)
    assert first["applied"]
    again = run("migrate", "--dsn", dsn).stdout
    assert "no new migration" in again


def test_dist_writes_one_file(run: Run, tmp_path: Path) -> None:
    path = json.loads(run("dist", str(tmp_path), "--json").stdout)["path"]
    assert Path(path).stat().st_size > 10_000


# --- what is drawn


def module_line(name: str, status: ModuleHealth, *, in_flight: int = 0, done: int = 0) -> views.ModuleLine:
    state = ModuleState(name, True, status, "why", NOON, None, None, False, 0, 0, NOON, in_flight, 4, 0)
    row = {
        "module_name": name, "success_rate_24h": 100, "error_count_24h": 0, "avg_processing_time_ms": 5,
        "last_performance_check": None, "performance_tier": "MEDIUM", "performance_score": 1, "module_version": "1.0",
        "total_robots_processed": 7, "supported_robot_types": ["work"],
    }  # fmt: skip
    return views.ModuleLine(row, state, [0] * 59 + [done], [0] * 60)


def drawn(renderable: RenderableType, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


NOON = datetime(2026, 3, 10, 12)


@pytest.mark.parametrize(
    ("completed", "failed", "bars", "styles"),
    [
        ([], [], "", []),
        ([0, 0], [0, 0], "▁▁", ["dim", "dim"]),
        ([1, 100, 50], [], "▂█▅", ["green", "green", "green"]),  # little is not nothing
        ([9, 1, 0], [1, 9, 10], "███", ["yellow", "red", "red"]),
    ],
)
def test_a_sparkline_tells_little_from_nothing_and_failures_from_success(
    completed: list[int], failed: list[int], bars: str, styles: list[str]
) -> None:
    line = sparkline(completed, failed)
    assert line.plain == bars
    assert [str(span.style) for span in line.spans] == styles
    assert sparkline([5], top=40).plain == "▂"


def test_a_meter_looks_full_only_where_it_is() -> None:
    assert meter(0, 8).plain == "────── 0/8"
    assert meter(1, 1000).plain == "━───── 1/1,000"
    assert meter(999, 1000).plain == "━━━━━─ 999/1,000"
    assert meter(8, 8).plain == meter(8, 8).plain == "━━━━━━ 8/8"
    assert meter(9, 8).plain == "━━━━━━ 9/8"  # the limit was lowered
    assert meter(9, None).plain == "9"
    assert meter(3, 8, width=0).plain == "3/8"


def test_series_end_with_the_minute_under_way() -> None:
    (line,) = views.module_lines(
        [module_line("M", "HEALTHY").row],
        [module_line("M", "HEALTHY").state],
        [
            ModuleActivity("M", NOON, 3, 1),
            ModuleActivity("M", NOON - timedelta(minutes=4), 2, 0),
            ModuleActivity("M", NOON - timedelta(minutes=5), 9, 9),  # too old
            ModuleActivity("M", NOON + timedelta(minutes=1), 9, 9),  # the clock went on between two reads
            ModuleActivity("Gone", NOON, 9, 9),
        ],
        NOON + timedelta(seconds=59),
        5,
    )
    assert (line.completed, line.failed) == ([2, 0, 0, 0, 3], [0, 0, 0, 0, 1])


def test_gaps_of_the_last_day_are_told_together_where_they_belong_together(client: Capataz) -> None:
    some = client.list_jobs()[0]

    def gap(name: str, begin: float, end: float) -> Job:
        """Hours before noon."""
        times = {"gap_from": NOON - timedelta(hours=begin), "gap_until": NOON - timedelta(hours=end)}
        return replace(some, job_name=name, last_outcome="ok", **times)

    def told(*jobs: Job) -> list[str]:
        return [line.plain for line in views.job_remarks(jobs, NOON)]

    assert told(replace(some, gap_from=None, gap_until=None, last_outcome="ok")) == []
    assert told(gap("purge", 60, 24.1), gap("tick", 1, 0.95)) == []  # long ago; minutes
    assert told(
        gap("fold", 6, 4), gap("sample", 5.9, 4), gap("purge", 72, 4), gap("health", 2, 1), gap("probe", 60, 50)
    ) == [
        "Gap: health did not run from 2026-03-10 10:00:00 UTC to 2026-03-10 11:00:00 UTC",
        "Gap: purge did not run from 2026-03-07 12:00:00 UTC to 2026-03-10 08:00:00 UTC; 2 more had a gap in that time",
    ]


def test_where_there_is_little_room_the_sick_and_the_busy_are_shown() -> None:
    lines = [module_line(f"M{number:03}", "HEALTHY") for number in range(50)]
    lines[40] = module_line("Sick", "UNHEALTHY")
    lines[20] = module_line("Busy", "HEALTHY", in_flight=3)
    lines[30] = module_line("Quick", "HEALTHY", done=9)
    for room in (8, 12, 20):
        text = drawn(views.modules_view(lines, NOON, width=100, room=room)).rstrip("\n")
        assert len(text.splitlines()) <= room
        assert re.search(r"^and \d+ more$", text, re.MULTILINE)
        for name in ("Sick", "Busy", "Quick")[: 1 if room == 8 else 3]:
            assert re.search(rf"^{name} ", text, re.MULTILINE), (room, name)
        assert "● Sick is UNHEALTHY" in text
    assert len(drawn(views.modules_view(lines, NOON, width=100)).splitlines()) == 54


def test_many_sick_modules_are_counted() -> None:
    lines = [module_line(f"M{number:03}", "DEGRADED") for number in range(50)]
    text = drawn(views.modules_view(lines, NOON, width=100, room=30)).rstrip("\n")
    assert len(text.splitlines()) <= 30
    assert re.search(r"^and \d+ more that are not well$", text, re.MULTILINE)


# --- errors


def test_an_error_is_one_clear_message_with_a_hint(run: Run) -> None:
    result = run("status", "nobody", exits=1)
    assert result.stdout == ""
    assert re.match(r'error: no robot "nobody"\n(.*\n)*  hint: \S', result.stderr)
    error = json.loads(run("status", "nobody", "--json", exits=1).stderr)["error"]
    assert (error["sqlstate"], error["message"]) == ("RB404", 'no robot "nobody"')
    assert error["hint"]


@pytest.mark.parametrize(
    "command", [["jobs"], ["jobs", "--json"], ["modules"], ["doctor"], ["report", "daily", "--date", "today"]]
)
def test_a_full_disk_is_one_clear_message(module_dsn: str, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "capataz", *command],
            env={**os.environ, "CAPATAZ_DSN": module_dsn},
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert result.returncode == 1
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


def test_wrong_usage_exits_with_2(run: Run, module: str) -> None:
    run("submit", exits=2)
    run("nonsense", exits=2)
    assert "not JSON" in run("submit", "work", "{", exits=2).output
    assert "package.module:worker" in run("worker", "nonsense", exits=2).output


def test_an_unreachable_database_exits_with_3_and_says_how_to_name_one(run: Run) -> None:
    result = run("status", "--dsn", "host=/nowhere", exits=3)
    assert "cannot reach the database" in result.stderr
    assert "CAPATAZ_DSN" in result.stderr
    assert "Traceback" not in result.output
    assert "not a connection string" in run("status", "--dsn", "nonsense", exits=1).stderr


def test_a_worker_that_is_not_there_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_crew.py").write_text("worker = 7\n")
    assert "no module" in run("worker", "no_such_crew:worker", exits=1).stderr
    assert "has no" in run("worker", "a_crew:nobody", exits=1).stderr
    assert "not a Worker" in run("worker", "a_crew:worker", exits=1).stderr


def test_a_worker_drains_its_queue(
    run: Run, client: Capataz, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"crew_{module.lower()}"
    (tmp_path / f"{name}.py").write_text(
        f"from capataz import Worker\nworker = Worker(None, {module!r})\nworker.robot('work')(lambda ctx: 1)\n"
    )
    robot = client.submit_robot("work", module_name=module)
    statistics = json.loads(run("worker", f"{name}:worker", "--drain", "--json", "--concurrency", "2").stdout)
    assert statistics["completed"] == 1
    assert client.get_robot(robot.robot_id).output_data == 1


# --- terminals and signals


def on_terminal(
    module_dsn: str, *arguments: str, columns: int = 80, interrupt_at: str | None = None
) -> tuple[str, int]:
    """Run a command on a terminal of its own; with ``interrupt_at`` press Ctrl-C once that text has appeared."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "capataz", *arguments],
        env={**os.environ, "CAPATAZ_DSN": module_dsn, "COLUMNS": str(columns), "LINES": "30", "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    text = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the terminal was closed: the process has ended
            break
        if not part:
            break
        text += part
        if interrupt_at is not None and interrupt_at.encode() in text:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    os.close(master)
    return text.decode(errors="replace"), process.wait(PATIENCE)  # Ctrl-C may come in the middle of a character


ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        (["status"], 80), (["modules"], 80), (["robots"], 80), (["top", "--once"], 80), (["doctor"], 80),
        (["modules"], 60), (["top", "--once"], 60),
    ],
)  # fmt: skip
def test_tables_fit_narrow_terminals(module_dsn: str, run: Run, sick: str, command: list[str], columns: int) -> None:
    submitted(run, sick)
    text, _ = on_terminal(module_dsn, *command, columns=columns)
    assert "\x1b[" in text  # colours, on a terminal
    lines = [ESCAPE.sub("", line) for line in text.splitlines()]
    assert max(len(line) for line in lines) <= columns
    if command[0] in ("modules", "top"):
        (row,) = [line for line in lines if line.startswith(sick)]
        assert "UNHEALTHY" in row  # not cut


def test_where_piped_there_is_no_colour_and_no_cut(module_dsn: str, run: Run, module: str) -> None:
    robot = submitted(run, module)["robot_id"]
    result = subprocess.run(
        [sys.executable, "-m", "capataz", "robots", "--module", module],
        env={key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"CAPATAZ_DSN": module_dsn},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b" not in result.stdout
    assert robot in result.stdout
    assert module in result.stdout
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_watching_survives_a_lost_connection(module_dsn: str, module: str) -> None:
    """On a terminal of its own: the last picture stays, with what the matter is, and then there is a new one."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "capataz", "modules", "--watch", "--every", "0.2"],
        env={**os.environ, "CAPATAZ_DSN": module_dsn, "COLUMNS": "80", "LINES": "60", "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""

    def read_until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            part = os.read(master, 65536)
            assert part
            seen += part
        seen = seen.partition(text)[2]

    try:
        read_until(b"LAST 20 MIN")
        with psycopg.connect(module_dsn, autocommit=True) as db:
            db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'capataz cli' and datname = current_database()"
            )
        read_until(b"trying again")
        read_until(b"capataz \x1b")  # the head of a new picture, without the message above it
    finally:
        process.send_signal(signal.SIGINT)
        while True:
            try:
                if not os.read(master, 65536):
                    break
            except OSError:
                break
        os.close(master)
    assert process.wait(PATIENCE) == 130


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["top"], "Modules"),
        (["modules", "--watch"], "MODULE"),
        (["tick", "--every", "0.1"], "Ctrl-C stops"),
        (["probe", "--every", "0.1"], "Ctrl-C stops"),
    ],
)
def test_ctrl_c_leaves_cleanly(module_dsn: str, command: list[str], shown: str) -> None:
    text, code = on_terminal(module_dsn, *command, interrupt_at=shown)
    assert code == 130
    assert "Traceback" not in text

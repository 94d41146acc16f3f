"""A day in the life of a fleet, for the tests and the screenshots of the dashboard: everything through the public API.

The clock is moved: the day ends now. What chance decides comes from one seed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx
import psycopg

from support import CLOCK, PATIENCE

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Kind:
    """A module: what it does, how fast (seconds), how well."""

    name: str
    types: tuple[str, ...]
    limit: int
    seconds: float
    per_minute: float
    errors: float
    categories: tuple[str, ...] = ("NETWORK", "PROCESSING")


KINDS: Final = (
    Kind("LegalModule", ("CONTRACT_REVIEW", "CLAUSE_CHECK"), 12, 95, 3.2, 0.012, ("PROCESSING", "VALIDATION")),
    Kind("InvoiceModule", ("INVOICE_READ", "INVOICE_MATCH"), 16, 14, 22, 0.008, ("VALIDATION",)),
    Kind("IdentityModule", ("KYC_CHECK",), 8, 26, 9, 0.03, ("NETWORK", "RATE_LIMIT")),
    Kind("TranslationModule", ("TRANSLATE",), 10, 41, 6, 0.02),
    Kind("MailModule", ("SEND_MAIL",), 6, 3, 30, 0.004, ("NETWORK",)),
    Kind("ArchiveModule", ("ARCHIVE",), 4, 8, 5, 0.0),
)
STEPS: Final = (
    ("Fetch documents", "INIT"),
    ("Read pages", "PROCESSING"),
    ("Extract facts", "PROCESSING"),
    ("Check against rules", "VALIDATION"),
    ("Write result", "FINALIZATION"),
)
#: What goes wrong in words that nobody but the database reads: by category, of yesterday and of today.
MESSAGES: Final = {
    "NETWORK": "connection to 10.1.7.23 refused for ana.ruiz@example.com",
    "PROCESSING": "page 17 of ana.ruiz@example.com cannot be read",
    "VALIDATION": "the sum of order 4711 does not match",
    "RATE_LIMIT": "too many requests, try again after 30 seconds",
}
PRIORITIES: Final = ("LOW", "NORMAL", "NORMAL", "NORMAL", "NORMAL", "HIGH", "HIGH", "CRITICAL")


class Fleet:
    """Fills a database; ``connection`` is a superuser's, autocommit."""

    def __init__(self, connection: Connection, seed: int = 7) -> None:
        self.connection = connection
        self.chance = random.Random(seed)
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.batch = ""
        self.is_today = False
        self.robots: dict[str, str] = {}

    def run(self, statement: LiteralString, *given: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement."""
        cursor = self.connection.execute(statement, given)
        return cursor.fetchall() if cursor.description else []

    def set_clock(self, time: datetime | None) -> None:
        """Where the database's clock stands; None: it goes."""
        self.run("update test_clock.clock set frozen_at = %s", time)

    def register(self) -> None:
        """The modules."""
        for kind in KINDS:
            data: dict[str, Any] = {
                "max_concurrency": kind.limit,
                "retry_policy": {"base_seconds": 20, "jitter": 0.2},
            }
            if kind.name == "LegalModule":
                data["sla_seconds"] = 7200
            self.run(
                "select capataz.register_module(%s, %s, %s, 'prod', null, %s)",
                kind.name,
                "2.4",
                list(kind.types),
                json.dumps(data),
            )
            self.run("select capataz.record_health_check(%s, true, 12)", kind.name)

    def submit(self, kind: Kind, amount: int, batch: str | None = None) -> None:
        """Robots that wait."""
        if amount <= 0:
            return
        robots = [
            {
                "robot_type": self.chance.choice(kind.types),
                "module_name": kind.name,
                "priority": self.chance.choice(PRIORITIES),
                "correlation_id": batch,
                "source_reference": f"document {place:04}",
                "input_data": {
                    "customer": "Ana Ruiz",
                    "email": "ana.ruiz@example.com",
                    "pages": self.chance.randint(1, 40),
                },
            }
            for place in range(amount)
        ]
        self.run("select capataz.submit_robots(%s)", json.dumps(robots))

    def claim(self, kind: Kind, amount: int) -> list[str]:
        """Attempts that begin."""
        if amount <= 0:
            return []
        worker = f"{kind.name.lower()}-{self.chance.randint(1, 3)}"
        claimed = self.run("select execute_id from capataz.claim_robots(%s, %s, %s)", kind.name, amount, worker)
        return [str(execute_id) for (execute_id,) in claimed]

    def work(self, kind: Kind, amount: int, errors: float) -> None:
        """Claim and end that many: they began some time ago."""
        while amount > 0:
            ids = self.claim(kind, min(amount, kind.limit))
            if not ids:
                return
            amount -= len(ids)
            self.end(kind, ids, errors)

    def end(self, kind: Kind, ids: list[str], errors: float) -> None:
        """End attempts, good and bad."""
        # how long they have taken is what a worker's clock would have made it
        self.run(
            "update capataz.robot_execute as e set started_at = %s - v.s * interval '1 second', current_step = v.step"
            " from unnest(%s::text[], %s::double precision[], %s::text[]) as v (id, s, step)"
            " where e.execute_id = v.id",
            self.now,
            ids,
            [kind.seconds * self.chance.lognormvariate(-0.15, 0.55) for _ in ids],
            [self.chance.choice(STEPS[1:4])[0] for _ in ids],
        )
        self.run(
            "update capataz.robots as r set started_at = greatest(e.started_at, r.created_at)"
            " from capataz.robot_execute as e where e.execute_id = any (%s) and r.robot_id = e.robot_id",
            ids,
        )
        bad = [execute_id for execute_id in ids if self.chance.random() < errors]
        good = [execute_id for execute_id in ids if execute_id not in bad]
        if good:
            self.run(
                "select capataz.complete_executions(%s)",
                json.dumps([{"execute_id": i, "output_data": {"ok": True}} for i in good]),
            )
        for execute_id in bad:
            # of two categories the second is new today, and of one step alone
            category = kind.categories[-1 if self.is_today and self.chance.random() < 0.45 else 0]
            self.run("select capataz.fail_execution(%s, %s, %s)", execute_id, MESSAGES[category], category)

    def live_through(self, hours: int, minutes: int) -> None:
        """Hours that are past in a coarse way, then minutes in detail, with their samples."""
        self.run(CLOCK)  # type: ignore[arg-type]
        end = self.now
        self.now = end - timedelta(hours=hours)
        self.set_clock(self.now)
        self.register()
        under_way: dict[str, list[str]] = {kind.name: [] for kind in KINDS}  # from one step to the next
        while self.now < end:
            left = end - self.now
            self.is_today = left < timedelta(hours=20)
            step = timedelta(minutes=1) if left <= timedelta(minutes=minutes) else timedelta(minutes=20)
            until = min(self.now + step, end)
            while self.now < until:
                self.now = min(self.now + timedelta(minutes=1), until)
                self.set_clock(self.now)
                self.run("select capataz.sample_resources()")
            hour = self.now.hour + self.now.minute / 60
            swell = 0.55 + 0.45 * abs(12 - abs(hour - 14) % 24) / 12
            for kind in KINDS:
                factor = swell * (step / timedelta(minutes=1)) * (1 if step == timedelta(minutes=1) else 0.25)
                arrivals = round(kind.per_minute * factor * self.chance.uniform(0.7, 1.3))
                errors = kind.errors
                if kind.name == "IdentityModule" and self.now.hour % 9 in (2, 3):
                    errors = 0.22
                if kind.name == "TranslationModule" and left < timedelta(minutes=14):
                    errors = 0.11
                if kind.name == "MailModule":  # what went wrong there yesterday is mended
                    errors = kind.errors if self.is_today else 0.03
                served = arrivals + kind.limit // 2 * (
                    1 if step == timedelta(minutes=1) else 5
                )  # with what is tried again
                if kind.name == "InvoiceModule" and left < timedelta(minutes=minutes):  # its backlog comes and goes
                    served = round(arrivals * (1.03 + 0.35 * math.sin(left / timedelta(minutes=40) * 6.28)))
                if kind.name == "LegalModule" and left < timedelta(minutes=110):
                    served = round(arrivals * 0.62)  # its queue grows
                ended = under_way[kind.name]
                if ended:
                    self.end(kind, ended, errors)
                self.submit(kind, arrivals)
                at_work = kind.per_minute * swell * kind.seconds / 60 * self.chance.uniform(0.8, 1.2)
                begun = self.claim(kind, min(served, round(at_work), kind.limit - 1))
                under_way[kind.name] = begun
                self.work(kind, served - len(ended), errors)
                if step > timedelta(minutes=1):
                    self.run("select capataz.record_health_check(%s, true, 12)", kind.name)
            if step == timedelta(minutes=1) and self.now.minute % 5 == 0:
                self.run("select capataz.store_forecasts()")
            if self.now.minute % 20 == 0 or step > timedelta(minutes=1):
                self.run("select capataz.fold_counters()")
        for kind in KINDS:
            if under_way[kind.name]:
                self.end(kind, under_way[kind.name], 0)
        for job in ("fold_counters", "fold_analytics", "score_modules", "store_forecasts"):
            self.run("select capataz.run_job(%s)", job)

    def end_here(self, *, goes_on: bool) -> None:
        """The present: what runs, what is stuck, a module that is down, a batch; then the clock goes, or stands."""
        start = self.now
        self.batch = "nightly-translations"
        for kind in KINDS[:4]:
            self.submit(kind, kind.limit + 6)
            claimed = self.run(
                "select robot_id, execute_id from capataz.claim_robots(%s, %s, %s)",
                kind.name,
                kind.limit - 2,
                f"{kind.name.lower()}-1",
            )
            for place, (robot_id, execute_id) in enumerate(claimed):
                done = self.chance.randint(0, 4)
                began = start - timedelta(seconds=kind.seconds * self.chance.uniform(0.1, 0.9))
                if place == 0 and kind.name == "LegalModule":
                    began, done = start - timedelta(minutes=24), 2
                    self.robots["slow"] = robot_id
                self.run("update capataz.robot_execute set started_at = %s where execute_id = %s", began, execute_id)
                for step in range(done + 1):
                    self.set_clock(
                        began
                        + (start - began)
                        * ((step + 0.2) / (done + 1.6))
                        * (0.5 if robot_id == self.robots.get("slow") else 1)
                    )
                    name, category = STEPS[step]
                    self.run(
                        "select capataz.report_progress(%s, p_current_step => %s, p_step_category =>"
                        " %s, p_completed_steps => %s,"
                        " p_total_steps => 5, p_cpu_usage_percent => %s, p_memory_usage_mb => %s, p_disk_io_mb => %s,"
                        " p_network_io_mb => %s)",
                        execute_id,
                        name,
                        category,
                        step,
                        self.chance.uniform(20, 180),
                        self.chance.randint(60, 900),
                        12 + step,
                        4 + step,
                    )
                self.set_clock(start)
        self.run(
            "select capataz.pause_execution(e.execute_id) from capataz.running as e where"
            " e.module_name = 'InvoiceModule' order by e.started_at limit 1"
        )
        # a robot with a past: two attempts that failed, a third under way
        self.robots["tried"] = self.tried()
        translations = KINDS[3]
        self.set_clock(start - timedelta(minutes=26))
        self.submit(translations, 80, self.batch)
        for minute in range(25, 0, -1):  # little by little: nobody does all of it at once
            self.now = start - timedelta(minutes=minute)
            self.set_clock(self.now)
            self.work(translations, 2, 0.06)
        self.now = start
        self.set_clock(start)
        self.run("select count(*) from capataz.claim_robots(%s, 4, 'translationmodule-2')", translations.name)
        mail = KINDS[4]
        for _ in range(6):
            self.submit(mail, 1)
            for (execute_id,) in self.run("select execute_id from capataz.claim_robots('MailModule', 1, 'mail-1')"):
                self.run("select capataz.fail_execution(%s, 'smtp.example.com does not answer', 'NETWORK')", execute_id)
        self.submit(mail, 25)
        for kind in KINDS[:4]:
            self.run("select capataz.record_health_check(%s, true, 14)", kind.name)
        self.set_clock(start - timedelta(seconds=50))
        self.run("select capataz.heartbeat_worker('translationmodule-1', 'TranslationModule')")
        self.set_clock(start)
        self.run("select capataz.deactivate_module('ArchiveModule', 'moves to another data centre')")
        self.run("select capataz.fold_counters()")
        for (job,) in self.run("select job_name from capataz.list_jobs()"):
            self.run("select capataz.run_job(%s)", job)
        if goes_on:
            self.set_clock(None)

    def tried(self) -> str:
        """A robot on its third attempt."""
        start = self.now
        ((robot_id,),) = self.run(
            "select robot_id from capataz.submit_robot('KYC_CHECK', %s, 'IdentityModule',"
            " 'CRITICAL', p_correlation_id => 'onboarding-4711')",
            json.dumps({"customer": "Ana Ruiz", "email": "ana.ruiz@example.com", "card": "4111 1111 1111 1111"}),
        )
        moment = start - timedelta(minutes=9)
        self.run("update capataz.robots set created_at = %s where robot_id = %s", moment, robot_id)
        for attempt in range(3):
            self.set_clock(start)
            execute_id = ""
            while not execute_id:
                found = self.run(
                    "select robot_id, execute_id from capataz.claim_robots('IdentityModule', 1, 'identitymodule-2')"
                )
                if not found:
                    self.run("update capataz.robots set available_at = %s where robot_id = %s", start, robot_id)
                    raise AssertionError("nothing to claim")
                if found[0][0] == robot_id:
                    execute_id = found[0][1]
                else:
                    self.run("select capataz.complete_execution(%s)", found[0][1])
            moment += timedelta(seconds=35)
            self.run("update capataz.robot_execute set started_at = %s where execute_id = %s", moment, execute_id)
            self.run("update capataz.robots set started_at = %s where robot_id = %s", moment, robot_id)
            for step in range(3 if attempt < 2 else 4):
                name, category = STEPS[step]
                self.set_clock(moment)
                self.run(
                    "select capataz.report_progress(%s, p_current_step => %s, p_step_category => %s,"
                    " p_completed_steps => %s,"
                    " p_total_steps => 5, p_cpu_usage_percent => %s, p_memory_usage_mb => %s,"
                    " p_disk_io_mb => 14, p_network_io_mb => 9)",
                    execute_id,
                    name,
                    category,
                    step,
                    40 + 30 * step,
                    120 + 64 * step,
                )
                moment += timedelta(seconds=self.chance.randint(12, 55))
            if attempt < 2:
                self.set_clock(moment)
                self.run(
                    "select capataz.fail_execution(%s, 'no answer for ana.ruiz@example.com', 'NETWORK')", execute_id
                )
                self.run(
                    "update capataz.robots set available_at = %s where robot_id = %s",
                    moment,
                    robot_id,
                )
        self.set_clock(start)
        return str(robot_id)


def fill(dsn: str, *, hours: int = 48, minutes: int = 180, goes_on: bool = True) -> Fleet:
    """A database with a day in it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        fleet = Fleet(connection)
        fleet.live_through(hours, minutes)
        fleet.end_here(goes_on=goes_on)
        return fleet


def fill_with_many(dsn: str, robots: int = 100_000, modules: int = 10) -> None:
    """A database with many robots: most wait, some run, some have ended."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        names = [f"Module{number:02}" for number in range(modules)]
        for name in names:
            connection.execute(
                "select capataz.register_module(%s, '1.0', array['WORK'], p_registration_data =>"
                " '{\"failure_threshold\": 1000}')",
                [name],
            )
            connection.execute("select capataz.record_health_check(%s, true)", [name])
        with connection.transaction():  # waiting robots owe nothing to triggers but their names and times
            connection.execute("set local session_replication_role = replica")
            connection.execute(
                "insert into capataz.robots (robot_id, robot_type, module_name, priority,"
                " correlation_id, source_reference, input_data)"
                " select 'work_20260101000000000_' || g, 'WORK', (%s::text[])[1 + g %% %s],"
                "   (array['LOW', 'NORMAL', 'NORMAL', 'HIGH'])[1 + g %% 4]::capataz.priority_enum,"
                " 'many', lpad(g::text, 6, '0'), '{}'"
                " from generate_series(1, %s) as g",
                [names, modules, robots],
            )
        connection.execute("vacuum analyze capataz.robots")
        for name in names:
            connection.execute(
                "select count(*) from capataz.complete_executions((select"
                " jsonb_agg(jsonb_build_object('execute_id', execute_id))"
                " from capataz.claim_robots(%s, 100)))",
                [name],
            )
            connection.execute(
                "select count(*) from capataz.fail_executions((select"
                " jsonb_agg(jsonb_build_object('execute_id', execute_id,"
                " 'error_message', 'no', 'error_category', (array['NETWORK', 'VALIDATION', 'PROCESSING'])[1 + n %% 3]))"
                " from capataz.claim_robots(%s, 30) with ordinality as c (r, execute_id, t, p, i, a, k, s, n)))",
                [name],
            )
            connection.execute("select count(*) from capataz.claim_robots(%s, 500)", [name])
        connection.execute("select capataz.fold_counters(), capataz.fold_analytics(), capataz.store_forecasts()")
        connection.execute("vacuum analyze capataz.robots, capataz.robot_execute")


def fill_with_reports(dsn: str, days: int = 32) -> None:
    """A database with a daily, a weekly and a monthly report: some weeks in which a little ended each day.

    The clock stands at 20 January 2026, so that December and whole weeks are over.
    """
    end = datetime(2026, 1, 20, 0, 30)
    chance = random.Random(11)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute(CLOCK)  # type: ignore[arg-type]
        first = end - timedelta(days=days)
        connection.execute("update test_clock.clock set frozen_at = %s", [first])
        for kind in KINDS[:3]:
            connection.execute("select capataz.register_module(%s, '1.0', %s)", [kind.name, list(kind.types)])
        number = 0
        for day in range(1, days + 1):
            moment = first + timedelta(days=day)
            connection.execute("update test_clock.clock set frozen_at = %s", [moment])
            rows = []
            for kind in KINDS[:3]:
                for _ in range(8 + day // 8 + (6 if moment.weekday() < 5 else 0)):
                    number += 1
                    done = moment - timedelta(hours=chance.uniform(0.1, 23.5))
                    took = kind.seconds * chance.lognormvariate(-0.15, 0.55)
                    is_bad = chance.random() < (0.16 if kind.name == "IdentityModule" else 0.03)
                    rows.append(
                        {
                            "id": f"report_{done:%Y%m%d%H%M%S}000_{number}",
                            "type": chance.choice(kind.types),
                            "module": kind.name,
                            "state": "FAILED" if is_bad else "COMPLETED",
                            "category": chance.choice(kind.categories) if is_bad else None,
                            "started": (done - timedelta(seconds=took)).isoformat(),
                            "done": done.isoformat(),
                        }
                    )
            columns = (
                "r (id text, type text, module text, state text, category text, started timestamp, done timestamp)"
            )
            connection.execute(
                "insert into capataz.robots (robot_id, robot_type, module_name, status, error_category, created_at,"
                " started_at, completed_at, input_data) select id, type, module, state::capataz.robot_status_enum,"
                f" category, started, started, done, '{{}}' from jsonb_to_recordset(%s) as {columns}".encode(),
                [json.dumps(rows)],
            )
            connection.execute(
                "insert into capataz.robot_execute (execute_id, robot_id, module_name, execution_state,"
                " error_category, error_message, current_step, started_at, completed_at)"
                " select gen_random_uuid()::text, id, module, state::capataz.execution_state_enum, category,"
                " case when category is not null then 'no answer for ana.ruiz@example.com' end, 'Read pages', started,"
                f" done from jsonb_to_recordset(%s) as {columns}".encode(),
                [json.dumps(rows)],
            )
            connection.execute("select capataz.sample_resources(), capataz.fold_counters(), capataz.fold_analytics()")
            connection.execute("select capataz.build_daily_report()")
        connection.execute("update test_clock.clock set frozen_at = %s", [end])
        for job in ("build_daily_report", "build_weekly_report", "build_monthly_report"):
            connection.execute("select capataz.run_job(%s)", [job])


@contextlib.contextmanager
def serving(dsn: str, dashboard_dsn: str, audit: Path, *options: str, password: str | None = None) -> Iterator[str]:
    """The URL of a running ``capataz serve`` with its dashboard; ended at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAPATAZ_")}
    environment["CAPATAZ_DASHBOARD_DSN"] = dashboard_dsn
    if password is not None:
        environment["CAPATAZ_DASHBOARD_PASSWORD"] = password
    process = subprocess.Popen(
        [sys.executable, "-m", "capataz", "serve", "--port", "0", "--dsn", dsn, "--audit-log", str(audit), *options],
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stderr is not None
    log = [process.stderr.readline()]
    if " at http" not in log[0]:
        log.append(process.stderr.read())
        process.wait(PATIENCE)
        raise AssertionError("".join(log))
    reader = threading.Thread(target=log.extend, args=(process.stderr,), daemon=True)
    reader.start()
    url = log[0].split(" at ", 1)[1].strip()
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/healthz").status_code == 200:
                    break
            assert time.monotonic() < deadline, "".join(log)
            time.sleep(0.02)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            reader.join(PATIENCE)

"""The failover demo end to end, as a person starts it, on a database of the test cluster; what it calls a failure."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psutil
import pytest

from capataz.demo.failover.facts import Evidence, Probe, _judge
from capataz.models import HealthChange
from demos import Demo, demos, one
from support import wait_until

SHORT = ("--seconds", "8", "--json")
ACTIVE = "select count(*) from capataz.robot_execute where completed_at is null"


@pytest.fixture
def start() -> Iterator[Callable[..., Demo]]:
    """``start(dsn, *arguments)`` starts a demo."""
    with demos("capataz.demo.failover") as begin:
        yield begin


def assert_all_held(code: int, out: str, err: str) -> dict[str, Any]:
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    assert [fact for fact in found["facts"] if not fact["ok"]] == []
    assert len(found["facts"]) == 8
    assert found["submitted"] == found["completed"] > 100
    assert found["failures_in_row"] == found["threshold"] == 5
    assert {probe["state"] for probe in found["probes"][:-1]} == {"FAILED"}
    assert found["probes"][-1]["state"] == "COMPLETED"
    return found


@pytest.mark.slow
def test_a_module_breaks_and_heals_in_two_runs_at_once(dsn: str, start: Callable[..., Demo]) -> None:
    first, second = start(dsn, *SHORT), start(dsn, *SHORT)
    found = [assert_all_held(*demo.end()) for demo in (first, second)]
    # what they say is what the database has
    assert one(dsn, "select count(*) from capataz.robots") == sum(run["submitted"] for run in found)
    assert one(dsn, "select count(*) from capataz.robots where status <> 'COMPLETED'") == 0
    assert one(dsn, ACTIVE) == 0
    failed = sum(run["failures"] + sum(probe["state"] == "FAILED" for probe in run["probes"]) for run in found)
    assert one(dsn, "select count(*) from capataz.robot_execute where execution_state = 'FAILED'") == failed
    assert one(dsn, "select string_agg(module_name, ' ' order by module_name) from capataz.module_registry") == (
        "OcrNorth OcrNorth2 OcrSouth OcrSouth2"
    )
    assert one(dsn, "select count(*) from capataz.module_registry where is_active") == 0  # nobody works for them now


@pytest.mark.slow
def test_ctrl_c_stops_in_order_and_the_next_run_is_whole(dsn: str, start: Callable[..., Demo]) -> None:
    demo = start(dsn, *SHORT)
    wait_until(lambda: demo.find_workers() == 8)
    wait_until(lambda: one(dsn, "select count(*) from capataz.robots where status = 'COMPLETED'") > 20)
    demo.process.send_signal(signal.SIGINT)
    code, out, err = demo.end(60)
    assert code == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert out == ""
    psutil.wait_procs(demo.workers, timeout=5)
    assert not [p for p in demo.workers if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert one(dsn, ACTIVE) == 0
    assert_all_held(*start(dsn, *SHORT).end())
    assert one(dsn, "select count(*) from capataz.robots where status not in ('COMPLETED', 'FAILED')") == 0


@pytest.mark.slow
def test_workers_end_when_it_is_killed(dsn: str, start: Callable[..., Demo]) -> None:
    demo = start(dsn, *SHORT)
    wait_until(lambda: demo.find_workers() == 8)
    demo.process.kill()
    demo.end()
    _, alive = psutil.wait_procs(demo.workers, timeout=30)
    assert not alive


def test_a_module_of_somebody_else_is_left_alone(dsn: str, start: Callable[..., Demo]) -> None:
    one(dsn, "select module_id from capataz.register_module('OcrSouth', '7', array['CONTRACT'])")
    code, _, err = start(dsn, *SHORT).end()
    assert code == 1
    assert "not the demo's" in " ".join(err.split())
    assert one(dsn, "select module_version from capataz.module_registry") == "7"


@pytest.mark.parametrize("arguments", [("--seconds", "1"), ("--workers", "3"), ("--workers", "0")])
def test_wrong_usage_exits_with_2(start: Callable[..., Demo], arguments: tuple[str, ...]) -> None:
    code, out, _ = start("host=/nowhere", *arguments).end()
    assert code == 2
    assert "--seconds must be 8 or more" in " ".join(out.split())


def test_a_server_that_cannot_be_reached_is_said(start: Callable[..., Demo]) -> None:
    code, out, _ = start("postgresql://nobody@127.0.0.1:1/nothing").end()
    assert code == 1
    assert "demo-failover failed" in out
    assert "Traceback" not in out


# --- what is a failure

NOON = datetime(2026, 3, 10, 12)
BREAKER = {"cooldown_seconds": 3, "factor": 1.5, "max_seconds": 10}


def probe(state: str, begun: float, ended: float | None) -> Probe:
    end = None if ended is None else NOON + timedelta(seconds=ended)
    return Probe(f"{begun}", state, NOON + timedelta(seconds=begun), end)


GOOD = Evidence(
    "run",
    submitted=100,
    completed=100,
    threshold=5,
    failures_in_row=5,
    failures=8,
    claimed_after=1,
    probes=[probe("FAILED", 3.1, 3.2), probe("COMPLETED", 7.8, 7.9)],
    probe_waits=[3.1, 4.6],
    moved_away=30,
    seconds_to_unhealthy=0.2,
    seconds_to_healthy=1.5,
    worked_again=20,
    changes=[HealthChange(NOON, "HEALTHY", "UNHEALTHY", "x"), HealthChange(NOON, "UNHEALTHY", "HEALTHY", "y")],
)


def failing(**changed: Any) -> list[str]:
    found = dataclasses.replace(GOOD, **changed)
    return [fact.name for fact in _judge(found, "South", "North", BREAKER, 4) if not fact.ok]


def test_a_good_run_has_no_failing_fact() -> None:
    assert failing() == []


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"completed": 99}, "nothing is lost"),
        ({"completed": 99, "failed": 1}, "nothing is lost"),
        ({"open": 1}, "nothing is lost"),
        ({"not_done_once": 1}, "nothing is lost"),
        ({"submitted": 0, "completed": 0}, "nothing is lost"),
        ({"failures_in_row": 6}, "the breaker opens at the threshold"),
        ({"failures_in_row": None}, "the breaker opens at the threshold"),
        ({"failures": 4}, "the breaker opens at the threshold"),
        ({"failures": 14}, "only what was in flight fails after it"),
        ({"claimed_late": 1}, "only what was in flight fails after it"),
        ({"claimed_after": 9}, "only what was in flight fails after it"),
        ({"probe_waits": [2.9, 4.6]}, "one probe at a time, after a longer and longer cool-down"),
        ({"probe_waits": [3.1, 4.4]}, "one probe at a time, after a longer and longer cool-down"),
        ({"probes": [], "probe_waits": []}, "one probe at a time, after a longer and longer cool-down"),
        (
            {"probes": [probe("FAILED", 3.1, 8.0), probe("COMPLETED", 7.8, 8.1)]},
            "one probe at a time, after a longer and longer cool-down",
        ),
        ({"moved_away": 0}, "waiting robots move"),
        ({"routed_while_unhealthy": 1}, "the router avoids it"),
        ({"seconds_to_healthy": None}, "it comes back by itself"),
        ({"worked_again": 0}, "it comes back by itself"),
        ({"changes": GOOD.changes * 2}, "it comes back by itself"),
        ({"moved_back": 3}, "nothing is moved back"),
    ],
)
def test_a_fact_that_does_not_hold_is_noticed(changed: dict[str, Any], name: str) -> None:
    assert failing(**changed) == [name]
    facts = _judge(dataclasses.replace(GOOD, **changed), "South", "North", BREAKER, 4)
    assert not dataclasses.replace(GOOD, facts=facts).ok

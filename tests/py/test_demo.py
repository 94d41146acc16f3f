"""The demo end to end, as a person starts it: in a process of its own, on a database of the test cluster."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from demos import Demo, demos, one
from support import wait_until

DOCUMENTS = 60  # enough for a worker to be killed among them


@pytest.fixture
def start() -> Iterator[Callable[..., Demo]]:
    """``start(dsn, *arguments)`` starts a demo."""
    with demos("capataz.demo") as begin:
        yield begin


ACTIVE = (
    "select count(*) from capataz.robot_execute where execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')"
)


@pytest.mark.slow
def test_documents_are_audited_a_worker_dies_and_the_second_run_is_cached(dsn: str, start: Callable[..., Demo]) -> None:
    code, out, err = start(dsn, "--json", "--limit", str(DOCUMENTS), "--workers", "3").end()
    assert code == 0, err
    facts = json.loads(out)
    assert facts["ok"] is True
    assert facts["problems"] == []
    assert facts["documents"] == DOCUMENTS + 2
    assert facts["cached"] == 0
    assert facts["licences"]
    assert {row["category"] for row in facts["failures"] if row["made"]} == {"VALIDATION"}
    assert facts["killed"] is not None, err
    assert facts["lost"]
    assert {attempt["status"] for attempt in facts["lost"]} <= {"COMPLETED", "FAILED"}  # FAILED: one made to be refused
    assert "kill -9" in err
    # what it says is what the database has
    robots = one(dsn, "select count(*) from capataz.robots where status in ('COMPLETED', 'FAILED')")
    assert robots == facts["robots"] == one(dsn, "select count(*) from capataz.robots")
    assert one(dsn, "select count(*) from capataz.robots where retry_count = 1") == len(facts["lost"])
    assert one(dsn, "select count(*) from capataz.robot_execute where error_category = 'WORKER_LOST'") == len(
        facts["lost"]
    )
    assert (
        one(dsn, "select health_status::text from capataz.module_registry where module_name = 'LegalModule'")
        == "HEALTHY"
    )
    assert one(dsn, ACTIVE) == 0
    assert one(dsn, "select count(*) from capataz_ops.execution_steps where step_name = 'RECOGNISE'") > 0

    code, out, err = start(dsn, "--json", "--limit", str(DOCUMENTS), "--workers", "2").end()
    assert code == 0, err
    facts = json.loads(out)
    assert facts["cached"] == DOCUMENTS
    assert facts["killed"] is None  # there was nothing left to interrupt
    assert facts["robots"] == DOCUMENTS + 2
    assert one(dsn, "select count(*) from capataz.robots where cache_hit") == DOCUMENTS


@pytest.mark.slow
def test_ctrl_c_stops_in_order_and_the_next_run_goes_on(dsn: str, start: Callable[..., Demo]) -> None:
    demo = start(dsn, "--limit", "200", "--workers", "2", "--no-kill")
    demo.wait_for_workers(2)
    wait_until(lambda: one(dsn, "select count(*) from capataz.robots where status = 'COMPLETED'") > 5)
    demo.process.send_signal(signal.SIGINT)
    code, out, err = demo.end(30)
    assert code == 130, out + err
    assert "Interrupted" in out
    assert "Nothing is lost" in out
    psutil.wait_procs(demo.workers, timeout=5)
    assert not [p for p in demo.workers if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert one(dsn, ACTIVE) == 0
    waiting = one(dsn, "select count(*) from capataz.robots where status = 'PENDING'")
    assert waiting > 0

    code, out, err = start(dsn, "--json", "--limit", "200", "--workers", "2", "--no-kill").end()
    assert code == 0, err
    facts = json.loads(out)
    assert facts["inherited"] == waiting
    assert facts["cached"] > 0
    assert one(dsn, "select count(*) from capataz.robots where status not in ('COMPLETED', 'FAILED')") == 0


@pytest.mark.slow
def test_workers_end_when_the_demo_is_killed(dsn: str, start: Callable[..., Demo]) -> None:
    demo = start(dsn, "--limit", "200", "--workers", "2", "--no-kill")
    demo.wait_for_workers(2)
    demo.process.kill()
    demo.end()
    _, alive = psutil.wait_procs(demo.workers, timeout=20)
    assert not alive


@pytest.mark.slow
def test_second_demo_on_one_database_is_refused(dsn: str, start: Callable[..., Demo]) -> None:
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("select pg_advisory_lock(hashtextextended('capataz.demo', 0))")
        code, out, _ = start(dsn, "--limit", "5").end()
    assert code == 1
    assert "another demo is running" in " ".join(out.split())


@pytest.mark.slow
def test_module_of_somebody_else_is_left_alone(dsn: str, start: Callable[..., Demo]) -> None:
    one(dsn, "select module_id from capataz.register_module('LegalModule', '7', array['CONTRACT'])")
    code, out, _ = start(dsn, "--limit", "5").end()
    assert code == 1
    assert "not the demo's" in " ".join(out.split())
    assert one(dsn, "select module_version from capataz.module_registry") == "7"
    assert one(dsn, "select count(*) from capataz.robots") == 0


@pytest.mark.slow
def test_server_that_cannot_be_reached_is_said(start: Callable[..., Demo]) -> None:
    code, out, _ = start("postgresql://nobody@127.0.0.1:1/nothing", "--limit", "5").end()
    assert code == 1
    assert "capataz demo failed" in out
    assert "Traceback" not in out


@pytest.mark.slow
def test_embedded_server_from_nothing(tmp_path: Path, start: Callable[..., Demo]) -> None:
    from capataz.engine import EngineError, find_binaries

    try:
        find_binaries()
    except EngineError as error:
        pytest.skip(str(error))
    state = tmp_path / "state"
    for folder in (tmp_path, *tmp_path.parents[:3]):  # the server's user has to get there
        if folder.owner() == "root" and os.geteuid() == 0 and folder != Path("/tmp"):
            folder.chmod(0o711)
    code, out, err = start(None, "--json", "--limit", "12", "--workers", "1", state=state).end(180)
    assert code == 0, err
    facts = json.loads(out)
    assert facts["ok"] is True
    assert "embedded PostgreSQL" in err
    assert "--keep" in err  # how to start the server again

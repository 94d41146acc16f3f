"""One real run by pg_cron: what the deploy scheduled runs by itself, and is recorded."""

from __future__ import annotations

import time

import psycopg
import pytest

from support import pairs, register

pytestmark = [pytest.mark.slow, pytest.mark.cron]

#: jobs run at every full minute: two minutes are more than enough
TWO_MINUTES = 120


def test_jobs_run_by_themselves(cron_dsn: str) -> None:
    with psycopg.connect(cron_dsn, autocommit=True) as connection:
        if not connection.execute("select from pg_extension where extname = 'pg_cron'").fetchall():
            pytest.skip("pg_cron is not installed on this server")
        every = pairs(connection, "select job_name, every_seconds from capataz_ops.jobs")
        scheduled = pairs(connection, "select jobname, active from cron.job")
        assert {f"capataz_{name}" for name in every} <= scheduled.keys()
        names = {name for name, seconds in every.items() if seconds == 60}
        assert {"expire_executions", "find_stragglers", "fold_counters", "move_waiting_robots", "warm_caches"} <= names
        # other tests of this cluster may have switched jobs off: only this database's are meant
        connection.execute("update cron.job set active = true where jobname like 'capataz\\_%'")

        # something that only a job will end
        register(connection, "CronModule", types=["CRON"], timeout_seconds=1)
        connection.execute(
            "insert into capataz.robots (robot_id, robot_type, module_name, input_data, status, created_at) "
            "values ('cron-' || gen_random_uuid(), 'CRON', 'CronModule', '{}', 'PROCESSING', "
            "capataz.utc_now() - interval '1 hour')"
        )
        before = pairs(connection, "select job_name, run_count from capataz_ops.jobs")

        deadline = time.monotonic() + TWO_MINUTES
        waiting = names
        while waiting and time.monotonic() < deadline:
            time.sleep(0.5)
            runs = pairs(connection, "select job_name, run_count from capataz_ops.jobs")
            waiting = {name for name in names if runs[name] == before[name]}
        details = connection.execute(
            "select j.jobname, d.status, d.return_message "
            "from cron.job_run_details as d join cron.job as j using (jobid)"
        ).fetchall()
        assert not waiting, f"not run: {waiting}; {details}"

        jobs = connection.execute("select job_name, last_outcome, last_error from capataz_ops.jobs").fetchall()
        assert {row[1] for row in jobs if row[0] in names} == {"ok"}, jobs
        statuses = connection.execute(
            "select r.status::text, e.execution_state::text, e.error_category "
            "from capataz.robots as r join capataz.robot_execute as e on e.robot_id = r.robot_id "
            "where r.module_name = 'CronModule'"
        ).fetchall()
        assert ("RETRYING", "FAILED", "TIMEOUT") in statuses
        [(errors,)] = connection.execute(
            "select error_count_24h from capataz.module_registry where module_name = 'CronModule'"
        ).fetchall()
        assert errors >= 1

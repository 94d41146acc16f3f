"""What the tests of races, crashes and random walks share: sessions that can be made to wait, a clock that tests move,
and the invariants that hold in every database at every moment.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from psycopg import sql
from psycopg.types.json import Jsonb

Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]

#: How long a test waits for something that must happen. Reached only when the test is about to fail.
PATIENCE = 60.0

MODULE = "LegalModule"


def wait_until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for something that must happen, ``patience`` seconds at most."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


ACTIVE = "('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')"

CLOCK = """
create schema test_clock;
create table test_clock.clock (shift interval not null default '0', frozen_at timestamp);
insert into test_clock.clock default values;
grant usage on schema test_clock to public;
grant select on test_clock.clock to public;
create or replace function capataz.utc_now()
  returns timestamp language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select coalesce(c.frozen_at, timezone('UTC', now())) + c.shift from test_clock.clock as c
$$;
"""


def install_clock(connection: Connection) -> None:
    """Replaces capataz.utc_now() by one that tests can move (design: tests move the clock by replacing it)."""
    connection.execute(CLOCK)


def shift_clock(connection: Connection, seconds: float) -> None:
    """Moves the clock on, for every transaction that sees this one."""
    connection.execute("update test_clock.clock set shift = shift + make_interval(secs => %s)", [seconds])


class Session:
    """One database session whose calls can run in the background, so that a test sees them wait."""

    def __init__(self, connection: Connection, observer: Connection) -> None:
        self.connection = connection
        self.observer = observer
        self.pid = connection.info.backend_pid
        self._executor = ThreadPoolExecutor(1)

    def rows(self, query: str, params: Sequence[Any] = ()) -> list[Row]:
        """Runs a statement and gives its rows."""
        cursor = self.connection.execute(query.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def value(self, query: str, params: Sequence[Any] = ()) -> Any:
        """Runs a statement and gives the first value of its only row."""
        rows = self.rows(query, params)
        assert len(rows) == 1, f"{len(rows)} rows from {query}"
        return rows[0][0]

    def start(self, query: str, params: Sequence[Any] = ()) -> Future[list[Row]]:
        """Runs a statement in the background."""
        return self._executor.submit(self.rows, query, params)

    def begin(self) -> None:
        """Opens a transaction that stays open until commit() or rollback()."""
        self.connection.execute("begin")

    def commit(self) -> None:
        """Ends the open transaction."""
        self.connection.execute("commit")

    def rollback(self) -> None:
        """Undoes the open transaction."""
        self.connection.execute("rollback")

    def start_and_wait_for_lock(self, query: str, params: Sequence[Any] = ()) -> Future[list[Row]]:
        """Runs a statement in the background and returns once it waits for a lock; fails if it ends first."""
        future = self.start(query, params)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if future.done():
                error = future.exception()
                pytest.fail(f"did not wait for a lock: {query} -> {error or future.result()}")
            waits = self.observer.execute(
                "select from pg_stat_activity where pid = %s and wait_event_type = 'Lock'", [self.pid]
            ).fetchall()
            if waits:
                return future
            time.sleep(0.002)
        pytest.fail(f"neither ended nor waited for a lock: {query}")

    def start_and_settle(self, query: str, params: Sequence[Any] = ()) -> Future[list[Row]]:
        """Runs a statement in the background and returns once it waits for another session, or has ended."""
        future = self.start(query, params)
        while not future.done():
            if self.observer.execute("select pg_blocking_pids(%s)", [self.pid]).fetchall()[0][0]:
                break
            time.sleep(0.002)
        return future

    def must_not_wait(self, query: str, params: Sequence[Any] = ()) -> list[Row]:
        """Runs a statement that is not allowed to wait for anybody's lock; fails as soon as it does."""
        future = self.start(query, params)
        deadline = time.monotonic() + PATIENCE
        while not future.done() and time.monotonic() < deadline:
            blockers = self.observer.execute("select pg_blocking_pids(%s)", [self.pid]).fetchall()[0][0]
            if blockers and not future.done():
                self.observer.execute("select pg_cancel_backend(%s)", [self.pid])
                error = future.exception(PATIENCE)
                if error is not None:
                    pytest.fail(f"waits for sessions {blockers}: {query}")
            time.sleep(0.001)
        return future.result(PATIENCE)

    def close(self) -> None:
        """Ends the session."""
        self.connection.close()
        self._executor.shutdown()


Sessions = Callable[[], Session]


@contextmanager
def sessions(connect: Callable[..., Connection]) -> Iterator[Sessions]:
    """Opens sessions that share one observer; all are closed at the end, whatever they wait for."""
    observer = connect()
    opened: list[Session] = []

    def make() -> Session:
        session = Session(connect(), observer)
        opened.append(session)
        return session

    yield make
    for session in opened:
        if not session.connection.closed:
            observer.execute("select pg_terminate_backend(%s)", [session.pid])
        session.close()


def result_of(future: Future[list[Row]]) -> list[Row]:
    """Rows of a statement that ran in the background."""
    return future.result(PATIENCE)


def error_of(future: Future[list[Row]]) -> psycopg.Error:
    """The error a statement in the background ended with."""
    error = future.exception(PATIENCE)
    assert isinstance(error, psycopg.Error), f"no error, but {future.result() if error is None else error!r}"
    return error


def assert_refused(error: BaseException | None, sqlstate: str) -> None:
    """An error of ours: this SQLSTATE, with DETAIL and HINT."""
    assert isinstance(error, psycopg.Error), f"no error, but {error!r}"
    assert error.sqlstate == sqlstate, f"{error.sqlstate}: {error}"
    assert error.diag.message_detail, f"no DETAIL: {error}"
    assert error.diag.message_hint, f"no HINT: {error}"


def register(
    connection: Connection,
    name: str = MODULE,
    types: Sequence[str] = ("OCR",),
    **settings: Any,
) -> None:
    """Registers a module with these settings; its circuit breaker needs no cool-down unless they say so."""
    settings = {"breaker": {"cooldown_seconds": 0}, **settings}
    connection.execute(
        "select capataz.register_module(%s, '1.0', %s, p_registration_data => %s)",
        [name, list(types), Jsonb(settings)],
    )


def submit(connection: Connection, count: int = 1, module: str = MODULE, **fields: Any) -> list[str]:
    """Submits robots to a module and gives their ids."""
    robots = [{"robot_type": "OCR", "module_name": module, **fields} for _ in range(count)]
    rows = connection.execute("select s.robot_id from capataz.submit_robots(%s) as s", [Jsonb(robots)]).fetchall()
    return [row[0] for row in rows]


def claim(connection: Connection, count: int = 1, module: str = MODULE, worker: str | None = None) -> list[Row]:
    """Claims robots: (robot_id, execute_id) of each."""
    return connection.execute(
        "select c.robot_id, c.execute_id from capataz.claim_robots(%s, %s, %s) as c", [module, count, worker]
    ).fetchall()


def claim_one(connection: Connection, module: str = MODULE, worker: str | None = None) -> tuple[str, str]:
    """Claims one robot, which must be there: (robot_id, execute_id)."""
    rows = claim(connection, 1, module, worker)
    assert len(rows) == 1, "nothing to claim"
    return rows[0][0], rows[0][1]


def robot(connection: Connection, robot_id: str) -> dict[str, Any]:
    """One robots row."""
    return row_as_dict(connection, "select * from capataz.robots where robot_id = %s", robot_id)


def execution(connection: Connection, execute_id: str) -> dict[str, Any]:
    """One robot_execute row."""
    return row_as_dict(connection, "select * from capataz.robot_execute where execute_id = %s", execute_id)


def module_row(connection: Connection, name: str = MODULE) -> dict[str, Any]:
    """One module_registry row."""
    return row_as_dict(connection, "select * from capataz.module_registry where module_name = %s", name)


def row_as_dict(connection: Connection, query: str, key: str) -> dict[str, Any]:
    """The only row of a query, by column name."""
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    rows = cursor.execute(query.encode(), [key]).fetchall()
    assert len(rows) == 1, f"{len(rows)} rows for {key}"
    return rows[0]


BROKEN_PAIRS = f"""
select r.robot_id, r.status, count(e.execute_id) as active
from capataz.robots as r
left join capataz.robot_execute as e on e.robot_id = r.robot_id and e.execution_state in {ACTIVE}
group by r.robot_id
having count(e.execute_id) <> (r.status = 'PROCESSING')::integer
"""

# windows by the words of the design, from the truth alone
BROKEN_WINDOWS = """
select
  m.module_name,
  (m.error_count_24h, m.success_rate_24h, m.avg_processing_time_ms)::text as shown,
  (w.failed, w.rate, w.average)::text as counted
from capataz.module_registry as m
cross join lateral (
  select
    count(*) filter (where e.execution_state = 'FAILED') as failed,
    coalesce(round(
      100.0 * count(*) filter (where e.execution_state = 'COMPLETED')
        / nullif(count(*) filter (where e.execution_state in ('COMPLETED', 'FAILED')), 0), 2
    ), 100.00) as rate,
    coalesce(round(avg(e.duration_ms) filter (where e.execution_state = 'COMPLETED')), 0) as average
  from capataz.robot_execute as e
  where e.module_name = m.module_name
    and date_trunc('minute', e.completed_at) > date_trunc('minute', capataz.utc_now()) - interval '24 hours'
) as w
where (m.error_count_24h, m.success_rate_24h, m.avg_processing_time_ms) is distinct from
  (w.failed::integer, w.rate, w.average::integer)
"""

BROKEN_TOTALS = """
select m.module_name, m.total_robots_processed, m.total_processing_time_hours, t.ended, t.hours
from capataz.module_registry as m
cross join lateral (
  select count(*) as ended, round(coalesce(sum(e.duration_ms), 0) / 3600000.0, 2) as hours
  from capataz.robot_execute as e
  where e.module_name = m.module_name
    and e.execution_state in ('COMPLETED', 'FAILED')
) as t
where (m.total_robots_processed, m.total_processing_time_hours) is distinct from (t.ended::integer, t.hours)
"""

BROKEN_PERMITS = f"""
select m.module_name, l.max_concurrency, f.free, h.held, h.active
from capataz.module_registry as m
cross join lateral (select (m.registration_data ->> 'max_concurrency')::integer as max_concurrency) as l
cross join lateral (
  select coalesce(sum(p.free_count), 0) as free from capataz_ops.module_permits as p where p.module_name = m.module_name
) as f
cross join lateral (
  select count(*) filter (where e.has_permit) as held, count(*) as active
  from capataz.robot_execute as e
  where e.module_name = m.module_name
    and e.execution_state in {ACTIVE}
) as h
where l.max_concurrency is not null and (f.free + h.held <> l.max_concurrency or h.held <> h.active)
"""

BROKEN_UTILIZATION = f"""
select m.module_name, m.capacity_utilization, u.utilization
from capataz.module_registry as m
cross join lateral (
  select
    case
      when m.registration_data ->> 'max_concurrency' is null then 0
      else round(least(count(*)::numeric / (m.registration_data ->> 'max_concurrency')::integer, 1), 2)
    end as utilization
  from capataz.robot_execute as e
  where e.module_name = m.module_name
    and e.execution_state in {ACTIVE}
) as u
where m.capacity_utilization is distinct from u.utilization
"""


# the breaker is open exactly while the module is UNHEALTHY; the history of health has no gap and ends with the row's
BROKEN_HEALTH = """
select m.module_name, m.health_status, t.opened_by, t.probe_after, h.last_status, h.gaps
from capataz.module_registry as m
join capataz_ops.module_state as t on t.module_name = m.module_name
cross join lateral (
  select
    (array_agg(c.to_status order by c.change_id desc))[1] as last_status,
    count(*) filter (where c.from_status is distinct from c.expected) as gaps
  from (
    select
      c.change_id, c.from_status, c.to_status, lag(c.to_status, 1, 'UNKNOWN') over (order by c.change_id) as expected
    from capataz_ops.health_changes as c
    where c.module_name = m.module_name
  ) as c
) as h
where (m.health_status = 'UNHEALTHY') is distinct from (t.opened_by is not null)
  or (m.health_status = 'UNHEALTHY') is distinct from (t.probe_after is not null)
  or m.health_status is distinct from coalesce(h.last_status, 'UNKNOWN')
  or h.gaps > 0
"""

# uptime_percentage_24h from the checks that are kept
BROKEN_UPTIME = """
select m.module_name, m.uptime_percentage_24h, u.uptime
from capataz.module_registry as m
cross join lateral (
  select coalesce(round(100.0 * count(*) filter (where c.is_healthy) / nullif(count(*), 0), 2), 100.00) as uptime
  from capataz_ops.health_checks as c
  where c.module_name = m.module_name
    and date_trunc('minute', c.checked_at) > date_trunc('minute', capataz.utc_now()) - interval '24 hours'
) as u
where m.uptime_percentage_24h is distinct from u.uptime
"""


def broken_pairs(connection: Connection) -> list[Row]:
    """Robots whose status and active executions disagree: none, after every statement."""
    return connection.execute(BROKEN_PAIRS.encode()).fetchall()


def check_invariants(connection: Connection, *, totals: bool = True) -> None:
    """Everything that holds in every database once fold_counters() has run. totals: no execution was ever deleted."""
    assert broken_pairs(connection) == []
    connection.execute("select capataz.fold_counters()")
    assert connection.execute(BROKEN_WINDOWS.encode()).fetchall() == []
    if totals:
        assert connection.execute(BROKEN_TOTALS.encode()).fetchall() == []
    assert connection.execute(BROKEN_PERMITS.encode()).fetchall() == []
    assert connection.execute(BROKEN_UTILIZATION.encode()).fetchall() == []
    assert connection.execute(BROKEN_HEALTH.encode()).fetchall() == []
    assert connection.execute(BROKEN_UPTIME.encode()).fetchall() == []


def pairs(connection: Connection, query: str, params: Sequence[Any] = ()) -> dict[Any, Any]:
    """A query's two columns as a dictionary."""
    return {row[0]: row[1] for row in connection.execute(query.encode(), params).fetchall()}


def checksums(connection: Connection) -> dict[str, str]:
    """A checksum of the rows of every table of Capataz."""
    tables = connection.execute(
        """
        select n.nspname, c.relname
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname in ('capataz', 'capataz_ops')
          and c.relkind in ('r', 'p')
        order by 1, 2
        """
    ).fetchall()
    query = sql.SQL(" union all ").join(
        sql.SQL(
            "select {}, coalesce(md5(string_agg(t::text, e'\\n' order by t::text collate \"C\")), '') from {} as t"
        ).format(sql.Literal(f"{schema}.{table}"), sql.Identifier(schema, table))
        for schema, table in tables
    )
    return dict(connection.execute(query).fetchall())


def names_field(message: str, field: str) -> bool:
    """Whether a message names this argument (less p_)."""
    return re.search(rf"\b{re.escape(field)}\b", message) is not None


def run_machine(machine: type[RuleBasedStateMachine], connection: Connection, *, steps: int) -> None:
    """Lets hypothesis drive a state machine on a database.

    The same walks every time, unless CAPATAZ_MACHINE_EXAMPLES asks for so many new ones (of CAPATAZ_MACHINE_STEPS).
    """
    run_state_machine_as_test(
        type(f"Bound{machine.__name__}", (machine,), {"connection": connection}),
        settings=settings(
            max_examples=int(os.environ.get("CAPATAZ_MACHINE_EXAMPLES", "40")),
            stateful_step_count=int(os.environ.get("CAPATAZ_MACHINE_STEPS", str(steps))),
            deadline=None,
            derandomize="CAPATAZ_MACHINE_EXAMPLES" not in os.environ,
            database=None,
            print_blob=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )

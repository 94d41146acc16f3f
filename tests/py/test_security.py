"""Isolation, keys and limits as an attacker meets them: real login roles, several sessions, planted objects.

What one session can show is in ``tests/pgtap/security``. Specification §5.1, ADR 0019 to 0021.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from support import PATIENCE, Session, Sessions, wait_until

Connection = psycopg.Connection[tuple[Any, ...]]
Login = Callable[..., Connection]

_numbers = itertools.count(1)


@pytest.fixture
def login(db: Connection, dsn: str) -> Iterator[Login]:
    """``login(group, ...)`` makes a login role in these groups and connects as it; roles are dropped at the end."""
    roles: list[str] = []
    opened: list[Connection] = []

    def make(*groups: str, grants: tuple[str, ...] = (), name: str | None = None) -> Connection:
        name = name or f"sec_test_{db.info.backend_pid}_{next(_numbers)}"
        if name not in roles:
            db.execute(
                sql.SQL("create role {} login in role {}").format(
                    sql.Identifier(name), sql.SQL(", ").join(sql.Identifier(f"capataz_{group}") for group in groups)
                )
            )
            roles.append(name)
            for module in grants:
                db.execute("select capataz.grant_module(%s, %s)", [module, name])
        connection: Connection = psycopg.connect(make_conninfo(dsn, user=name), autocommit=True)
        opened.append(connection)
        return connection

    yield make
    pids = [connection.info.backend_pid for connection in opened if not connection.closed]
    for connection in opened:
        connection.close()
    # a session drops what it made in pg_temp as it ends: drop owned would lock the same objects in another order
    wait_until(lambda: not db.execute("select from pg_stat_activity where pid = any (%s)", [pids]).fetchall())
    for role in roles:
        db.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
        db.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


@pytest.fixture
def modules(db: Connection) -> None:
    """Two modules of one type, and a robot that waits in each."""
    for name in ("Alpha", "Beta"):
        db.execute("select capataz.register_module(%s, '1', array['T'])", [name])
        db.execute("select capataz.submit_robot('T', '{}', %s, p_robot_id => %s)", [name, f"robot-{name}"])


def sqlstate(connection: Connection, query: str, *arguments: Any) -> str:
    """The SQLSTATE of a call, or ``ok``."""
    try:
        connection.execute(query.encode(), arguments)
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return "ok"


@pytest.mark.usefixtures("modules")
def test_a_worker_logs_in_and_reaches_its_module_alone(login: Login) -> None:
    worker = login("worker", grants=("Alpha",))
    claimed = worker.execute("select robot_id from capataz.claim_robots('Alpha')").fetchall()
    assert claimed == [("robot-Alpha",)]
    assert sqlstate(worker, "select * from capataz.claim_robots('Beta')") == "RB403"
    assert sqlstate(worker, "select capataz.get_robot('robot-Beta')") == "RB403"
    assert worker.execute("select robot_id from capataz.robots").fetchall() == [("robot-Alpha",)]


@pytest.mark.usefixtures("modules")
def test_a_guessed_lease_is_refused(db: Connection, login: Login) -> None:
    (lease,) = db.execute("select execute_id from capataz.claim_robots('Beta')").fetchone() or ()
    worker = login("worker", grants=("Alpha",))
    assert sqlstate(worker, "select capataz.complete_execution(%s)", lease) == "RB403"
    assert sqlstate(worker, "select capataz.complete_execution('00000000-0000-7000-8000-000000000000')") == "RB404"
    assert db.execute("select status::text from capataz.get_robot('robot-Beta')").fetchone() == ("PROCESSING",)


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    "attack",
    [
        "set role capataz_operator",
        "set role capataz_owner",
        "set role postgres",
        "set session authorization postgres",
        "set capataz.principal = 'x:y'",
        "select set_config('role', 'capataz_admin', false)",
        "select set_config('is_superuser', 'on', false)",
        "set local role none",
        "grant capataz_operator to current_user",
        "alter role current_user superuser",
    ],
)
def test_no_setting_makes_a_worker_more(login: Login, attack: str) -> None:
    worker = login("worker", grants=("Alpha",))
    sqlstate(worker, attack)
    assert sqlstate(worker, "select * from capataz.claim_robots('Beta')") in ("RB403", "42501")
    assert worker.execute("select count(*) from capataz.robots where module_name = 'Beta'").fetchone() == (0,)


@pytest.mark.usefixtures("modules")
def test_set_role_to_a_group_loses_what_was_granted(login: Login) -> None:
    worker = login("worker", grants=("Alpha",))
    worker.execute("set role capataz_worker")
    assert sqlstate(worker, "select * from capataz.claim_robots('Alpha')") == "RB403"


PLANTED = """
create temporary table pg_roles (oid oid, rolname name);
create temporary table pg_auth_members (roleid oid, member oid);
create temporary table robots (robot_id text, module_name text);
create temporary table robot_execute (execute_id text, module_name text);
create temporary table module_grants (role_name text, module_name text);
create temporary table api_keys (key_id text, module_name text, key_hash text, revoked_at timestamp);
insert into module_grants values (current_user, 'Beta');
create function pg_temp.pg_has_role(name, text, text) returns boolean language sql as 'select true';
create function pg_temp.current_setting(text) returns text language sql as 'select ''on''::text';
create function pg_temp.current_setting(text, boolean) returns text language sql as 'select ''on''::text';
create function pg_temp.utc_now() returns timestamp language sql as 'select timestamp ''2000-01-01''';
create function pg_temp.sha256(bytea) returns bytea language sql as 'select ''x''::bytea';
create operator pg_temp.<> (leftarg = text, rightarg = text, function = starts_with);
set search_path = pg_temp, capataz, public, pg_catalog;
"""


@pytest.mark.usefixtures("modules")
def test_planted_tables_functions_and_operators_are_not_used(db: Connection, login: Login) -> None:
    db.execute(sql.SQL("grant temporary on database {} to public").format(sql.Identifier(db.info.dbname)))
    worker = login("worker", grants=("Alpha",))
    worker.execute(PLANTED.encode())
    assert sqlstate(worker, "select * from capataz.claim_robots('Beta')") == "RB403"
    assert sqlstate(worker, "select capataz.get_robot('robot-Beta')") == "RB403"
    assert worker.execute("select robot_id from capataz.claim_robots('Alpha')").fetchall() == [("robot-Alpha",)]
    gateway = login("gateway")
    gateway.execute(PLANTED.encode())
    assert sqlstate(gateway, "select capataz.my_modules()") == "RB401"
    assert sqlstate(gateway, "select * from capataz.authenticate('cpz_0000000000000000_x')") == "RB401"


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    "attack",
    [
        "create or replace function capataz.utc_now() returns timestamp language sql as $$ select now() $$",
        "create function capataz.claim_robots(p_module_name text) returns void language sql as ''",
        "create function capataz.submit_robot(text, text) returns void language sql as ''",
        "create function capataz_ops._scope(text, text) returns text[] language sql as 'select null::text[]'",
        "create table capataz.robots2 (x int)",
        "alter table capataz.robots disable row level security",
        "create policy x on capataz.robots using (true)",
        "select * from capataz_ops.api_keys",
        "select capataz_ops._scope('read')",
        "update capataz.robots set priority = 'LOW'",
        "insert into capataz_ops.module_grants values ('x', 'Beta', now(), 'x')",
        "copy capataz.robots to program 'cat'",
        "select nextval('capataz.robots_seq')",
        "begin; lock table capataz.robots in access exclusive mode",
        "truncate capataz.robots",
    ],
)
def test_nothing_can_be_put_between_caller_and_function(login: Login, attack: str) -> None:
    for group in ("worker", "producer", "viewer", "gateway"):
        assert sqlstate(login(group), attack) == "42501", group


@pytest.fixture
def a(new_session: Sessions) -> Session:
    return new_session()


@pytest.mark.usefixtures("modules")
def test_a_refused_call_holds_no_lock_on_what_is_foreign(db: Connection, login: Login, a: Session) -> None:
    (lease,) = db.execute("select execute_id from capataz.claim_robots('Beta')").fetchone() or ()
    worker = login("worker", grants=("Alpha",))
    worker.execute("begin")
    rows = worker.execute(
        "select error from capataz.complete_executions(jsonb_build_array(jsonb_build_object('execute_id', %s::text)))",
        [lease],
    ).fetchall()
    assert rows == [("RB403: the execution is not yours",)]
    a.rows("set lock_timeout = '100ms'")
    assert a.value("select capataz.complete_execution(%s)::text", [lease]) == "COMPLETED"
    worker.execute("rollback")


def looks(connection: Connection, key: str) -> tuple[Any, ...]:
    """What it costs to refuse a key: look-ups and writes in the table of keys and in that of their uses."""
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        connection.execute("select * from capataz.verify_api_key(%s)", [key])
    assert caught.value.sqlstate == "RB401"
    found = connection.execute(
        """
        select sum(pg_stat_get_xact_numscans(i.indexrelid)), sum(pg_stat_get_xact_numscans(t.oid)),
               sum(pg_stat_get_xact_tuples_inserted(t.oid) + pg_stat_get_xact_tuples_updated(t.oid))
        from pg_class t left join pg_index i on i.indrelid = t.oid
        where t.oid in ('capataz_ops.api_keys'::regclass, 'capataz_ops.api_key_uses'::regclass)
        """
    ).fetchone()
    assert found is not None
    return found


@pytest.mark.usefixtures("modules")
def test_an_unknown_key_and_a_wrong_secret_cost_the_same(db: Connection) -> None:
    """No id can be told from the time its refusal takes: the same look-ups are made, and nothing is written."""
    (key,) = db.execute("select capataz.issue_api_key('Alpha', 'x', array['read'])").fetchone() or ("",)
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    unknown = "cpz_" + "0" * 16 + key[20:]
    with db.transaction():
        looks(db, wrong)  # plans are made
        base = looks(db, wrong)
        first = looks(db, wrong)
        second = looks(db, unknown)
    steps = [tuple(y - x for x, y in zip(*pair, strict=True)) for pair in ((base, first), (first, second))]
    assert steps[0] == steps[1]
    assert steps[0][2] == 0


@pytest.mark.usefixtures("modules")
def test_nobody_outside_can_lock_claims_and_jobs_out(db: Connection, login: Login) -> None:
    """Advisory locks are open to everybody, and pg_locks shows theirs to everybody: claims stand behind none."""
    limit = "select capataz.register_module(%s, '1', array['T'], p_registration_data => '{\"max_concurrency\": 5}')"
    db.execute(limit, ["Beta"])
    viewer = login("viewer")
    worker = login("worker", grants=("Alpha", "Beta"))
    for module in ("Alpha", "Beta"):
        db.execute("select capataz.submit_robot('T', '{}', %s) from generate_series(1, 3)", [module])
        viewer.execute("select pg_advisory_lock(hashtextextended('capataz.limit ' || %s, 0))", [module])
        with worker.transaction():
            assert worker.execute("select count(*) from capataz.claim_robots(%s, 2)", [module]).fetchone() == (2,)
            held = db.execute(
                "select from pg_locks where locktype = 'advisory' and pid = %s", [worker.info.backend_pid]
            ).fetchall()
            assert held == []
    for lock in ("sample", "partition module_trends", "partition module_trend_hours"):
        viewer.execute("select pg_advisory_lock(hashtextextended('capataz.' || %s, 0))", [lock])
    db.execute("set lock_timeout = '5s'")
    db.execute("select capataz.sample_resources(), capataz.trim_windows()")
    db.execute(limit, ["Alpha"])
    assert sqlstate(viewer, "select from capataz_ops.limit_guards for update") == "42501"
    assert sqlstate(worker, "do $$ begin lock table capataz_ops.limit_guards; end $$") == "42501"


@pytest.mark.slow
@pytest.mark.usefixtures("modules")
def test_fifty_callers_get_what_the_rate_limit_gives_and_no_more(db: Connection, dsn: str) -> None:
    """Never above burst + rate x time, and never below 95 % of it while there is demand; time is the server's own."""
    per_second, burst, callers = 100, 200, 50
    db.execute(
        "select capataz.register_module('Alpha', '1', array['T'], p_registration_data => %s::jsonb)",
        [f'{{"rate_limit": {{"per_second": {per_second}, "burst": {burst}}}}}'],
    )
    taken = itertools.count()
    barrier = threading.Barrier(callers + 1)
    stop = threading.Event()
    refusals: set[str] = set()
    failures: list[BaseException] = []

    def call() -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                barrier.wait(PATIENCE)
                while not stop.is_set():
                    answer = sqlstate(connection, "select capataz.take_rate_token('Alpha')")
                    if answer == "ok":
                        next(taken)
                    else:
                        refusals.add(answer)
                        time.sleep(0.02)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    (began,) = db.execute("select clock_timestamp()").fetchone() or ()
    barrier.wait(PATIENCE)
    time.sleep(5)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    (ended,) = db.execute("select clock_timestamp()").fetchone() or ()
    assert not failures
    assert refusals == {"RB429"}
    most = burst + per_second * (ended - began).total_seconds()
    (left,) = db.execute(
        "select least(%s, tokens + %s * extract(epoch from utc.now - refilled_at))"
        " from capataz_ops.rate_buckets, (select timezone('UTC', clock_timestamp()) as now) as utc",
        [burst, per_second],
    ).fetchone() or (0,)
    assert 0.95 * (most - float(left)) <= next(taken) <= most


def test_a_lost_bucket_is_a_full_one(db: Connection) -> None:
    """Buckets are unlogged: a crash empties the table, and the next caller finds a full bucket."""
    db.execute(
        "select capataz.register_module('Alpha', '1', array['T'], p_registration_data => %s::jsonb)",
        ['{"rate_limit": {"per_second": 0.001, "burst": 3}}'],
    )
    assert db.execute(
        "select relpersistence::text from pg_class where oid = 'capataz_ops.rate_buckets'::regclass"
    ).fetchone() == ("u",)
    for _ in range(3):
        db.execute("select capataz.take_rate_token('Alpha')")
    assert sqlstate(db, "select capataz.take_rate_token('Alpha')") == "RB429"
    db.execute("truncate capataz_ops.rate_buckets")
    assert sqlstate(db, "select capataz.take_rate_token('Alpha')") == "ok"


@pytest.mark.usefixtures("modules")
def test_a_key_that_is_revoked_elsewhere_ends_at_the_next_call(db: Connection, login: Login) -> None:
    (key,) = db.execute("select capataz.issue_api_key('Alpha', 'x', array['read'])").fetchone() or ("",)
    gateway = login("gateway")
    with gateway.transaction():
        gateway.execute("select * from capataz.authenticate(%s)", [key])
        gateway.execute("select capataz.get_robot('robot-Alpha')")
        db.execute("select capataz.revoke_api_key(%s)", [key.split("_")[1]])
        with pytest.raises(psycopg.Error) as caught, gateway.transaction():
            gateway.execute("select capataz.get_robot('robot-Alpha')")
    assert caught.value.sqlstate == "RB401"
    assert sqlstate(gateway, "select capataz.get_robot('robot-Alpha')") == "RB401", (
        "nothing is left after the transaction"
    )


@pytest.mark.usefixtures("modules")
def test_the_last_use_of_a_key_is_no_hot_row(db: Connection, dsn: str, login: Login) -> None:
    """Two sessions that use a key at once do not wait for each other, though both would note its use."""
    (key,) = db.execute("select capataz.issue_api_key('Alpha', 'x', array['read'])").fetchone() or ("",)
    db.execute("select * from capataz.verify_api_key(%s)", [key])
    db.execute("update capataz_ops.api_key_uses set last_used_at = last_used_at - interval '1 hour'")
    first, second = login("gateway"), login("gateway")
    first.execute("begin")
    first.execute("select * from capataz.authenticate(%s)", [key])
    second.execute("set lock_timeout = '100ms'")
    assert sqlstate(second, "select * from capataz.authenticate(%s)", key) == "ok"
    first.execute("rollback")

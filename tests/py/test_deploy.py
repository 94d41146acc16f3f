"""The deploy: idempotent, all or nothing, one at a time, continues after a kill, refuses what it does not know."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from capataz import deploy
from capataz.deploy import DeployError
from conftest import ROOT, Connection, MakeDatabase

ALL_ROLES = ("owner", "admin", "operator", "producer", "worker", "viewer", "gateway")


# -- a small tree of its own, so that these tests do not depend on the rules ------------------------------------------


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).strip() + "\n", encoding="utf-8")
    return path


def write_function(root: Path, name: str, body: str = "1") -> Path:
    return write(
        root,
        f"functions/shared/{name}.sql",
        f"""
        create or replace function capataz.{name}()
          returns integer
          language sql
          stable
          set search_path = pg_catalog, pg_temp
        as $$
          select {body}
        $$;
        """,
    )


def write_view(root: Path, query: str = "select i.item_id, i.amount from capataz.items as i") -> Path:
    return write(
        root,
        "functions/views/sums.sql",
        f"""
        -- capataz.sums; create or replace view is a comment here
        create or replace view capataz.sums
          with (security_invoker = true)
        as
        {query};

        comment on view capataz.sums is 'Sums; it''s a view.';
        """,
    )


def write_trigger(root: Path, condition: str = "new.amount < 0") -> Path:
    return write(
        root,
        "triggers/items__check.sql",
        f"""
        -- its body has a semicolon; and the word trigger
        create or replace function capataz.tg_items__check()
          returns trigger
          language plpgsql
          set search_path = pg_catalog, pg_temp
        as $$
        begin
          raise exception 'amount; %', new.amount;
        end
        $$;

        create or replace trigger _100_check
          before insert or update of amount on capataz.items
          for each row
          when ({condition})
          execute function capataz.tg_items__check();

        comment on trigger _100_check on capataz.items is 'Refuses debts; it''s a rule.';
        """,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with two migrations, two functions, a trigger and grants."""
    root = tmp_path / "sql"
    bootstrap = (ROOT / "sql/schema/0001.roles-and-schemas.sql").read_text(encoding="utf-8")
    write(root, "schema/0001.roles-and-schemas.sql", bootstrap)
    write(
        root,
        "schema/0002.items.sql",
        """
        -- Items, and the records that the deploy keeps.
        -- depends: 0001.roles-and-schemas
        create table capataz.items (
          item_id bigint generated always as identity primary key,
          label text not null default 'it''s; fine',
          amount integer not null
        );

        create table capataz_ops.deployments (
          deployment_id bigint generated always as identity primary key,
          version text not null,
          code_sha256 text not null,
          migrations text[] not null default '{}',
          applied_at timestamp not null default timezone('UTC', now()),
          applied_by text not null default current_user
        );
        """,
    )
    write(root, "schema/0002.items.rollback.sql", "drop table capataz_ops.deployments; drop table capataz.items;")
    write_function(root, "one")
    write_function(root, "two", "capataz.one() + capataz.zzz_defined_later()")
    write_function(root, "zzz_defined_later")
    write_trigger(root)
    write(root, "grants.sql", "grant usage on schema capataz to capataz_viewer;")
    return root


@pytest.fixture
def empty(empty_database: MakeDatabase, admin: Connection) -> Iterator[str]:
    dsn = empty_database()
    yield dsn
    name = sql.Identifier(str(conninfo_to_dict(dsn)["dbname"]))
    admin.execute(sql.SQL("drop database if exists {} with (force)").format(name))


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def marks(dsn: str) -> list[str]:
    found = rows(dsn, "select migration_id from capataz_ops._yoyo_migration order by applied_at_utc, migration_id")
    return [row[0] for row in found]


def yoyo(dsn: str, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs yoyo's own command as a DBA would."""
    parameters = conninfo_to_dict(dsn)
    url = "postgresql+psycopg:///{dbname}?host={host}&port={port}&user={user}&schema=capataz_ops".format(**parameters)
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "yoyo"),
            *arguments,
            "--batch",
            "--no-config-file",
            "--database",
            f"{url}&options=-c%20role%3Dcapataz_owner",
            str(root / "schema"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# -- what one deploy does ---------------------------------------------------------------------------------------------


def test_first_deploy_applies_everything_and_second_nothing_new(empty: str, tree: Path) -> None:
    first = deploy.migrate(empty, root=tree)
    assert first.applied == ("0001.roles-and-schemas", "0002.items")
    assert first.triggers_replaced == ("capataz.items _100_check",)
    second = deploy.migrate(empty, root=tree)
    assert second.applied == ()
    assert second.triggers_replaced == ()
    assert second.triggers_unchanged == 1
    assert rows(empty, "select capataz.two()") == [(2,)]
    assert rows(empty, "select version, migrations from capataz_ops.deployments order by deployment_id") == [
        (deploy.__version__, ["0001.roles-and-schemas", "0002.items"]),
        (deploy.__version__, []),
    ]


def test_everything_belongs_to_the_owner_role(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    owners = rows(
        empty,
        """select c.relowner::regrole::text from pg_class as c where c.relnamespace::regnamespace::text ~ '^capataz'
           union select p.proowner::regrole::text from pg_proc as p
           where p.pronamespace::regnamespace::text ~ '^capataz'
           union select n.nspowner::regrole::text from pg_namespace as n where n.nspname ~ '^capataz'""",
    )
    assert owners == [("capataz_owner",)]


def test_yoyo_itself_agrees_with_the_marks(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    listed = yoyo(empty, tree, "list")
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[:2] for line in listed.stdout.splitlines() if "000" in line] == [
        ["A", "0001.roles-and-schemas"],
        ["A", "0002.items"],
    ]
    logged = rows(empty, "select migration_id, operation from capataz_ops._yoyo_log order by created_at_utc")
    assert logged == [("0001.roles-and-schemas", "apply"), ("0002.items", "apply")]


def test_migration_added_later_is_applied_by_the_deploy_and_by_yoyo(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    write(tree, "schema/0003.by-yoyo.sql", "-- depends: 0002.items\nalter table capataz.items add column a integer;")
    applied = yoyo(empty, tree, "apply")
    assert applied.returncode == 0, applied.stderr
    write(tree, "schema/0004.by-us.sql", "-- depends: 0003.by-yoyo\nalter table capataz.items add column b integer;")
    assert deploy.migrate(empty, root=tree).applied == ("0004.by-us",)
    assert marks(empty)[-2:] == ["0003.by-yoyo", "0004.by-us"]


def test_migration_outside_a_transaction(empty: str, tree: Path) -> None:
    write(
        tree,
        "schema/0003.index.sql",
        """
        -- depends: 0002.items
        -- transactional: false
        create index concurrently items_amount_idx on capataz.items (amount);
        """,
    )
    assert "0003.index" in deploy.migrate(empty, root=tree).applied
    assert rows(empty, "select indisvalid from pg_index where indexrelid = 'capataz.items_amount_idx'::regclass") == [
        (True,)
    ]


def test_state_tells_what_is_missing(empty: str, tree: Path) -> None:
    before = deploy.state(empty, root=tree)
    assert not before.installed
    assert before.pending == ("0001.roles-and-schemas", "0002.items")
    deploy.migrate(empty, root=tree)
    after = deploy.state(empty, root=tree)
    assert after.installed
    assert after.current
    assert after.version == deploy.__version__
    write_function(tree, "one", "2 - 1")
    assert not deploy.state(empty, root=tree).current


# -- failures leave no half state -------------------------------------------------------------------------------------


def test_broken_function_names_file_and_line_and_changes_nothing(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    write_function(tree, "one", "11")
    write(tree, "functions/shared/broken.sql", "-- a comment\n\ncreate or replace functoin capataz.broken()\n;")
    with pytest.raises(DeployError, match=r"functions/shared/broken\.sql:3: syntax error at or near \"functoin\""):
        deploy.migrate(empty, root=tree)
    assert rows(empty, "select capataz.one()") == [(1,)]


def test_broken_migration_is_rolled_back_and_unmarked(empty: str, tree: Path) -> None:
    write(tree, "schema/0003.broken.sql", "create table capataz.half (a integer);\n\nselect 1 / 0;")
    with pytest.raises(DeployError, match=r"0003\.broken\.sql: division by zero"):
        deploy.migrate(empty, root=tree)
    assert rows(empty, "select to_regclass('capataz.half')") == [(None,)]
    assert marks(empty) == ["0001.roles-and-schemas", "0002.items"]
    write(tree, "schema/0003.broken.sql", "create table capataz.half (a integer);")
    assert deploy.migrate(empty, root=tree).applied == ("0003.broken",)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "create function capataz.lost(a integer) returns integer language sql as 'select 1'",
            r"1 routine in the database that no file .* defines: capataz\.lost\(integer\)",
        ),
        ("create view capataz_ops.lost as select 1 as a", r"1 view .*: capataz_ops\.lost"),
        (
            "create trigger lost before delete on capataz.items execute function capataz.tg_items__check()",
            r"1 trigger .*: lost on capataz\.items",
        ),
    ],
)
def test_orphans_stop_the_deploy(empty: str, tree: Path, statement: str, message: str) -> None:
    deploy.migrate(empty, root=tree)
    run(empty, statement)
    write_function(tree, "one", "11")
    with pytest.raises(DeployError, match=message):
        deploy.migrate(empty, root=tree)
    assert rows(empty, "select capataz.one()") == [(1,)], "the code phase was rolled back"


def test_deleted_file_is_an_orphan_until_a_migration_drops_it(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    (tree / "functions/shared/two.sql").unlink()
    with pytest.raises(DeployError, match=r"capataz\.two\(\)"):
        deploy.migrate(empty, root=tree)
    write(tree, "schema/0003.drop-two.sql", "-- depends: 0002.items\ndrop function if exists capataz.two();")
    assert deploy.migrate(empty, root=tree).applied == ("0003.drop-two",)


def test_grants_of_all_functions_do_not_hide_orphans(empty: str, tree: Path) -> None:
    write(tree, "grants.sql", "revoke all on all functions in schema capataz from capataz_viewer;")
    deploy.migrate(empty, root=tree)
    run(empty, "create function capataz.lost() returns integer language sql as 'select 1'")
    with pytest.raises(DeployError, match=r"capataz\.lost\(\)"):
        deploy.migrate(empty, root=tree)


def test_functions_of_an_extension_are_no_orphans(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    run(empty, "create extension if not exists pgcrypto schema capataz")
    deploy.migrate(empty, root=tree)


# -- triggers ---------------------------------------------------------------------------------------------------------


def test_changed_trigger_is_replaced_and_only_that(empty: str, tree: Path) -> None:
    write(
        tree,
        "triggers/items__other.sql",
        """
        create or replace function capataz.tg_items__other()
          returns trigger
          language plpgsql
        as $$ begin return null; end $$;

        create constraint trigger _200_other
          after insert on capataz.items
          deferrable initially deferred
          for each row
          execute function capataz.tg_items__other();
        """,
    )
    deploy.migrate(empty, root=tree)
    assert deploy.migrate(empty, root=tree).triggers_unchanged == 2
    write_trigger(tree, "new.amount < -5")
    assert deploy.migrate(empty, root=tree).triggers_replaced == ("capataz.items _100_check",)
    run(empty, "insert into capataz.items (amount) values (-3)")
    path = tree / "triggers/items__other.sql"
    path.write_text(path.read_text().replace("initially deferred", "initially immediate"))
    assert deploy.migrate(empty, root=tree).triggers_replaced == ("capataz.items _200_other",)


def test_trigger_changed_or_dropped_by_hand_is_put_back(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    run(
        empty,
        "create or replace trigger _100_check before insert on capataz.items for each row"
        " execute function capataz.tg_items__check()",
    )
    assert deploy.migrate(empty, root=tree).triggers_replaced == ("capataz.items _100_check",)
    run(empty, "drop trigger _100_check on capataz.items")
    assert deploy.migrate(empty, root=tree).triggers_replaced == ("capataz.items _100_check",)
    comment = rows(empty, "select obj_description(oid, 'pg_trigger') from pg_trigger where tgname = '_100_check'")
    assert comment == [("Refuses debts; it's a rule.",)]


def test_disabled_trigger_is_reported(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    run(empty, "alter table capataz.items disable trigger _100_check")
    report = deploy.migrate(empty, root=tree)
    assert report.warnings == ("trigger _100_check on capataz.items is not enabled as shipped",)


def test_unchanged_triggers_need_no_table_lock(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    with psycopg.connect(empty) as busy:
        busy.execute("insert into capataz.items (amount) values (1)")
        started = time.monotonic()
        report = deploy.migrate(empty, root=tree, table_lock_s=0.3, attempts=1)
        assert report.attempts == 1
        assert time.monotonic() - started < 5
        busy.rollback()


def test_busy_table_is_tried_again_then_given_up(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    write_trigger(tree, "new.amount < -5")
    write_function(tree, "one", "11")
    with psycopg.connect(empty) as busy:
        busy.execute("insert into capataz.items (amount) values (1)")
        with pytest.raises(DeployError, match=r"could not lock table capataz\.items in 2 attempts of 0\.1 s"):
            deploy.migrate(empty, root=tree, table_lock_s=0.1, attempts=2)
        assert rows(empty, "select capataz.one()") == [(1,)]
        timer = threading.Timer(0.5, busy.rollback)
        timer.start()
        report = deploy.migrate(empty, root=tree, table_lock_s=0.1, attempts=20)
        timer.join()
    assert report.attempts > 1
    assert report.triggers_replaced == ("capataz.items _100_check",)


# -- views ------------------------------------------------------------------------------------------------------------


def test_an_unchanged_view_is_left_to_its_readers(empty: str, tree: Path) -> None:
    write_view(tree)
    deploy.migrate(empty, root=tree)
    with psycopg.connect(empty) as reader:
        reader.execute("select * from capataz.sums")
        assert deploy.migrate(empty, root=tree, table_lock_s=0.3, attempts=1).attempts == 1
        write_view(tree, "select i.item_id, i.amount + 1 as amount from capataz.items as i")
        with pytest.raises(DeployError, match=r"could not lock what functions/views/sums\.sql replaces"):
            deploy.migrate(empty, root=tree, table_lock_s=0.1, attempts=1)
    deploy.migrate(empty, root=tree)
    run(empty, "insert into capataz.items (amount) values (1)")
    assert rows(empty, "select amount from capataz.sums") == [(2,)]
    assert rows(empty, "select obj_description('capataz.sums'::regclass)") == [("Sums; it's a view.",)]


def test_a_view_changed_or_dropped_by_hand_is_put_back(empty: str, tree: Path) -> None:
    write_view(tree)
    deploy.migrate(empty, root=tree)
    run(empty, "create or replace view capataz.sums as select item_id, 7 as amount from capataz.items")
    deploy.migrate(empty, root=tree)
    options = "select reloptions, pg_get_viewdef(oid) like '%7%' from pg_class where relname = 'sums'"
    assert rows(empty, options) == [(["security_invoker=true"], False)]
    run(empty, "alter view capataz.sums set (security_invoker = false)")
    deploy.migrate(empty, root=tree)
    assert rows(empty, options) == [(["security_invoker=true"], False)]
    run(empty, "drop view capataz.sums")
    deploy.migrate(empty, root=tree)
    assert rows(empty, options) == [(["security_invoker=true"], False)]


def test_a_view_without_its_file_is_an_orphan(empty: str, tree: Path) -> None:
    path = write_view(tree)
    deploy.migrate(empty, root=tree)
    deploy.migrate(empty, root=tree)
    path.unlink()
    with pytest.raises(DeployError, match=r"1 view .*: capataz\.sums"):
        deploy.migrate(empty, root=tree)


def test_the_views_of_the_real_tree_are_left_to_their_readers(empty: str) -> None:
    deploy.migrate(empty)
    with psycopg.connect(empty) as reader:
        reader.execute("select capataz.cached('routing_table'), capataz.cached('system_health')")
        reader.execute("select count(*) from capataz.active_modules")
        report = deploy.migrate(empty, table_lock_s=0.5, attempts=1)
        assert report.triggers_replaced == ()


# -- the tree is checked before anything is touched -------------------------------------------------------------------


def test_no_migrations_is_an_error(empty: str, tmp_path: Path) -> None:
    (tmp_path / "sql/schema").mkdir(parents=True)
    with pytest.raises(DeployError, match="no migrations found"):
        deploy.migrate(empty, root=tmp_path / "sql")
    with pytest.raises(DeployError, match="no migrations found"):
        deploy.migrate(empty, root=tmp_path / "missing")


def test_frozen_migration_may_not_change(empty: str, tree: Path) -> None:
    assert deploy.freeze(tree) == ["0001.roles-and-schemas.sql", "0002.items.sql"]
    assert deploy.freeze(tree) == []
    deploy.migrate(empty, root=tree)
    path = tree / "schema/0002.items.sql"
    path.write_text(path.read_text() + "-- changed\n")
    with pytest.raises(DeployError, match=r"released migration 0002\.items\.sql was changed"):
        deploy.migrate(empty, root=tree)
    with pytest.raises(DeployError, match="was changed"):
        deploy.freeze(tree)
    path.unlink()
    with pytest.raises(DeployError, match=r"released migration 0002\.items\.sql is gone"):
        deploy.migrate(empty, root=tree)


def test_unknown_area_is_an_error(empty: str, tree: Path) -> None:
    write(tree, "functions/elsewhere/f.sql", "select 1;")
    with pytest.raises(DeployError, match="unknown area sql/functions/elsewhere"):
        deploy.migrate(empty, root=tree)


def test_newer_schema_is_refused_and_untouched(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    run(empty, "insert into capataz_ops._yoyo_migration values ('x', '0099.from-the-future', now())")
    write_function(tree, "one", "11")
    with pytest.raises(DeployError, match=r"does not know: 0099\.from-the-future"):
        deploy.migrate(empty, root=tree)
    assert rows(empty, "select capataz.one()") == [(1,)]
    assert deploy.state(empty, root=tree).unknown == ("0099.from-the-future",)


@pytest.mark.parametrize("dsn", ["host=/nonexistent dbname=x", "postgresql://127.0.0.1:1/x?connect_timeout=3"])
def test_unreachable_server(dsn: str) -> None:
    with pytest.raises(DeployError, match="cannot connect"):
        deploy.migrate(dsn)


def test_malformed_connection_string() -> None:
    with pytest.raises(DeployError, match="bad connection string"):
        deploy.migrate("nonsense=1")


# -- one at a time, and kills -----------------------------------------------------------------------------------------


def test_second_deploy_waits_for_the_first(empty: str, tree: Path) -> None:
    write(tree, "schema/0003.slow.sql", "-- depends: 0002.items\nselect pg_sleep(1.5);")
    reports: list[deploy.DeployReport] = []
    threads = [threading.Thread(target=lambda: reports.append(deploy.migrate(empty, root=tree))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(report.applied) for report in reports) == [0, 3]


def test_waiting_for_another_deploy_ends(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    with psycopg.connect(empty, autocommit=True) as other:
        other.execute("select pg_advisory_lock(hashtextextended('capataz:deploy', 0))")
        with pytest.raises(DeployError, match=r"another deploy of this database is running \(server process"):
            deploy.migrate(empty, root=tree, wait_s=0.3)


def test_databases_of_one_cluster_deployed_at_once(create_database: MakeDatabase, tree: Path) -> None:
    dsns = [create_database() for _ in range(4)]
    errors: list[BaseException] = []

    def one(dsn: str) -> None:
        try:
            deploy.migrate(dsn, root=tree)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(dsn,)) for dsn in dsns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def deploy_in_a_process(dsn: str, tree: Path) -> subprocess.Popen[bytes]:
    code = f"from pathlib import Path; from capataz import deploy; deploy.migrate({dsn!r}, root=Path({str(tree)!r}))"
    return subprocess.Popen([sys.executable, "-c", code], env={**os.environ}, start_new_session=True)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("place", ["migration", "functions", "grants"])
def test_killed_deploy_continues_cleanly(empty: str, tree: Path, place: str) -> None:
    sleeper = "select pg_sleep(2.0), 'sleeper';"
    file = {
        "migration": "schema/0003.slow.sql",
        "functions": "functions/shared/zz_slow.sql",
        "grants": "grants.sql",
    }[place]
    write(tree, "schema/0003.slow.sql", "create table capataz.slow (a integer);")
    original = (tree / file).read_text() if (tree / file).exists() else ""
    write(tree, file, f"{original}\n{sleeper}")
    process = deploy_in_a_process(empty, tree)
    wait_for(
        lambda: (
            rows(
                empty,
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
            )
            == [(1,)]
        )
    )
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if original:
        write(tree, file, original)
    else:
        (tree / file).unlink()
    report = deploy.migrate(empty, root=tree)
    expected = ("0003.slow",) if place == "migration" else ()
    assert report.applied == expected
    assert marks(empty)[-1] == "0003.slow"
    assert rows(empty, "select capataz.two(), to_regclass('capataz.slow') is not null") == [(2, True)]
    assert rows(empty, "select count(*) from capataz_ops.yoyo_lock") == [(0,)]
    assert yoyo(empty, tree, "list").returncode == 0


def test_deploy_killed_at_any_moment(create_database: MakeDatabase, tree: Path) -> None:
    """Kills after ever longer times, deploying to the same database, then finishes."""
    for number in range(3, 10):
        write(
            tree,
            f"schema/000{number}.more.sql",
            f"create table capataz.more_{number} (a integer); select pg_sleep(0.05);",
        )
    dsn = create_database()
    killed = 0
    for step in range(12):
        process = deploy_in_a_process(dsn, tree)
        try:
            process.wait(0.25 + 0.06 * step)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed > 0
    deploy.migrate(dsn, root=tree)
    assert len(marks(dsn)) == 9
    assert deploy.state(dsn, root=tree).current


def test_lock_row_left_by_a_killed_yoyo_is_broken(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    run(empty, "insert into capataz_ops.yoyo_lock values (1, timezone('UTC', now()) - interval '1 day', 4711)")
    assert deploy.migrate(empty, root=tree, wait_s=2).applied == ()
    assert rows(empty, "select count(*) from capataz_ops.yoyo_lock") == [(0,)]


def test_lock_row_of_a_live_yoyo_is_respected(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    with psycopg.connect(empty, autocommit=True) as alive:
        alive.execute("insert into capataz_ops.yoyo_lock values (1, timezone('UTC', now()), 4711)")
        with pytest.raises(DeployError, match=r"yoyo has locked the schema \(process 4711"):
            deploy.migrate(empty, root=tree, wait_s=0.5)
        alive.execute("delete from capataz_ops.yoyo_lock")
    deploy.migrate(empty, root=tree)


def test_yoyo_command_waits_for_a_deploy(empty: str, tree: Path) -> None:
    deploy.migrate(empty, root=tree)
    write(tree, "schema/0003.slow.sql", "-- depends: 0002.items\nselect pg_sleep(1.5);")
    worker = threading.Thread(target=lambda: deploy.migrate(empty, root=tree))
    worker.start()
    wait_for(lambda: rows(empty, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") != [(0,)])
    listed = yoyo(empty, tree, "list")
    worker.join()
    assert listed.returncode == 0, listed.stderr
    assert "A 0003.slow" in " ".join(listed.stdout.split())


# -- who may deploy ---------------------------------------------------------------------------------------------------


@pytest.fixture
def deployer(admin: Connection) -> Iterator[str]:
    """A login role with nothing but CREATEROLE."""
    name = f"capataz_test_deployer_{os.getpid()}"
    admin.execute(sql.SQL("create role {} login createrole password 'secret'").format(sql.Identifier(name)))
    yield name
    admin.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
    admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_non_superuser_owner_of_the_database(
    deployer: str, create_database: MakeDatabase, admin: Connection, tree: Path
) -> None:
    dsn = create_database(None, deployer)
    roles = sql.SQL(", ").join(sql.Identifier(f"capataz_{role}") for role in ALL_ROLES)
    with admin.transaction():
        for role in ALL_ROLES:
            exists = admin.execute("select 1 from pg_roles where rolname = %s", (f"capataz_{role}",)).fetchone()
            if not exists:
                admin.execute(sql.SQL("create role {} nologin").format(sql.Identifier(f"capataz_{role}")))
    if admin.info.server_version >= 160000:
        # roles made by somebody else: since 16, CREATEROLE is not enough to grant them
        admin.execute(sql.SQL("grant {} to {} with admin option").format(roles, sql.Identifier(deployer)))
    theirs = make_conninfo(dsn, user=deployer, password="secret")
    try:
        assert deploy.migrate(theirs, root=tree).applied
        assert deploy.migrate(theirs, root=tree).applied == ()
        assert rows(theirs, "select applied_by from capataz_ops.deployments") == [(deployer,), (deployer,)]
    finally:
        run(make_conninfo(dsn), "drop schema capataz cascade", "drop schema capataz_ops cascade")
        admin.execute(
            sql.SQL("alter database {} owner to current_user").format(
                sql.Identifier(str(conninfo_to_dict(dsn)["dbname"]))
            )
        )


def test_role_without_rights_gets_a_clear_error(admin: Connection, empty: str, tree: Path) -> None:
    name = f"capataz_test_nobody_{os.getpid()}"
    admin.execute(sql.SQL("create role {} login password 'secret'").format(sql.Identifier(name)))
    try:
        with pytest.raises(DeployError) as caught:
            deploy.migrate(make_conninfo(empty, user=name, password="secret"), root=tree)
        assert caught.value.hint is not None
        assert "0001.roles-and-schemas.sql" in str(caught.value)
        deploy.migrate(empty, root=tree)
        with pytest.raises(DeployError, match="may not act as capataz_owner"):
            deploy.migrate(make_conninfo(empty, user=name, password="secret"), root=tree)
    finally:
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


# -- the real tree ----------------------------------------------------------------------------------------------------


def test_real_tree_deploys_twice_to_the_same_catalog(empty: str, dump_schema: Callable[[str], str]) -> None:
    deploy.migrate(empty)
    first = dump_schema(empty)
    report = deploy.migrate(empty)
    assert report.triggers_replaced == ()
    assert dump_schema(empty) == first
    assert deploy.state(empty).current


def test_real_tree_up_down_up(empty: str, dump_schema: Callable[[str], str]) -> None:
    deploy.migrate(empty)
    first = dump_schema(empty)
    done = yoyo(empty, ROOT / "sql", "rollback", "--all")
    assert done.returncode == 0, done.stderr
    assert marks(empty) == []
    assert rows(empty, "select to_regnamespace('capataz')") == [(None,)]
    deploy.migrate(empty)
    assert dump_schema(empty) == first


# -- upgrades of a database with history: 0001 to 0007 are released, the others came later ----------------------------

RELEASED = 7

WORK = """
select capataz.register_module('Legal', '1', array['T'], p_registration_data => '{
  "max_concurrency": 3, "retry_policy": {"base_seconds": 0}, "rate_limit": {"per_second": 5}, "sla_seconds": 60,
  "sensitive_paths": ["$.name"],
  "input_schemas": {"T": {"type": "object"}}, "retention_days": 9, "breaker": {"cooldown_seconds": 0}}');
select capataz.register_module('Mail', '1', array['T', 'U'], p_registration_data => '{"owner": "post"}');
select capataz.issue_api_key('Legal', 'one', array['read']), capataz.issue_api_key('Mail', 'two', array['submit']);
select capataz.record_health_check('Mail', true, 20);
select capataz.heartbeat_worker('w1', 'Legal');
select s.robot_id
from generate_series(1, 40) as g (n)
cross join lateral capataz.submit_robot(
  'T', jsonb_build_object('name', 'Ana', 'mail', 'ana@example.org'), case when g.n % 4 = 0 then 'Mail' else 'Legal' end,
  p_cache_key => 'c' || g.n, p_estimated_duration_minutes => 1, p_metadata => '{"a": 1}'
) as s;
"""

END = """
with claimed as materialized (
  select c.robot_id, c.execute_id
  from (values ('Legal'), ('Mail')) as m (name)
  cross join lateral capataz.claim_robots(m.name, 3, case m.name when 'Legal' then 'w1' end) as c
), stepped as materialized (
  select c.*, capataz.report_progress(c.execute_id, p_current_step => 'read', p_step_category => 'PROCESSING',
    p_cpu_usage_percent => 50, p_memory_usage_mb => 10) as state
  from claimed as c
)
select case {ends} end from (select s.*, row_number() over (order by s.robot_id) as n from stepped as s) as s
"""

ENDS = """
  when s.n % 3 = 0 then capataz.fail_execution(s.execute_id, 'cannot read page ' || s.n, 'EXTERNAL')::text
  else capataz.complete_execution(s.execute_id, '{"mail": "bob@example.org"}')::text
"""

# what was there at release: columns, constraints and indexes of tables
CATALOG = """
select c.oid::regclass::text, a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
  || ' ' || a.attnotnull || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '')
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('capataz', 'capataz_ops')
union all
select i.indrelid::regclass::text, pg_get_indexdef(i.indexrelid)
from pg_index as i join pg_class as c on c.oid = i.indrelid
where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('capataz', 'capataz_ops')
union all
select o.conrelid::regclass::text, o.conname || ' ' || pg_get_constraintdef(o.oid)
from pg_constraint as o
where o.connamespace::regnamespace::text in ('capataz', 'capataz_ops') and o.conrelid <> 0
order by 1, 2
"""


@pytest.fixture
def released(tmp_path: Path, create_database: MakeDatabase) -> str:
    """A database that has the released migrations and no code."""
    root = tmp_path / "released"
    for migration in deploy.read_tree().migrations[:RELEASED]:
        write(root, f"schema/{migration.path.name}", migration.text)
    dsn = create_database()
    deploy.migrate(dsn, root=root)
    return dsn


def contents(dsn: str, like: str) -> dict[str, Any]:
    """Rows of the tables of another database, as far as it has their columns; deploys write the two last ones."""
    columns = rows(
        like,
        """select c.oid::regclass::text, string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
           from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('capataz', 'capataz_ops')
             and c.relname !~ 'yoyo' and c.relname not in ('deployments', 'jobs')
           group by c.oid order by 1""",
    )
    return {table: rows(dsn, f"select row({names})::text from {table} as t order by 1") for table, names in columns}


def do_work(dsn: str) -> None:
    """Rows of every kind: completed, failed, retried, cancelled, and some under way."""
    run(dsn, WORK)
    for _ in range(8):
        run(dsn, END.format(ends=ENDS))
    run(
        dsn,
        END.format(ends="when true then s.state::text"),
        "select capataz.cancel_robot(r.robot_id) from capataz.robots as r where r.status = 'PENDING'"
        " order by r.robot_id limit 2",
        "select capataz.fold_counters()",
        "select capataz.fold_analytics()",
    )


def roll_back(dsn: str) -> None:
    """Undoes what came after the release."""
    done = yoyo(dsn, ROOT / "sql", "rollback", "--revision", deploy.read_tree().migrations[RELEASED].stem)
    assert done.returncode == 0, done.stderr
    assert len(marks(dsn)) == RELEASED


def test_rollback_to_the_release_and_up_again_loses_nothing(empty: str, released: str) -> None:
    deploy.migrate(empty)
    do_work(empty)
    before = contents(empty, released)
    assert {len(before[f"capataz.{table}"]) > 1 for table in ("module_registry", "robots", "robot_execute")} == {True}
    assert all(before[f"capataz_ops.{table}"] for table in ("execution_steps", "module_minutes", "workers"))
    settings = "select s::text from capataz_ops.module_settings as s order by s.module_name"
    keys = "select k::text from capataz_ops.api_keys as k order by k.key_id"
    stored = [rows(empty, settings), rows(empty, keys)]
    roll_back(empty)
    assert contents(empty, released) == before
    assert rows(empty, CATALOG) == rows(released, CATALOG)
    report = deploy.migrate(empty)
    assert len(report.applied) == len(deploy.read_tree().migrations) - RELEASED
    assert report.warnings == ()
    assert contents(empty, released) == before
    assert [rows(empty, settings), rows(empty, keys)] == stored


# of what is kept per day or in all, without forecasts and trends, which are samples
FIGURES = (
    "select f.robot_type, f.module_name, f.hour, f.completed_count, f.completed_ms, f.failed_count, f.failed_ms,"
    " f.retried_count, f.cpu_ms, f.memory_mb_ms from capataz_ops.type_hours as f order by 1, 2, 3",
    "select f.robot_type, f.module_name, f.day, f.completed_count, f.completed_ms, f.failed_count, f.failed_ms,"
    " f.retried_count, f.cpu_ms, f.memory_mb_ms from capataz_ops.type_days as f order by 1, 2, 3",
    "select f.robot_type, f.module_name, f.minute, f.completed_count, f.completed_ms, f.failed_count"
    " from capataz_ops.type_minutes as f order by 1, 2, 3",
    "select f::text from capataz_ops.step_days as f order by 1",
    "select f.module_name, f.day, f.error_category, f.step_name, f.fingerprint, f.error_count, f.hour_counts"
    " from capataz_ops.error_days as f order by 1, 2, 3, 4, 5",
    "select f.module_name, f.completed_count, f.completed_ms, f.failed_count, f.duration_counts"
    " from capataz_ops.module_totals as f order by 1",
    "select f::text from capataz_ops.module_minutes as f order by 1",
    "select f::text from capataz_ops.module_histograms as f order by 1",
)


def test_an_upgraded_database_works_on_and_rebuild_derived_knows_its_history(empty: str) -> None:
    deploy.migrate(empty)
    do_work(empty)
    before = [rows(empty, figure) for figure in FIGURES]
    assert all(before)
    roll_back(empty)
    deploy.migrate(empty)
    assert rows(empty, "select capataz.validate_consistency()") == [(0,)]
    # what was under way ends, and what ended before is deleted: nothing is taken from counts that it is not in
    with psycopg.connect(empty) as connection:
        connection.execute("delete from capataz.robot_execute where execution_state in ('COMPLETED', 'FAILED')")
        connection.execute("select capataz.fold_counters(), capataz.fold_analytics()")
        for table in ("type_minutes", "type_hours", "type_days"):
            assert (
                connection.execute(
                    f"select * from capataz_ops.{table} where completed_count < 0 or failed_count < 0".encode()
                ).fetchall()
                == []
            ), table
        connection.rollback()
    run(empty, "select capataz.rebuild_derived()")
    assert [rows(empty, figure) for figure in FIGURES] == before
    run(empty, END.format(ends=ENDS), "select capataz.fold_counters()")
    assert rows(empty, "select capataz.validate_consistency()") == [(0,)]


def test_settings_that_stood_there_before_they_were_known(empty: str) -> None:
    """register_module kept whatever key it did not know; plain SQL could write API keys too."""
    deploy.migrate(empty)
    run(empty, WORK)
    roll_back(empty)
    run(
        empty,
        "set session_replication_role = replica; update capataz.module_registry set registration_data ="
        """ registration_data || '{"rate_limit": "fast", "retention_days": 7}' where module_name = 'Mail';"""
        "insert into capataz.module_registry (module_id, module_name, module_version, supported_robot_types,"
        " registration_data) values ('Odd_1_prod', 'Odd', '1', array['T'], '{\"api_keys\": {\"k\": {\"hash\":"
        ' "0", "scopes": ["read"], "label": "x", "expires_at": "soon"}}}\')',
    )
    report = deploy.migrate(empty)
    assert report.warnings == (
        "settings of module Mail stay as they were: registration_data.rate_limit must be a JSON object",
        "settings of module Odd stay as they were: registration_data.api_keys: invalid input syntax for type timestamp:"
        ' "soon"',
    )
    assert rows(
        empty,
        "select s.module_name, s.rate_per_second, s.sensitive_paths, s.sla_seconds, s.retention_days,"
        " s.input_schemas is null from capataz_ops.module_settings as s order by 1",
    ) == [
        ("Legal", 5, ["$.name"], 60, 9, False),
        ("Mail", None, None, None, None, True),
        ("Odd", None, None, None, None, True),
    ]
    assert rows(empty, "select module_name, label from capataz_ops.api_keys order by 1") == [
        ("Legal", "one"),
        ("Mail", "two"),
    ]
    # it is told until it is mended, and stops nobody else
    assert rows(empty, "select capataz.validate_consistency()") == [(1,)]
    assert rows(empty, "select subject, detail from capataz_ops.findings") == [
        ("Mail", "registration_data.rate_limit must be a JSON object")
    ]
    assert len(rows(empty, "select * from capataz.claim_robots('Mail', 5)")) == 5
    run(
        empty,
        "select capataz.register_module('Mail', '1', array['T'], p_registration_data => '{\"rate_limit\": null}')",
    )
    assert rows(empty, "select capataz.validate_consistency()") == [(0,)]
    assert rows(empty, "select retention_days from capataz_ops.module_settings where module_name = 'Mail'") == [(7,)]
    run(empty, "delete from capataz.module_registry where module_name = 'Odd'")
    assert deploy.migrate(empty).warnings == ()


def test_a_deploy_waits_for_no_module_whose_settings_are_right(empty: str) -> None:
    deploy.migrate(empty)
    run(empty, WORK)
    with psycopg.connect(empty) as connection:
        connection.execute("select from capataz.module_registry for update")
        assert deploy.migrate(empty, table_lock_s=0.1, attempts=1).warnings == ()


def test_every_migration_has_a_rollback() -> None:
    for migration in deploy.read_tree().migrations:
        rollback = migration.path.with_name(f"{migration.stem}.rollback.sql")
        assert rollback.is_file(), rollback


@pytest.mark.cron
def test_jobs_are_scheduled_with_pg_cron(cron_dsn: str) -> None:
    query = "select jobname, active from cron.job where database = current_database() and jobname ~ '^capataz_'"
    expected = [(f"capataz_{file.stem}", True) for file in deploy.read_tree().jobs]
    assert sorted(rows(cron_dsn, query)) == sorted(expected)
    deploy.migrate(cron_dsn)
    assert sorted(rows(cron_dsn, query)) == sorted(expected), "deploying again schedules nothing twice"


@pytest.mark.cron
def test_job_switched_off_by_hand_stays_off_and_is_reported(cron_dsn: str) -> None:
    run(cron_dsn, "update cron.job set active = false where jobname = 'capataz_find_stragglers'")
    try:
        report = deploy.migrate(cron_dsn)
        assert "job capataz_find_stragglers is switched off in pg_cron" in report.warnings
    finally:
        run(cron_dsn, "update cron.job set active = true where jobname = 'capataz_find_stragglers'")


@pytest.mark.cron
def test_scheduled_job_without_a_file_is_an_orphan(cron_dsn: str) -> None:
    run(cron_dsn, "select cron.schedule('capataz_gone', '0 0 1 1 *', $$select capataz.run_job('gone')$$)")
    try:
        with pytest.raises(DeployError, match=r"1 pg_cron job .* no file in sql/jobs defines: capataz_gone"):
            deploy.migrate(cron_dsn)
    finally:
        run(cron_dsn, "select cron.unschedule(jobid) from cron.job where jobname = 'capataz_gone'")


def test_job_without_a_file_is_an_orphan(empty: str) -> None:
    deploy.migrate(empty)
    run(
        empty,
        "insert into capataz_ops.jobs (job_name, schedule, every_seconds, command, description)"
        " values ('gone', '* * * * *', 60, 'select 1', 'gone')",
    )
    with pytest.raises(DeployError, match=r"1 job .* no file in sql/jobs defines: gone"):
        deploy.migrate(empty)

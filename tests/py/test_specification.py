"""The specification's facts (``tests/spec``) against the specification's own file, where ``CAPATAZ_SPEC`` names it.

A clone tests itself against ``tests/spec`` (pgTAP: ``structure/specification.sql``); whoever has the document checks
here that the data is what the document says: every statement of its DDL, column, index and dictionary row.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

SPEC = Path(__file__).resolve().parents[1] / "spec"
TABLES = {"module_registry": 26, "robots": 32, "robot_execute": 36}

Connection = psycopg.Connection[tuple[object, ...]]


def statements(ddl: str) -> list[str]:
    """The statements of a DDL text without comments, white space folded."""
    text = re.sub(r"--[^\n]*", "", ddl)
    return [" ".join(part.split()) for part in text.split(";") if part.strip()]


def columns(ddl: str) -> dict[str, list[str]]:
    """Column definitions by table."""
    found: dict[str, list[str]] = {}
    for statement in statements(ddl):
        if table := re.fullmatch(r"CREATE TABLE (\w+) \((.*)\)", statement):
            # commas inside brackets belong to a type
            found[table[1]] = [part.strip() for part in re.split(r",(?![^(]*\))", table[2])]
    return found


def indexes(ddl: str) -> dict[str, str]:
    """Index definitions by name."""
    found: dict[str, str] = {}
    for statement in statements(ddl):
        if index := re.fullmatch(r"CREATE (?:UNIQUE )?INDEX (\w+) ON .*", statement):
            found[index[1]] = statement
    return found


def kept_ddl() -> str:
    return (SPEC / "specification.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def document() -> str:
    """Chapter 3 of the specification."""
    path = os.environ.get("CAPATAZ_SPEC")
    if not path:
        pytest.skip("CAPATAZ_SPEC does not name the specification's file")
    text = Path(path).read_text(encoding="utf-8")
    return text[text.index("## 3. Especificación de Entidades") : text.index("## 4. Optimizaciones")]


@pytest.fixture(scope="module")
def written_ddl(document: str) -> str:
    """The document's DDL; it writes tables without ``CREATE TABLE``."""
    blocks = re.findall(r"```sql\n(.*?)```", document, re.DOTALL)
    return "\n".join(re.sub(r"^(\w+) \($", r"CREATE TABLE \1 (", block, flags=re.MULTILINE) for block in blocks)


def test_kept_ddl_is_complete() -> None:
    ddl = kept_ddl()
    assert {table: len(found) for table, found in columns(ddl).items()} == TABLES
    assert len(indexes(ddl)) == 16
    assert len([one for one in statements(ddl) if one.startswith("CREATE TYPE")]) == 7
    assert len(statements(ddl)) == 7 + 3 + 16


def test_every_column_of_the_document_is_kept(written_ddl: str) -> None:
    assert columns(kept_ddl()) == columns(written_ddl)


def test_every_index_of_the_document_is_kept(written_ddl: str) -> None:
    assert indexes(kept_ddl()) == indexes(written_ddl)


def test_every_statement_of_the_document_is_kept(written_ddl: str) -> None:
    assert statements(kept_ddl()) == statements(written_ddl)


def test_every_dictionary_row_of_the_document_is_kept(document: str, db: Connection) -> None:
    written = []
    for table, rows in re.findall(r"### Diccionario de Datos - (\w+)\n(.*?)(?=\n### |\n---|\Z)", document, re.DOTALL):
        for row in re.findall(r"^\| \*\*(\w+)\*\* \| (.+?) \| .+? \| (.+?) \|$", rows, re.MULTILINE):
            if row[0] != "Campo":
                written.append((table, *row))
    assert len(written) == 33
    with db.transaction(force_rollback=True):
        db.execute((SPEC / "dictionaries.sql").read_text(encoding="utf-8").encode())
        kept = db.execute("select table_name, field, type, rule from dictionary").fetchall()
    assert sorted(kept) == sorted(written)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_the_catalog_has_a_comment(db: Connection, table: str) -> None:
    bare = db.execute(
        """
        select a.attname
        from pg_attribute as a
        where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
          and coalesce(col_description(a.attrelid, a.attnum), '') = ''
        """,
        (f"capataz.{table}",),
    ).fetchall()
    assert bare == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("alter table capataz.robots rename column cache_key to cached_under", "every column is there under its name"),
        (
            "drop view capataz.execution_details; "
            "alter table capataz.robot_execute alter column external_api_calls type bigint",
            "every column has its type",
        ),
        ("alter table capataz.robots alter column retry_limit set default 4", "every column has its default"),
        ("alter table capataz.robots alter column created_at set default now()", "the clock being utc_now()"),
        ("alter table capataz.robots alter column input_data drop not null", "required or optional as specified"),
        (
            "drop index capataz.idx_robots_correlation; create index idx_robots_correlation on capataz.robots "
            "(correlation_id, source_reference)",
            "every index is there with its columns and its predicate",
        ),
        (
            "drop index capataz.idx_robots_type_priority; create index idx_robots_type_priority on capataz.robots "
            "(robot_type, status, priority, created_at)",
            "every index is there with its columns and its predicate",
        ),
        (
            "alter table capataz.robot_execute drop constraint robot_execute_robot_id_fkey; alter table "
            "capataz.robot_execute add constraint robot_execute_robot_id_fkey foreign key (robot_id) references "
            "capataz.robots",
            "every primary key, unique key and foreign key",
        ),
        ("alter type capataz.priority_enum add value 'URGENT'", "every enum is there with its labels"),
        ("alter table capataz.robots add column colour text", "Capataz adds these columns and no others"),
    ],
)
def test_the_comparison_can_fail(dsn: str, damage: str, complaint: str) -> None:
    """Each kind of damage to the catalog is told by ``structure/specification.sql`` in its own words."""
    test_file = SPEC.parent / "pgtap" / "structure" / "specification.sql"
    if not _has_pgtap(dsn):
        pytest.skip("pgTAP is not installed on this server")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists pgtap")
        connection.execute(damage.encode())
    output = _psql(dsn, test_file)
    failed = [line for line in output.splitlines() if line.startswith("not ok")]
    assert any(complaint in line for line in failed), output


def _has_pgtap(dsn: str) -> bool:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("select from pg_available_extensions where name = 'pgtap'").fetchone()
    return found is not None


def _psql(dsn: str, file: Path) -> str:
    binaries = os.environ.get("CAPATAZ_PG_BIN")
    psql = str(Path(binaries) / "psql") if binaries else "psql"
    return subprocess.run(
        [psql, "-XAtq", "-d", dsn, "-f", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PGOPTIONS": ""},
    ).stdout


def test_every_public_function_has_its_folder_of_pgtap_tests(db: Connection) -> None:
    functions = db.execute(
        "select distinct proname from pg_proc where pronamespace = 'capataz'::regnamespace order by 1"
    ).fetchall()
    folders = {file.parent.name for file in (SPEC.parent / "pgtap").glob("*/*/*.sql")}
    assert [name for (name,) in functions if name not in folders] == []

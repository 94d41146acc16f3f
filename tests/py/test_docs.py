"""The documentation against the code: generated pages are up to date, links lead somewhere, lists are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from capataz import errors

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sql").rglob("*.md"), *ROOT.glob("*/README.md")]
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    """A page without its fenced blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(text: str) -> set[str]:
    """What links to a page's headings may name, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_api_reference_is_up_to_date(module_dsn: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "build_api.py"), "--check"],
        env={**os.environ, "CAPATAZ_DSN": module_dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        if not found.exists() or (anchor and anchor not in anchors(found.read_text(encoding="utf-8"))):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    names = re.findall(r"`((?:sql|tests|docs|ops|bench|python)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    # written by the first release; a pattern; the worked example of CONTRIBUTING.md
    examples = re.compile(r"frozen\.sha256|NNNN|postpone_robot")
    assert not [name for name in names if not (ROOT / name).exists() and not examples.search(name)]


def test_the_readme_names_both_commands() -> None:
    text = read("README.md")
    assert "make demo" in text
    assert "make test" in text


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(
            r"(?:^ {4}|`|\$ |\()make (?:-s )?([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert named
    assert not named - targets


def test_every_function_file_is_in_the_table_of_contents() -> None:
    text = read("sql/functions/README.md")
    folder = ROOT / "sql" / "functions"
    assert not [path.name for path in folder.glob("*/*.sql") if f"({path.relative_to(folder).as_posix()})" not in text]


def test_every_migration_and_trigger_is_listed() -> None:
    schema, triggers = read("sql/schema/README.md"), read("sql/README.md")
    migrations = [path.stem for path in (ROOT / "sql" / "schema").glob("*.sql") if ".rollback" not in path.name]
    assert not [name for name in migrations if f"`{name}`" not in schema]
    assert not [path.stem for path in (ROOT / "sql" / "triggers").glob("*.sql") if f"`{path.stem}`" not in triggers]


def test_every_decision_is_listed() -> None:
    text = read("docs/adr/README.md")
    assert not [path.name for path in (ROOT / "docs" / "adr").glob("0*.md") if f"({path.name})" not in text]


def test_every_error_code_and_its_exception_is_explained() -> None:
    text = read("docs/errors.md")
    assert not [code for code in errors.SQLSTATES if code not in text]
    assert not [error.__name__ for error in errors.SQLSTATES.values() if f"`{error.__name__}`" not in text]


def test_every_setting_of_a_module_is_documented() -> None:
    body = read("sql/functions/modules/_parse_settings.sql")
    keys = re.findall(r"^\s*\('([a-z_.]+)', v_", body, re.MULTILINE)
    assert len(keys) >= 10
    assert not [key for key in keys if f"| `{key}` |" not in read("docs/operations.md")]


def test_every_job_is_documented() -> None:
    text = read("docs/operations.md")
    assert not [path.stem for path in (ROOT / "sql" / "jobs").glob("*.sql") if f"| `{path.stem}` |" not in text]


def test_every_column_index_enum_and_rule_of_the_specification_is_mapped() -> None:
    text = read("docs/specification.md")
    ddl = re.sub(r"--[^\n]*", "", read("tests/spec/specification.sql"))
    for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", ddl, re.DOTALL):
        section = text[text.index(f"\n### 3.{('module_registry', 'robots', 'robot_execute').index(table) + 1} ") :]
        columns = re.findall(r"^\s+(\w+) [A-Z_a-z]+", body, re.MULTILINE)
        assert len(columns) in (26, 32, 36)
        assert not [column for column in columns if f"\n| `{column}` |" not in section.partition("\nDictionary:")[0]]
    assert not [name for name in re.findall(r"INDEX (\w+) ON", ddl) if f"\n| `{name}` |" not in text]
    assert not [name for name in re.findall(r"CREATE TYPE (\w+)", ddl) if f"\n| `{name}`: " not in text]
    fields = re.findall(r"^  \('(\w+)', '(\w+)', '", read("tests/spec/dictionaries.sql"), re.MULTILINE)
    assert len(fields) == 33
    rules = text.split("\nDictionary:")[1:]
    for table, field in fields:
        part = rules[("module_registry", "robots", "robot_execute").index(table)]
        assert f"\n| `{field}` |" in part.partition("\n##")[0], (table, field)

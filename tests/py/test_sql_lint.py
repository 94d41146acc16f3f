"""The lint of SQL files: the tree is clean, and each kind of mistake is found."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "ops" / "lint"))

import sql_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "sql"
    shutil.copytree(ROOT / "sql", root)
    return root


def test_the_tree_is_clean() -> None:
    assert [str(problem) for problem in sql_files.check(ROOT / "sql")] == []


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        path = root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return apply


def add(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_text(text, encoding="utf-8") and None


def rename(name: str, to: str) -> Callable[[Path], None]:
    return lambda root: (root / name).rename(root / to) and None


CLAIM = "functions/robots/claim_robots.sql"
TRIGGER = "triggers/robots__normalize.sql"


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (edit(CLAIM, "create or replace function", "create function"), "write 'create or replace'"),
        (edit(CLAIM, "  volatile\n", ""), "state volatility"),
        (edit(CLAIM, "  security definer\n", ""), "state security"),
        (edit(CLAIM, "  set search_path = pg_catalog, pg_temp\n", ""), "state set search_path"),
        (edit(CLAIM, "pg_catalog, pg_temp", "public"), "set search_path = pg_catalog, pg_temp"),
        (edit(CLAIM, "comment on function", "-- comment on function"), "syntax error"),
        (edit(CLAIM, "-- capataz.claim_robots", "-- claims"), "the first line must be"),
        (edit(CLAIM, "begin\n", "begin\n  perform now();\n"), "use capataz.utc_now()"),
        (rename(CLAIM, "functions/robots/claim.sql"), "file name and capataz.claim_robots differ"),
        (edit(TRIGGER, "create or replace trigger", "create trigger"), "write 'create or replace trigger'"),
        (rename(TRIGGER, "triggers/robots__other.sql"), "call it capataz_ops.tg_robots__other"),
        (add("triggers/robots__x.sql", "-- x\ndrop table capataz.robots;\n"), "DropStmt does not belong"),
        (add("functions/robots/x.sql", "-- x\ngrant select on capataz.robots to public;\n"), "GrantStmt does not"),
        (
            rename("schema/0002.types-and-clock.rollback.sql", "schema/gone"),
            "0002.types-and-clock.rollback.sql is missing",
        ),
        (add("schema/0099.x.sql", "begin;\ncommit;\n"), "no transaction control"),
        (add("schema/0099.x.sql", "-- depends: 0098.y\nselect 1;\n"), "depends on 0098.y, which does not exist"),
        (
            add("schema/0099.x.sql", "-- depends: 0002.types-and-clock\nselect 1 /* a /* b */; c */;\n"),
            "yoyo would split",
        ),
        (edit("jobs/fold_counters.sql", "fold_counters", "fold"), "file name and job fold differ"),
        (add("grants.sql", "select 1;\n"), "SelectStmt does not belong into grants.sql"),
    ],
)
def test_mistakes_are_found(tree: Path, break_it: Callable[[Path], None], message: str) -> None:
    break_it(tree)
    found = [str(problem) for problem in sql_files.check(tree)]
    assert any(message in line for line in found), found

"""Rules of the files under sql/ (see sql/README.md): replaceable files are replaceable, complete and well named.

    python ops/lint/sql_files.py [SQL_ROOT]      prints file:line: message; exit code 1 if there is any

Every file is parsed with PostgreSQL's own parser.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pglast
import sqlparse
from pglast import ast

from capataz.deploy import AREAS, BOOTSTRAP

SEARCH_PATH = ["pg_catalog", "pg_temp"]
ATTRIBUTE_ORDER = ["language", "volatility", "strict", "parallel", "security", "cost", "rows", "set", "as"]
CLOCK_FILE = "functions/shared/utc_now.sql"


@dataclass(frozen=True)
class Problem:
    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class File:
    """A parsed file."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.bytes = self.text.encode()
        self.statements: list[tuple[int, Any]] = []
        for raw in pglast.parse_sql(self.text):
            start = raw.stmt_location
            end = start + raw.stmt_len if raw.stmt_len else len(self.bytes)
            body = self.bytes[start:end]
            skipped = len(body) - len(_skip_blanks(body))
            self.statements.append((self.line_at(start + skipped), raw.stmt))

    def line_at(self, offset: int) -> int:
        return self.bytes.count(b"\n", 0, offset) + 1

    @property
    def header(self) -> str:
        lines = []
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            lines.append(line.removeprefix("--").strip())
        return "\n".join(lines)


def _skip_blanks(body: bytes) -> bytes:
    while True:
        body = body.lstrip()
        if body.startswith(b"--"):
            _, _, body = body.partition(b"\n")
        elif body.startswith(b"/*"):
            _, _, body = body.partition(b"*/")
        else:
            return body


def _name(node: Any) -> str:
    return ".".join(part.sval for part in node)


def _relation(node: ast.RangeVar) -> str:
    return f"{node.schemaname}.{node.relname}" if node.schemaname else str(node.relname)


def function_problems(file: File, line: int, statement: ast.CreateFunctionStmt) -> Iterator[Problem]:
    """A routine says create or replace, and all its attributes, in the house order, before its body."""
    name = _name(statement.funcname)
    if not statement.replace:
        yield Problem(file.path, line, f"{name}: write 'create or replace'")
    if name.split(".")[0] not in ("capataz", "capataz_ops"):
        yield Problem(file.path, line, f"{name}: name the schema, capataz or capataz_ops")
    options = [option.defname for option in statement.options or ()]
    required = ["language", "security", "set", "as"]
    if not statement.is_procedure:
        required.insert(1, "volatility")
    for wanted in required:
        if wanted not in options:
            shown = {"set": "set search_path", "security": "security invoker or definer"}.get(wanted, wanted)
            yield Problem(file.path, line, f"{name}: state {shown}")
    known = [option for option in options if option in ATTRIBUTE_ORDER]
    if known != sorted(known, key=ATTRIBUTE_ORDER.index):
        yield Problem(file.path, line, f"{name}: attributes in the order {', '.join(ATTRIBUTE_ORDER)}")
    path_set = False
    for option in statement.options or ():
        if option.defname == "set" and option.arg.name == "search_path":
            path_set = True
            if [_constant(value) for value in option.arg.args or ()] != SEARCH_PATH:
                yield Problem(file.path, line, f"{name}: set search_path = {', '.join(SEARCH_PATH)}")
    if "set" in options and not path_set:
        yield Problem(file.path, line, f"{name}: state set search_path")
    for parameter in statement.parameters or ():
        if parameter.name and parameter.mode.value in ("i", "d", "b", "v") and not parameter.name.startswith("p_"):
            yield Problem(file.path, line, f"{name}: parameter {parameter.name} must begin with p_")


def _constant(node: Any) -> str:
    return str(node.val.sval) if isinstance(node, ast.A_Const) else ""


def clock_problems(file: File) -> Iterator[Problem]:
    """The specification's columns hold UTC: bare now() and its relatives depend on the session's TimeZone."""
    if file.name == CLOCK_FILE:
        return
    for number, line in enumerate(file.text.splitlines(), start=1):
        code = re.sub(r"'[^']*'", "''", line.split("--")[0])
        found = re.search(r"(?<![\w.])now\s*\(|current_timestamp|localtimestamp|current_date", code, re.I)
        if found:
            yield Problem(file.path, number, f"use capataz.utc_now(), not {found.group(0)}")


def shape_problems(file: File) -> Iterator[Problem]:
    if not file.text.startswith("-- ") and not file.path.name.endswith(".rollback.sql"):
        yield Problem(file.path, 1, "begin with a comment: the contract")
    if not file.text.endswith("\n"):
        yield Problem(file.path, file.text.count("\n") + 1, "end with a newline")
    for number, line in enumerate(file.text.splitlines(), start=1):
        if line != line.rstrip():
            yield Problem(file.path, number, "white space at the end of the line")
        if "\t" in line:
            yield Problem(file.path, number, "a tab; indent by two spaces")


def code_file(file: File) -> Iterator[Problem]:
    """sql/functions/<area>/<name>.sql: one routine (or view) of that name, its overloads, its comment."""
    yield from shape_problems(file)
    yield from clock_problems(file)
    stem = file.path.stem
    made: set[str] = set()
    commented: set[str] = set()
    for line, statement in file.statements:
        if isinstance(statement, ast.CreateFunctionStmt):
            yield from function_problems(file, line, statement)
            made.add(_name(statement.funcname))
        elif isinstance(statement, ast.ViewStmt):
            if not statement.replace:
                yield Problem(file.path, line, "write 'create or replace view'")
            made.add(_relation(statement.view))
        elif isinstance(statement, ast.CommentStmt):
            commented.add(_commented(statement))
        else:
            yield Problem(file.path, line, f"{type(statement).__name__} does not belong into replaceable code")
    for name in sorted(made):
        schema, _, bare = name.rpartition(".")
        if bare != stem:
            yield Problem(file.path, 1, f"file name and {name} differ")
        if (schema == "capataz") == bare.startswith("_"):
            yield Problem(file.path, 1, f"{name}: private helpers begin with _ and live in capataz_ops")
        if name not in commented:
            yield Problem(file.path, 1, f"comment on {name} is missing")
        if not file.header.startswith(name):
            yield Problem(file.path, 1, f"the first line must be '-- {name}(...) -> result'")
    if not made:
        yield Problem(file.path, 1, "defines nothing")
    contract = {"Locks:", "Writes:", "Raises:"} & set(file.header.split())
    if not contract:
        yield Problem(file.path, 1, "the header must say what the routine Locks:, Writes: or Raises:")
    if "Locks:" in contract and "Writes:" not in contract:
        yield Problem(file.path, 1, "the header says what the routine Locks: but not what it Writes:")


def _commented(statement: ast.CommentStmt) -> str:
    target = statement.object
    if isinstance(target, ast.ObjectWithArgs):
        return _name(target.objname)
    if isinstance(target, tuple):
        return _name(target)
    return ""


def trigger_file(file: File) -> Iterator[Problem]:
    """sql/triggers/<table>__<task>.sql: function(s) tg_<table>__<task>... and the triggers that use them."""
    yield from shape_problems(file)
    yield from clock_problems(file)
    stem = file.path.stem
    table, _, task = stem.partition("__")
    if not task:
        yield Problem(file.path, 1, "name the file <table>__<task>.sql")
    made: set[str] = set()
    commented: set[str] = set()
    triggers = 0
    for line, statement in file.statements:
        if isinstance(statement, ast.CreateFunctionStmt):
            yield from function_problems(file, line, statement)
            name = _name(statement.funcname)
            made.add(name)
            if not re.fullmatch(rf"capataz_ops\.tg_{re.escape(stem)}(_insert|_update|_delete|_truncate)?", name):
                yield Problem(file.path, line, f"{name}: call it capataz_ops.tg_{stem}")
        elif isinstance(statement, ast.CreateTrigStmt):
            triggers += 1
            if statement.relation.schemaname is None:
                yield Problem(file.path, line, f"{statement.trigname}: name the schema of the table")
            if statement.relation.relname != table:
                yield Problem(file.path, line, f"{statement.trigname} is not on {table}")
            if not re.match(rf"_\d{{3}}_{re.escape(task)}", statement.trigname):
                yield Problem(file.path, line, f"call the trigger _NNN_{task}, not {statement.trigname}")
            if not statement.replace and not statement.isconstraint:
                yield Problem(file.path, line, "write 'create or replace trigger'")
            if _name(statement.funcname) not in made:
                yield Problem(file.path, line, f"{statement.trigname} uses a function of another file")
        elif isinstance(statement, ast.CommentStmt):
            commented.add(_commented(statement))
        else:
            yield Problem(file.path, line, f"{type(statement).__name__} does not belong into a trigger file")
    for name in sorted(made - commented):
        yield Problem(file.path, 1, f"comment on {name} is missing")
    if not triggers:
        yield Problem(file.path, 1, "defines no trigger")


def job_file(file: File) -> Iterator[Problem]:
    """sql/jobs/<name>.sql: one call of capataz_ops._define_job for the job of that name."""
    yield from shape_problems(file)
    if len(file.statements) != 1 or not isinstance(file.statements[0][1], ast.SelectStmt):
        yield Problem(file.path, 1, "one select of capataz_ops._define_job, nothing else")
        return
    match = re.search(r"capataz_ops\._define_job\s*\(\s*(?:p_job_name\s*=>\s*)?'([^']*)'", file.text)
    if match is None:
        yield Problem(file.path, 1, "call capataz_ops._define_job with the job's name first")
    elif match.group(1) != file.path.stem:
        yield Problem(file.path, 1, f"file name and job {match.group(1)} differ")


def grants_file(file: File) -> Iterator[Problem]:
    allowed = (ast.GrantStmt, ast.GrantRoleStmt, ast.AlterDefaultPrivilegesStmt, ast.DoStmt)
    for line, statement in file.statements:
        if not isinstance(statement, allowed):
            yield Problem(file.path, line, f"{type(statement).__name__} does not belong into grants.sql")


def migration_file(file: File, ids: set[str]) -> Iterator[Problem]:
    """sql/schema/NNNN.name.sql, with its rollback, read alike by yoyo and by PostgreSQL."""
    yield from shape_problems(file)
    stem = file.path.name.removesuffix(".sql")
    is_rollback = stem.endswith(".rollback")
    if not re.fullmatch(r"\d{4}\.[a-z0-9-]+(\.rollback)?", stem):
        yield Problem(file.path, 1, "name it NNNN.some-words.sql")
    for line, statement in file.statements:
        if isinstance(statement, ast.TransactionStmt):
            yield Problem(file.path, line, "no transaction control: the deploy has one per migration")
    pieces = [piece for piece in sqlparse.split(file.text) if _skip_blanks(piece.encode()).strip(b" \n\t;")]
    if len(pieces) != len(file.statements):
        yield Problem(
            file.path, 1, f"yoyo would split this into {len(pieces)} statements, PostgreSQL sees {len(file.statements)}"
        )
    if is_rollback:
        return
    if not file.path.with_name(f"{stem}.rollback.sql").exists():
        yield Problem(file.path, 1, f"{stem}.rollback.sql is missing")
    depends = re.search(r"^-- depends: (.+)$", file.text, re.M)
    if stem != BOOTSTRAP and depends is None:
        yield Problem(file.path, 1, "say '-- depends: <the migration before>'")
    for wanted in depends.group(1).split() if depends else ():
        if wanted not in ids:
            yield Problem(file.path, 1, f"depends on {wanted}, which does not exist")


def check(root: Path) -> list[Problem]:
    """All problems under an SQL root."""
    problems: list[Problem] = []

    def run(path: Path, rules: Any, *arguments: Any) -> None:
        try:
            problems.extend(rules(File(root, path), *arguments))
        except pglast.parser.ParseError as error:
            offset = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
            line = path.read_text(encoding="utf-8").count("\n", 0, offset) + 1
            problems.append(Problem(path, line, str(error.args[0])))

    migrations = sorted((root / "schema").glob("*.sql"))
    ids = {path.name.removesuffix(".sql") for path in migrations if not path.name.endswith(".rollback.sql")}
    numbers = [identifier.split(".")[0] for identifier in sorted(ids)]
    for number in {number for number in numbers if numbers.count(number) > 1}:
        problems.append(Problem(root / "schema", 1, f"two migrations have the number {number}"))
    for path in migrations:
        run(path, migration_file, ids)
    for path in sorted((root / "functions").rglob("*.sql")):
        if path.parent.name not in AREAS or path.parent.parent != root / "functions":
            problems.append(Problem(path, 1, f"functions live in sql/functions/<area>: {', '.join(AREAS)}"))
        run(path, code_file)
    for path in sorted((root / "triggers").glob("*.sql")):
        run(path, trigger_file)
    for path in sorted((root / "jobs").glob("*.sql")):
        run(path, job_file)
    if (root / "grants.sql").exists():
        run(root / "grants.sql", grants_file)
    if not ids:
        problems.append(Problem(root / "schema", 1, "no migrations found"))
    return problems


def main(argv: list[str]) -> int:
    root = Path(argv[0]) if argv else Path(__file__).resolve().parents[2] / "sql"
    problems = check(root)
    for problem in problems:
        print(problem)
    files = len(list(root.rglob("*.sql")))
    print(f"{files} SQL files, {len(problems)} problem{'' if len(problems) == 1 else 's'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

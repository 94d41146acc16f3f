"""How the command line speaks: tables for people, JSON for programs, one clear message for an error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

import psycopg
import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..errors import CapatazError

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_UNWELL = 4

PIPED_WIDTH = 200

STYLES = {
    "COMPLETED": "green",
    "HEALTHY": "green",
    "OK": "green",
    "PROCESSING": "cyan",
    "RUNNING": "cyan",
    "PENDING": "blue",
    "PAUSED": "magenta",
    "RETRYING": "yellow",
    "DEGRADED": "yellow",
    "WARN": "yellow",
    "WARNING": "yellow",
    "UNKNOWN": "dim",
    "CANCELLED": "dim",
    "FAILED": "red",
    "UNHEALTHY": "red",
    "FAIL": "bold red",
    "ERROR": "bold red",
    "CRITICAL": "bold red",
    "HIGH": "yellow",
    "LOW": "dim",
}


def make_console(*, stderr: bool = False) -> Console:
    """Return a console: colours and the terminal's width on a terminal, plain and wide where piped."""
    stream = sys.stderr if stderr else sys.stdout
    width = None
    if not stream.isatty() and "COLUMNS" not in os.environ:
        width = PIPED_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def show(*renderables: RenderableType) -> None:
    """Print to standard output."""
    console = make_console()
    if console.is_terminal:
        for renderable in renderables:
            console.print(renderable)
        return
    with console.capture() as capture:
        for renderable in renderables:
            console.print(renderable)
    for line in capture.get().splitlines():  # without the blanks that fill a table's last column
        print(line.rstrip())


def note(message: str) -> None:
    """Print a remark for the person at the terminal: to standard error, so that output can be piped."""
    make_console(stderr=True).print(Text(message, style="dim"))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if value.tzinfo is None else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def show_json(value: Any, *, line: bool = False) -> None:
    """Print JSON to standard output: times in ISO 8601, UTC. ``line``: one line, for streams of values."""
    indent = None if line else 2
    print(json.dumps(value, default=_plain, indent=indent, ensure_ascii=False), flush=True)


def fail(
    message: str,
    *,
    detail: str | None = None,
    hint: str | None = None,
    code: int = EXIT_REFUSED,
    sqlstate: str | None = None,
    as_json: bool = False,
) -> NoReturn:
    """Print one error, and what to do about it, to standard error; exit."""
    if as_json:
        error = {"error": {"sqlstate": sqlstate, "message": message, "detail": detail, "hint": hint}}
        print(json.dumps(error, ensure_ascii=False), file=sys.stderr)
        raise typer.Exit(code)
    console = make_console(stderr=True)
    console.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    if detail:
        console.print(Text.assemble(("  ", ""), (detail, "")), soft_wrap=True)
    if hint:
        console.print(Text.assemble(("  hint: ", "bold"), hint), soft_wrap=True)
    raise typer.Exit(code)


def fail_with(error: Exception, *, as_json: bool = False) -> NoReturn:
    """Print what an exception of the client or the driver means; exit."""
    if isinstance(error, CapatazError):
        fail(error.message, detail=error.detail, hint=error.hint, sqlstate=error.sqlstate, as_json=as_json)
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        fail(
            "cannot reach the database: " + " ".join(str(error).split()),
            hint="Name it with --dsn or CAPATAZ_DSN, such as postgresql://user@host/database",
            code=EXIT_UNREACHABLE,
            as_json=as_json,
        )
    if isinstance(error, psycopg.Error):
        message = error.diag.message_primary or " ".join(str(error).split())
        fail(
            message,
            detail=error.diag.message_detail,
            hint=error.diag.message_hint,
            sqlstate=error.sqlstate,
            as_json=as_json,
        )
    fail(str(error) or type(error).__name__, hint=getattr(error, "hint", None), as_json=as_json)


# --- tables ----------------------------------------------------------------------------------------------------


def coloured(value: object, styles: Mapping[str, str] = STYLES) -> Text:
    """Return a status, health or priority in its colour."""
    text = "-" if value is None else str(value)
    return Text(text, style=styles.get(text.upper(), ""))


def count(value: object) -> str:
    """Return a number with thin thousands: 12,345; nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, Decimal | float):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def percent(value: Decimal | float | None) -> str:
    """Return a percentage, with one decimal where there is something to say."""
    if value is None:
        return "-"
    return f"{value:.0f} %" if value == round(value) else f"{value:.1f} %"


def duration(milliseconds: float | None) -> str:
    """Return a duration in the unit a person would choose."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} m {int(seconds % 60):02d} s"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} m"
    return f"{int(seconds // 86400)} d {int(seconds % 86400 // 3600):02d} h"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return roughly how long ago a time was, or how long it is until then."""
    if moment is None:
        return "-"
    seconds = (now - moment).total_seconds()
    length = abs(seconds)
    if length < 1:
        return "now"
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    unit, size = next((unit, size) for unit, size in units if length >= 2 * size or size == 1)
    text = f"{length // size:.0f} {unit}"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def moment(value: datetime | None) -> str:
    """Return a time of the database, which is UTC."""
    return "-" if value is None else value.strftime("%Y-%m-%d %H:%M:%S") + " UTC"


def facts(pairs: Iterable[tuple[str, RenderableType | None]]) -> Table:
    """Return names and values, aligned; pairs without a value are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None and value != "":
            table.add_row(name, value)
    return table


def parse_json(text: str, what: str) -> Any:
    """Parse JSON given as an argument, as ``@file`` or as ``-`` (standard input)."""
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            with open(text[1:], encoding="utf-8") as file:
                text = file.read()
        return json.loads(text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{what} is not JSON: {error}") from error


def one_of(value: str | None, allowed: Sequence[str]) -> str | None:
    """Return an enum value in capitals, as the database spells it; anything else is left for it to refuse."""
    if value is not None and value.upper() in allowed:
        return value.upper()
    return value

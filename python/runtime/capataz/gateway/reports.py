"""Reports on the dashboard: what a page shows of one, and the files that can be taken away (docs/reports.md).

The words are those of :mod:`capataz.reporting`, so a page says what the file says. Nothing is computed here.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from ..reporting import FORMATS, KNOWN_FORMAT, Format, render, words
from .problems import Problem, http_problem

MEDIA: Final[Mapping[str, str]] = {"html": "text/html", "md": "text/markdown", "json": "application/json"}
KINDS: Final = ("daily", "weekly", "monthly")
KEPT: Final = 20  # files that are kept: a report that is final does not change


def asked(kind: str | None, day: str | None) -> tuple[str, str]:
    """Which report a request asks for.

    Raises:
        Problem: 400
    """
    if kind not in KINDS:
        raise http_problem(400, f"kind is none of {', '.join(KINDS)}")
    try:
        return kind, date.fromisoformat(day or "").isoformat()
    except ValueError:
        raise http_problem(400, "date is no day such as 2026-01-31") from None


def has_html() -> bool:
    """Whether HTML can be made: its plots need matplotlib."""
    return importlib.util.find_spec("matplotlib") is not None


def shown(answer: bytes) -> bytes:
    """What the page shows of a document, as JSON.

    Raises:
        Problem: 404, 501
    """
    now, document = _document(answer)
    found = {
        "now": now,
        "kind": document["kind"],
        "name": words.KINDS[document["kind"]],
        "title": words.title(document),
        "state": words.state(document),
        "is_final": document["is_final"],
        "period": document["period"],
        "step_seconds": document["step_seconds"],
        "steps": document["steps"],
        "findings": document["findings"],
        "tiles": [
            {"name": t.name, "value": t.value, "note": t.note, "is_bad": t.is_bad} for t in words.tiles(document)
        ],
        "tables": [
            {"name": t.name, "columns": t.columns, "rows": t.rows, "texts": t.texts, "note": t.note}
            for t in words.tables(document)
        ],
        "capacity": words.capacity(document),
        "formats": [form for form in FORMATS if form != "html" or has_html()],
    }
    return json.dumps(found, separators=(",", ":")).encode()


def _document(answer: bytes) -> tuple[str, dict[str, Any]]:
    parts = json.loads(answer)
    document = parts["report"][0]["document"]
    if document.get("format") != KNOWN_FORMAT:
        raise http_problem(501, f"this version shows reports of format {KNOWN_FORMAT}, not {document.get('format')}")
    return parts["now"][0]["at"], document


class Files:
    """Makes files of reports, one at a time and in a thread: plots take a second."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._made: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()

    async def make(self, kind: str, day: str, form: str, answer: bytes) -> tuple[bytes, str]:
        """A report as a file, and the file's name.

        Raises:
            Problem: 400, 404, 501
        """
        known: Format | None = next((f for f in FORMATS if f == form), None)
        if known is None:
            raise http_problem(400, f"format is none of {', '.join(FORMATS)}")
        if known == "html" and not has_html():
            raise Problem(501, "HTTP501", "HTML needs matplotlib", "pip install 'capataz[reports]'")
        _, document = _document(answer)
        name = f"capataz-{kind}-{document['period']['from'][:10]}.{known}"
        key = (kind, document["period"]["from"], known)
        async with self._one:
            body = self._made.get(key)
            if body is None:
                body = (await asyncio.to_thread(render, document, known)).encode()
                if document["is_final"]:
                    self._made[key] = body
                    while len(self._made) > KEPT:
                        self._made.popitem(last=False)
        return body, name

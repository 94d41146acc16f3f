"""Reports for people: one self-contained file out of the document that the database keeps. ::

    from capataz.reporting import render

    page = render(client.report("daily"), "html")      # or "md", or "json"

Nothing is computed here but what is drawn: every figure stands in the document, so a report that is rendered again
shows the same. The plots of HTML need matplotlib (``pip install capataz[reports]``), imported only when one is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

__all__ = ["FORMATS", "UnknownReportError", "render"]

Format = Literal["html", "md", "json"]
FORMATS: Final[tuple[Format, ...]] = ("html", "md", "json")

#: Version of the document that is understood here.
KNOWN_FORMAT: Final = 1


class UnknownReportError(ValueError):
    """The document is of a later version than this renderer."""


def render(document: Mapping[str, Any], form: Format = "html") -> str:
    """Return a report as text: HTML, Markdown or JSON.

    Raises:
        UnknownReportError: the document is of a later version.
        ValueError: the format is unknown.
        ModuleNotFoundError: HTML without matplotlib.
    """
    if document.get("format") != KNOWN_FORMAT:
        raise UnknownReportError(
            f"this version renders reports of format {KNOWN_FORMAT}, not {document.get('format')!r}"
        )
    if form == "json":
        return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if form == "md":
        from .markdown import markdown

        return markdown(document)
    if form == "html":
        from .page import page

        return page(document)
    raise ValueError(f"unknown format {form!r}: give one of {', '.join(FORMATS)}")

"""Copyright holders and years, from ``Copyright:`` fields and from free text.

E-mail addresses are left out: a licence audit needs to know who, not how to write to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Holder", "collapse_years", "field_holders", "prose_holders"]

_FIRST_YEAR, _LAST_YEAR = 1950, 2049
_YEAR = r"(?:19[5-9]\d|20[0-4]\d)"
_RANGE = re.compile(
    rf"(?<![\d.])({_YEAR})(?:\s*(?:-|–|—|to|\.\.)\s*({_YEAR}|\d{{2}}(?!\d)|present|now|today))?(?![\d.]\d)",
    re.IGNORECASE,
)
_MARK = re.compile(r"\(c\)|[©Ⓒⓒ]|&copy;|\bcopyrights?\b(?:\s+by\b)?|\bcopr\.", re.IGNORECASE)
_CONTACT = re.compile(
    r"<[^>]*>?|\([^)\s]*@[^)]*\)|\[[^\]]*@[^\]]*\]|\S+@\S+|\S+ (?:at|\(at\)) \S+\.\w{2,4}\b|https?://\S+"
)
_TAIL = re.compile(r"[\s,;:.]*\b(?:all rights reserved|and others|et al|see (?:the )?\S+ file.*)\b.*$", re.IGNORECASE)
_EDGES = " \t\r\n,;:.*/#|-–—_~'\"`<>()[]{}+=\\"
_PROSE = re.compile(
    r"\b(?:notices?|holders?|laws?|license[ds]?|licen[cs]e|permission|permitted|redistribut\w*|warrant\w+|"
    r"provided|herein|"
    r"hereby|above|following|statements?|owners?|interests?|disclaim\w*|file|files|software is|you|must|shall|"
    r"protected|"
    r"infring\w*|assign\w*|claims?|claimed|unless|because|this is|it is|was |were |does|public[- ]domain|which|"
    r"that the|under the|not)\b",
    re.IGNORECASE,
)
_PROSE_LINE = re.compile(
    rf"(?:\bcopyright\b|©|\(c\)|\bcopr\.).{{0,40}}?(?:{_YEAR}|\(c\)|©)|(?:©|\(c\))\s*{_YEAR}|{_YEAR}.{{0,30}}©",
    re.IGNORECASE,
)
_UPPER_SUFFIX = re.compile(r",\s+(?=(?:inc|ltd|llc|corp|gmbh|s\.?l|s\.?a|co)\b)", re.IGNORECASE)


@dataclass(slots=True)
class Holder:
    """One holder and the years named with it."""

    name: str
    years: set[int] = field(default_factory=set)


def collapse_years(years: Iterable[int]) -> str:
    """``{1998, 1999, 2000, 2004}`` -> ``1998-2000, 2004``."""
    ordered = sorted(set(years))
    parts: list[str] = []
    start = previous = None
    for year in [*ordered, None]:
        if start is not None and previous is not None and year != previous + 1:
            parts.append(str(start) if start == previous else f"{start}-{previous}")
            start = None
        if start is None:
            start = year
        previous = year
    return ", ".join(parts)


def _years(text: str, current_year: int = _LAST_YEAR) -> set[int]:
    found: set[int] = set()
    for match in _RANGE.finditer(text):
        first = int(match[1])
        found.add(first)
        end = match[2]
        if not end or not end.isdigit():
            continue
        last = int(end) if len(end) == 4 else first // 100 * 100 + int(end)
        if first <= last <= min(current_year, first + 80):
            found.update(range(first, last + 1))
    return found


def _name(text: str) -> str:
    """What is left of a copyright line when marks, years and addresses are taken away."""
    rest = _CONTACT.sub(" ", text)
    rest = _RANGE.sub(" ", rest)
    rest = _MARK.sub(" ", rest)
    rest = _TAIL.sub("", rest)
    rest = re.sub(r"^[\W\d_]*(?:by|and|the year|year)\b|\bpresent\b", " ", rest.strip(), flags=re.IGNORECASE)
    rest = re.sub(r"\s+", " ", rest)
    rest = re.sub(r"(?: ,)+(?= |$)", "", rest).strip(_EDGES)
    rest = re.sub(r"^(?:by|and)\s+", "", rest, flags=re.IGNORECASE).strip(_EDGES)
    rest = _UPPER_SUFFIX.sub(", ", rest)
    rest = re.sub(r"(?:[\s,]+(?:and|by|in|from))+$", "", rest, flags=re.IGNORECASE).strip(_EDGES)
    return f"{rest})" if re.search(r"\([\w .-]+$", rest) else rest  # a bracket that closed the name


def _split(statement: str) -> list[str]:
    """``2008 Canonical Ltd and 2011 Somebody Else`` are two statements."""
    return re.split(
        rf"(?<=[a-z.)>])[,;]?\s+(?:and|&)\s+(?=(?:©|\(c\)\s*)?{_YEAR})|;\s+(?=(?:©|\(c\)\s*)?{_YEAR})", statement
    )


def _plausible(name: str) -> bool:
    if not 2 <= len(name) <= 110 or not re.search(r"[^\W\d_]{2}", name):
        return False
    return not (_PROSE.search(name) or len(name.split()) > 14 or name.lower() in {"none", "unknown", "various", "n/a"})


def _add(holders: dict[str, Holder], name: str, years: set[int]) -> None:
    if _plausible(name):
        key = re.sub(r"\W+", "", name).lower()
        holders.setdefault(key, Holder(name)).years |= years


def field_holders(value: str, into: dict[str, Holder]) -> set[int]:
    """Read a DEP-5 ``Copyright:`` field; the return value is the years in it.

    One statement a line; a line that only goes on with years, or with the rest of a name, belongs to the one before.
    """
    statements: list[str] = []
    for raw in value.splitlines():
        line = raw.strip().lstrip("*# ").strip()
        if line in {"", "."}:
            continue
        if statements and (not _name(statements[-1]) or re.match(r"(?:Foundation|Inc\b|Ltd\b|and\b|&)", line)):
            statements[-1] = f"{statements[-1]} {line}"
        else:
            statements.append(line)
    every: set[int] = set()
    for statement in (part for whole in statements for part in _split(whole)):
        years = _years(statement)
        every |= years
        _add(into, _name(statement), years)
    return every


def prose_holders(text: str, into: dict[str, Holder]) -> set[int]:
    """Read copyright lines out of free text; the return value is the years in them."""
    every: set[int] = set()
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if len(line) > 400 or not _PROSE_LINE.search(line):
            continue
        statement = line[_PROSE_LINE.search(line).start() :]  # type: ignore[union-attr]
        *others, statement = _split(statement)
        for other in others:
            every |= _years(other)
            _add(into, _name(other), _years(other))
        years = _years(statement)
        name = _name(statement)
        if not name and index + 1 < len(lines):  # "Copyright (C) 1995, 1996," and the name on the next line
            following = lines[index + 1].strip()
            years |= _years(following)
            name = _name(following)
        if not years and not re.search(r"\(c\)|©", statement, re.IGNORECASE):
            continue
        if _plausible(name):
            every |= years
            _add(into, name, years)
        elif years and not _PROSE.search(name):
            every |= years
    return every

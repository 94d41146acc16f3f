"""Licence names: what an author wrote -> what SPDX calls it.

Debian's short names (``GPL-2+``, ``Expat``), SPDX identifiers in any case and a few common spellings become SPDX
identifiers. A name nobody has registered becomes ``LicenseRef-<name>``, as the SPDX and DEP-5 specifications say.
Expressions (``GPL-1+ or Artistic, and BSD-3-clause``) are parsed with the precedence of the DEP-5 specification:
"and" binds tighter than "or", a comma binds loosest of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from license_expression import get_license_index  # type: ignore[import-untyped]

__all__ = ["Certainty", "Expression", "Term", "base_id", "parse_expression", "parse_name"]


class Certainty(Enum):
    """How sure a *name* alone makes us of the licence."""

    EXACT = "exact"  # an SPDX identifier, or a name with one meaning
    VARIANT = "variant"  # BSD-3-clause-google: the family is clear, the wording is not
    UNKNOWN = "unknown"  # "permissive": only its text can tell


@dataclass(frozen=True, slots=True)
class Term:
    """One licence of an expression."""

    declared: str
    id: str
    certainty: Certainty
    exception: str | None = None

    @property
    def spdx(self) -> str:
        """The identifier with its exception, as SPDX writes it."""
        return f"{self.id} WITH {self.exception}" if self.exception else self.id


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: its terms in order, and the whole in SPDX spelling."""

    terms: tuple[Term, ...]
    spdx: str


# Spellings that are not SPDX identifiers but leave no doubt. Keys are folded by _fold().
_ALIASES = {
    "expat": "MIT",
    "mit/x11": "MIT",
    "mit/x": "MIT",
    "mit-license": "MIT",
    "the-mit-license": "MIT",
    "mit-expat": "MIT",
    "apache": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "asl-2.0": "Apache-2.0",
    "apache-license-2.0": "Apache-2.0",
    "apache-license,-version-2.0": "Apache-2.0",
    "apache-software-license": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-1": "Artistic-1.0",
    "artistic-2": "Artistic-2.0",
    "boost": "BSL-1.0",
    "boost-1.0": "BSL-1.0",
    "bsl-1": "BSL-1.0",
    "cc0": "CC0-1.0",
    "cc-zero-waive-1.0-us": "CC0-1.0",
    "curl-license": "curl",
    "edl-1": "BSD-3-Clause",
    "edl-1.0": "BSD-3-Clause",
    "fsf-unlimited": "FSFUL",
    "all-permissive": "FSFAP",
    "isc-license": "ISC",
    "mpl-2": "MPL-2.0",
    "mpl2": "MPL-2.0",
    "mozilla-public-license-2.0": "MPL-2.0",
    "openldap-2.8": "OLDAP-2.8",
    "ofl": "OFL-1.1",
    "sil-1.1": "OFL-1.1",
    "sil-ofl-1.1": "OFL-1.1",
    "postgres": "PostgreSQL",
    "psf": "PSF-2.0",
    "psf-2": "PSF-2.0",
    "python-software-foundation-license": "PSF-2.0",
    "ssleay": "SSLeay-standalone",
    "tcl/tk": "TCL",
    "the-unlicense": "Unlicense",
    "zlib/libpng": "Zlib",
    "zpl-2.1": "ZPL-2.1",
    "bzip2": "bzip2-1.0.6",
    "public-domain": "LicenseRef-public-domain",
    "publicdomain": "LicenseRef-public-domain",
    "pd": "LicenseRef-public-domain",
}

# "with X exception": the SPDX identifier by a word of the exception and the version of the licence it modifies.
_EXCEPTIONS: tuple[tuple[str, str, str], ...] = (
    ("autoconf", "2", "Autoconf-exception-2.0"),
    ("autoconf", "3", "Autoconf-exception-3.0"),
    ("libtool", "", "Libtool-exception"),
    ("bison", "", "Bison-exception-2.2"),
    ("classpath", "", "Classpath-exception-2.0"),
    ("gcc", "3", "GCC-exception-3.1"),
    ("gcc", "2", "GCC-exception-2.0"),
    ("linux-syscall-note", "", "Linux-syscall-note"),
    ("llvm", "", "LLVM-exception"),
    ("font", "2", "Font-exception-2.0"),
    ("texinfo", "", "Texinfo-exception"),
    ("u-boot", "", "u-boot-exception-2.0"),
    ("qt", "", "Qt-GPL-exception-1.0"),
)

_GNU = re.compile(
    r"""^(?:gnu[ -])?
        (?P<family>agpl|lgpl|lpgl|gpl)
        [ -]?(?:v(?:ersion)?[ .-]?)?
        (?P<version>[123](?:\.[01])?)?(?:\.0)?
        (?P<later>\+|[ -]or[ -](?:any[ -])?(?:later|newer)|\ \(or\ later\))?
        (?P<only>[ -]only)?$""",
    re.VERBOSE | re.IGNORECASE,
)
_GFDL = re.compile(
    r"^(?:gnu[ -])?g?fdl(?P<niv1>[ -]niv)?[ -]?v?(?P<version>1\.[123])?(?P<later>\+|-or-later)?"
    r"(?P<niv2>[ -]no[ -]invariants?(?:[ -]or[ -]later)?)?$",
    re.IGNORECASE,
)
_WITH = re.compile(
    r"^(?P<base>.+?)(?:\s+|-)with(?:\s+|-)(?:the\s+)?(?P<exception>.+?)(?:[ -]exceptions?)?$", re.IGNORECASE
)
_HYPHENATED_EXCEPTION = re.compile(
    r"^(?P<base>(?:[al]?gpl|apache)[ -]?v?\d(?:\.\d)?\+?)-(?P<exception>[a-z0-9.-]+?)-exceptions?$", re.IGNORECASE
)
_BSD_CLAUSES = re.compile(r"^(?:new-|modified-|simplified-)?bsd[-_ ]?([0-4])(?![.\d])", re.IGNORECASE)
_VARIANTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^(?:expat|mit)[-_]\d$|^expat-", re.IGNORECASE), "MIT"),
    (
        re.compile(r"^(?:pd|public[- _]?domain)[-_ ]|[-_ ](?:pd|public[- _]?domain)$", re.IGNORECASE),
        "LicenseRef-public-domain",
    ),
    (re.compile(r"^unicode-dfs", re.IGNORECASE), "Unicode-DFS-2016"),
)
_DEFAULT_VERSION = {"gpl": "1.0", "lgpl": "2.0", "agpl": "3.0"}


@lru_cache(maxsize=1)
def _spdx_ids() -> tuple[dict[str, str], dict[str, str]]:
    """Registered identifiers by their lower-case form: licences, exceptions."""
    licences: dict[str, str] = {}
    exceptions: dict[str, str] = {}
    for entry in get_license_index():
        key = entry.get("spdx_license_key")
        if not key or key.startswith("LicenseRef-"):
            continue
        target = exceptions if entry.get("is_exception") else licences
        target.setdefault(key.lower(), key)
    return licences, exceptions


def _fold(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.strip().strip("'\"`").rstrip(".,;:")).lower()


def _reference(name: str) -> str:
    """``LicenseRef-`` for a name that SPDX does not know."""
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")[:60].strip("-.")
    return f"LicenseRef-{slug or 'unnamed'}"


def _gnu(name: str) -> Term | None:
    """GPL, LGPL, AGPL and GFDL in Debian's or SPDX's spelling. Without a version number any version may be used."""
    match = _GNU.match(name)
    if match:
        family = match["family"].lower().replace("lpgl", "lgpl")
        version = match["version"]
        if version is None:
            return Term(name, f"{family.upper()}-{_DEFAULT_VERSION[family]}-or-later", Certainty.VARIANT)
        number = version if "." in version else f"{version}.0"
        suffix = "or-later" if match["later"] else "only"
        return Term(name, f"{family.upper()}-{number}-{suffix}", Certainty.EXACT)
    match = _GFDL.match(name)
    if match:
        later = bool(match["later"]) or "later" in (match["niv2"] or "").lower()
        middle = "-no-invariants" if match["niv1"] or match["niv2"] else ""
        version = match["version"]
        if version is None:
            return Term(name, f"GFDL-1.1{middle}-or-later", Certainty.VARIANT)
        return Term(name, f"GFDL-{version}{middle}-{'or-later' if later else 'only'}", Certainty.EXACT)
    return None


def _exception_id(words: str, base: str) -> str:
    folded = _fold(re.sub(r"[- ]exceptions?$", "", words, flags=re.IGNORECASE))
    exceptions = _spdx_ids()[1]
    for candidate in (_fold(words), folded, f"{folded}-exception"):
        if candidate in exceptions:
            return exceptions[candidate]
    version = re.search(r"\d", base)
    for word, needs, identifier in _EXCEPTIONS:
        named = (folded == word or folded.startswith(f"{word}-")) and "data" not in folded
        if named and (not needs or (version and version[0] == needs)):
            return identifier
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", folded).strip("-.")
    return f"AdditionRef-{slug}-exception"


@lru_cache(maxsize=4096)
def parse_name(raw: str) -> Term:
    """The licence that one name stands for."""
    name = " ".join(raw.split()).strip().strip("'\"`()").rstrip(".,;:")
    if not name:
        return Term(raw, "LicenseRef-unnamed", Certainty.UNKNOWN)
    folded = _fold(name)
    licences, _ = _spdx_ids()
    if folded in _ALIASES:
        return Term(name, _ALIASES[folded], Certainty.EXACT)
    gnu = _gnu(name)
    if gnu:
        return gnu
    if folded in licences:
        return Term(name, licences[folded], Certainty.EXACT)
    if folded.startswith("licenseref-"):
        return Term(name, _reference(name[len("licenseref-") :]), Certainty.UNKNOWN)
    match = _WITH.match(name) or _HYPHENATED_EXCEPTION.match(name)
    if match and not match["exception"].lower().startswith(("weird", "legal", "advertising")):
        inner = parse_name(match["base"])
        return Term(name, inner.id, inner.certainty, _exception_id(match["exception"], match["base"]))
    if folded.startswith("apache-2-llvm"):
        return Term(name, "Apache-2.0", Certainty.EXACT, "LLVM-exception")
    match = _BSD_CLAUSES.match(name)
    if match:
        count = match[1]
        plain = re.fullmatch(r"(?:new-|modified-|simplified-)?bsd[-_ ]?\d([-_ ]?clauses?)?", folded)
        identifier = "0BSD" if count == "0" else f"BSD-{count}-Clause"
        return Term(name, identifier, Certainty.EXACT if plain else Certainty.VARIANT)
    for pattern, identifier in _VARIANTS:
        if pattern.search(name):
            return Term(name, identifier, Certainty.VARIANT)
    return Term(name, _reference(name), Certainty.UNKNOWN)


_OPERATOR = re.compile(r"\s*(,\s*(?:and|or)(?![\w-])|(?<![\w-])(?:and/or|and|or)(?![\w-])|[()|&])\s*", re.IGNORECASE)


def _tokens(text: str) -> Iterator[str]:
    for part in _OPERATOR.split(text):
        part = part.strip()
        if part:
            yield part


class _Parser:
    """Recursive descent: comma-or / comma-and, then or, then and, then a name or a parenthesis."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.terms: list[Term] = []

    def _peek(self) -> str:
        return self.tokens[self.at].lower() if self.at < len(self.tokens) else ""

    def _join(self, parts: list[str], word: str) -> str:
        unique = list(dict.fromkeys(parts))
        if len(unique) == 1:
            return unique[0]
        return f" {word} ".join(f"({p})" if re.search(r" (AND|OR) ", p) and p[:1] != "(" else p for p in unique)

    def whole(self) -> str:
        """comma := or ((", and" | ", or") or)*"""
        left = self._or()
        while self._peek().startswith(","):
            word = self._peek().lstrip(", ").upper()
            self.at += 1
            left = self._join([left, self._or()], word)
        return left

    def _or(self) -> str:
        parts = [self._and()]
        while self._peek() in ("or", "|", "and/or"):
            self.at += 1
            parts.append(self._and())
        return self._join(parts, "OR")

    def _and(self) -> str:
        parts = [self._leaf()]
        while self._peek() in ("and", "&"):
            self.at += 1
            parts.append(self._leaf())
        return self._join(parts, "AND")

    def _leaf(self) -> str:
        token = self._peek()
        if token == "(":
            self.at += 1
            inner = self.whole()
            if self._peek() == ")":
                self.at += 1
            return inner
        if not token or token in (")", "and", "or", "|", "&") or token.startswith(","):
            self.at += 1
            term = parse_name("")
        else:
            term = parse_name(self.tokens[self.at])
            self.at += 1
        self.terms.append(term)
        return term.spdx


@lru_cache(maxsize=4096)
def parse_expression(raw: str) -> Expression:
    """Parse what stands after ``License:`` (DEP-5) or ``SPDX-License-Identifier:``."""
    text = " ".join(raw.split())
    text = re.sub(r"(?<=[+\d])-or-(?!later|newer|any)", " or ", text, flags=re.IGNORECASE)
    text = re.sub(r"\bor (any )?(later|newer)( versions?)?\b", "-or-later", text, flags=re.IGNORECASE)
    text = re.sub(r"\s+-or-later", "-or-later", text)
    parser = _Parser(text)
    spdx = parser.whole()
    while parser.at < len(parser.tokens):  # unbalanced parenthesis: keep every name
        before = parser.at
        spdx = parser._join([spdx, parser.whole()], "AND")
        if parser.at == before:
            parser.at += 1
    named = tuple(term for term in parser.terms if term.declared)
    return Expression(named or tuple(parser.terms), spdx)


def base_id(identifier: str) -> str:
    """``GPL-2.0-or-later WITH Bison-exception-2.2`` -> ``GPL-2.0-or-later``."""
    return identifier.split(" WITH ", 1)[0]

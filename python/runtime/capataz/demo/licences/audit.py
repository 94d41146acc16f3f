"""The audit of one document, in four steps: open, validate, recognise, conclude.

Each step is a method of :class:`Audit`, so that a worker can report progress between them. The result is a plain
dictionary that says which licences the document names or grants, on what evidence and how sure that is, who holds the
copyright, which years are named, and how complete the picture is.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from debian_inspector.copyright import DebianCopyright  # type: ignore[import-untyped]

from .holders import Holder, collapse_years, field_holders, prose_holders
from .names import Certainty, Term, parse_expression
from .texts import COMMON_LICENSES, Finding, find_exceptions, find_licences

__all__ = ["MAX_BYTES", "RECOGNISER_VERSION", "Audit", "InvalidDocumentError", "Progress"]

RECOGNISER_VERSION = "1.0"
"""Part of the cache key: a better recogniser must not be answered with the results of a worse one."""

MAX_BYTES = 32 * 1024 * 1024
_MAX_HOLDERS = 150
_MAX_EVIDENCE = 4
_MAX_LISTED = 60

Progress = Callable[[int, int], None]
"""Called with (passages done, passages in all) while a document is being recognised."""


class InvalidDocumentError(Exception):
    """The document cannot be audited, now or later: missing, empty, not text."""

    def __init__(self, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.reason = reason
        self.details = {"reason": reason, **details}


@dataclass(slots=True)
class _Licence:
    """What is known of one licence in this document."""

    id: str
    doubt: float = 1.0
    ceiling: float = 0.99
    occurrences: int = 0
    evidence: list[dict[str, str]] = field(default_factory=list)

    def add(self, kind: str, confidence: float, detail: str, *, count: int = 1) -> None:
        if not any(e["kind"] == kind for e in self.evidence):
            self.doubt *= 1 - confidence  # independent kinds of evidence strengthen each other
        else:
            self.doubt = min(self.doubt, 1 - confidence)
        self.occurrences += count
        entry = {"kind": kind, "detail": detail}
        if len(self.evidence) < _MAX_EVIDENCE and entry not in self.evidence:
            self.evidence.append(entry)

    @property
    def confidence(self) -> float:
        return round(min(self.ceiling, 1 - self.doubt), 2)


# Licences whose names are used for one another; the wording differs in a sentence or two.
_KIN = (
    {"MIT", "X11", "MIT-open-group", "MIT-Modern-Variant", "ICU"},
    {"HPND", "HPND-sell-variant", "MIT-CMU", "NTP"},
    {"BSD-4-Clause", "BSD-4-Clause-UC"},
    {"FSFUL", "FSFULLR", "FSFAP"},
    {"Artistic-1.0", "Artistic-1.0-Perl"},
    {"Python-2.0", "PSF-2.0"},
    {"TCL", "SWL"},
    {"Unicode-DFS-2016", "Unicode-DFS-2015", "Unicode-3.0"},
    {"LicenseRef-public-domain", "CC0-1.0", "Unlicense", "blessing"},
)


def _kin(one: str, other: str) -> bool:
    """Two identifiers that nobody would call a contradiction."""
    if one == other:
        return True
    if re.match(r"CC-BY", one) and other.startswith(one[: len("CC-BY-3.0")]):
        return True
    if one.startswith("GFDL-") and other.startswith(one[:8]):
        return one.endswith("-or-later") == other.endswith("-or-later")
    return any(one in family and other in family for family in _KIN)


def _gnu_family(identifier: str) -> str | None:
    match = re.match(r"(A?L?GPL|GFDL)-", identifier)
    return match[1] if match else None


class Audit:
    """The audit of one document. Call the four steps in order; each raises InvalidDocumentError if it cannot go on."""

    def __init__(self, path: Path | str, *, directory: Path = COMMON_LICENSES, declared: str | None = None) -> None:
        self.path = Path(path)
        self.directory = directory
        self.declared = declared
        self.data = b""
        self.text = ""
        self.encoding = ""
        self.format = ""
        self.sha256 = ""
        self.licences: dict[str, _Licence] = {}
        self.expressions: dict[str, int] = {}
        self.exceptions: dict[str, None] = {}
        self.discrepancies: dict[tuple[str, str], dict[str, Any]] = {}
        self.holders: dict[str, Holder] = {}
        self.years: set[int] = set()
        self.passages = 0
        self._unexplained = 0

    # --- INIT ---------------------------------------------------------------------------------------------------------

    def open(self) -> dict[str, Any]:
        """Read and hash the document."""
        try:
            size = self.path.stat().st_size
            if size > MAX_BYTES:
                raise InvalidDocumentError(
                    "too large", f"{self.path} has {size:,} bytes, more than {MAX_BYTES:,}", size_bytes=size
                )
            self.data = self.path.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InvalidDocumentError(
                "unreadable", f"{self.path} cannot be read: {reason}", errno=error.errno
            ) from error
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        return {"size_bytes": len(self.data), "sha256": self.sha256}

    # --- VALIDATION ---------------------------------------------------------------------------------------------------

    def validate(self) -> dict[str, Any]:
        """Decode the document and say what format it has."""
        size = len(self.data)
        if not self.data.strip(b" \t\r\n\f\v\0\xef\xbb\xbf"):
            what = "empty" if size == 0 else "nothing but white space"
            raise InvalidDocumentError("empty", f"{self.path} is {what} ({size} bytes)", size_bytes=size)
        self.text, self.encoding = _decode(self.data, self.path)
        self.format = _format_of(self.text)
        return {"encoding": self.encoding, "format": self.format, "lines": self.text.count("\n") + 1}

    # --- PROCESSING ---------------------------------------------------------------------------------------------------

    def recognise(self, progress: Progress | None = None) -> dict[str, Any]:
        """Find licences, holders and years."""
        if self.declared:
            self._expression(self.declared, f"declared by the package: {self.declared}", [], 1)
        if self.format.startswith("dep-5"):
            self._recognise_dep5(progress)
        if not self.licences or self.format == "text":
            self._recognise_prose()
            if progress:
                progress(1, 1)
        return {"licences": len(self.licences), "holders": len(self.holders), "passages": self.passages}

    def _recognise_prose(self) -> None:
        self.passages += 1
        findings = find_licences(self.text, self.directory)
        for finding in findings:
            self._licence(finding.id).add(finding.kind, finding.confidence, finding.detail)
        self.exceptions.update(dict.fromkeys(find_exceptions(self.text)))
        self.years |= prose_holders(self.text, self.holders)
        if not findings:
            self._unexplained += 1

    def _recognise_dep5(self, progress: Progress | None) -> None:
        stanzas = list(_stanzas(self.text))
        texts: dict[str, list[Finding]] = {}
        grouped: dict[tuple[str, str], list[str]] = {}
        for stanza in stanzas:
            if stanza.copyright:
                self.years |= field_holders(stanza.copyright, self.holders)
            if stanza.licence or stanza.text:
                grouped.setdefault((stanza.licence, stanza.text), []).append(stanza.files)
        # A licence named under Files: may have its text in a paragraph of its own.
        named_texts = {name: text for name, text in grouped if text}
        total = len(grouped)
        for done, ((name, text), files) in enumerate(grouped.items(), start=1):
            self.passages += 1
            if not text and (name in named_texts or self._covered(name, named_texts)):
                findings: list[Finding] = []
            else:
                findings = texts.get(text) or find_licences(text, self.directory) if text else []
                texts[text] = findings
            if text:
                self.exceptions.update(dict.fromkeys(find_exceptions(text)))
            where = next((f for f in files if f), "")
            label = f"License: {name}" + (f" (Files: {where})" if where else "")
            if name:
                has_text = bool(text) or self._covered(name, named_texts)
                self._expression(name, label, findings, len(files), resolve=bool(text) or not has_text)
            else:
                for finding in findings:
                    self._licence(finding.id).add(finding.kind, finding.confidence, finding.detail, count=len(files))
                if not findings:
                    self._unexplained += 1
            if progress and (done == total or done % 20 == 0):
                progress(done, total)

    @staticmethod
    def _covered(name: str, named_texts: dict[str, str]) -> bool:
        """Every licence of the expression has a text elsewhere in the document."""
        return name in named_texts or all(term.declared in named_texts for term in parse_expression(name).terms)

    def _expression(self, raw: str, label: str, findings: list[Finding], count: int, *, resolve: bool = True) -> None:
        """A declared expression, with what its text says (if it has one here)."""
        expression = parse_expression(raw)
        if len(self.expressions) < _MAX_LISTED or expression.spdx in self.expressions:
            self.expressions[expression.spdx] = self.expressions.get(expression.spdx, 0) + count
        strong = [f for f in findings if f.confidence >= 0.8 and f.kind != "pointer"]
        for term in expression.terms:
            if term.exception:
                self.exceptions[term.exception] = None
            self._term(term, label, findings, strong, count, alone=len(expression.terms) == 1, resolve=resolve)
        if len(expression.terms) > 1:  # what the text of "A and B" says beyond A and B
            for finding in strong:
                if any(_related(term.id, finding.id) for term in expression.terms):
                    continue
                if any(term.certainty is not Certainty.EXACT for term in expression.terms):
                    self._licence(finding.id).add(finding.kind, finding.confidence * 0.9, finding.detail)

    def _term(
        self,
        term: Term,
        label: str,
        findings: list[Finding],
        strong: list[Finding],
        count: int,
        *,
        alone: bool,
        resolve: bool,
    ) -> None:
        agreeing = [f for f in findings if f.id == term.spdx or f.id == term.id]
        if agreeing:
            licence = self._licence(term.id)
            licence.add("declared", 0.85 if term.certainty is Certainty.EXACT else 0.75, label, count=count)
            licence.add(agreeing[0].kind, agreeing[0].confidence, agreeing[0].detail, count=0)
            return
        several = len({f.id for f in strong}) > 2  # a collection of texts under one name
        if strong and alone and several and term.certainty is not Certainty.UNKNOWN:
            self._licence(term.id).add("declared", 0.8, label, count=count)
            for finding in strong:
                self._licence(finding.id).add(finding.kind, finding.confidence * 0.9, finding.detail)
            return
        if strong and alone:
            kin = [f for f in strong if _kin(term.id, f.id)]
            if kin or term.certainty is not Certainty.EXACT:
                # The text is more precise than the name: MIT that reads as X11, "BSD-3-clause-google", "permissive".
                for finding in kin or strong:
                    licence = self._licence(finding.id)
                    licence.add(finding.kind, finding.confidence, finding.detail, count=count)
                    licence.add("declared", 0.5, label, count=0)
                if not kin and term.certainty is Certainty.VARIANT and term.id.startswith("BSD-"):
                    self._discrepancy(term, strong)
                return
            self._discrepancy(term, strong)
            licence = self._licence(term.id)
            licence.add("declared", 0.6, label, count=count)
            licence.ceiling = min(licence.ceiling, 0.7)
            for finding in strong:
                self._licence(finding.id).add(finding.kind, finding.confidence * 0.75, finding.detail, count=0)
            return
        if term.certainty is Certainty.UNKNOWN and not resolve:
            return  # its own paragraph, with its text, says what it is
        base = {Certainty.EXACT: 0.9, Certainty.VARIANT: 0.7, Certainty.UNKNOWN: 0.5}[term.certainty]
        self._licence(term.id).add("declared", base, label, count=count)
        for finding in findings:
            if finding.kind == "pointer" and _related(term.id, finding.id):
                self._licence(term.id).add("pointer", 0.4, finding.detail, count=0)
        if term.certainty is Certainty.UNKNOWN:
            self._unexplained += 1

    def _discrepancy(self, term: Term, strong: list[Finding]) -> None:
        key = (term.declared, strong[0].id)
        if len(self.discrepancies) < _MAX_LISTED:
            self.discrepancies.setdefault(
                key,
                {"declared": term.declared, "text_reads_as": sorted({f.id for f in strong}), "quote": strong[0].detail},
            )

    def _licence(self, identifier: str) -> _Licence:
        identifier = identifier.split(" WITH ", 1)[0]
        return self.licences.setdefault(identifier, _Licence(identifier))

    # --- FINALIZATION -------------------------------------------------------------------------------------------------

    def conclude(self) -> dict[str, Any]:
        """Assemble the output."""
        licences = sorted(self.licences.values(), key=lambda item: (-item.occurrences, -item.confidence, item.id))
        confidence = self._confidence(licences)
        missing, completeness = self._completeness(licences)
        holders = sorted(self.holders.values(), key=lambda h: (-len(h.years), h.name.lower()))
        return {
            "format": self.format,
            "encoding": self.encoding,
            "size_bytes": len(self.data),
            "lines": self.text.count("\n") + 1,
            "sha256": self.sha256,
            "passages": self.passages,
            "licences": [
                {
                    "id": item.id,
                    "confidence": item.confidence,
                    "occurrences": item.occurrences,
                    "evidence": item.evidence,
                }
                for item in licences
            ],
            "expressions": [
                {"spdx": spdx, "occurrences": count}
                for spdx, count in sorted(self.expressions.items(), key=lambda item: -item[1])
            ],
            "exceptions": sorted(self.exceptions),
            "discrepancies": list(self.discrepancies.values()),
            "holders": [{"name": h.name, "years": collapse_years(h.years)} for h in holders[:_MAX_HOLDERS]],
            "holders_total": len(holders),
            "years": {
                "first": min(self.years, default=None),
                "last": max(self.years, default=None),
                "all": collapse_years(self.years),
            },
            "confidence": confidence,
            "completeness": completeness,
            "missing": missing,
            "recogniser": RECOGNISER_VERSION,
        }

    @staticmethod
    def _confidence(licences: list[_Licence]) -> float:
        """The mean over the licences, each weighing as the logarithm of how often it is met."""
        if not licences:
            return 0.0
        weights = [item.occurrences.bit_length() or 1 for item in licences]
        total = sum(w * item.confidence for w, item in zip(weights, licences, strict=True))
        return round(total / sum(weights), 2)

    def _completeness(self, licences: list[_Licence]) -> tuple[list[str], float]:
        """Which of the questions of an audit the document answers, and the share of them by weight."""
        known = [item for item in licences if not item.id.startswith("LicenseRef-") or "public-domain" in item.id]
        strong = [item for item in licences if any(e["kind"] != "pointer" for e in item.evidence)]
        questions = (
            ("licences", 0.40, 1.0 if licences else 0.0),
            ("known licences", 0.15, len(known) / len(licences) if licences else 0.0),
            ("licence texts or notices", 0.10, len(strong) / len(licences) if licences else 0.0),
            ("holders", 0.20, 1.0 if self.holders else 0.0),
            ("years", 0.15, 1.0 if self.years else 0.0),
        )
        missing = [name for name, _, share in questions if share < 1.0]
        return missing, round(sum(weight * share for _, weight, share in questions), 2)


def _related(one: str, other: str) -> bool:
    return _kin(one, other) or (_gnu_family(one) is not None and _gnu_family(one) == _gnu_family(other))


# --- decoding and formats ---------------------------------------------------------------------------------------------

_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def _decode(data: bytes, path: Path) -> tuple[str, str]:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                return data.decode(encoding), encoding.removesuffix("-sig")
            except UnicodeDecodeError as error:
                raise InvalidDocumentError(
                    "encoding", f"{path} claims to be {encoding} and is not (byte {error.start})", offset=error.start
                ) from error
    zeros, controls = data.count(0), len(_CONTROL.findall(data))
    if zeros or controls > len(data) // 50:
        raise InvalidDocumentError(
            "binary",
            f"{path} is not text: {zeros} NUL and {controls} control characters in {len(data):,} bytes",
            nul_bytes=zeros,
            control_characters=controls,
            magic=data[:8].hex(),
        )
    try:
        return data.decode("utf-8"), "ascii" if data.isascii() else "utf-8"
    except UnicodeDecodeError:
        pass
    high = sum(byte >= 0x80 for byte in data)
    if high > len(data) * 0.3:
        raise InvalidDocumentError(
            "encoding", f"{path} is neither UTF-8 nor readable Latin-1 ({high:,} of {len(data):,} bytes above 127)"
        )
    return data.decode("latin-1"), "latin-1"


def _format_of(text: str) -> str:
    head = text[:6000]
    if re.search(r"^Format(?:-Specification)?:\s*\S", head, re.MULTILINE | re.IGNORECASE) and re.search(
        r"^License:", text, re.MULTILINE | re.IGNORECASE
    ):
        return "dep-5"
    if (
        re.match(r"\s*[A-Z][A-Za-z-]+:\s", text)
        and re.search(r"^Files:", text, re.MULTILINE)
        and re.search(r"^License:", text, re.MULTILINE)
    ):
        return "dep-5 (no header)"
    return "text"


@dataclass(frozen=True, slots=True)
class _Stanza:
    files: str
    copyright: str
    licence: str
    text: str


def _stanzas(text: str) -> Iterator[_Stanza]:
    """Paragraphs of a machine-readable document, damaged ones included."""
    for paragraph in DebianCopyright.from_text(text).paragraphs:
        fields: dict[str, Any] = paragraph.to_dict()
        licence = str(fields.get("license") or "")
        if not licence and not fields.get("copyright"):
            continue
        first, _, rest = licence.partition("\n")
        name = first.strip().strip(".")
        body = "\n".join(line.strip() if line.strip() != "." else "" for line in rest.splitlines())
        if (len(name.split()) > 12 and not re.search(r"\b(?:and|or|with)\b", name)) or _is_sentence(name):
            name, body = "", f"{first}\n{body}"
        files = " ".join(str(fields.get("files") or "").split())
        yield _Stanza(files[:120], str(fields.get("copyright") or ""), name, body.strip())


def _is_sentence(name: str) -> bool:
    """``License: Permission is hereby granted ...``: the text where its name should be."""
    words = name.split()
    return len(words) >= 6 and sum(w.islower() and w not in {"and", "or", "with", "exception"} for w in words) >= 4

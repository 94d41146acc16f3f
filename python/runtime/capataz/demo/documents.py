"""The documents of the audit: what this machine has about the licences of its software.

On Debian and its relatives those are the files ``/usr/share/doc/<package>/copyright``; elsewhere the licence files of
the installed Python distributions. Every document becomes one robot.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .licences import RECOGNISER_VERSION

__all__ = ["DOC_ROOT", "ROBOT_TYPE", "Document", "find_documents", "make_bad_documents", "robot_request"]

ROBOT_TYPE = "LICENSE_AUDIT"
DOC_ROOT = Path("/usr/share/doc")
DPKG_STATUS = Path("/var/lib/dpkg/status")

_LICENCE_FILE = re.compile(r"(?:^|/)(?:licen[cs]es?|copying|copyright|notice)[^/]*$", re.IGNORECASE)
_BULKY = 512 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """One document to audit."""

    name: str  # the package it speaks of
    path: Path
    size: int
    sha256: str | None  # None: it could not be read now; the robot will say why
    priority: str = "NORMAL"
    declared: str | None = None  # what the package's metadata say about the licence
    made: str | None = None  # made by the demo to be refused, and why


def find_documents(
    root: Path = DOC_ROOT, *, limit: int | None = None, python_too: bool | None = None
) -> tuple[list[Document], str]:
    """All documents of this machine, sorted by name, and in words what they are.

    Args:
        root: folder with one folder per package, each with a file ``copyright``.
        limit: at most so many.
        python_too: look at Python distributions; by default where ``root`` has nothing.
    """
    found = sorted(root.glob("*/copyright")) if root.is_dir() else []
    if found and not python_too:
        priorities = _dpkg_priorities()
        documents = [_document(path.parent.name, path, priorities.get(path.parent.name)) for path in found[:limit]]
        return documents, f"copyright files below {root}"
    documents = list(_python_documents())
    documents.sort(key=lambda document: (document.name.lower(), str(document.path)))
    return documents[:limit], "licence files of the installed Python distributions"


def _document(name: str, path: Path, priority: str | None = None, declared: str | None = None) -> Document:
    try:
        data = path.read_bytes()
    except OSError:
        return Document(name, path, 0, None, priority or "NORMAL", declared)
    size = len(data)
    chosen = priority or "NORMAL"
    if chosen == "NORMAL" and size > _BULKY:
        chosen = "LOW"  # bulky and optional: when the rest is done
    return Document(name, path, size, hashlib.sha256(data).hexdigest(), chosen, declared)


def _dpkg_priorities(status: Path = DPKG_STATUS) -> dict[str, str]:
    """What the system cannot do without comes first: essential packages, then required and important ones."""
    try:
        text = status.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    priorities: dict[str, str] = {}
    for paragraph in text.split("\n\n"):
        name = re.search(r"^Package: (\S+)", paragraph, re.MULTILINE)
        if name is None:
            continue
        if re.search(r"^Essential: yes", paragraph, re.MULTILINE):
            priorities[name[1]] = "CRITICAL"
        elif re.search(r"^Priority: (?:required|important)", paragraph, re.MULTILINE):
            priorities[name[1]] = "HIGH"
    return priorities


def _python_documents() -> Iterator[Document]:
    for distribution in metadata.distributions():
        name = distribution.name or "unnamed"
        declared = _field(distribution, "License-Expression") or _classified(distribution)
        seen: set[Path] = set()
        for file in distribution.files or []:
            if not _LICENCE_FILE.search(str(file)) or str(file).endswith((".py", ".pyc")):
                continue
            path = Path(str(distribution.locate_file(file)))
            if path.is_file() and path not in seen:
                seen.add(path)
                yield _document(name, path, None, declared)


def _field(distribution: metadata.Distribution, name: str) -> str:
    """A field of the metadata; "" where there is none."""
    values = distribution.metadata.get_all(name)
    return str(values[0]) if values else ""


def _classified(distribution: metadata.Distribution) -> str | None:
    """The licence of a Trove classifier, or of a short License field."""
    for classifier in distribution.metadata.get_all("Classifier") or []:
        if classifier.startswith("License :: OSI Approved :: "):
            found = classifier.rsplit(" :: ", 1)[1]
            return _TROVE.get(found)  # "BSD License" could be any of them: the text has to tell
    field = _field(distribution, "License")
    return field if 0 < len(field) <= 40 and "\n" not in field and field != "UNKNOWN" else None


_TROVE = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}


def make_bad_documents(folder: Path) -> list[Document]:
    """Two documents that must be refused, so that the way of a refusal is seen: an empty and a binary one."""
    empty = folder / "demo-empty" / "copyright"
    binary = folder / "demo-binary" / "copyright"
    for path in (empty, binary):
        path.parent.mkdir(parents=True, exist_ok=True)
    empty.write_bytes(b"")
    noise = random.Random(20250814).randbytes(4096)  # the same at every run
    binary.write_bytes(b"\x7fELF\x02\x01\x01\x00" + noise)
    return [
        Document("demo-empty", empty, 0, hashlib.sha256(b"").hexdigest(), "HIGH", made="empty"),
        Document("demo-binary", binary, 4104, hashlib.sha256(binary.read_bytes()).hexdigest(), "HIGH", made="binary"),
    ]


def robot_request(document: Document, run_id: str, module_name: str, *, salt: str = "") -> dict[str, Any]:
    """The robot of one document, as ``submit_robots`` takes it.

    The cache key is made of what decides the result: the content, the version of the recogniser and what the metadata
    declare. So a copy of a document is the same robot, and a second run takes the results of the first.
    """
    request: dict[str, Any] = {
        "robot_type": ROBOT_TYPE,
        "module_name": module_name,
        "input_data": {"package": document.name, "path": str(document.path), "declared": document.declared},
        "priority": document.priority,
        "correlation_id": run_id,
        "source_reference": str(document.path)[-200:],
        "retry_limit": 3,
        "estimated_duration_minutes": 1 if document.size > _BULKY else 0,
        "complexity_score": _complexity(document.size),
        "metadata": {"demo": True, "made_to_fail": document.made} if document.made else {"demo": True},
    }
    if document.sha256 is not None:
        declared = hashlib.sha256((document.declared or "").encode()).hexdigest()[:8]
        request["cache_key"] = f"licence-audit:{RECOGNISER_VERSION}:{declared}:{document.sha256}{salt}"
    return request


def _complexity(size: int) -> float:
    """1.0 for a document of the usual 4 KiB; 1 more for every fourfold of it."""
    return round(min(9.0, max(0.5, 1.0 + math.log(max(size, 1) / 4096, 4))), 1)

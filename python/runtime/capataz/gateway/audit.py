"""The audit log: one line of JSON per call, in ASCII; no payload, no secret (specification 5.1).

A line is written by one call of the operating system to a file opened for appending, so that lines of several processes
never mix. A file that was renamed or removed (logrotate) is opened anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, default=str).encode


@dataclass(slots=True)
class Record:
    """What is known of a call so far.

    ``address`` is None where a trusted proxy does not say readably for whom it asks. ``is_local``: the caller is surely
    on this machine, nobody unknown in between.
    """

    reference: str
    method: str
    path: str
    address: str | None = None
    is_local: bool = False
    began: float = field(default_factory=time.perf_counter)
    role: str | None = None
    key_id: str | None = None
    module_name: str | None = None
    function: str | None = None
    robot_id: str | None = None
    execute_id: str | None = None
    robot_ids: list[str] | None = None
    rows: int | None = None
    code: str | None = None
    replayed: bool = False

    def line(self, status: int) -> str:
        """The call as one line of JSON."""
        found: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "reference": self.reference,
            "duration_ms": round((time.perf_counter() - self.began) * 1000, 2),
            "outcome": "ok" if status < 400 else "failed" if status >= 500 else "refused",
            "status": status,
            "method": self.method,
            "address": self.address,
        }
        if self.code is not None:
            found["code"] = self.code
        if self.function is not None:
            found["function"] = self.function
        else:
            found["path"] = self.path[:200]
        for name in ("role", "key_id", "module_name", "robot_id", "execute_id", "robot_ids", "rows"):
            value = getattr(self, name)
            if value is not None:
                found[name] = value
        if self.replayed:
            found["replayed"] = True
        return _encode(found)


class AuditLog:
    """Where audit lines go: a file, or standard output.

    Args:
        path: the file; None: standard output.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file = sys.stdout.fileno() if path is None else -1
        self._identity: tuple[int, int] | None = None
        if path is not None:
            self._open(path)

    def _open(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        found = os.fstat(self._file)
        self._identity = (found.st_dev, found.st_ino)

    def write(self, line: str) -> None:
        """Append a line.

        Raises:
            OSError: it cannot be written.
        """
        if self._path is not None:
            try:
                found = os.stat(self._path)
                moved = (found.st_dev, found.st_ino) != self._identity
            except FileNotFoundError:
                moved = True
            if moved:
                self.close()
                self._open(self._path)
        data = line.encode("ascii") + b"\n"
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Close the file."""
        if self._path is not None and self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1

"""Refusals: what a caller is told (RFC 9457), and what only the log is told.

A caller learns code, message, hint and a reference. DETAIL, SQL, names of internals and stack traces go to the log,
under that reference.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import psycopg

from ..link import is_passing
from .lines import BusyError

MEDIA_TYPE: Final = "application/problem+json"

STATUSES: Final = {"RB400": 400, "RB401": 401, "RB403": 403, "RB404": 404, "RB409": 409, "RB429": 429, "RB503": 503}

TITLES: Final = {
    "RB400": "Invalid input",
    "RB401": "No valid API key",
    "RB403": "Not allowed",
    "RB404": "No such object",
    "RB409": "The state does not allow it",
    "RB429": "Limit reached",
    "RB503": "Not available now",
}

# What PostgreSQL itself refuses before a function's body runs; its words are not passed on (design 3, Errors)
_INVALID: Final = frozenset({"42883", "42725", "42804", "42846", "54000", "54001", "54023"})
_REPEATABLE: Final = frozenset({"40001", "40P01"})
_FUNCTION: Final = re.compile(r"(?:PL/pgSQL|SQL) function ")
_RETRY_AFTER: Final = re.compile(r"retry_after_seconds is ([0-9]+(?:\.[0-9]+)?)\.")


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818  (a situation, as in errors.py)
    """A call that is refused.

    Attributes:
        status: HTTP status.
        code: RBnnn, or HTTPnnn where the request never became a call, or INTERNAL.
        detail: what went wrong, for the caller.
        hint: what to do about it, for the caller.
        headers: additional headers of the answer.
        cause: what only the log is told.
    """

    status: int
    code: str
    detail: str
    hint: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cause: BaseException | None = None

    @property
    def title(self) -> str:
        """The kind of problem, in words."""
        if self.code == "INTERNAL":
            return "Internal error"
        return TITLES.get(self.code) or HTTPStatus(self.status).phrase

    def body(self, reference: str) -> bytes:
        """The answer's body."""
        shown: dict[str, object] = {
            "type": f"urn:capataz:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "reference": reference,
        }
        if self.hint:
            shown["hint"] = self.hint
        return json.dumps(shown, separators=(",", ":")).encode("ascii")


def invalid(detail: str, hint: str | None = None) -> Problem:
    """An argument is wrong."""
    return Problem(400, "RB400", detail, hint)


def unauthorized(*, given: bool) -> Problem:
    """There is no API key, or none that is valid."""
    challenge = 'Bearer realm="capataz"'
    if given:
        challenge += ', error="invalid_token"'
    return Problem(
        401,
        "RB401",
        "the API key is not valid" if given else "an API key is required",
        "Send a header such as: Authorization: Bearer cpz_..." if not given else "Ask for a new one.",
        {"WWW-Authenticate": challenge},
    )


def http_problem(status: int, detail: str, hint: str | None = None, **headers: str) -> Problem:
    """The request is not one that could be a call."""
    return Problem(status, f"HTTP{status}", detail, hint, {name.replace("_", "-"): headers[name] for name in headers})


def internal(cause: BaseException) -> Problem:
    """Something else: the caller gets the reference, the log the rest."""
    return Problem(
        500, "INTERNAL", "something went wrong", "Tell the operator the reference; it is in the log.", cause=cause
    )


def unavailable(detail: str, hint: str, cause: BaseException | None = None, *, after: int = 1) -> Problem:
    """The database cannot do it now."""
    return Problem(503, "RB503", detail, hint, {"Retry-After": str(after)}, cause)


def is_repeatable(error: BaseException) -> bool:
    """Whether the transaction was undone for reasons of the moment, and may simply be repeated."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _REPEATABLE


def is_inside(error: psycopg.Error) -> bool:
    """Whether the error arose within a function, not with the arguments of the call."""
    return _FUNCTION.search(error.diag.context or "") is not None


def from_error(error: Exception) -> Problem:
    """What the caller is told about an exception."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, BusyError):
        return unavailable("the gateway is busy", "Try again in a second.", error)
    if isinstance(error, TimeoutError):
        return unavailable("the call took too long", "Try again, or ask for less at once.", error)
    if not isinstance(error, psycopg.Error):
        return internal(error)
    code = error.sqlstate
    if code is None:
        if isinstance(error, psycopg.DataError):
            return Problem(400, "RB400", "an argument cannot be sent to the database", cause=error)
        return _lost(error) if is_passing(error) else internal(error)
    if code in STATUSES:
        problem = Problem(
            STATUSES[code], code, error.diag.message_primary or TITLES[code], error.diag.message_hint, cause=error
        )
        if code == "RB401":
            problem.headers = unauthorized(given=True).headers
        elif code == "RB429":
            found = _RETRY_AFTER.search(error.diag.message_detail or "")
            problem.headers = {"Retry-After": str(max(1, -int(-float(found.group(1)) // 1)) if found else 1)}
        elif code == "RB503":
            problem.headers = {"Retry-After": "5"}
        return problem
    if (code.startswith("22") or code in _INVALID) and not is_inside(error):
        return Problem(
            400, "RB400", "an argument is malformed, or out of the range of its type", "See /openapi.json.", cause=error
        )
    if code == "42501":
        return Problem(403, "RB403", "the gateway may not do this", cause=error)
    if code in _REPEATABLE:
        return unavailable("too many calls wanted the same robot at once", "Try again.", error)
    if code == "55P03":
        return unavailable("what the call needs is locked", "Try again in a second.", error)
    if code == "57014":
        return unavailable("the call took too long", "Try again, or ask for less at once.", error)
    if is_passing(error):
        return _lost(error)
    return internal(error)


def _lost(error: Exception) -> Problem:
    return unavailable(
        "the database cannot be reached",
        "Try again. If this was a submit, it may or may not have been carried out: an Idempotency-Key makes that safe.",
        error,
        after=2,
    )

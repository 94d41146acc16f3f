"""Errors of the Capataz API, and the one place that turns an SQLSTATE into a Python exception.

Every rule lives in the database and answers with an SQLSTATE of class ``RB`` (design §3, *Errors*), always
with a message, a DETAIL and a HINT. :class:`translated` maps them, and the few codes with which PostgreSQL
itself rejects a call before its body runs, to the classes below::

    CapatazError
    ├── InvalidInput        RB400, class 22, 42883, ...   an argument is wrong
    ├── Unauthorized        RB401                         unknown key
    ├── Forbidden           RB403, 42501                  not allowed for this role
    ├── NotFound            RB404                         no such module, robot or execution
    ├── Conflict            RB409                         illegal transition, or the id is taken
    │   └── LeaseLost       RB409 of a call with an execute_id: this attempt is no longer yours
    ├── LimitReached        RB429                         a limit is reached, try later
    ├── NoModuleAvailable   RB503                         no module can take the robot now
    └── NotInstalled        3F000, 42P01                  the database has no schema capataz

Everything else (lost connections, deadlocks of hand-written SQL, ...) stays the psycopg exception it is.
"""

# ruff: noqa: N818  (these are names of situations; "...Error" would say nothing more)

from __future__ import annotations

from types import TracebackType
from typing import Final

import psycopg

__all__ = [
    "SQLSTATES",
    "CapatazError",
    "Conflict",
    "Forbidden",
    "InvalidInput",
    "LeaseLost",
    "LimitReached",
    "NoModuleAvailable",
    "NotFound",
    "NotInstalled",
    "Unauthorized",
    "from_text",
    "translated",
]


class CapatazError(Exception):
    """The database refused a call.

    Attributes:
        sqlstate: the five characters of the error, such as ``"RB404"``; None if it never reached the database.
        message: what went wrong, one line.
        detail: the values involved, or None.
        hint: what to do about it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"{self.sqlstate}: {self.message}" if self.sqlstate else self.message]
        if self.detail:
            lines.append(f"DETAIL: {self.detail}")
        if self.hint:
            lines.append(f"HINT: {self.hint}")
        return "\n".join(lines)


class InvalidInput(CapatazError, ValueError):
    """An argument is missing, malformed or out of range (RB400)."""


class Unauthorized(CapatazError):
    """The key is unknown (RB401)."""


class Forbidden(CapatazError):
    """The caller's role may not do this (RB403)."""


class NotFound(CapatazError, LookupError):
    """There is no such module, robot or execution (RB404)."""


class Conflict(CapatazError):
    """The state does not allow this, or the id is already taken (RB409)."""


class LeaseLost(Conflict):
    """The attempt has ended or was replaced: what its worker reports changes nothing (RB409)."""


class LimitReached(CapatazError):
    """A limit is reached; the same call may succeed later (RB429)."""


class NoModuleAvailable(CapatazError):
    """No active, healthy module takes this robot now (RB503)."""


class NotInstalled(CapatazError):
    """The database has no Capataz schema, or an older one."""


#: SQLSTATE -> exception. A test compares the RB codes with those that the SQL functions raise.
SQLSTATES: Final[dict[str, type[CapatazError]]] = {
    "RB400": InvalidInput,
    "RB401": Unauthorized,
    "RB403": Forbidden,
    "RB404": NotFound,
    "RB409": Conflict,
    "RB429": LimitReached,
    "RB503": NoModuleAvailable,
    "42883": InvalidInput,  # no function takes arguments of these types
    "42725": InvalidInput,  # more than one does
    "42804": InvalidInput,  # datatype mismatch
    "42846": InvalidInput,  # cannot coerce
    "54000": InvalidInput,  # program limit exceeded, such as a JSON string of 256 MB
    "54001": InvalidInput,  # JSON nested too deeply
    "42501": Forbidden,  # permission denied for function ...
    "3F000": NotInstalled,  # schema "capataz" does not exist
    "42P01": NotInstalled,  # relation does not exist
}

_INSTALL_HINT: Final = "Install or upgrade the schema with: capataz migrate"


def _class_of(sqlstate: str, lease: bool) -> type[CapatazError] | None:
    found = SQLSTATES.get(sqlstate)
    if found is not None:
        return LeaseLost if lease and found is Conflict else found
    if sqlstate.startswith("22"):  # malformed JSON, \u0000, bad bytes, a date that is none, ...
        return InvalidInput
    if sqlstate.startswith("RB"):  # a database newer than this client
        return CapatazError
    return None


def _translate(error: psycopg.Error, lease: bool) -> CapatazError | None:
    sqlstate = error.sqlstate
    if sqlstate is None:
        # psycopg refused a value before it reached the server: a NUL in a text, a type it does not know.
        if isinstance(error, psycopg.DataError) or (
            isinstance(error, psycopg.ProgrammingError) and "cannot adapt" in str(error)
        ):
            return InvalidInput(str(error))
        return None
    cls = _class_of(sqlstate, lease)
    if cls is None:
        return None
    diag = error.diag
    hint = diag.message_hint
    if cls is NotInstalled:
        hint = _INSTALL_HINT
    elif sqlstate == "42883":
        hint = (
            "An argument has the wrong type, or the schema is older than this client: "
            "compare with the documented parameters, or run: capataz migrate"
        )
    return cls(diag.message_primary or str(error), sqlstate=sqlstate, detail=diag.message_detail, hint=hint)


def from_text(error: str, *, lease: bool = True) -> CapatazError:
    """Turn the ``error`` text of a bulk answer (``"RB409: message"``) into the exception it stands for."""
    sqlstate, colon, message = error.partition(": ")
    if not colon or len(sqlstate) != 5:
        return CapatazError(error)
    cls = _class_of(sqlstate, lease) or CapatazError
    return cls(message, sqlstate=sqlstate)


class translated:  # noqa: N801  (used like a function: with translated(): ...)
    """Context manager: psycopg errors that have a Capataz meaning leave it as :class:`CapatazError`.

    Args:
        lease: the call speaks for an attempt (it has an ``execute_id``), so RB409 means :class:`LeaseLost`.
    """

    __slots__ = ("_lease",)

    def __init__(self, *, lease: bool = False) -> None:
        self._lease = lease

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        if isinstance(error, psycopg.Error):
            meant = _translate(error, self._lease)
            if meant is not None:
                raise meant from error
        elif isinstance(error, UnicodeEncodeError):
            raise InvalidInput(f"text cannot be encoded: {error.reason} at position {error.start}") from error

"""Paths, API keys, bodies, answers: the ASGI application.

One middleware of this module wraps everything: it gives the request its reference, turns whatever is raised into a
problem, adds the headers that every answer has, and writes the audit line.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..metrics import encode
from . import docs
from .arguments import Value, parse_object
from .audit import AuditLog, Record
from .catalog import IDEMPOTENT, Catalog, unknown_function
from .dashboard import Dashboard, DashboardSettings
from .database import Admitted, Answer, Database, StaleError
from .openapi import document
from .problems import (
    MEDIA_TYPE,
    STATUSES,
    Problem,
    from_error,
    http_problem,
    unauthorized,
    unavailable,
)
from .schemas import ASIDE, Schemas
from .scrapes import MetricsSettings, Scrapes

A = TypeVar("A")
T = TypeVar("T")

logger = logging.getLogger("capataz.gateway")

KEY: Final = re.compile(r"cpz_[0-9a-f]{16}_[0-9a-f]{64}", re.ASCII)
IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
DEFAULT_MAX_BODY: Final = 4 * 1024 * 1024 + 64 * 1024
GRACE_SECONDS: Final = 5.0  # beyond the time of a call in the database, for everything around it

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_NO_STORE: Final = (b"cache-control", b"no-store")

_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"forwarded", b"via"})
_HOP: Final = re.compile(  # an address, some proxies add the port
    r"\[(?P<v6>[0-9a-f:.]+)\](?::[0-9]{1,5})?|(?P<v4>[0-9.]+)(?::[0-9]{1,5})?|(?P<bare>[0-9a-f:.]+)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a gateway is run. Picklable: worker processes get a copy.

    Attributes:
        dsn: connection string of a login role that is a member of ``capataz_gateway``.
        audit_log: file of the audit log; None: standard output.
        cors_origins: origins whose pages may call.
        trusted_proxies: addresses or networks whose X-Forwarded-For is believed.
        max_body: bytes of a request's body.
        timeout: seconds a call may take.
        connections: to the database, for each process.
        prepare: prepare statements.
        dashboard: how the dashboard is run; None: there is none.
        metrics: who sees the metrics of the whole fleet; None: nobody.
    """

    dsn: str
    audit_log: Path | None = None
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    max_body: int = DEFAULT_MAX_BODY
    timeout: float = 30.0
    connections: int = 8
    prepare: bool = True
    dashboard: DashboardSettings | None = None
    metrics: MetricsSettings | None = None


def make_app(settings: Settings) -> ASGIApp:
    """The ASGI application. It connects when its lifespan begins."""
    database = Database(
        settings.dsn, connections=settings.connections, timeout=settings.timeout, prepare=settings.prepare
    )
    audit = AuditLog(settings.audit_log)
    gateway = Gateway(database, settings)
    dashboard = None
    if settings.dashboard is not None:
        dashboard = Dashboard(settings.dashboard)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        if dashboard is not None:
            await dashboard.reader.open()
        try:
            yield
        finally:
            if dashboard is not None:
                await dashboard.reader.close()
            await gateway.close()
            database.close()
            audit.close()

    app: ASGIApp = Router(
        [
            Route("/v1/rpc/{function}", gateway.rpc, methods=["POST"]),
            Route("/v1/robots/{robot_id}", gateway.robot, methods=["GET"]),
            Route("/v1/modules", gateway.modules, methods=["GET"]),
            Route("/healthz", gateway.alive, methods=["GET"]),
            Route("/readyz", gateway.ready, methods=["GET"]),
            Route("/metrics", gateway.metrics, methods=["GET"]),
            Route("/openapi.json", gateway.openapi, methods=["GET"]),
            *docs.routes(),
        ],
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app = Problems(app, settings)
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Capataz-Reference", "Idempotency-Replayed", "Retry-After"],
            max_age=600,
        )
    if dashboard is not None:  # apart: what --cors-origin allows is not for its pages
        app = Beside(app, Problems(Router(dashboard.routes(), redirect_slashes=False), settings))
    return Frame(app, audit, database, settings)


class Beside:
    """The dashboard at ``/`` and ``/ui``, beside the rest."""

    def __init__(self, app: ASGIApp, dashboard: ASGIApp) -> None:
        self._app = app
        self._dashboard = dashboard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        is_page = scope["type"] == "http" and _is_page(scope["path"])
        await (self._dashboard if is_page else self._app)(scope, receive, send)


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith("/ui/")


class Problems:
    """Turns whatever is raised into a problem; ends what takes too long."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._seconds = settings.timeout + GRACE_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record: Record = scope["capataz.record"]
        scope["app"] = self  # so that the router raises what it refuses
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, receive, watched)
        except Exception as error:
            problem = _refused(error) if isinstance(error, HTTPException) else from_error(error)
            record.code = problem.code
            _log(problem, record)
            if started:
                raise
            body = problem.body(record.reference)
            headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
            headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
            await send({"type": "http.response.start", "status": problem.status, "headers": headers})
            await send({"type": "http.response.body", "body": body})


async def _full(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: refuses the request of one connection too many."""
    del receive, send
    logger.warning("too many connections: request %s is refused", scope["capataz.record"].reference)
    problem = unavailable("the gateway has too many connections", "Try again in a second.")
    problem.headers["Connection"] = "close"
    raise problem


def _refused(error: HTTPException) -> Problem:
    """The router's own refusals: no such path, not this method."""
    if error.status_code == 405:
        return http_problem(405, "this path does not take this method", **dict(error.headers or {}))
    if error.status_code == 404:
        return http_problem(404, "there is no such path", "See /openapi.json.")
    return http_problem(error.status_code, "the request cannot be understood")


def _log(problem: Problem, record: Record) -> None:
    """What the caller is not told."""
    cause = problem.cause
    if cause is None:
        return
    shown: dict[str, Any] = {"reference": record.reference, "function": record.function, "error": str(cause)}
    if isinstance(cause, psycopg.Error):
        shown["sqlstate"] = cause.sqlstate
    is_refusal = isinstance(cause, psycopg.Error) and cause.sqlstate in STATUSES
    unexpected = problem.code == "INTERNAL" and not isinstance(cause, psycopg.Error)
    logger.log(
        logging.ERROR if problem.status >= 500 and not is_refusal else logging.INFO,
        "%s",
        json.dumps(shown),
        exc_info=cause if unexpected else None,
    )


class Frame:
    """Reference, headers and audit line of every request."""

    def __init__(self, app: ASGIApp, audit: AuditLog, database: Database, settings: Settings) -> None:
        self._app = app
        self._full = Problems(_full, settings)
        self._audit = audit
        self._database = database
        self._trusted = tuple(ip_network(proxy, strict=False) for proxy in settings.trusted_proxies)
        self._quiet = frozenset({"/healthz", "/readyz", "/metrics"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = Record(secrets.token_hex(8), scope["method"], scope["path"], *self._origin(scope))
        scope["capataz.record"] = record
        status = 500
        reference = (b"capataz-reference", record.reference.encode())

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                names = {name for name, _ in headers}
                headers.append(reference)
                headers.extend(header for header in (*_HEADERS, _POLICY, _NO_STORE) if header[0] not in names)
            await send(message)

        try:
            await (self._full if scope.get("capataz.full") else self._app)(scope, receive, framed)
        finally:
            path = scope["path"]
            is_page = _is_page(path)
            # pages ask every two seconds: what they are refused is written, and who looks at payload
            is_quiet = path in self._quiet or is_page
            if status >= 400 or not is_quiet or record.function is not None or record.key_id is not None:
                record.role = None if is_page else self._database.role
                try:
                    self._audit.write(record.line(status))
                except OSError as error:
                    logger.error("the audit log cannot be written: %s", error)

    def _origin(self, scope: Scope) -> tuple[str | None, bool]:
        """The caller's address, as far as it is known, and whether that is surely this machine."""
        client = scope.get("client")
        peer: str | None = client[0] if client else None
        names = {name for name, _ in scope["headers"]}
        if peer is None or not self._is_trusted(peer):
            return peer, _is_loopback(peer) and not names & _FORWARDED
        if b"x-forwarded-for" not in names:
            return peer, False  # the proxy itself, or anybody behind one that does not tell
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        address = None
        for hop in reversed(forwarded.decode("latin-1").split(",")):  # the last that no trusted proxy vouches for
            address = _hop(hop.strip())
            if address is None or not self._is_trusted(address):
                break
        return address, _is_loopback(address)

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)


def _hop(text: str) -> str | None:
    """The address in an element of X-Forwarded-For; None: it holds none."""
    found = _HOP.fullmatch(text)
    if found is None or found.lastgroup is None:
        return None
    try:
        return str(ip_address(found[found.lastgroup]))
    except ValueError:
        return None


def _is_loopback(address: str | None) -> bool:
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_loopback


class Gateway:
    """What is behind the paths."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._max_body = settings.max_body
        self._schemas = Schemas(database)
        self._scrapes = Scrapes(settings.metrics, settings.dsn, prepare=settings.prepare)
        self._document: tuple[Catalog, bytes] | None = None

    async def close(self) -> None:
        """End what it has begun."""
        await self._schemas.close()
        self._scrapes.close()

    # --- calls

    async def rpc(self, request: Request) -> Response:
        """POST /v1/rpc/{function}"""
        name = request.path_params["function"]
        record = _record(request)
        kind = request.headers.get("content-type", "")
        if kind and kind.partition(";")[0].strip().lower() != "application/json":
            raise http_problem(415, "the body must be JSON", "Send the header Content-Type: application/json.")
        size = request.headers.get("content-length", "")
        if size.isdecimal() and int(size) > self._max_body:
            raise self._too_large()
        who = await self._admit(_key(request), record)
        function = await self._database.function(name)
        if function is None:
            raise unknown_function(name)
        record.function = function.name
        onces = request.headers.getlist("idempotency-key")
        once = onces[0] if onces else None
        if len(onces) > 1:
            raise Problem(400, "RB400", "there is more than one Idempotency-Key", "Send one.")
        if once is not None:
            if function.name not in IDEMPOTENT:
                raise Problem(
                    400, "RB400", f"{name} takes no Idempotency-Key", f"These do: {', '.join(sorted(IDEMPOTENT))}."
                )
            if IDEMPOTENCY_KEY.fullmatch(once) is None:
                raise Problem(
                    400, "RB400", "the Idempotency-Key must have 1 to 255 visible ASCII characters", "A UUID is fine."
                )
        body = await self._body(request)
        given = await _aside(parse_object, body, size=len(body))
        return await self._call(function.name, given, who, record, once)

    async def robot(self, request: Request) -> Response:
        """GET /v1/robots/{robot_id}"""
        robot_id = request.path_params["robot_id"]
        return await self._read(request, "get_robot", {"robot_id": Value(robot_id, json.dumps(robot_id))})

    async def modules(self, request: Request) -> Response:
        """GET /v1/modules"""
        return await self._read(request, "module_health", {})

    async def _read(self, request: Request, name: str, given: Mapping[str, Value]) -> Response:
        record = _record(request)
        record.function = name
        who = await self._admit(_key(request), record)
        for member in given.values():
            if not _is_text(member.value):
                raise Problem(404, "RB404", "there is no such robot", "Its id is in the answer to submit_robot.")
        return await self._call(name, given, who, record, None)

    async def _admit(self, key: str, record: Record) -> Admitted:
        record.key_id = key[4:20]
        try:
            who = await self._database.admit(key)
        except psycopg.Error as error:
            if error.sqlstate == "RB401":
                record.key_id = None  # nobody's
            raise
        record.module_name = who.module_name
        return who

    async def _call(
        self, name: str, given: Mapping[str, Value], who: Admitted, record: Record, once: str | None
    ) -> Response:
        for named in ("robot_id", "execute_id", "module_name"):
            member = given.get(named)
            if member is not None and type(member.value) is str:
                setattr(record, named, member.value[:100])
        newer = False
        while True:
            function = await self._database.function(name, newer=newer)
            if function is None:
                raise unknown_function(name)
            names, values = function.arguments(given)
            if name in IDEMPOTENT:  # submits: what they bring has to fit the module's schema
                await self._schemas.check(who, name, given)
            request = None if once is None else (once, await _digest(name, names, given))
            try:
                answer = await self._database.call(who, function, names, values, once=request)
                break
            except StaleError as error:
                if newer:
                    raise unavailable("the function has just changed", "Try again.", error) from None
                newer = True
        _note(record, function.shape, answer)
        headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
        return Response(answer.body, media_type="application/json", headers=headers)

    async def _body(self, request: Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        receive = request.receive
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise http_problem(400, "the body is not complete")
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> Problem:
        return http_problem(
            413, f"the body is larger than {self._max_body} bytes", "Send less at once.", Connection="close"
        )

    # --- the rest

    async def alive(self, request: Request) -> Response:
        """GET /healthz"""
        del request
        return _json({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """GET /readyz"""
        try:
            async with asyncio.timeout(3):
                version = await self._database.version()
                catalog = await self._database.catalog()
        except Exception as error:
            raise unavailable("the database does not answer", "Try again in a second.", error) from None
        if version is None or not catalog.functions:
            raise unavailable("the database has no Capataz", "Run: capataz migrate", after=10)
        return _json({"status": "ok", "version": version})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics"""
        token = _bearer(request)
        if self._scrapes.is_fleet(token):
            families = await self._scrapes.fleet()
        elif KEY.fullmatch(token) is not None:
            await self._admit(token, _record(request))
            families = await self._scrapes.module(token)
        else:
            raise unauthorized(given=True)
        body, content_type = encode(families, request.headers.get("accept"))
        return Response(body, headers={"Content-Type": content_type, "Vary": "Accept"})

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json"""
        del request
        catalog = await self._database.catalog()
        if self._document is None or self._document[0] is not catalog:
            made = document(catalog, max_body=self._max_body)
            self._document = (catalog, json.dumps(made, ensure_ascii=False).encode())
        return Response(self._document[1], media_type="application/json")


async def _aside(work: Callable[[A], T], argument: A, *, size: int) -> T:
    """Do what takes long with much data in a thread, so that others are served meanwhile."""
    if size <= ASIDE:
        return work(argument)
    return await asyncio.to_thread(work, argument)


def _record(request: Request) -> Record:
    record: Record = request.scope["capataz.record"]
    return record


def _bearer(request: Request) -> str:
    given = request.headers.getlist("authorization")
    if not given:
        raise unauthorized(given=False)
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer":
        raise unauthorized(given=True)
    return token.strip()


def _key(request: Request) -> str:
    key = _bearer(request)
    if KEY.fullmatch(key) is None:
        raise unauthorized(given=True)
    return key


async def _digest(name: str, names: Sequence[str], given: Mapping[str, Value]) -> str:
    """SHA-256 of a call: the same for the same arguments, whatever the order and blanks of their members."""
    request = [name, {argument: given[argument].text for argument in names}]
    return await _aside(_hashed, request, size=sum(len(given[argument].text) for argument in names))


def _hashed(request: list[Any]) -> str:
    name, texts = request
    values = {argument: json.loads(text, parse_float=_Exact) for argument, text in texts.items()}
    text = json.dumps([name, values], sort_keys=True, separators=(",", ":"), default=_exact)
    return hashlib.sha256(text.encode()).hexdigest()


class _Exact:
    """A number with a fraction or exponent as it was written: a float would lose digits."""

    def __init__(self, text: str) -> None:
        self.text = text


def _exact(number: _Exact) -> dict[str, str]:
    return {"\x00": number.text}  # a name that no body can have


def _is_text(value: Any) -> bool:
    """Whether PostgreSQL could hold it."""
    if type(value) is not str or "\x00" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _note(record: Record, shape: str, answer: Answer) -> None:
    """What the audit log says about an answer."""
    record.replayed = answer.replayed
    ids = [found for found in answer.ids or () if found is not None]
    if shape == "rows":
        record.rows = answer.rows
        record.robot_ids = ids or None
    elif ids:
        record.robot_id = ids[0]


def _json(value: Mapping[str, Any]) -> Response:
    return Response(json.dumps(value).encode(), media_type="application/json")

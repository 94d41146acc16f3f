"""The process of ``capataz serve``: checks the role, listens, limits connections and headers, ends in order."""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import psycopg
import uvicorn
from psycopg.rows import tuple_row
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from ..client import connect_options
from ..errors import CapatazError, Forbidden, NotInstalled
from .app import Settings, make_app
from .audit import AuditLog
from .catalog import read_catalog
from .dashboard import check_role

logger = logging.getLogger("capataz.gateway")

MAX_HEADERS: Final = 32 * 1024  # bytes of a request's line and headers
HEADER_SECONDS: Final = 10.0
REST_SECONDS: Final = 10.0  # for the rest of a body once the request is answered
TAKE_SECONDS: Final = 300.0  # for a client to take what it is sent
KEEP_ALIVE_SECONDS: Final = 75
GRACEFUL_SECONDS: Final = 40
MAX_CONNECTIONS: Final = 1000
BACKLOG: Final = 1024

_SET_UP: Final = """\
The gateway's role needs membership in capataz_gateway and nothing else:
  create role capataz_http login in role capataz_gateway;
  \\password capataz_http"""

_ROLE: Final = """
select
  session_user::text,
  r.rolsuper or current_setting('is_superuser') = 'on',
  pg_has_role(session_user, g.oid, 'member'),
  array(
    select o.rolname::text
    from pg_roles as o
    where (
        o.rolname in ('capataz_owner', 'capataz_admin', 'capataz_operator', 'capataz_viewer', 'capataz_worker')
        or o.rolsuper
      )
      and pg_has_role(session_user, o.oid, 'member')
    order by o.rolname
  )
from pg_roles as r
left join pg_roles as g on g.rolname = 'capataz_gateway'
where r.rolname = session_user
"""


# API keys are arguments of statements
_LOGGED: Final = """
select
  current_setting('log_parameter_max_length') <> '0' and s.logged,
  current_setting('log_parameter_max_length_on_error') <> '0'
from (
  select bool_or(
    case g.name when 'log_statement' then g.setting in ('all', 'mod') else g.setting::bigint >= 0 end
  ) as logged
  from pg_settings as g
  where g.name in ('log_statement', 'log_min_duration_statement', 'log_min_duration_sample')
) as s
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at the start."""

    role: str
    version: str | None
    functions: int
    database: str
    warning: str | None
    dashboard_role: str | None = None
    metrics_role: str | None = None


def check(settings: Settings) -> Found:
    """Connect once and look whether this role, on this database, can serve.

    Raises:
        CapatazError: it must not, or there is nothing to serve.
        psycopg.OperationalError: the database cannot be reached.
    """
    found = asyncio.run(_check(settings))
    if settings.dashboard is not None:
        found = replace(found, dashboard_role=asyncio.run(check_role(settings.dashboard.dsn)))
    if settings.metrics is not None:
        found = replace(found, metrics_role=asyncio.run(check_role(settings.metrics.dsn, "metrics")))
    return found


async def _check(settings: Settings) -> Found:
    options = connect_options(settings.dsn, application_name="capataz gateway")
    async with await psycopg.AsyncConnection.connect(settings.dsn, row_factory=tuple_row, **options) as connection:
        row = await (await connection.execute(_ROLE.encode())).fetchone()
        assert row is not None
        role, is_superuser, is_member, others = row
        if is_member is None:
            raise _not_installed(connection)
        if is_superuser:
            raise Forbidden(
                f'the gateway must not run as "{role}": it is a superuser',
                detail="A superuser reaches every module: API keys would limit nobody.",
                hint=_SET_UP,
            )
        if not is_member:
            raise Forbidden(
                f'the gateway cannot run as "{role}": it is not a member of capataz_gateway',
                detail=f"It is a member of {', '.join(others)}." if others else None,
                hint=_SET_UP,
            )
        if others:
            raise Forbidden(
                f'the gateway must not run as "{role}": it is also a member of {", ".join(others)}',
                detail="Such a role reaches more than a key does: a fault of the gateway would limit nobody.",
                hint=_SET_UP,
            )
        try:
            catalog = await read_catalog(connection)
        except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
            raise _not_installed(connection) from None
        row = await (await connection.execute(_LOGGED.encode())).fetchone()
        assert row is not None
        logging_ = [name for name, is_set in zip(("max_length", "max_length_on_error"), row, strict=True) if is_set]
        warning = None
        if logging_:
            warning = "the log of the database would hold API keys. As a superuser: " + "; ".join(
                f'alter role "{role}" set log_parameter_{name} = 0' for name in logging_
            )
        return Found(role, catalog.version, len(catalog.functions), connection.info.dbname, warning)


def _not_installed(connection: psycopg.AsyncConnection[Any]) -> NotInstalled:
    return NotInstalled(
        f'database "{connection.info.dbname}" has no Capataz, or an older one',
        hint="Run: capataz migrate --dsn ... (as a role that may deploy)",
    )


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with limits: size and time of what comes before the body, time of what comes of it after the answer,
    and the time in which answers are taken.

    In between, the application's own time limit counts. One connection too many is left to it as well, with
    ``capataz.full`` in the scope.
    """

    _header_bytes = 0
    _pending_bytes = 0
    _header_timer: asyncio.TimerHandle | None = None
    _rest_timer: asyncio.TimerHandle | None = None
    _take_timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._most = self.limit_concurrency
        self.limit_concurrency = None  # uvicorn's own refusal has no reference

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._forget_rest()
        self._forget_take()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)  # ends the keep-alive timer, also where what came is no request
        timers = (self._header_timer, self._rest_timer, self.timeout_keep_alive_task)
        is_over = self.cycle is not None and self.cycle.response_complete
        if is_over and timers == (None, None, None) and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(KEEP_ALIVE_SECONDS, self.timeout_keep_alive_handler)
        if self._header_timer is not None:  # a header that does not end is not reported before it does
            self._pending_bytes += len(data)
            if self._pending_bytes > MAX_HEADERS:
                self._count(MAX_HEADERS + 1)

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        self._arm()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._count(len(url)):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._count(len(name) + len(value) + 4):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._disarm()
        if not self.transport.is_closing():
            if self._most is not None and max(len(self.connections), len(self.tasks)) >= self._most:
                self.scope["capataz.full"] = True  # type: ignore[typeddict-unknown-key]
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._forget_rest()
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # of requests that came together this is the last; an answered one whose body is not there yet
        if self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            self._rest_timer = self.loop.call_later(REST_SECONDS, self.timeout_keep_alive_handler)
        if self.transport.is_closing():
            self._expect_taken()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()  # closes once all is sent, which may be never
        self._expect_taken()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_taken()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._forget_take()

    def _expect_taken(self) -> None:
        if self._take_timer is None:
            self._take_timer = self.loop.call_later(TAKE_SECONDS, self.transport.abort)

    def _forget_take(self) -> None:
        if self._take_timer is not None:
            self._take_timer.cancel()
            self._take_timer = None

    def _forget_rest(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None

    def _count(self, size: int) -> bool:
        self._header_bytes += size
        if self._header_bytes <= MAX_HEADERS:
            return True
        if not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large", b"the headers are too large")
        return False

    def _refuse(self, status: bytes, message: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: text/plain; charset=utf-8\r\nx-content-type-options: nosniff\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(message), message)
        )
        self.transport.close()

    def _arm(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self._late)

    def _disarm(self) -> None:
        self._pending_bytes = 0
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _late(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self._refuse(b"408 Request Timeout", b"the request did not come in time")


def _log_config(level: str) -> Mapping[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "loggers": {
            "capataz": {"handlers": ["stderr"], "level": level, "propagate": False},
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "psycopg.pool": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        },
    }


def configuration(
    settings: Settings,
    *,
    workers: int = 1,
    verbose: bool = False,
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
) -> uvicorn.Config:
    """How uvicorn is to run it."""
    return uvicorn.Config(
        functools.partial(make_app, settings),
        factory=True,
        workers=workers,
        loop="auto",
        http=Protocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=dict(_log_config("INFO" if verbose else "WARNING")),
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ssl_certfile=tls_certificate,
        ssl_keyfile=tls_key,
    )


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int = 1,
    verbose: bool = False,
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
    tell: Callable[[list[tuple[str, str]]], None],
) -> None:
    """Check, listen, tell where, and serve until SIGTERM or SIGINT; requests under way are finished.

    Raises:
        CapatazError: this role or database will not do, or the address is taken.
        psycopg.OperationalError: the database cannot be reached.
        ValueError: a setting is wrong.
    """
    for proxy in settings.trusted_proxies:
        ip_network(proxy, strict=False)
    for origin in settings.cors_origins:
        if origin != "*" and re.fullmatch(r"https?://[^/\s?#]+", origin) is None:
            raise ValueError(f"{origin!r} is no origin such as https://app.example")
    if (tls_certificate is None) != (tls_key is None):
        raise ValueError("--tls-certificate and --tls-key go together")
    found = check(settings)
    try:
        if settings.audit_log is not None:
            AuditLog(settings.audit_log).close()
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
        )
    except OSError as error:
        what = settings.audit_log if error.filename is not None else f"{host}:{port}"
        raise CapatazError(f"cannot open {what}: {error.strerror or error}") from None
    listener.set_inheritable(True)
    configured = configuration(
        settings, workers=workers, verbose=verbose, tls_certificate=tls_certificate, tls_key=tls_key
    )
    address = f"[{host}]" if ":" in host else host
    url = f"{'https' if tls_certificate else 'http'}://{address}:{listener.getsockname()[1]}"
    lines = [
        ("Capataz", f"{found.version} at {url}"),
        ("try", f"{url}/docs"),
        ("database", f"{found.database}, as {found.role}, {settings.connections * workers} connections at most"),
        ("offers", f"{found.functions} functions"),
        ("audit log", str(settings.audit_log or "standard output")),
    ]
    if settings.dashboard is not None:
        who = "with a password" if settings.dashboard.password else "for this machine: no password is set"
        lines.insert(2, ("dashboard", f"{url}/, {who}, as {found.dashboard_role}"))
    if settings.metrics is not None:
        lines.insert(-1, ("metrics", f"{url}/metrics, of the fleet with a token, as {found.metrics_role}"))
    if found.warning:
        lines.append(("warning", found.warning))
    if tls_certificate is None and host not in ("127.0.0.1", "::1", "localhost"):
        lines.append(("warning", "API keys travel unencrypted: put a TLS proxy in front, or give --tls-certificate"))
    tell(lines)
    if workers > 1:
        Multiprocess(configured, sockets=[listener]).run()
    else:
        uvicorn.Server(configured).run(sockets=[listener])

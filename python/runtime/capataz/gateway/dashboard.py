"""The dashboard at ``/``: pages, who may see them, and what they show (docs/dashboard.md, ADR 0026).

It reads through a pool of its own, as a role of ``capataz_viewer`` or ``capataz_operator``, in read-only transactions,
and owns no rule: every figure is a function or view of the database. What a page steers, it sends to ``/v1/rpc`` with
the API key of whoever sits in front of it, as any other caller would.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import html
import json
import logging
import multiprocessing
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import psycopg
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..client import connect_options
from ..errors import Forbidden, NotInstalled
from . import reports
from .audit import Record
from .problems import Problem, http_problem, unavailable

logger = logging.getLogger("capataz.gateway")

COOKIE: Final = "capataz_session"
SESSION_SECONDS: Final = 12 * 3600
SHORTEST_PASSWORD: Final = 8
FAILURES: Final = 10  # sign-ins of an address that may fail in a minute, for each process
ADDRESSES: Final = 10_000  # of which this is remembered
SIGNED_OUT: Final = 1000  # sessions that were ended before their time, and are remembered one by one
WAITING: Final = 100  # requests that wait for a connection
KEPT: Final = 200  # answers that are kept
FRESH_SECONDS: Final = 1.0
TREND_SECONDS: Final = 10.0
OUTLOOK_SECONDS: Final = 55.0  # pages ask every minute, whoever looks

_FOLDER: Final = Path(__file__).parent / "ui"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
_FILES: Final = (
    *("style.css", "icon.svg", "app.js", "api.js", "charts.js", "dom.js", "actions.js", "theme.js", "sign-in.js"),
    *("fleet.js", "module.js", "robot.js", "batch.js", "lists.js", "outlook.js", "reports.js"),
    *("vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"),
)
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_SET_UP: Final = """\
Its role reads and does nothing else:
  create role capataz_{what} login in role capataz_viewer;
  \\password capataz_{what}"""

_ROLE: Final = """
select
  session_user::text,
  r.rolsuper or current_setting('is_superuser') = 'on',
  array(
    select o.rolname::text
    from pg_roles as o
    where o.rolname ~ '^capataz_(owner|admin|operator|viewer|gateway|worker|producer)$'
      and pg_has_role(session_user, o.oid, 'member')
    order by o.rolname
  ),
  exists (select from pg_roles as o where o.rolname = 'capataz_viewer'),
  to_regprocedure('capataz.deployed_version()') is not null
from pg_roles as r
where r.rolname = session_user
"""


class SignedOut:
    """Sessions that were signed out before they expired, in memory that all processes of a gateway share.

    Where there are too many of them, the oldest makes room, and all sessions that began before it end with it.
    """

    def __init__(self) -> None:
        # until when sessions expire that are ended as a whole; then pairs: expiry, nonce. No lock: numbers of 64 bits
        # are never half written, and two processes look for a free pair from different places on
        self._shared: Any = multiprocessing.get_context("spawn").RawArray("Q", 1 + 2 * SIGNED_OUT)

    def __contains__(self, session: tuple[int, int]) -> bool:
        expires, nonce = session
        return expires <= self._shared[0] or nonce in self._shared[2::2]

    def add(self, expires: int, nonce: int) -> None:
        """Remember a session."""
        if (expires, nonce) in self:
            return
        known = self._shared[1::2]
        now = time.time()
        places = ((nonce + step) % len(known) for step in range(len(known)))
        place = next((place for place in places if known[place] <= now), None)
        if place is None:
            place = known.index(min(known))
            self._shared[0] = max(self._shared[0], known[place])
        self._shared[1 + 2 * place], self._shared[2 + 2 * place] = expires, nonce


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """How the dashboard is run. Picklable: worker processes share the secret of the sessions, and which were ended.

    Attributes:
        dsn: connection string of a login role that is a member of ``capataz_viewer`` or ``capataz_operator``.
        password: what visitors must know; None: only visitors from this machine are let in.
        connections: to the database, for each process.
        timeout: seconds a page's query may take.
    """

    dsn: str = field(repr=False)
    password: str | None = field(default=None, repr=False)
    connections: int = 3
    timeout: float = 5.0
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    signed_out: SignedOut = field(default_factory=SignedOut, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.password is not None and len(self.password) < SHORTEST_PASSWORD:
            raise ValueError(f"the dashboard's password must have {SHORTEST_PASSWORD} characters or more")


async def check_role(dsn: str, what: str = "dashboard") -> str:
    """Connect once and look whether this role may read for a dashboard, or for metrics; return its name.

    Raises:
        CapatazError: it must not, or there is nothing to see.
        psycopg.OperationalError: the database cannot be reached.
    """
    options = connect_options(dsn, application_name=f"capataz {what}")
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=tuple_row, **options) as connection:
        row = await (await connection.execute(_ROLE.encode())).fetchone()
        assert row is not None
        role, is_superuser, groups, has_roles, has_version = row
        if not has_roles or not has_version:
            raise NotInstalled(
                f'database "{connection.info.dbname}" has no Capataz, or an older one',
                hint="Run: capataz migrate --dsn ... (as a role that may deploy)",
            )
    too_much = ["a superuser"] if is_superuser else []
    too_much += [f"a member of {name}" for name in groups if name in ("capataz_owner", "capataz_admin")]
    if too_much:
        raise Forbidden(
            f'the {what} must not run as "{role}": it is {" and ".join(too_much)}',
            detail=f"Whoever sees the {what} would read with these rights.",
            hint=_SET_UP.format(what=what),
        )
    if not {"capataz_viewer", "capataz_operator"} & set(groups):
        raise Forbidden(
            f'the {what} cannot run as "{role}": it is a member of neither capataz_viewer nor capataz_operator',
            detail=f"It is a member of {', '.join(groups)}." if groups else None,
            hint=_SET_UP.format(what=what),
        )
    return str(role)


# --- what the pages show: names and the statements that give their rows -----------------------------------------

Part = tuple[str, str]

_MODULES: Final = """
select h.module_name, h.is_active, h.health_status, h.reason, h.health_since, h.opened_by, h.probe_after, h.is_probing,
  h.failed_checks, h.consecutive_failures, h.last_health_check, h.in_flight, h.max_concurrency, h.waiting,
  m.version, m.success_rate_24h, m.error_count_24h, m.avg_processing_time_ms, m.score, m.tier, m.uptime_percentage_24h,
  m.total_robots_processed, m.supported_robot_types
from capataz.module_health(%(module)s) as h
join capataz.modules as m on m.module_name = h.module_name
order by h.module_name"""

_TREND: Final = """
select step_at, sample_count, waiting_low, waiting_normal, waiting_high, waiting_critical
from capataz.resource_trend(%(module)s, capataz.utc_now() - interval '3 hours', null, 60)"""

_NOW: Final[Part] = ("now", "select capataz.utc_now() as at, capataz.deployed_version() as version")
_QUEUE: Final[Part] = ("queue", "select * from capataz.queue_state(%(module)s)")
_RUNNING: Final[Part] = ("running", "select * from capataz.running_executions(%(module)s, 50)")
_STUCK: Final[Part] = ("stuck", "select * from capataz.stuck_executions(%(module)s) limit 50")
_FAILURES: Final[Part] = ("failures", "select * from capataz.recent_failures(%(module)s, 12)")
_THROUGHPUT: Final[Part] = ("throughput", "select * from capataz.throughput(%(module)s, null, 60)")

_ERRORS: Final = """
select e.*
from capataz.errors_by_hour(24) as e
join (
  select w.module_name
  from capataz.errors_by_hour(24) as w
  group by w.module_name
  order by sum(w.failed_count) desc, sum(w.completed_count) desc, w.module_name
  limit 20
) as k on k.module_name = e.module_name
order by e.module_name, e.hour"""

# The modules with most trouble ahead; what they are of all is said beside them
_FORECAST: Final = """
select f.module_name, f.forecast_at, f.waiting, f.not_due, f.in_flight, f.busy, f.arrivals_per_minute, f.empty_at,
  f.done_at, f.basis, f.late_count, f.late_robot_ids[1:5] as late_robot_ids, f.past_count, f.past_error, f.is_estimate,
  count(*) over () as all_modules, sum(f.late_count) over () as all_late,
  count(*) filter (where f.empty_at is null and f.busy > 0) over () as all_endless
from capataz.queue_forecast(%(module)s) as f
order by f.late_count desc, f.empty_at desc nulls first, f.waiting desc, f.module_name
limit 8"""

# The greatest of each kind of change, so that what is new does not hide what grows. No text of a message: its
# fingerprint, and a robot with which whoever may read it finds the text
_PATTERNS: Final = """
select p.module_name, p.error_category, p.step_name, p.fingerprint, p.error_count, p.previous_count, p.change,
  p.peak_hour, p.hour_counts, e.robot_id as example_robot_id,
  round(100.0 * p.error_count / nullif(p.total, 0), 1) as share, p.all_new, p.all_growing, p.all_vanished
from (
  select a.*, sum(a.error_count) over () as total,
    count(*) filter (where a.change = 'new') over () as all_new,
    count(*) filter (where a.change = 'growing') over () as all_growing,
    count(*) filter (where a.change = 'vanished') over () as all_vanished,
    array_position(array['new', 'growing', 'steady', 'shrinking', 'vanished'], a.change) as kind,
    row_number() over (
      partition by a.change
      order by a.error_count desc, a.previous_count desc, a.module_name, a.fingerprint, a.step_name
    ) as place
  from capataz.error_patterns(capataz.utc_now() - interval '24 hours', null) as a
  where %(module)s::text is null
     or a.module_name = %(module)s
) as p
left join capataz.robot_execute as e on e.execute_id = p.example_execute_id
where p.place <= case when p.change in ('new', 'growing') then 3 else 2 end
order by p.kind, p.place
limit 8"""

_ROBOT: Final = """
select r.robot_id, r.robot_type, r.status, r.module_name, r.priority, r.processing_time_ms, r.processing_tier,
  r.cache_hit, r.resource_usage_mb, r.retry_count, r.retry_limit, r.error_category, r.last_error_at,
  r.confidence_score, r.source_reference, r.correlation_id, r.estimated_duration_minutes, r.complexity_score,
  r.security_classification, r.compliance_tags, r.created_at, r.started_at, r.completed_at, r.available_at, r.is_routed
from capataz.robots as r
where r.robot_id = %(id)s"""

_PAYLOAD: Final = """
select f.field, capataz.robot_data(%(id)s, f.field) as value
from unnest(array['input_data', 'output_data', 'error_details', 'performance_metrics', 'enterprise_metadata'])
  as f (field)"""

_MESSAGES: Final = """
select a.execute_id, capataz.execution_data(a.execute_id, 'error_message') as error_message
from (
  select execute_id
  from capataz.robot_attempts(%(id)s)
  where execution_state = 'FAILED'
  order by started_at desc
  limit 20
) as a"""

_BATCH_ROBOTS: Final = """
select r.robot_id, r.robot_type, r.module_name, r.status, r.priority, r.source_reference, r.error_category,
  r.processing_time_ms, r.completed_at, e.progress_percentage, e.current_step
from (
  select *
  from (
    select robot_id, robot_type, module_name, status, priority, source_reference, error_category,
      processing_time_ms, completed_at
    from capataz.robots
    where correlation_id = %(id)s
      and (%(status)s::text is null or status::text = %(status)s)
    order by source_reference, robot_id
    limit 100
  ) as first_ones
) as r
left join capataz.robot_execute as e
  on e.robot_id = r.robot_id
  and e.execution_state in ('PENDING', 'RUNNING', 'PAUSED', 'RETRYING')
order by r.source_reference, r.robot_id"""

_FIND: Final = """
select 'robot' as kind where exists (select from capataz.robots where robot_id = %(q)s)
union all
select 'module' where exists (select from capataz.module_registry where module_name = %(q)s)
union all
select 'batch' where exists (select from capataz.robots where correlation_id = %(q)s)"""


@dataclass(frozen=True, slots=True)
class Source:
    """What a page asks for: parameters (True: must be given), parts, and for how long an answer is good."""

    parts: Sequence[Part]
    parameters: Mapping[str, bool] = field(default_factory=dict)
    seconds: float = FRESH_SECONDS


SOURCES: Final[Mapping[str, Source]] = {
    "fleet": Source(
        (
            *(_NOW, ("health", "select * from capataz.system_health()"), ("modules", _MODULES)),
            *(_QUEUE, _RUNNING, _STUCK, _FAILURES, _THROUGHPUT),
        ),
        {"module": False},
    ),
    "trends": Source(
        (("latency", "select * from capataz.latency(%(module)s, 24)"), ("trend", _TREND), ("errors", _ERRORS)),
        {"module": False},
        TREND_SECONDS,
    ),
    "outlook": Source((_NOW, ("forecast", _FORECAST), ("patterns", _PATTERNS)), {"module": False}, OUTLOOK_SECONDS),
    "module": Source(
        (_NOW, ("modules", _MODULES), _QUEUE, _RUNNING, _STUCK, _FAILURES, _THROUGHPUT),
        {"module": True},
    ),
    "module-trends": Source(
        (
            ("latency", "select * from capataz.latency(%(module)s, 24)"),
            ("trend", _TREND),
            ("score", "select * from capataz.explain_score(%(module)s)"),
            ("history", "select * from capataz.health_history(%(module)s, 30)"),
            ("rates", "select * from capataz.error_rates(%(module)s, 24)"),
        ),
        {"module": True},
        TREND_SECONDS,
    ),
    "robot": Source(
        (
            _NOW,
            ("attempts", "select * from capataz.robot_attempts(%(id)s)"),  # first: RB404 where there is no such robot
            ("robot", _ROBOT),
            ("explain", "select * from capataz.explain_robot(%(id)s)"),
        ),
        {"id": True},
    ),
    "explain": Source((("explain", "select * from capataz.explain_robot(%(id)s)"),), {"id": True}),
    "payload": Source((("fields", _PAYLOAD), ("messages", _MESSAGES)), {"id": True}, 0),
    "batch": Source(
        (_NOW, ("batch", "select * from capataz.batch_progress(%(id)s)"), ("robots", _BATCH_ROBOTS)),
        {"id": True, "status": False},
    ),
    "jobs": Source((_NOW, ("jobs", "select * from capataz.list_jobs()"))),
    "reports": Source((_NOW, ("reports", "select * from capataz.list_reports(null, 200)")), seconds=TREND_SECONDS),
    "report": Source(
        (_NOW, ("report", "select capataz.report(%(kind)s, %(date)s::date) as document")),
        {"kind": True, "date": True},
        OUTLOOK_SECONDS,
    ),
    "version": Source((_NOW,)),
    "find": Source((("found", _FIND),), {"q": True}),
}


class Reader:
    """The dashboard's own pool: read-only, short, and asked once where many ask the same."""

    def __init__(self, settings: DashboardSettings) -> None:
        self._milliseconds = str(round(settings.timeout * 1000))
        options = {
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            **connect_options(settings.dsn, application_name="capataz dashboard"),
        }
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
            settings.dsn,
            kwargs=options,
            min_size=1,
            max_size=settings.connections,
            max_waiting=WAITING,
            timeout=5,
            reconnect_timeout=10,  # then the next visitor begins anew: pauses grow to minutes otherwise
            configure=_configure,
            open=False,
            name="dashboard",
        )
        self._answers: OrderedDict[tuple[str, ...], tuple[float, asyncio.Task[bytes]]] = OrderedDict()

    async def open(self) -> None:
        """Begin to connect; does not wait."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close(5)

    async def read(self, name: str, source: Source, given: Mapping[str, str | None]) -> bytes:
        """The answer for a page as JSON; what was asked a moment ago is not asked again."""
        key = (name, *(f"{parameter}={value}" for parameter, value in sorted(given.items()) if value is not None))
        now = time.monotonic()
        known = self._answers.get(key)
        if known is not None and (now < known[0] or not known[1].done()):
            task = known[1]
        else:
            task = asyncio.create_task(self._read(source.parts, given))
            self._answers[key] = (now + source.seconds, task)
            self._answers.move_to_end(key)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and self._answers.get(key, (0, None))[1] is task:
                del self._answers[key]  # errors are not kept
            raise

    async def _read(self, parts: Sequence[Part], given: Mapping[str, str | None]) -> bytes:
        statements = [
            (f"select coalesce(json_agg(to_json(t)), '[]')::text from ({statement}\n) as t", given)
            for _, statement in parts
        ]
        found = await self._rows(statements)
        members = (f"{json.dumps(name)}:{rows[0][0]}" for (name, _), rows in zip(parts, found, strict=True))
        return ("{" + ",".join(members) + "}").encode()

    async def _rows(self, statements: Sequence[tuple[str, Mapping[str, str | None]]]) -> list[list[tuple[Any, ...]]]:
        try:
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(
                    "select pg_catalog.set_config('statement_timeout', %s, true)", [self._milliseconds]
                )
                answers = []
                for statement, given in statements:
                    cursor = await connection.execute(statement.encode(), given)
                    answers.append(await cursor.fetchall())
                return answers
        except (PoolTimeout, TooManyRequests) as error:
            raise unavailable("the database does not answer the dashboard", "Try again in a second.", error) from None


async def _configure(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
    await connection.set_read_only(True)
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)  # one moment for a whole page


# --- who may see them -------------------------------------------------------------------------------------------


class Door:
    """Who is let in: with a password whoever knows it; without, visitors from this machine."""

    def __init__(self, settings: DashboardSettings) -> None:
        self._password = None if settings.password is None else _digest(settings.password)
        self._secret = settings.secret
        self._signed_out = settings.signed_out
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()  # by address, the latest at the end

    @property
    def has_password(self) -> bool:
        """Whether visitors must sign in."""
        return self._password is not None

    def check_origin(self, request: Request) -> None:
        """Refuse what another site's page asks for, and strangers where there is no password.

        Raises:
            Problem: 403
        """
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        host = request.headers.get("host", "")
        is_navigation = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
        # browsers say it to hosts they trust; to others they name the origin
        is_foreign = site not in ("same-origin", "none") if site else origin and origin.partition("://")[2] != host
        if is_foreign and not is_navigation:
            raise http_problem(403, "pages of other sites may not read the dashboard")
        if self._password is not None:
            return
        if not _record(request).is_local:
            raise http_problem(
                403,
                "without a password the dashboard answers only to this machine",
                "Set CAPATAZ_DASHBOARD_PASSWORD and start capataz serve again, or open it through an SSH tunnel. "
                "A --trusted-proxy has to say who asks, with X-Forwarded-For.",
            )
        name = host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host
        if name.lower() not in _LOCAL_HOSTS:
            raise http_problem(
                403,
                "without a password the dashboard answers only under the names localhost, 127.0.0.1 and [::1]",
                "This keeps pages of other sites from reading it through a name of theirs. Set "
                "CAPATAZ_DASHBOARD_PASSWORD to use another name.",
            )

    def is_open_for(self, request: Request) -> bool:
        """Whether the visitor is signed in, or need not be."""
        if self._password is None:
            return True
        session = self._session(request)
        return session is not None and session not in self._signed_out

    def _session(self, request: Request) -> tuple[int, int] | None:
        """The session that the visitor's cookie names: when it expires, and its number; None: none that goes on."""
        parts = request.cookies.get(COOKIE, "").split(".")
        if len(parts) != 3 or not hmac.compare_digest(
            self._sign(parts[0], parts[1]), parts[2].encode("ascii", "replace")
        ):
            return None
        expires, nonce = int(parts[0]), int(parts[1], 16)  # as they were signed
        return (expires, nonce) if expires > time.time() else None

    def sign_in(self, password: str, address: str | None) -> str | None:
        """A session's token; None: the password is wrong.

        Raises:
            Problem: 429, too many from this address were wrong lately
        """
        now = time.monotonic()
        visitor = _network(address)
        failures = self._failures.get(visitor, deque())
        while failures and now - failures[0] > 60:
            failures.popleft()
        if len(failures) >= FAILURES:
            raise Problem(429, "RB429", "too many wrong passwords", "Try again in a minute.", {"Retry-After": "60"})
        if self._password is None or not hmac.compare_digest(_digest(password), self._password):
            failures.append(now)
            self._failures[visitor] = failures
            self._failures.move_to_end(visitor)
            while len(self._failures) > ADDRESSES:
                self._failures.popitem(last=False)
            return None
        expires, nonce = str(int(time.time()) + SESSION_SECONDS), secrets.token_hex(8)
        return f"{expires}.{nonce}.{self._sign(expires, nonce).decode()}"

    def sign_out(self, request: Request) -> None:
        """End the visitor's session, where there is one."""
        session = self._session(request)
        if session is not None:
            self._signed_out.add(*session)

    def _sign(self, expires: str, nonce: str) -> bytes:
        text = f"session {expires} {nonce}".encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest().encode()


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()


def _network(address: str | None) -> str:
    """Whose wrong passwords are counted together: of IPv6 a network, of which one visitor has all addresses."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network(f"{found}/64", strict=False))
    return str(found)


def _record(request: Request) -> Record:
    record: Record = request.scope["capataz.record"]
    return record


# --- pages ------------------------------------------------------------------------------------------------------


class Dashboard:
    """What is behind ``/`` and ``/ui``."""

    def __init__(self, settings: DashboardSettings) -> None:
        self.reader = Reader(settings)
        self._door = Door(settings)
        self._files = reports.Files()

    def routes(self) -> Sequence[BaseRoute]:
        """Its paths."""
        return [
            Route("/", self._page, methods=["GET"]),
            Route("/ui/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route("/ui/sign-out", self._sign_out, methods=["POST"]),
            Route("/ui/report", self._report, methods=["GET"]),
            Route("/ui/api/report.json", self._shown_report, methods=["GET"]),
            Route("/ui/api/{name}.json", self._data, methods=["GET"]),
            *(self._file(name) for name in _FILES),
        ]

    async def _page(self, request: Request) -> Response:
        try:
            self._door.check_origin(request)
        except Problem as problem:
            _record(request).code = problem.code
            return _refusal(problem)
        if not self._door.is_open_for(request):
            return _redirect("ui/sign-in")
        return _html(_read("index.html").replace(b"{{session}}", b"1" if self._door.has_password else b""))

    async def _sign_in(self, request: Request) -> Response:
        self._door.check_origin(request)
        message = ""
        status = 200
        if request.method == "POST":
            record = _record(request)
            record.function = "sign-in"
            try:
                token = self._door.sign_in(await _password(request), record.address)
                message, status = "The password is wrong.", 401
            except Problem as problem:
                if problem.status != 429:
                    raise
                token, message, status = None, "Too many wrong passwords. Try again in a minute.", 429
            if token is not None:
                answer = _redirect("../")
                answer.set_cookie(
                    COOKIE,
                    token,
                    max_age=SESSION_SECONDS,
                    path="/",
                    httponly=True,
                    samesite="strict",
                    secure=_is_secure(request),
                )
                return answer
            record.code = f"HTTP{status}"
        elif self._door.is_open_for(request):
            return _redirect("../")
        page = _read("sign-in.html").replace(b"{{message}}", html.escape(message).encode())
        return _html(page, status)

    async def _sign_out(self, request: Request) -> Response:
        self._door.check_origin(request)
        self._door.sign_out(request)
        answer = _redirect("sign-in")
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    def _admit(self, request: Request) -> None:
        self._door.check_origin(request)
        if not self._door.is_open_for(request):
            raise http_problem(401, "sign in first", "Open the page / in a browser.")

    async def _data(self, request: Request) -> Response:
        self._admit(request)
        name = request.path_params["name"]
        source = SOURCES.get(name)
        if source is None:
            raise http_problem(404, "there is no such path")
        given: dict[str, str | None] = {}
        for parameter, is_required in source.parameters.items():
            value = request.query_params.get(parameter)
            if value is not None and ("\x00" in value or len(value) > 200):
                raise http_problem(400, f"{parameter} is no name")
            if is_required and not value:
                raise http_problem(400, f"{parameter} is missing")
            given[parameter] = value or None
        if name == "payload":  # who looked at what a robot carries is in the audit log
            record = _record(request)
            record.function, record.robot_id = "robot_data", given["id"]
        return Response(await self.reader.read(name, source, given), media_type="application/json")

    async def _asked_report(self, request: Request) -> tuple[str, str, bytes]:
        self._admit(request)
        kind, day = reports.asked(request.query_params.get("kind"), request.query_params.get("date"))
        return kind, day, await self.reader.read("report", SOURCES["report"], {"kind": kind, "date": day})

    async def _shown_report(self, request: Request) -> Response:
        _, _, answer = await self._asked_report(request)
        return Response(reports.shown(answer), media_type="application/json")

    async def _report(self, request: Request) -> Response:
        kind, day, answer = await self._asked_report(request)
        form = request.query_params.get("format", "html")
        body, name = await self._files.make(kind, day, form, answer)
        return Response(
            body, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=reports.MEDIA[form]
        )

    def _file(self, name: str) -> Route:
        async def answer(request: Request) -> Response:
            self._door.check_origin(request)
            body, tag = _read(name), _tag(name)
            headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache", "ETag": tag}
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers=headers)
            return Response(body, media_type=_TYPES[Path(name).suffix], headers=headers)

        return Route(f"/ui/{name}", answer, methods=["GET"])


async def _password(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > 4096:
            raise http_problem(413, "the password is too long", Connection="close")
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).get("password", [""])[0]


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").lower() == "https"


@functools.cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


@functools.cache
def _tag(name: str) -> str:
    return f'"{hashlib.sha256(_read(name)).hexdigest()[:32]}"'


def _html(body: bytes, status: int = 200) -> Response:
    # the sign-in form must say from where it comes
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return Response(body, status, headers, "text/html")


def _redirect(to: str) -> Response:
    return Response(status_code=303, headers={"Location": to})


def _refusal(problem: Problem) -> Response:
    shown = {"detail": problem.detail[:1].upper() + problem.detail[1:], "hint": problem.hint or ""}
    page = _read("refused.html")
    for name, text in shown.items():
        page = page.replace(b"{{%s}}" % name.encode(), html.escape(text).encode())
    return _html(page, problem.status)

"""The commands of ``capataz``. Each parses, calls the client (or reads as a viewer) and shows; no rule is here.

Exit codes: 0 done; 1 refused by the database, or failed; 2 wrong usage; 3 the database cannot be reached;
4 something is wrong (``doctor``), or the robot awaited failed (``submit --wait``); 130 interrupted.
"""

from __future__ import annotations

import errno
import functools
import importlib
import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import psycopg
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from .. import __version__, calls
from ..client import Capataz, connect_options, default_dsn
from ..errors import CapatazError, NotInstalled
from ..models import HealthCheck, JobRun, Robot
from . import queries, views
from .output import (
    EXIT_REFUSED,
    EXIT_UNREACHABLE,
    EXIT_UNWELL,
    EXIT_USAGE,
    ago,
    coloured,
    count,
    duration,
    fail,
    fail_with,
    make_console,
    note,
    one_of,
    parse_json,
    show,
    show_json,
)
from .spark import sparkline

if TYPE_CHECKING:
    from ..probe import Probed

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="capataz",
    help="The foreman of your automation robots. Everything it knows is in PostgreSQL.",
    epilog="Exit codes: 0 done · 1 refused or failed · 2 wrong usage · 3 database not reachable · "
    "4 unwell (doctor) or robot failed (submit --wait) · 130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn", envvar="CAPATAZ_DSN", show_envvar=True, help="The database: a PostgreSQL URL or connection string."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "FAILED", "RETRYING")
PRIORITIES = ("LOW", "NORMAL", "HIGH", "CRITICAL")
TIERS = ("FAST", "STANDARD", "COMPLEX", "BULK")

ACTIVITY_MINUTES = 60

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main() -> None:
    """Entry point of the command ``capataz``."""
    app(prog_name="capataz")


def _guarded(command: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors of client and driver into one clear message and an exit code."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            try:
                return command(*args, **kwargs)
            finally:
                if sys.stdout is not None:  # it is with >&-
                    sys.stdout.flush()  # what cannot be written shows here, not when Python ends
        except (CapatazError, psycopg.Error) as error:
            fail_with(error, as_json=bool(kwargs.get("as_json")))
        except BrokenPipeError:  # "capataz robots | head"
            _write_no_more()
            raise typer.Exit(0) from None
        except OSError as error:
            if error.errno not in _FULL or error.filename is not None:
                raise
            _write_no_more()
            fail(f"cannot write the output: {error.strerror}", as_json=bool(kwargs.get("as_json")))

    return guarded


def _write_no_more() -> None:
    """Let what is still to be written to standard output go nowhere: it would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _client(dsn: str | None) -> Iterator[tuple[Capataz, queries.Connection]]:
    """Connect once and give a client and its connection."""
    given = _dsn(dsn)
    with psycopg.connect(given, **connect_options(given, application_name="capataz cli")) as connection:
        yield Capataz(given, connection=connection), connection


def _dsn(dsn: str | None) -> str:
    given = default_dsn(dsn)
    try:
        connect_options(given, application_name="capataz cli")
    except psycopg.ProgrammingError as error:
        fail(f"not a connection string: {error}", hint="postgresql://user:password@host:port/database")
    return given


def _version(value: bool) -> None:
    if value:
        print(f"capataz {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


# --- deploying -------------------------------------------------------------------------------------------------


@app.command(rich_help_panel="Set up")
@_guarded
def migrate(
    dsn: Dsn = None,
    jobs: Annotated[bool, typer.Option(help="Define the scheduled jobs.")] = True,
    as_json: AsJson = False,
) -> None:
    """Bring a database to this version's schema and code. Safe to repeat."""
    from .. import deploy
    from .._cli_deploy import migrate_command, summary

    try:
        report = migrate_command(default_dsn(dsn), jobs=jobs, quiet=as_json)
    except deploy.DeployError as error:
        fail_with(error, as_json=as_json)
    if as_json:
        show_json(report)
        return
    for warning in report["warnings"]:
        note(f"warning: {warning}")
    show(Text(summary(report)))
    if not report["pg_cron"]:
        note("No pg_cron here: keep `capataz tick` running, it does the scheduled jobs.")


@app.command(hidden=True)
@_guarded
def dist(
    directory: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("dist"),
    as_json: AsJson = False,
) -> None:
    """Write the whole installation as one SQL file for ``psql -f``."""
    from .. import deploy

    try:
        path = deploy.write_dist(directory)
    except deploy.DeployError as error:
        fail_with(error, as_json=as_json)
    if as_json:
        show_json({"path": str(path)})
    else:
        show(str(path))


@app.command(rich_help_panel="Set up")
@_guarded
def demo(
    dsn: Dsn = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes; one of them is killed on the way.")] = 4,
    kill: Annotated[bool, typer.Option(help="Kill a worker in the middle, to see its robots recovered.")] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do the work again where results are cached.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the server up at the end until Ctrl-C.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many documents.")] = None,
    as_json: AsJson = False,
) -> None:
    """See it work: audit the licences of this machine's software, with an embedded server if there is no --dsn."""
    from ..demo import run_demo

    code = run_demo(dsn, workers=workers, kill=kill, fresh=fresh, keep=keep, limit=limit, as_json=as_json)
    raise typer.Exit(code)


@app.command(name="demo-failover", rich_help_panel="Set up")
@_guarded
def demo_failover(
    dsn: Dsn = None,
    seconds: Annotated[float, typer.Option(min=8, help="About how long it takes.")] = 45.0,
    workers: Annotated[int, typer.Option(min=2, max=16, help="Worker processes, half of them for each module.")] = 8,
    as_json: AsJson = False,
) -> None:
    """See a module break and heal: its circuit breaker, its probes, and its robots that move to another module."""
    from ..demo.failover import run_failover

    raise typer.Exit(run_failover(dsn, seconds=seconds, workers=workers, as_json=as_json))


# --- working ---------------------------------------------------------------------------------------------------


@app.command(rich_help_panel="Work")
@_guarded
def worker(
    target: Annotated[str, typer.Argument(metavar="PACKAGE.MODULE:WORKER", help="Where the Worker object is.")],
    dsn: Dsn = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Robots at the same time.")] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Stop when nothing is left to do.")] = False,
    grace: Annotated[float | None, typer.Option(min=0, help="Seconds to finish after SIGTERM.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every lost or refused robot.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C; a second one stops it at once."""
    found = _load_worker(target)
    _log(verbose)
    if concurrency is not None:
        found.concurrency = concurrency
    if grace is not None:
        found.grace_seconds = grace
    statistics = found.run(dsn=dsn, drain=drain)
    if as_json:
        show_json(statistics)
    else:
        note(
            f"claimed {count(statistics.claimed)}, completed {count(statistics.completed)}, "
            f"failed {count(statistics.failed)}, given back {count(statistics.released)}, "
            f"discarded {count(statistics.discarded)}"
        )


def _load_worker(target: str) -> Any:
    from ..worker import Worker

    module_name, colon, attribute = target.partition(":")
    if not colon or not module_name or not attribute:
        raise typer.BadParameter("name it as package.module:worker", param_hint="PACKAGE.MODULE:WORKER")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise  # the module is there, but misses another
        fail(f"there is no module {module_name!r}", hint="It is looked for from the current directory on.")
    found: Any = module
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            fail(f"module {module_name!r} has no {attribute!r}")
    if not isinstance(found, Worker):
        fail(f"{target} is a {type(found).__name__}, not a Worker")
    return found


def _log(verbose: bool) -> None:
    if sys.stderr.isatty():
        from rich.logging import RichHandler

        handler: logging.Handler = RichHandler(
            console=make_console(stderr=True), show_path=False, omit_repeated_times=False, log_time_format="%X"
        )
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    else:
        logging.basicConfig(
            level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
    if not verbose:
        logging.getLogger("psycopg").setLevel(logging.ERROR)


@app.command(rich_help_panel="Work")
@_guarded
def submit(
    robot_type: Annotated[str | None, typer.Argument(help="The type of the robot.")] = None,
    input_data: Annotated[
        str | None, typer.Argument(metavar="[JSON]", help="Its input: JSON, @FILE or - (stdin).")
    ] = None,
    module: Annotated[str | None, typer.Option(help="The module; without it the robot is routed.")] = None,
    priority: Annotated[str | None, typer.Option(help="LOW, NORMAL, HIGH or CRITICAL.")] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            help="When it is due; UTC unless a zone is given.",
            formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"],
        ),
    ] = None,
    cache_key: Annotated[str | None, typer.Option(help="One robot per key; its output is reused.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Correlation id.")] = None,
    source: Annotated[str | None, typer.Option(help="Source reference.")] = None,
    retry_limit: Annotated[int | None, typer.Option(help="Retries after the first attempt.")] = None,
    estimate: Annotated[int | None, typer.Option(help="Estimated duration in minutes.")] = None,
    complexity: Annotated[float | None, typer.Option(help="Complexity score, 0 to 9.9.")] = None,
    tier: Annotated[str | None, typer.Option(help="FAST, STANDARD, COMPLEX or BULK.")] = None,
    classification: Annotated[str | None, typer.Option(help="Security classification.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Compliance tag; may be repeated.")] = None,
    metadata: Annotated[str | None, typer.Option(help="Metadata: JSON, @FILE or -.")] = None,
    robot_id: Annotated[str | None, typer.Option("--id", help="An id of your own.")] = None,
    lines: Annotated[
        Path | None,
        typer.Option("--lines", help="Many at once: a file of JSON objects, one a line (- is stdin).", allow_dash=True),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; exit 4 if it failed.")] = False,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Submit a robot, or many (--lines): all or none."""
    with _client(dsn) as (client, connection):
        if lines is not None:
            if robot_type is not None or wait:
                raise typer.BadParameter("--lines goes without a robot type and without --wait")
            many = client.submit_robots(calls.JsonText(_read_lines(lines)))
            if as_json:
                show_json(many)
            else:
                show(views.submitted_table(many))
            return
        if robot_type is None:
            raise typer.BadParameter("which type of robot?", param_hint="ROBOT_TYPE")
        submitted = client.submit_robot(
            robot_type,
            None if input_data is None else parse_json(input_data, "the input"),
            module_name=module,
            priority=one_of(priority, PRIORITIES),
            available_at=at,
            cache_key=cache_key,
            correlation_id=batch,
            source_reference=source,
            retry_limit=retry_limit,
            estimated_duration_minutes=estimate,
            complexity_score=complexity,
            processing_tier=one_of(tier, TIERS),
            security_classification=classification,
            compliance_tags=tag or None,
            metadata=None if metadata is None else parse_json(metadata, "the metadata"),
            robot_id=robot_id,
        )
        if not wait:
            if as_json:
                show_json(submitted)
            else:
                show(views.submitted_table([submitted]))
            return
        robot = _await_robot(client, submitted.robot_id)
        _show_robot(client, connection, robot, as_json=as_json)
    if robot.status != "COMPLETED":
        raise typer.Exit(EXIT_UNWELL)


def _read_lines(path: Path) -> str:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {path}: {error}")
    elements = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(elements, 1):
        try:
            json.loads(line)
        except ValueError as error:
            fail(f"line {number} of {path} is not JSON: {error}")
    return "[" + ",".join(elements) + "]"


def _await_robot(client: Capataz, robot_id: str) -> Robot:
    while True:
        robot = client.get_robot(robot_id)
        if robot.status in ("COMPLETED", "FAILED"):
            return robot
        time.sleep(0.1)


@app.command(rich_help_panel="Work")
@_guarded
def tick(
    once: Annotated[bool, typer.Option("--once", help="Run what is due now, and stop.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Longest time between two looks at the jobs, seconds.")] = 5.0,
    patience: Annotated[
        int, typer.Option(min=1, max=3600, help="Seconds of silence after which another ticker takes over.")
    ] = 30,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every run, not only what fails.")] = False,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Run the scheduled jobs where there is no pg_cron. Of several, one is active; the others stand by."""
    from ..ticker import Ticker

    def tell(run: JobRun) -> None:
        if as_json:
            show_json(run, line=True)
        elif verbose or run.outcome.startswith("failed"):
            show(Text(f"{datetime.now(UTC):%H:%M:%S} {run.job_name} {run.outcome}, {duration(run.duration_ms)}"))
            sys.stdout.flush()

    def tell_state(active: bool) -> None:
        note("This ticker is active." if active else "Another ticker is active; standing by.")

    _log(verbose)
    ticker = Ticker(
        _dsn(dsn),
        every=every,
        patience=patience,
        on_run=tell if as_json or not once else None,
        on_state=None if once else tell_state,
    )
    if not once:
        if not as_json:
            note("Running jobs as they are due; Ctrl-C stops.")
        ticker.run()
        return
    runs = ticker.once()
    if runs is None:
        note("Another ticker is active.")
    elif not runs:
        note("Nothing is due.")
    elif not as_json:
        show(views.runs_table(runs))


@app.command(rich_help_panel="Work")
@_guarded
def probe(
    once: Annotated[bool, typer.Option("--once", help="Check what is due now, show it, and stop.")] = False,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds an endpoint has for its whole answer.")] = 5.0,
    concurrency: Annotated[int, typer.Option(min=1, help="Endpoints called at the same time.")] = 32,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks for modules that are due.")] = 5.0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every check, not only what changes.")] = False,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Call the health endpoints of modules that are due, and record how they answer. Any number may run."""
    from ..probe import Prober

    known: dict[str, tuple[object, ...]] = {}

    def tell(check: Probed) -> None:
        outcome = (check.healthy, check.error_message, check.health, check.note)
        changed = known.get(check.module_name) != outcome
        known[check.module_name] = outcome
        if as_json:
            show_json(check, line=True)
        elif changed or verbose:
            show(views.probed_line(check, datetime.now(UTC), max(map(len, known))))
            sys.stdout.flush()

    _log(verbose)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    prober = Prober(_dsn(dsn), timeout=timeout, concurrency=concurrency, every=every, on_result=None if once else tell)
    if not once:
        prober.run()
        return
    probed = prober.once()
    if as_json:
        show_json(probed)
    elif probed:
        show(views.probed_table(probed))
    else:
        note("Nothing is due.")


@app.command(rich_help_panel="Work")
@_guarded
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 1,
    connections: Annotated[int, typer.Option(min=1, help="Connections to the database, for each process.")] = 8,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds a call may take.")] = 30.0,
    max_body: Annotated[int, typer.Option(min=1024, help="Bytes of a request's body.")] = 4 * 1024 * 1024 + 64 * 1024,
    audit_log: Annotated[
        Path | None, typer.Option("--audit-log", help="File of the audit log; without it: standard output.")
    ] = None,
    cors_origin: Annotated[
        list[str] | None, typer.Option("--cors-origin", help="Origin whose pages may call; may be repeated.")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option("--trusted-proxy", help="Address or network whose X-Forwarded-For is believed; may be repeated."),
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="Certificate chain (PEM), to speak HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    prepare: Annotated[bool, typer.Option(help="Prepare statements; not through an old pooler.")] = True,
    dashboard_dsn: Annotated[
        str | None,
        typer.Option(
            "--dashboard-dsn",
            envvar="CAPATAZ_DASHBOARD_DSN",
            show_envvar=True,
            help="Turns the dashboard on at /: a role of capataz_viewer. Its password: CAPATAZ_DASHBOARD_PASSWORD.",
        ),
    ] = None,
    metrics_dsn: Annotated[
        str | None,
        typer.Option(
            "--metrics-dsn",
            envvar="CAPATAZ_METRICS_DSN",
            show_envvar=True,
            help="Whom /metrics reads the fleet as (default: the dashboard's role), for whoever sends the token in"
            " CAPATAZ_METRICS_TOKEN.",
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every refusal with its details.")] = False,
    dsn: Dsn = None,
) -> None:
    """Serve the functions over HTTP to callers with an API key, until SIGTERM or Ctrl-C."""
    try:
        from ..gateway import server
        from ..gateway.app import Settings
        from ..gateway.dashboard import DashboardSettings
        from ..gateway.scrapes import MetricsSettings
    except ModuleNotFoundError as error:
        fail(f"the gateway is not installed: {error.name} is missing", hint="pip install 'capataz[gateway]'")
    token = os.environ.get("CAPATAZ_METRICS_TOKEN")
    fleet_dsn = metrics_dsn or dashboard_dsn
    try:
        if metrics_dsn and not token:
            raise ValueError("--metrics-dsn needs a token in CAPATAZ_METRICS_TOKEN: metrics are for nobody without it")
        if token and not fleet_dsn:
            raise ValueError(
                "CAPATAZ_METRICS_TOKEN needs --metrics-dsn or --dashboard-dsn: a role that reads the fleet"
            )
        settings = Settings(
            _dsn(dsn),
            audit_log=None if audit_log is None else audit_log.absolute(),
            cors_origins=tuple(cors_origin or ()),
            trusted_proxies=tuple(trusted_proxy or ()),
            max_body=max_body,
            timeout=timeout,
            connections=connections,
            prepare=prepare,
            dashboard=DashboardSettings(dashboard_dsn, os.environ.get("CAPATAZ_DASHBOARD_PASSWORD") or None)
            if dashboard_dsn
            else None,
            metrics=MetricsSettings(fleet_dsn, token) if fleet_dsn and token else None,
        )
        server.serve(
            settings,
            host=host,
            port=port,
            workers=workers,
            verbose=verbose,
            tls_certificate=tls_certificate,
            tls_key=tls_key,
            tell=lambda lines: show_started(lines),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def show_started(lines: list[tuple[str, str]]) -> None:
    """Say on standard error where the gateway is (standard output may be the audit log)."""
    console = make_console(stderr=True)
    for name, value in lines:
        console.print(Text.assemble((f"{name:>9}  ", "bold" if name == "Capataz" else "dim"), value), soft_wrap=True)


# --- looking ---------------------------------------------------------------------------------------------------


@app.command(rich_help_panel="Look")
@_guarded
def status(
    robot_id: Annotated[str | None, typer.Argument(help="A robot; without it: everything at a glance.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="How far a batch (correlation id) is.")] = None,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Show how things stand: the whole, one robot, or one batch."""
    with _client(dsn) as (client, connection):
        now = client.utc_now()
        if robot_id is not None:
            _show_robot(client, connection, client.get_robot(robot_id), as_json=as_json)
        elif batch is not None:
            progress = client.batch_progress(batch)
            if as_json:
                show_json(progress)
            else:
                show(views.batch_view(progress, now))
        else:
            _show_overview(connection, now, as_json=as_json)


def _show_robot(client: Capataz, connection: queries.Connection, robot: Robot, *, as_json: bool) -> None:
    executions = queries.rows(connection, queries.EXECUTIONS, {"robot_id": robot.robot_id})
    if as_json:
        robot_json = {name: getattr(robot, name) for name in robot.__dataclass_fields__}
        show_json({**robot_json, "executions": executions})
        return
    output = None
    if robot.status == "COMPLETED" and robot.output_data is not None:
        output = json.dumps(robot.output_data, indent=2, ensure_ascii=False)
    show(views.robot_view(robot, executions, client.utc_now(), output=output))


def _queues(connection: queries.Connection) -> dict[str, queries.Row]:
    return {row["module_name"]: row for row in queries.rows(connection, queries.OVERVIEW)}


def _show_overview(connection: queries.Connection, now: datetime, *, as_json: bool) -> None:
    modules = queries.rows(connection, queries.MODULES, {"module": None})
    queues = _queues(connection)
    totals = {key: sum(queue[key] for queue in queues.values()) for key in ("pending", "processing", "retrying")}
    oldest = min((q["oldest_pending"] for q in queues.values() if q["oldest_pending"]), default=None)
    if as_json:
        show_json({**totals, "oldest_pending": oldest, "modules": [{**m, **_depths(queues, m)} for m in modules]})
        return
    if not modules:
        note("No module is registered yet: see capataz.register_module(...), or run `capataz demo`.")
        return
    waiting, running, retrying = (count(totals[key]) for key in ("pending", "processing", "retrying"))
    line = f"{waiting} waiting, {running} running, {retrying} to retry"
    if oldest is not None:
        line += f"; the oldest was submitted {ago(oldest, now)}"
    show(Text(line), "", views.queues_table(modules, queues))


def _depths(queues: dict[str, queries.Row], module: queries.Row) -> dict[str, int]:
    queue = queues.get(module["module_name"], {})
    return {key: queue.get(key, 0) for key in ("pending", "processing", "retrying")}


@app.command(rich_help_panel="Look")
@_guarded
def robots(
    status: Annotated[list[str] | None, typer.Option(help="Only this status; may be repeated.")] = None,
    module: Annotated[str | None, typer.Option(help="Only of this module.")] = None,
    robot_type: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Only of this correlation id.")] = None,
    error: Annotated[str | None, typer.Option(help="Only with this error category.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, the newest first.")] = 20,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """List robots, the newest first."""
    wanted = [one_of(value, STATUSES) for value in status or []]
    for value in wanted:
        if value not in STATUSES:
            raise typer.BadParameter(f"{value!r} is none of {', '.join(STATUSES)}", param_hint="--status")
    with _client(dsn) as (client, connection):
        found = queries.rows(
            connection,
            queries.ROBOTS,
            {
                "status": wanted or None,
                "module": module,
                "type": robot_type,
                "batch": batch,
                "category": error,
                "limit": limit,
            },
        )
        if as_json:
            show_json(found)
        elif found:
            show(views.robots_table(found, client.utc_now()))
        else:
            note("No such robots.")


@app.command(rich_help_panel="Look")
@_guarded
def modules(
    name: Annotated[
        str | None, typer.Argument(metavar="[MODULE]", help="One module, with the history of its health.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh in place until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between refreshes.")] = 1.0,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Show the modules: health, circuit breaker, success, robots running and waiting, throughput."""

    def picture(client: Capataz, connection: queries.Connection) -> RenderableType | Json:
        now = client.utc_now()
        lines = _module_lines(client, connection, now, name)
        if name is not None:
            history = client.health_history(name, limit=10)
            if as_json:
                return Json({**lines[0].as_json(), "health_history": history})
            return views.module_view(lines[0], history, now)
        if as_json:
            return Json([line.as_json() for line in lines])
        if not lines:
            return Text("No module is registered yet.", style="dim")
        console = make_console()
        room = console.height - 3 if watch and console.is_terminal else None
        view = views.modules_view(lines, now, width=console.width, room=room)
        if not watch:
            return view
        head = Text.assemble(("capataz ", "bold"), f"{connection.info.dbname}  {now:%H:%M:%S} UTC  ")
        return Group(head.append_text(views.summary(lines)), "", view)

    _look(dsn, picture, every=every if watch else None)


def _module_lines(
    client: Capataz, connection: queries.Connection, now: datetime, name: str | None = None
) -> list[views.ModuleLine]:
    states = client.module_health(name)
    activity = client.module_activity(name, minutes=ACTIVITY_MINUTES)
    rows = queries.rows(connection, queries.MODULES, {"module": name})
    return views.module_lines(rows, states, activity, now, ACTIVITY_MINUTES)


@app.command(rich_help_panel="Look")
@_guarded
def explain(
    robot_id: Annotated[str, typer.Argument(help="The robot.")],
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Say why a robot is not running (or that it is)."""
    with _client(dsn) as (client, _):
        checks = client.explain_robot(robot_id)
    if as_json:
        show_json(checks)
    else:
        show(views.checks_table(checks))


@app.command(rich_help_panel="Look")
@_guarded
def top(
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between refreshes.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Show one picture and stop (so it is where piped).")] = False,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Watch modules, queues and running robots live. Ctrl-C leaves."""
    pace = _Pace()

    def picture(client: Capataz, connection: queries.Connection) -> RenderableType | Json:
        found = _picture(client, connection)
        if as_json:
            return Json({**found, "modules": [line.as_json() for line in found["modules"]]})
        return _render_top(found, pace, make_console())

    live = not once and not as_json and make_console().is_terminal
    _look(dsn, picture, every=every if live else None)


class _Pace:
    """Robots a second, from how many had ended at two looks."""

    def __init__(self) -> None:
        self._looks: deque[tuple[datetime, int]] = deque(maxlen=10)
        self.rates: deque[float] = deque(maxlen=30)

    def note(self, now: datetime, done: int) -> float | None:
        """Note a look; return the rate over the last ones, None at the first."""
        if self._looks and now > self._looks[-1][0]:
            then, before = self._looks[-1]
            self.rates.append(max(0.0, (done - before) / (now - then).total_seconds()))
        self._looks.append((now, done))
        then, before = self._looks[0]
        return (done - before) / (now - then).total_seconds() if now > then and done >= before else None


def _picture(client: Capataz, connection: queries.Connection) -> dict[str, Any]:
    now = client.utc_now()
    lines = _module_lines(client, connection, now)
    return {
        "now": now,
        "database": connection.info.dbname,
        "modules": lines,
        "running": queries.rows(connection, queries.RUNNING, {"limit": 100}),
        "failures": queries.rows(connection, queries.FAILURES, {"since": now - timedelta(hours=1), "limit": 5}),
        "done": sum(line.row["total_robots_processed"] or 0 for line in lines),
    }


def _render_top(picture: dict[str, Any], pace: _Pace, console: Console) -> RenderableType:
    now: datetime = picture["now"]
    lines: list[views.ModuleLine] = picture["modules"]
    running, failures = picture["running"], picture["failures"]
    waiting = sum(line.state.waiting for line in lines)
    more = "+" if any(line.state.waiting >= 1000 for line in lines) else ""
    rate = pace.note(now, picture["done"])
    header = Text.assemble(
        ("capataz ", "bold"),
        f"{picture['database']}  {now:%H:%M:%S} UTC  ",
        (f"{rate:,.1f} robots/s " if rate is not None else "", "bold green"),
        sparkline(pace.rates) if pace.rates else "",
        "  " if pace.rates else "",
        f"{count(waiting)}{more} waiting  {count(sum(line.state.in_flight for line in lines))} running",
    )
    header.no_wrap, header.overflow = True, "ellipsis"
    room = console.height if console.is_terminal else 40 + len(lines)
    room -= 2 + (len(failures) + 3 if failures else 0) + (6 if running else 0)
    view = views.modules_view(lines, now, width=console.width, room=max(4, min(room, len(lines) * 3 + 3)))
    parts: list[RenderableType] = [header, "", Text("Modules", style="bold"), view]
    if running:
        room = max(3, console.height - len(failures) - 11 - 2 * len(lines)) if console.is_terminal else 20
        title = "Running" if len(running) <= room else f"Running (the {room} oldest)"
        parts += ["", views.running_table(running[:room], now, title=title)]
    if failures:
        parts += ["", views.failures_table(failures, now)]
    return Group(*parts)


# --- looking again and again ------------------------------------------------------------------------------------


class Json:
    """A picture for programs: what it holds, as JSON."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _look(
    dsn: str | None,
    picture: Callable[[Capataz, queries.Connection], RenderableType | Json],
    *,
    every: float | None,
) -> None:
    """Show a picture: once, or again and again: in place on a terminal, one after the other in a pipe.

    While it repeats, a lost connection is replaced; the last picture stays, with what the matter is.
    """
    if every is None:
        with _client(dsn) as (client, connection):
            found = picture(client, connection)
        if isinstance(found, Json):
            show_json(found.value)
        else:
            show(found)
        return
    console = make_console()
    with ExitStack() as stack:
        live: Live | None = None
        last: RenderableType = ""
        failures, begun = 0, False
        while True:
            try:
                with _client(dsn) as (client, connection):
                    while True:
                        found = picture(client, connection)
                        failures, begun = 0, True
                        if isinstance(found, Json):
                            show_json(found.value, line=True)
                        elif console.is_terminal:
                            if live is None:
                                live = stack.enter_context(Live(console=console, screen=True, auto_refresh=False))
                            last = found
                            live.update(found, refresh=True)
                        else:
                            show(found, "")
                            sys.stdout.flush()
                        time.sleep(every)
            except psycopg.OperationalError as error:
                if not begun:
                    raise
                failures += 1
                delay = min(every * 2**failures, 30.0)
                message = f"{' '.join(str(error).split())}; trying again in {delay:.0f} s"
                if live is not None:
                    live.update(
                        Group(Text(message, style="bold red", no_wrap=True, overflow="ellipsis"), last), refresh=True
                    )
                else:
                    note(message)
                time.sleep(delay)


# --- acting ----------------------------------------------------------------------------------------------------


@app.command(rich_help_panel="Act")
@_guarded
def cancel(
    robot_ids: Annotated[list[str], typer.Argument(metavar="ROBOT...", help="The robots.")],
    reason: Annotated[str | None, typer.Option(help="Why; kept with the robot.")] = None,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Cancel robots that wait or run."""
    _each(dsn, robot_ids, as_json, lambda client, robot_id: client.cancel_robot(robot_id, reason=reason))


@app.command(rich_help_panel="Act")
@_guarded
def retry(
    robot_ids: Annotated[list[str], typer.Argument(metavar="ROBOT...", help="The robots.")],
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Put failed robots back in the queue."""
    _each(dsn, robot_ids, as_json, lambda client, robot_id: client.retry_robot(robot_id))


def _each(dsn: str | None, robot_ids: list[str], as_json: bool, act: Callable[[Capataz, str], str]) -> None:
    """Do something to each robot; one that is refused does not keep the others from it. Exit 1 if any was."""
    results: list[dict[str, Any]] = []
    refused = 0
    with _client(dsn) as (client, _):
        for robot_id in robot_ids:
            try:
                results.append({"robot_id": robot_id, "status": act(client, robot_id), "error": None})
            except CapatazError as error:
                if len(robot_ids) == 1:
                    raise
                refused += 1
                results.append({"robot_id": robot_id, "status": None, "error": str(error)})
    if as_json:
        show_json(results)
    else:
        for result in results:
            if result["error"] is None:
                show(Text.assemble(result["robot_id"], "  ", coloured(result["status"])))
            else:
                show(Text.assemble(result["robot_id"], "  ", (result["error"].splitlines()[0], "red")))
    if refused:
        raise typer.Exit(1)


# --- reports and metrics ---------------------------------------------------------------------------------------


@app.command(rich_help_panel="Look")
@_guarded
def report(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="daily, weekly or monthly.")],
    day: Annotated[
        str | None,
        typer.Option(
            "--date",
            metavar="DAY",
            help="A day of the period, such as 2026-01-31, or today: the period under way so far. "
            "Default: the last period that is over.",
        ),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="html, md or json. Default: as the file is named, else md.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write it to this file; - is standard output.")
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Show the report of a day, week or month, or write it to one self-contained file."""
    from ..reporting import FORMATS, UnknownReportError, render

    suffix = out.suffix.removeprefix(".").lower() if out else ""
    chosen = next((known for known in FORMATS if known == (form or suffix).lower()), None)
    if chosen is None and form is not None:
        fail(f"--format is {form!r}", hint=f"Give one of {', '.join(FORMATS)}.", code=EXIT_USAGE)
    if chosen is None and suffix:
        hint = f"Name it .{', .'.join(FORMATS)}, or give --format."
        fail(f"--out is {str(out)!r}: no report has the format {suffix}", hint=hint, code=EXIT_USAGE)
    with _client(dsn) as (client, _):
        when = client.utc_now().date() if day == "today" else _day(day)
        document = client.report(kind, date=when)
    try:
        text = render(document, chosen or "md")
    except ModuleNotFoundError as error:
        fail(f"HTML needs {error.name}", hint="pip install 'capataz[reports]', or choose --format md")
    except UnknownReportError as error:
        fail(str(error), hint="Upgrade this client.")
    if out is None or str(out) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"cannot write {out}: {error.strerror}")
    note(f"{out}: {len(text.encode()):,} bytes.")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(f"--date is {text!r}", hint="Give a day such as 2026-01-31, or today.", code=EXIT_USAGE)


@app.command(rich_help_panel="Look")
@_guarded
def reports(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="daily, weekly or monthly; default: all.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10000, help="How many at most.")] = 20,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """List the reports that are kept, the latest first."""
    with _client(dsn) as (client, _):
        found = client.list_reports(kind, limit=limit)
    if as_json:
        show_json(found)
    elif not found:
        note("No report is built yet: jobs do it once a day is over. `capataz report daily --date today` shows today.")
    else:
        show(views.reports_table(found))


@app.command(rich_help_panel="Look")
@_guarded
def metrics(
    once: Annotated[bool, typer.Option("--once", help="Print the metrics, and stop.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Serve /metrics on this port; 0: any that is free.")
    ] = 9187,
    host: Annotated[str, typer.Option(help="Serve on this address.")] = "127.0.0.1",
    dsn: Dsn = None,
) -> None:
    """Serve the metrics for Prometheus, or print them once, in OpenMetrics."""
    from ..metrics import OPENMETRICS, MetricsServer, render

    if once:
        with _client(dsn) as (_, connection):
            body, _ = render(connection, OPENMETRICS)
        sys.stdout.write(body.decode())
        sys.stdout.flush()
        return
    _log(False)
    with MetricsServer(_dsn(dsn), host, port) as server:
        note(f"Metrics on http://{host}:{server.port}/metrics; Ctrl-C stops.")
        server.serve()


# --- doctor ----------------------------------------------------------------------------------------------------


# --- analytics -------------------------------------------------------------------------------------------------


def _time(value: str | None, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(f"{name} is no time: {error}") from error


@app.command(rich_help_panel="Analyse")
@_guarded
def timeline(
    robot_id: Annotated[str, typer.Argument(metavar="ROBOT", help="The robot.")],
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Tell the life of a robot: due, claimed, steps, failed, retried, released, completed."""
    with _client(dsn) as (client, _):
        events = client.robot_timeline(robot_id)
    if as_json:
        show_json(events)
        return
    show(views.timeline_table(events))


@app.command(rich_help_panel="Analyse")
@_guarded
def forecast(
    module: Annotated[str | None, typer.Argument(metavar="[MODULE]", help="One module; all that have work.")] = None,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Say when backlogs will be empty, which robots will be late, and how good past forecasts were."""
    with _client(dsn) as (client, _):
        found = client.queue_forecast(module)
        now = client.utc_now()
    if as_json:
        show_json(found)
        return
    if not found:
        note("Nothing waits and nothing runs.")
        return
    show(views.forecast_table(found, now))
    for line in views.forecast_remarks(found):
        show(line)


@app.command(rich_help_panel="Analyse")
@_guarded
def errors(
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="UTC; 7 days before --to.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="UTC; now.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 30,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Show what fails: by category, step, module and hour of the day; what is new, growing, vanished."""
    with _client(dsn) as (client, _):
        found = client.error_patterns(from_=_time(from_, "--from"), to=_time(to, "--to"))
    if as_json:
        show_json(found)
        return
    if not found:
        note("Nothing failed, and nothing had failed before.")
        return
    show(views.errors_table(found[:limit]))
    if len(found) > limit:
        note(f"{len(found) - limit} further kinds: --limit shows more.")


@app.command(rich_help_panel="Analyse")
@_guarded
def steps(
    module: Annotated[str | None, typer.Argument(metavar="[MODULE]", help="One module; all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many steps of each module.")] = 10,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Show in which steps the time of 7 days went, and the bottleneck of each module."""
    with _client(dsn) as (client, _):
        found = [row for row in client.step_analysis() if module in (None, row.module_name)]
    if as_json:
        show_json(found)
        return
    if not found:
        note("No step has ended in 7 days.")
        return
    show(*views.steps_tables(found, limit))


@app.command(rich_help_panel="Analyse")
@_guarded
def scoreboard(dsn: Dsn = None, as_json: AsJson = False) -> None:
    """Show the modules side by side: score, success, percentiles, throughput of 24 hours."""
    with _client(dsn) as (client, _):
        found = client.performance_scoreboard()
    if as_json:
        show_json(found)
        return
    show(views.scoreboard_table(found))


@app.command(rich_help_panel="Analyse")
@_guarded
def benchmark(
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="UTC; 7 days before --to.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="UTC; now.")] = None,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Compare modules that do the same work: duration, efficiency, cost."""
    with _client(dsn) as (client, _):
        found = client.module_benchmark(from_=_time(from_, "--from"), to=_time(to, "--to"))
    if as_json:
        show_json(found)
        return
    if not found:
        note("Nothing ended in this time.")
        return
    show(views.benchmark_table(found))


@app.command(rich_help_panel="Analyse")
@_guarded
def capacity(
    month: Annotated[str | None, typer.Option(metavar="MONTH", help="Such as 2026-01; this month.")] = None,
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Plan capacity: growth, peaks, when capacity runs out, how many workers it takes."""
    given = _time(f"{month}-01" if month is not None and len(month) == 7 else month, "--month")
    with _client(dsn) as (client, _):
        found = client.capacity_plan(month=given)
    if as_json:
        show_json(found)
        return
    if not found:
        note("No whole day of work to plan from yet.")
        return
    show(views.capacity_table(found))
    for line in views.capacity_remarks(found):
        show(line)


jobs_app = typer.Typer(help="The scheduled jobs: what runs when, and how it went.", invoke_without_command=True)
app.add_typer(jobs_app, name="jobs", rich_help_panel="Look")


@jobs_app.callback(invoke_without_command=True)
@_guarded
def jobs(context: typer.Context, dsn: Dsn = None, as_json: AsJson = False) -> None:
    """Show the scheduled jobs: schedule, last run, next due, what was missed."""
    if context.invoked_subcommand is not None:
        return
    with _client(dsn) as (client, _):
        found = client.list_jobs()
        now = client.utc_now()
    if as_json:
        show_json(found)
        return
    show(views.jobs_table(found, now))
    for line in views.job_remarks(found, now):
        show(line)


@jobs_app.command(name="run")
@_guarded
def run_job_now(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The job.")],
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Run one job now, under its time limit. Exit 1 if it fails."""
    from ..ticker import run_one

    with _client(dsn) as (client, connection):
        limits = {job.job_name: job.timeout_seconds for job in client.list_jobs()}
        run = run_one(connection, name, limits.get(name, 300))
        failed = run.outcome.startswith("failed")
        error = next((job.last_error for job in client.list_jobs() if job.job_name == name), None) if failed else None
    if as_json:
        show_json(run)
    else:
        show(Text.assemble(f"{run.job_name}: ", coloured(run.outcome), f", {duration(run.duration_ms)}"))
        if run.outcome == "skipped":
            note("It is running elsewhere at this moment.")
        if error:
            show(Text(error))
    if failed:
        raise typer.Exit(EXIT_REFUSED)


@app.command(rich_help_panel="Look")
@_guarded
def doctor(
    dsn: Dsn = None,
    as_json: AsJson = False,
) -> None:
    """Examine the installation: connection, versions, scheduled jobs, and the system's own health."""
    try:
        with _client(dsn) as (client, connection):
            findings = _examine_server(connection)
            findings += _examine_schema(default_dsn(dsn))
            findings += _examine_notifications(connection)
            try:
                health = client.system_health()
                findings += health
            except NotInstalled:
                pass  # said already
            except CapatazError as error:
                findings.append(HealthCheck("system health", "FAIL", f"{error.message}. {error.hint or ''}"))
    except psycopg.OperationalError as error:
        if not as_json:
            raise
        show_json([HealthCheck("connection", "FAIL", " ".join(str(error).split()))])
        raise typer.Exit(EXIT_UNREACHABLE) from None
    unwell = [finding for finding in findings if not _is_well(finding.status)]
    if as_json:
        show_json(findings)
    else:
        show(views.health_table(findings))
        show("", Text("All is well." if not unwell else f"{len(unwell)} of {len(findings)} checks need attention."))
    if any(_is_ill(finding.status) for finding in unwell):
        raise typer.Exit(EXIT_UNWELL)


def _is_well(status: str) -> bool:
    return status.upper() in ("OK", "PASS", "HEALTHY", "INFO", "SKIP")


def _is_ill(status: str) -> bool:
    return not _is_well(status) and not status.upper().startswith("WARN")


def _examine_server(connection: queries.Connection) -> list[HealthCheck]:
    begun = time.perf_counter()
    connection.execute("select 1")
    took = (time.perf_counter() - begun) * 1000
    info = connection.info
    where = info.host or "local socket"
    major = info.server_version // 10000
    findings = [
        HealthCheck(
            "connection", "OK", f"{info.dbname} at {where}:{info.port} as {info.user}, {duration(took)} there and back"
        ),
        HealthCheck(
            "server version",
            "OK" if 15 <= major <= 18 else "WARN",
            f"PostgreSQL {info.parameter_status('server_version')}; tested with 15 to 18",
        ),
    ]
    if info.encoding.lower().replace("-", "") not in ("utf8", "utf_8"):
        findings.append(HealthCheck("encoding", "WARN", f"client encoding is {info.encoding}, not UTF-8"))
    return findings


def _examine_schema(dsn: str) -> list[HealthCheck]:
    from .. import deploy

    try:
        state = deploy.state(dsn)
    except (deploy.DeployError, psycopg.Error) as error:
        return [HealthCheck("schema", "WARN", f"cannot compare with this version: {' '.join(str(error).split())}")]
    if not state.installed:
        return [HealthCheck("schema", "FAIL", "Capataz is not installed here: run capataz migrate")]
    if state.current:
        return [HealthCheck("schema", "OK", f"version {state.version}, the same as this client")]
    if state.unknown:
        return [HealthCheck("schema", "WARN", f"newer than this client ({__version__}): upgrade the client")]
    what = f"{len(state.pending)} migrations pending" if state.pending else "its code differs from this client's"
    return [HealthCheck("schema", "WARN", f"version {state.version}: {what}; run capataz migrate")]


def _examine_notifications(connection: queries.Connection) -> list[HealthCheck]:
    channel = f"capataz_doctor_{os.getpid()}"
    try:
        connection.execute(f"listen {channel}")
        connection.execute(f"notify {channel}")
        came = any(True for _ in connection.notifies(timeout=1.0, stop_after=1))
        connection.execute(f"unlisten {channel}")
    except psycopg.Error as error:
        return [HealthCheck("notifications", "WARN", " ".join(str(error).split()))]
    if came:
        return [HealthCheck("notifications", "OK", "LISTEN and NOTIFY work: workers wake at once")]
    return [HealthCheck("notifications", "WARN", "none arrive (a pooler?): workers fall back to polling")]

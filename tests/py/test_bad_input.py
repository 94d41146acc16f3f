"""Bad input on every public function: it raises an RBnnn error that names the field, and changes nothing.

The functions come from the catalog: a new one fails here until VALID says how it is called, and the tables after it
what its arguments may be. What PostgreSQL rejects before a body runs (class 22, 42883) stays as it is; the same classes
raised *inside* a body are failures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from support import MODULE, Connection, checksums, claim, names_field, register, submit

BIGINT = 2**63 - 1
INTEGER = 2**31 - 1
UNKNOWN_ID = "00000000-0000-7000-8000-000000000000"

#: A valid call of every public function; {...} is filled in from the fixture below.
VALID: dict[str, dict[str, Any]] = {
    "activate_module": {"p_module_name": MODULE},
    "batch_progress": {"p_correlation_id": "batch"},
    "build_daily_report": {},
    "build_monthly_report": {},
    "build_weekly_report": {},
    "cache_statistics": {},
    "cached": {"p_cache_name": "active_modules"},
    "cancel_robot": {"p_robot_id": "{pending}", "p_reason": "why"},
    "capacity_plan": {"p_month": "today"},
    "claim_robots": {"p_module_name": MODULE, "p_batch_size": 1, "p_worker_id": "w1", "p_timeout_seconds": 60},
    "complete_execution": {
        "p_execute_id": "{execution}",
        "p_output_data": {},
        "p_performance_metrics": {},
        "p_confidence_score": 0.5,
        "p_completeness_score": 0.5,
        "p_resource_usage_mb": 5,
    },
    "complete_executions": {"p_results": []},
    "deactivate_module": {"p_module_name": MODULE, "p_reason": "why"},
    "deployed_version": {},
    "due_health_checks": {"p_limit": 10},
    "error_patterns": {"p_from": "today", "p_to": "tomorrow"},
    "error_rates": {"p_module_name": MODULE, "p_hours": 24},
    "evaluate_health": {},
    "execution_data": {"p_execute_id": "{execution}", "p_field": "error_message"},
    "execution_totals": {"p_module_name": MODULE},
    "expire_executions": {"p_limit": 10},
    "explain_robot": {"p_robot_id": "{pending}"},
    "explain_score": {"p_module_name": MODULE},
    "fail_execution": {
        "p_execute_id": "{execution}",
        "p_error_message": "broken",
        "p_error_category": "PROCESSING",
        "p_error_details": {},
        "p_error_stack_trace": "line 1",
        "p_retryable": True,
    },
    "fail_executions": {"p_results": []},
    "find_stragglers": {},
    "fleet_trend": {"p_from": "today", "p_to": "tomorrow", "p_step_seconds": 3600},
    "fold_analytics": {},
    "fold_counters": {},
    "get_robot": {"p_robot_id": "{pending}"},
    "grant_module": {"p_module_name": MODULE, "p_role_name": "capataz_worker"},
    "health_history": {"p_module_name": MODULE, "p_limit": 10},
    "heartbeat_worker": {"p_worker_id": "w1", "p_module_name": MODULE, "p_info": {}},
    "hold_ticker": {"p_ticker_id": "t1", "p_patience_seconds": 30},
    "input_schema": {"p_module_name": MODULE, "p_robot_type": "OCR"},
    "issue_api_key": {
        "p_module_name": MODULE,
        "p_label": "app",
        "p_scopes": ["read"],
        "p_expires_at": "2999-01-01 00:00:00",
    },
    "list_api_keys": {"p_module_name": MODULE},
    "list_jobs": {},
    "list_reports": {"p_kind": "daily", "p_limit": 10},
    "module_activity": {"p_module_name": MODULE, "p_minutes": 60},
    "module_grants": {"p_module_name": MODULE},
    "module_benchmark": {"p_from": "today", "p_to": "tomorrow"},
    "module_health": {"p_module_name": MODULE},
    "move_waiting_robots": {},
    "my_modules": {},
    "pause_execution": {"p_execute_id": "{execution}"},
    "performance_scoreboard": {},
    "purge_history": {},
    "queue_forecast": {"p_module_name": MODULE},
    "queue_state": {"p_module_name": MODULE},
    "rebuild_derived": {},
    "record_due_health_check": {
        "p_module_name": MODULE,
        "p_healthy": True,
        "p_response_time_ms": 5,
        "p_error_message": "none",
    },
    "record_health_check": {
        "p_module_name": MODULE,
        "p_healthy": True,
        "p_response_time_ms": 5,
        "p_error_message": "slow",
    },
    "register_module": {
        "p_module_name": MODULE,
        "p_module_version": "1.0",
        "p_supported_robot_types": ["OCR"],
        "p_environment": "prod",
        "p_health_endpoint": "http://localhost/health",
        "p_registration_data": {},
    },
    "release_robots": {"p_execute_ids": ["{execution}"]},
    "release_ticker": {"p_ticker_id": "t1"},
    "report": {"p_kind": "daily", "p_date": "today"},
    "report_progress": {
        "p_execute_id": "{execution}",
        "p_progress_percentage": 50,
        "p_current_step": "OCR",
        "p_step_category": "PROCESSING",
        "p_completed_steps": 1,
        "p_total_steps": 2,
        "p_step_details": {},
        "p_cpu_usage_percent": 50,
        "p_memory_usage_mb": 5,
        "p_disk_io_mb": 5,
        "p_network_io_mb": 5,
        "p_items_processed": 5,
        "p_external_api_calls": 5,
        "p_external_api_duration_ms": 5,
        "p_external_api_failures": 5,
    },
    "resource_trend": {
        "p_module_name": MODULE,
        "p_from": "today",
        "p_to": "tomorrow",
        "p_step_seconds": 3600,
    },
    "resume_execution": {"p_execute_id": "{execution}"},
    "retry_robot": {"p_robot_id": "{failed}"},
    "retry_step": {"p_execute_id": "{execution}", "p_error_message": "again"},
    "revoke_api_key": {"p_key_id": "{key}"},
    "revoke_module": {"p_module_name": MODULE, "p_role_name": "capataz_worker"},
    "robot_data": {"p_robot_id": "{pending}", "p_field": "input_data"},
    "robot_timeline": {"p_robot_id": "{pending}"},
    "roll_up_trends": {},
    "rotate_api_key": {"p_key_id": "{key}", "p_overlap_seconds": 60, "p_expires_at": "2999-01-01 00:00:00"},
    "route_robot": {"p_robot_type": "OCR"},
    "run_due_jobs": {},
    "run_job": {"p_job_name": "fold_counters"},
    "sample_resources": {},
    "score_modules": {},
    "set_module_security": {"p_module_name": MODULE, "p_security_level": "BASIC", "p_compliance_flags": {}},
    "step_analysis": {},
    "stop_worker": {"p_worker_id": "w1"},
    "store_forecasts": {},
    "stuck_executions": {"p_module_name": MODULE},
    "latency": {"p_module_name": MODULE, "p_hours": 24},
    "errors_by_hour": {"p_hours": 24},
    "recent_failures": {"p_module_name": MODULE, "p_limit": 20},
    "running_executions": {"p_module_name": MODULE, "p_limit": 20},
    "robot_attempts": {"p_robot_id": "{pending}"},
    "submit_robot": {
        "p_robot_type": "OCR",
        "p_input_data": {},
        "p_module_name": MODULE,
        "p_priority": "NORMAL",
        "p_available_at": "2026-01-01 00:00:00",
        "p_cache_key": "key",
        "p_correlation_id": "batch",
        "p_source_reference": "mail",
        "p_retry_limit": 3,
        "p_estimated_duration_minutes": 5,
        "p_complexity_score": 1.0,
        "p_processing_tier": "FAST",
        "p_security_classification": "STANDARD",
        "p_compliance_tags": ["GDPR"],
        "p_metadata": {},
        "p_robot_id": "mine",
    },
    "submit_robots": {"p_robots": []},
    "system_health": {},
    "take_rate_token": {"p_module_name": MODULE, "p_cost": 1},
    "throughput": {"p_module_name": MODULE, "p_robot_type": "OCR", "p_minutes": 60},
    "trace_contexts": {"p_robot_ids": ["{pending}"]},
    "trim_windows": {},
    "utc_now": {},
    "validate_consistency": {},
    "warm_caches": {},
    "worker_counts": {"p_module_name": MODULE},
}

#: Texts: longest; False for messages, which may hold anything
TEXTS: dict[str, tuple[int | None, bool]] = {
    "p_cache_key": (255, True),
    "p_cache_name": (100, True),
    "p_correlation_id": (100, True),
    "p_current_step": (100, True),
    "p_environment": (50, True),
    "p_error_category": (50, True),
    "p_error_message": (None, False),
    "p_error_stack_trace": (None, False),
    "p_execute_id": (50, True),
    "p_field": (30, True),
    "p_health_endpoint": (200, True),
    "p_job_name": (100, True),
    "p_key_id": (60, True),
    "p_kind": (20, True),
    "p_label": (100, True),
    "p_module_name": (100, True),
    "p_module_version": (50, True),
    "p_priority": (20, True),
    "p_processing_tier": (20, True),
    "p_reason": (None, False),
    "p_robot_id": (50, True),
    "p_robot_type": (50, True),
    "p_role_name": (63, True),
    "p_security_classification": (20, True),
    "p_security_level": (20, True),
    "p_source_reference": (200, True),
    "p_step_category": (20, True),
    "p_ticker_id": (200, True),
    "p_worker_id": (100, True),
}
ENUMS = {"p_field", "p_kind", "p_priority", "p_processing_tier", "p_security_level", "p_step_category"}
#: what names something that must exist
REFERENCES = {
    "p_cache_name",
    "p_execute_id",
    "p_job_name",
    "p_key_id",
    "p_module_name",
    "p_robot_id",
    "p_robot_type",
    "p_role_name",
    "p_correlation_id",
}

#: Numbers: smallest and greatest that are accepted
NUMBERS: dict[str, tuple[float, float]] = {
    "p_batch_size": (1, 1000),
    "p_completed_steps": (0, INTEGER),
    "p_completeness_score": (0, 1),
    "p_complexity_score": (0, 9.9),
    "p_confidence_score": (0, 1),
    "p_cost": (0.000001, 1e9),
    "p_cpu_usage_percent": (0, 999.99),
    "p_disk_io_mb": (0, INTEGER),
    "p_estimated_duration_minutes": (0, INTEGER),
    "p_external_api_calls": (0, INTEGER),
    "p_external_api_duration_ms": (0, INTEGER),
    "p_external_api_failures": (0, INTEGER),
    "p_hours": (1, 2208),
    "p_items_processed": (0, 2**53 - 1),
    "p_limit": (1, 100000),
    "p_memory_usage_mb": (0, INTEGER),
    "p_minutes": (1, 1440),
    "p_network_io_mb": (0, INTEGER),
    "p_overlap_seconds": (0, 31_536_000),
    "p_patience_seconds": (1, 3600),
    "p_progress_percentage": (0, 100),
    "p_resource_usage_mb": (0, INTEGER),
    "p_response_time_ms": (0, INTEGER),
    "p_retry_limit": (0, 1000),
    "p_step_seconds": (60, 31_536_000),
    "p_timeout_seconds": (1, INTEGER),
    "p_total_steps": (1, INTEGER),
}
#: the same where a function has bounds of its own
BOUNDS: dict[tuple[str, str], tuple[float, float]] = {
    ("errors_by_hour", "p_hours"): (1, 168),
    ("latency", "p_hours"): (1, 48),
    ("list_reports", "p_limit"): (1, 10000),
    ("recent_failures", "p_limit"): (1, 200),
    ("running_executions", "p_limit"): (1, 1000),
}
#: JSON: whether it must be an object (arrays of the bulk calls have tests of their own)
DOCUMENTS: dict[str, bool | None] = {
    "p_compliance_flags": True,
    "p_error_details": True,
    "p_info": True,
    "p_input_data": False,
    "p_metadata": True,
    "p_output_data": False,
    "p_performance_metrics": True,
    "p_registration_data": True,
    "p_results": None,
    "p_robots": None,
    "p_step_details": True,
}
TEXT_ARRAYS = {"p_compliance_tags", "p_execute_ids", "p_robot_ids", "p_scopes", "p_supported_robot_types"}
#: what takes a secret, or needs one before: RB401 comes before everything. See tests/pgtap/security, test_gateway
SECRETS = {"authenticate", "begin_idempotent", "finish_idempotent", "verify_api_key"}

#: Names that need not exist
FREE = {
    ("input_schema", "p_robot_type"),
    ("register_module", "p_module_name"),
    ("revoke_module", "p_role_name"),
    ("submit_robot", "p_robot_id"),
    ("submit_robot", "p_correlation_id"),
    ("throughput", "p_robot_type"),
}

INJECTION = "x'); drop table capataz.robots; --"
ODDITIES = ["日本語", "e\u0301\u200b", "\u202eabc", "🤖" * 5, "\ufeff", "\\", '"', "%s", "$1", "{}", "null", "NaN", "0"]

ENVIRONMENT_CLASSES = ("22", "42883", "42725", "54001")


@pytest.fixture(scope="module")
def database(module_dsn: str) -> Iterator[Connection]:
    """A database in which something can be got wrong."""
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        register(connection)
        submit(connection, 3, correlation_id="batch")
        claim(connection, 1, worker="w1")
        connection.execute(
            "select capataz.cancel_robot((select min(robot_id) from capataz.robots where status = 'PENDING'))"
        )
        connection.execute("select capataz.issue_api_key(%s, 'app', array['read'])", [MODULE])
        yield connection


@pytest.fixture(scope="module")
def names(database: Connection) -> dict[str, str]:
    """Ids that stand in VALID as {...}."""
    return {
        "pending": _one(database, "select robot_id from capataz.robots where status = 'PENDING'"),
        "failed": _one(database, "select robot_id from capataz.robots where status = 'FAILED'"),
        "execution": _one(database, "select execute_id from capataz.robot_execute where completed_at is null"),
        "key": _one(database, "select key_id from capataz.list_api_keys()"),
    }


def _one(connection: Connection, query: str) -> str:
    [(value,)] = connection.execute(query.encode()).fetchall()
    return str(value)


Signature = list[tuple[str, str, bool]]


def _signatures(connection: Connection) -> dict[str, Signature]:
    """Every public function: (argument, type, whether it has a default)."""
    rows = connection.execute(
        """
        select
          p.proname, coalesce(a.name, ''), coalesce(format_type(a.type, null), ''),
          a.place > p.pronargs - p.pronargdefaults
        from pg_proc as p
        left join lateral unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[])
          with ordinality as a (name, type, place) on true
        where p.pronamespace = 'capataz'::regnamespace
          and p.prorettype <> 'trigger'::regtype
          and p.proname !~ '^_'
          and p.proname <> all (%s)
        order by p.proname, a.place
        """,
        [sorted(SECRETS)],
    ).fetchall()
    signatures: dict[str, Signature] = {}
    for function, name, kind, has_default in rows:
        arguments = signatures.setdefault(function, [])
        if name:
            arguments.append((name, kind, bool(has_default)))
    return signatures


class Caller:
    """Calls functions with one argument replaced, always undone."""

    def __init__(self, connection: Connection, names: dict[str, str]) -> None:
        self.connection = connection
        self.signatures = _signatures(connection)
        self.names = names
        self.failures: list[str] = []

    def text_of(self, value: Any) -> str | None:
        """How a value is written as a literal."""
        if value is None:
            return None
        if isinstance(value, (dict, list)):
            filled = [self.fill(v) for v in value] if isinstance(value, list) else value
            return json.dumps(filled)
        return str(self.fill(str(value)))

    def fill(self, value: Any) -> Any:
        if isinstance(value, str):
            for name, known in self.names.items():
                value = value.replace("{" + name + "}", known)
        return value

    def call(self, function: str, replaced: dict[str, Any] | None = None) -> psycopg.Error | None:
        """Calls with the arguments of VALID, but for those replaced; gives the error, and undoes everything."""
        arguments = []
        for name, kind, _ in self.signatures[function]:
            value = replaced[name] if replaced and name in replaced else VALID[function][name]
            literal = self.text_of(value)
            if kind == "text[]" and isinstance(value, list):
                expression = sql.SQL("{}::text[]").format(sql.Literal([self.fill(v) for v in value]))
            else:
                expression = sql.SQL("{}::{}").format(sql.Literal(literal), sql.SQL(kind))
            arguments.append(sql.SQL("{} => {}").format(sql.Identifier(name), expression))
        query = sql.SQL("select * from {}({})").format(
            sql.Identifier("capataz", function), sql.SQL(", ").join(arguments)
        )
        self.connection.execute("begin")
        try:
            self.connection.execute(query)
        except psycopg.Error as error:
            return error
        finally:
            self.connection.execute("rollback")
        return None

    def check(self, function: str, name: str, value: Any, *, may_succeed: bool, field: str | None = None) -> None:
        """One bad argument: notes what is wrong with the answer."""
        error = self.call(function, {name: value})
        shown = repr(value)[:60]
        case = f"{function}({name} => {shown})"
        if error is None:
            if not may_succeed:
                self.failures.append(f"{case} was accepted")
            return
        state = error.sqlstate or ""
        diag = error.diag
        if state.startswith("RB"):
            text = f"{diag.message_primary} {diag.message_detail}"
            if not names_field(text, field or name.removeprefix("p_")):
                self.failures.append(f"{case}: {state} does not name the field: {text}")
            if not diag.message_detail or not diag.message_hint:
                self.failures.append(f"{case}: {state} without DETAIL or HINT: {error}")
        elif not state.startswith(ENVIRONMENT_CLASSES):
            self.failures.append(f"{case}: {state}: {error}")
        elif diag.context and "function capataz" in diag.context:
            self.failures.append(f"{case}: {state} inside a body: {error}")


@pytest.fixture
def caller(database: Connection, names: dict[str, str]) -> Iterator[Caller]:
    """Calls functions with bad arguments; at the end nothing may have changed, and no case may have failed."""
    before = checksums(database)
    made = Caller(database, names)
    yield made
    assert made.failures == [], "\n" + "\n".join(made.failures)
    assert checksums(database) == before


FUNCTIONS = sorted(VALID)


def test_every_public_function_is_tried(caller: Caller) -> None:
    assert sorted(caller.signatures) == FUNCTIONS
    known = {
        *TEXTS,
        *NUMBERS,
        *DOCUMENTS,
        *TEXT_ARRAYS,
        "p_available_at",
        "p_expires_at",
        "p_healthy",
        "p_retryable",
        "p_from",
        "p_to",
        "p_date",
        "p_month",
    }
    for function, signature in caller.signatures.items():
        assert {name for name, _, _ in signature} == set(VALID[function]), function
        assert {name for name, _, _ in signature} <= known, function


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_valid_call_is_accepted(caller: Caller, function: str) -> None:
    if function == "resume_execution":
        caller.connection.execute("select capataz.pause_execution(%s)", [caller.names["execution"]])
        try:
            assert caller.call(function) is None
        finally:
            caller.connection.execute("select capataz.resume_execution(%s)", [caller.names["execution"]])
    else:
        assert caller.call(function) is None


@pytest.mark.parametrize("function", FUNCTIONS)
def test_null(caller: Caller, function: str) -> None:
    for name, _, has_default in caller.signatures[function]:
        error = caller.call(function, {name: None})
        if has_default:
            # a robot that runs is not resumed; no report of the last period is there yet
            known = {("resume_execution", "RB409"), ("report", "RB404")}
            if error is not None and (function, error.sqlstate) not in known:
                caller.failures.append(f"{function}({name} => null): null means the default, but {error}")
        else:
            caller.check(function, name, None, may_succeed=False)
            assert error is None or error.sqlstate == "RB400", f"{function}({name} => null): {error}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_texts(caller: Caller, function: str) -> None:
    for name, kind, _ in caller.signatures[function]:
        if kind != "text":
            continue
        longest, is_plain = TEXTS[name]
        if longest is None:
            for value in ("", "line 1\nline 2\t\x01", INJECTION, "x" * 10_000_000, *ODDITIES):
                caller.check(function, name, value, may_succeed=True)
            continue
        assert is_plain
        for value in ("", "x" * (longest + 1), "🤖" * (longest + 1), "x" * 10_000_000, "a\nb", "\t", "a\x01", "\x7f"):
            caller.check(function, name, value, may_succeed=False)
        exists = name in REFERENCES and (function, name) not in FREE
        refused = name in ENUMS or exists or name == "p_error_category"
        for value in (INJECTION, "'", "--", "; select 1", *ODDITIES, "🤖" * longest):
            ok = not refused
            caller.check(function, name, value, may_succeed=ok)
        if name in ENUMS:
            for value in ("normal", "NORMAL ", "URGENT", "1"):
                caller.check(function, name, value, may_succeed=False)
        if exists:
            caller.check(function, name, UNKNOWN_ID, may_succeed=False)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_unknown_ids_are_not_found(caller: Caller, function: str) -> None:
    for name, _, _ in caller.signatures[function]:
        if name not in REFERENCES or function in ("register_module", "submit_robot", "route_robot"):
            continue
        if (function, name) in FREE:
            continue
        error = caller.call(function, {name: UNKNOWN_ID})
        assert error is not None
        assert error.sqlstate == "RB404", f"{function}({name}): {error}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_numbers(caller: Caller, function: str) -> None:
    for name, kind, _ in caller.signatures[function]:
        if kind not in ("bigint", "double precision"):
            continue
        smallest, greatest = BOUNDS.get((function, name), NUMBERS[name])
        # the two steps go together: what is greater than the total of the call is refused as well
        for value in (smallest, greatest):
            together = function == "report_progress" and name in ("p_completed_steps", "p_total_steps")
            literal = int(value) if kind == "bigint" else value
            replaced = {"p_completed_steps": literal, "p_total_steps": max(literal, 1)} if together else {name: literal}
            error = caller.call(function, replaced)
            if error is not None and (function, error.sqlstate) != ("resume_execution", "RB409"):
                caller.failures.append(f"{function}({name} => {literal}) is in range, but {error}")
        values: list[Any] = [smallest - 1, -1, greatest + 1, "abc", "", "1e400", "1e-400x", str(10**30), "1; select 1"]
        if kind == "bigint":
            values += [BIGINT, -BIGINT - 1, 2**31 if greatest <= INTEGER else BIGINT, "1.5", "NaN", "Infinity"]
        else:
            values += ["NaN", "Infinity", "-Infinity", "1e308", "-1e-3", f"{greatest}1"]
        for value in values:
            literal = int(value) if kind == "bigint" and isinstance(value, float) else value
            in_range = kind == "double precision" and value == f"{greatest}1" and float(value) == greatest
            caller.check(function, name, literal, may_succeed=in_range)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_documents(caller: Caller, function: str) -> None:
    for name, kind, _ in caller.signatures[function]:
        if kind != "jsonb":
            continue
        must_be_object = DOCUMENTS[name]
        for value in ("", "{", "{'a': 1}", "nan", '"\\u0000"', '"\\ud800"', "[" * 20_000, '{"a": 1e400000}', "\x01"):
            caller.check(function, name, value, may_succeed=False)
        if must_be_object is None:
            continue
        for value in ("[]", '"x"', "1", "true", "null", "[{}]"):
            caller.check(function, name, value, may_succeed=not must_be_object)
        large = json.dumps({"x": "y" * 10_000_000})
        caller.check(function, name, large, may_succeed=False)
        many = json.dumps({f"key{number}": number for number in range(400_000)})
        caller.check(function, name, many, may_succeed=False)
        deep = json.dumps({"a": INJECTION, INJECTION: "日本語", "": None})
        caller.check(function, name, deep, may_succeed=True)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_arrays_times_and_booleans(caller: Caller, function: str) -> None:
    for name, kind, _ in caller.signatures[function]:
        if kind == "text[]":
            free = name in ("p_execute_ids", "p_robot_ids")  # skips what is not active, or has no trace
            for value in ("{", "x", "1", '{"a"'):
                caller.check(function, name, value, may_succeed=False)
            tags = name == "p_compliance_tags"
            for value, ok in (
                ("{}", free or tags),
                ("{null}", free),
                ('{"OCR", null}', free),
                ('{""}', free or tags),
                ("{{OCR,SCAN},{A,B}}", free),
                ("[0:0]={OCR}", True),
                ('{"a\nb"}', free),
                ("{" + "x" * 51 + "}", free or tags),
                ("{" + ",".join(f"type{number}" for number in range(33)) + "}", free or tags),
                ("{" + ",".join("日" * 45 + str(number) for number in range(32)) + "}", free or tags),
                ("{" + ",".join(["x"] * 10_001) + "}", False),
                ("{" + INJECTION.replace("'", "").replace('"', "") + "}", True),
            ):
                caller.check(function, name, value, may_succeed=ok)
        elif kind == "timestamp without time zone":
            for value in ("infinity", "-infinity", "", "yesterday or so", "2026-13-45", "294277-01-01", "1", INJECTION):
                caller.check(function, name, value, may_succeed=False)
            for value in ("0001-01-01 BC", "294276-12-31", "1970-01-01", "2026-02-28 23:59:60"):
                caller.check(function, name, value, may_succeed=True)
        elif kind == "boolean":
            for value in ("maybe", "", "2", INJECTION):
                caller.check(function, name, value, may_succeed=False)


def each(head: tuple[Any, ...], *values: Any) -> list[tuple[Any, ...]]:
    """The same case with each of these values."""
    return [(*head, value) for value in values]


SETTINGS: list[tuple[Any, ...]] = [
    *each(("max_concurrency",), 0, -1, 1.5, "7", 10**7, 1e100, [], {}, True),
    *each(("failure_threshold",), 0, -1, 2.5, "5", 10**9),
    *each(("cache_ttl_seconds",), 0, -1, "60", 1e99),
    *each(("worker_timeout_seconds",), 0, -1, 86401, "30"),
    *each(("timeout_seconds",), 0, -1, 1.5, 2**31, 10**30, "1800"),
    *each(("priority_aging_seconds",), 0, -1, 1e12, "x"),
    *each(("health_check_interval_seconds",), 0, -1, 86401, "60"),
    *each(("health_failure_threshold",), 0, 1.5, "3", 10**9),
    *each(("min_success_rate",), -1, 101, "90"),
    *each(("max_response_time_ms",), 0, 1.5, 2**31, "5"),
    *each(("breaker",), [], "x", 5, True, {"cooldown_seconds": -1}, {"cooldown_seconds": "30"}),
    *each(("breaker",), {"cool_down": 1}),
    *each(("retry_policy",), {"base": 1}),
    *each(("breaker",), {"factor": 0.5}, {"factor": 101}, {"max_seconds": -1}, {"max_seconds": 1e9}),
    *each(("retry_policy",), [], "x", 5, True),
    *each(("retry_policy",), {"base_seconds": -1}, {"base_seconds": "5"}, {"base_seconds": 1e20}),
    *each(("retry_policy",), {"factor": 0}, {"factor": 0.5}, {"factor": -2}, {"factor": 1e5}),
    *each(("retry_policy",), {"jitter": -0.1}, {"jitter": 1.1}, {"jitter": "0"}),
    *each(("retry_policy",), {"max_seconds": -1}, {"max_seconds": 1e20}, {"max_seconds": "x"}),
    ("api_keys", {}),
]


@pytest.mark.parametrize(("key", "value"), SETTINGS)
def test_settings_of_a_module(caller: Caller, key: str, value: Any) -> None:
    caller.check("register_module", "p_registration_data", {key: value}, may_succeed=False, field=key)


def test_a_module_id_that_another_module_has(caller: Caller) -> None:
    """Name and version run into each other: A + 1_x and A_1 + x give one module_id."""
    caller.connection.execute("begin")
    try:
        caller.connection.execute("select from capataz.register_module('A', '1_x', array['T'])")
        with pytest.raises(psycopg.Error) as caught:
            caller.connection.execute("select from capataz.register_module('A_1', 'x', array['T'])")
        assert (caught.value.sqlstate or "").startswith("RB")
        assert names_field(str(caught.value), "module_id")
    finally:
        caller.connection.execute("rollback")


BAD_ROBOT_FIELDS: list[tuple[Any, ...]] = [
    *each(("robot_type",), None, "", "x" * 51, "a\nb", 1, [], {}, "UNKNOWN"),
    *each(("priority",), "", "low", "URGENT", 1, [], {"a": 1}, INJECTION),
    *each(("module_name",), "", "x" * 101, "Unknown", 5, {}, "a\nb", INJECTION),
    *each(("available_at",), "", "x", "infinity", "-infinity", 5, [], {}, "2026-13-45", True),
    *each(("cache_key",), "", "x" * 256, "a\nb"),
    *each(("correlation_id",), "", "x" * 101, "a\tb"),
    *each(("source_reference",), "", "x" * 201, "a\tb"),
    *each(("retry_limit",), -1, 1001, 1.5, "x", "", [], {}, True, 10**30),
    *each(("estimated_duration_minutes",), -1, 2**31, 1.5, "x", [], {}, 10**30),
    *each(("complexity_score",), -0.1, 10, "NaN", "x", [], {}, "1e400"),
    *each(("processing_tier",), "", "fast", "HUGE", 1, []),
    *each(("security_classification",), "", "x" * 21, "a\nb"),
    *each(("compliance_tags",), "x", 5, {}, [None], [["a"], ["b"]], [["a"], ["b", "c"]], ["x" * 9000]),
    *each(("metadata",), [], "x", 5, True),
    *each(("robot_id",), "", "x" * 51, "a b", "ñ", "a\n", INJECTION, "🤖"),
    ("unknown_key", 1),
    ("p_robot_type", "OCR"),
]


@pytest.mark.parametrize(("field", "value"), BAD_ROBOT_FIELDS)
def test_bad_fields_of_submit_robots(caller: Caller, field: str, value: Any) -> None:
    """All or nothing: the second of three elements is bad, and the error names index and field."""
    good = {"robot_type": "OCR"}
    error = caller.call("submit_robots", {"p_robots": [good, {**good, field: value}, good]})
    assert error is not None, "accepted"
    assert (error.sqlstate or "").startswith("RB"), f"{error.sqlstate}: {error}"
    text = f"{error.diag.message_primary} {error.diag.message_detail}"
    assert names_field(text, field), text
    if error.sqlstate == "RB400":
        assert "robots[1]" in text, text
    assert error.diag.message_hint


@pytest.mark.parametrize(
    "robots",
    [{}, "x", 1, True, [1], [None], ["x"], [[]], [{}], [{"robot_type": "OCR"}, 5], [{"robot_type": "OCR"}, None]],
)
def test_bad_shapes_of_submit_robots(caller: Caller, robots: Any) -> None:
    error = caller.call("submit_robots", {"p_robots": json.dumps(robots)})
    assert error is not None, "accepted"
    assert error.sqlstate == "RB400"
    assert names_field(str(error.diag.message_primary), "robots")


def test_too_many_and_too_large_elements(caller: Caller) -> None:
    for value in ([{"robot_type": "OCR"}] * 100_001, [{"robot_type": "OCR", "input_data": "y" * 10_000_000}]):
        error = caller.call("submit_robots", {"p_robots": json.dumps(value)})
        assert error is not None
        assert error.sqlstate == "RB400", error
    for function in ("complete_executions", "fail_executions"):
        caller.check(function, "p_results", json.dumps([{}] * 10_001), may_succeed=False)


@pytest.mark.parametrize("function", ["complete_executions", "fail_executions"])
@pytest.mark.parametrize("results", [{}, "x", 1, True, None])
def test_bad_shapes_of_bulk_ends(caller: Caller, function: str, results: Any) -> None:
    caller.check(function, "p_results", None if results is None else json.dumps(results), may_succeed=False)


BAD_ENDS: list[tuple[Any, ...]] = [
    *each(("both", None), 1, None, "x", [], True, {}),
    *each(("both", "execute_id"), None, 1, [], {}, True, "", "x" * 51, UNKNOWN_ID, "a\nb", INJECTION),
    ("both", "unknown_key", 1),
    *each(("complete_executions", "confidence_score"), -0.1, 1.1, "0.5", [], 1e300, True),
    *each(("complete_executions", "completeness_score"), -0.1, 1.1, "0.5", {}, 1e300),
    *each(("complete_executions", "resource_usage_mb"), -1, 2**31, "5", [], 1e300),
    *each(("complete_executions", "performance_metrics"), [], "x", 5),
    *each(("fail_executions", "error_message"), None, 5, [], {}),
    *each(("fail_executions", "error_category"), "", "lower", "A B", "X" * 51, 5, [], "A\n"),
    *each(("fail_executions", "error_details"), [], "x", 5),
    *each(("fail_executions", "error_stack_trace"), [], 5, {}),
    *each(("fail_executions", "retryable"), "true", 1, [], {}),
]


@pytest.mark.parametrize(("kind", "field", "value"), BAD_ENDS)
def test_bad_elements_of_bulk_ends_harm_no_other(
    database: Connection, names: dict[str, str], kind: str, field: str | None, value: Any
) -> None:
    """One row per element, in order; the bad one has an error that names the field, the good one is ended."""
    functions = ["complete_executions", "fail_executions"] if kind == "both" else [kind]
    for function in functions:
        good = {"execute_id": names["execution"], **({"error_message": "x"} if function == "fail_executions" else {})}
        # the bad element never names a live execution: its error comes from the field that is bad
        bad = value if field is None else {**good, "execute_id": UNKNOWN_ID, field: value}
        before = checksums(database)
        database.execute("begin")
        try:
            rows = database.execute(
                sql.SQL("select execute_id, status, error from capataz.{}(%s)").format(sql.Identifier(function)),
                [Jsonb([bad, good, bad])],
            ).fetchall()
        finally:
            database.execute("rollback")
        assert len(rows) == 3
        assert rows[1][1] in ("COMPLETED", "RETRYING")
        assert rows[1][2] is None
        for row in (rows[0], rows[2]):
            assert row[1] is None
            assert row[2].startswith(("RB400: ", "RB404: "))
            if row[2].startswith("RB400: ") and field is not None:
                assert names_field(row[2], field), row[2]
        assert checksums(database) == before


def test_one_execution_twice_in_a_bulk_end_is_ended_once(database: Connection, names: dict[str, str]) -> None:
    database.execute("begin")
    try:
        element = {"execute_id": names["execution"], "output_data": {"n": 1}}
        rows = database.execute(
            "select status::text, error from capataz.complete_executions(%s)", [Jsonb([element, element])]
        ).fetchall()
        assert rows == [("COMPLETED", None)] * 2
        assert database.execute("select sum(processed_count) from capataz_ops.module_deltas").fetchall() in (
            [(1,)],
            [(None,)],
        )
    finally:
        database.execute("rollback")


@pytest.mark.parametrize(
    "robot_type", ["OCR", "日本語", "Ñandú", "--", "'; drop table x; --", "a" * 50, "ÀÉÎ", "İ", "ß", "1", " x ", "🤖"]
)
def test_generated_ids_match_their_pattern_for_any_type(database: Connection, robot_type: str) -> None:
    database.execute("begin")
    try:
        database.execute("select from capataz.register_module('Odd', '1', %s)", [[robot_type]])
        [(robot_id,)] = database.execute(
            "select robot_id from capataz.submit_robot(%s, p_module_name => 'Odd')", [robot_type]
        ).fetchall()
        [(matches,)] = database.execute("select %s ~ '^[a-z0-9]{1,20}_[0-9]{17}_[0-9]+$'", [robot_id]).fetchall()
        assert matches, robot_id
    finally:
        database.execute("rollback")


@pytest.mark.parametrize(
    "call",
    [
        "capataz.submit_robot()",
        "capataz.submit_robot(p_type => 'OCR')",
        "capataz.claim_robots(array['x'], 1)",
        "capataz.complete_execution('x', '{}', '{}', 0.5, 0.5, 5, 5)",
        "capataz.report_progress(p_execute_id => 'x', p_unknown => 1)",
        "capataz.get_robot('a', 'b')",
    ],
)
def test_calls_that_do_not_exist(database: Connection, call: str) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction):
        database.execute(f"select {call}".encode())

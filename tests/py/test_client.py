"""The clients: typed answers, one exception per SQLSTATE, the caller's own transaction; against a real database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from capataz import (
    AsyncCapataz,
    Capataz,
    CapatazError,
    Conflict,
    Forbidden,
    InvalidInput,
    LeaseLost,
    NoModuleAvailable,
    NotFound,
    NotInstalled,
)
from capataz.errors import SQLSTATES, from_text
from capataz.models import ClaimedRobot, Module, Outcome, Robot, Submitted


@pytest.fixture
def client(module_dsn: str) -> Iterator[Capataz]:
    with Capataz(module_dsn) as made:
        yield made


@pytest.fixture
def module(client: Capataz) -> str:
    """A module of its own for each test, for robots of type "work"."""
    name = f"Module{uuid4().hex[:8]}"
    client.register_module(name, "1.0.0", ["work", f"work of {name}"])
    return name


def claim_one(client: Capataz, module: str) -> ClaimedRobot:
    (claimed,) = client.claim_robots(module, worker_id="w1")
    return claimed


# --- answers


def test_a_module_is_a_typed_row(client: Capataz) -> None:
    name = f"Typed{uuid4().hex[:8]}"
    module = client.register_module(
        name, "1.2.3", ("ocr", "scan"), environment="test", registration_data={"max_concurrency": 3}
    )
    assert isinstance(module, Module)
    assert module.module_id == f"{name}_1.2.3_test"
    assert module.supported_robot_types == ["ocr", "scan"]
    assert module.registration_data["max_concurrency"] == 3
    assert module.success_rate_24h == Decimal(100)
    assert isinstance(module.registered_at, datetime)
    assert client.deactivate_module(name, reason="holiday").is_active is False
    assert client.activate_module(name).is_active is True


def test_a_robot_goes_through_its_life(client: Capataz, module: str) -> None:
    submitted = client.submit_robot(
        "work", {"n": 1}, module_name=module, priority="HIGH", compliance_tags=["a", "b"], metadata={"by": "me"}
    )
    assert submitted == Submitted(submitted.robot_id, module, "PENDING", cache_hit=False, deduplicated=False)
    claimed = claim_one(client, module)
    assert (claimed.robot_id, claimed.input_data, claimed.attempt) == (submitted.robot_id, {"n": 1}, 1)
    assert client.report_progress(claimed.execute_id, progress_percentage=50, current_step="HALF") == "RUNNING"
    assert client.complete_execution(claimed.execute_id, {"m": [1, 2]}, confidence_score=0.5) == "COMPLETED"
    robot = client.get_robot(submitted.robot_id)
    assert isinstance(robot, Robot)
    assert (robot.status, robot.output_data, robot.priority) == ("COMPLETED", {"m": [1, 2]}, "HIGH")
    assert robot.confidence_score == Decimal("0.50")
    assert robot.compliance_tags == ["a", "b"]
    assert robot.enterprise_metadata == {"by": "me"}
    assert {check.check_name for check in client.explain_robot(robot.robot_id)} >= {"status", "due"}


def test_bulk_calls_answer_in_order(client: Capataz, module: str) -> None:
    batch = uuid4().hex
    submitted = client.submit_robots(
        {"robot_type": "work", "module_name": module, "input_data": {"n": n}, "correlation_id": batch} for n in range(5)
    )
    assert [client.get_robot(s.robot_id).input_data["n"] for s in submitted] == list(range(5))
    claimed = client.claim_robots(module, batch_size=5)
    assert len(claimed) == 5
    unknown = str(uuid4())
    outcomes = client.complete_executions(
        [
            {"execute_id": claimed[0].execute_id, "output_data": {"ok": True}},
            {"execute_id": unknown},
            {"execute_id": claimed[1].execute_id},
        ]
    )
    assert [o.execute_id for o in outcomes] == [claimed[0].execute_id, unknown, claimed[1].execute_id]
    assert [o.status for o in outcomes] == ["COMPLETED", None, "COMPLETED"]
    assert isinstance(from_text(outcomes[1].error or ""), NotFound)
    (failed,) = client.fail_executions([{"execute_id": claimed[2].execute_id, "error_message": "no"}])
    assert failed == Outcome(claimed[2].execute_id, "RETRYING", None)
    assert client.release_robots([claimed[3].execute_id, claimed[4].execute_id]) == 2
    progress = client.batch_progress(batch)
    assert (progress.total, progress.completed, progress.retrying, progress.pending) == (5, 2, 1, 2)


def test_times_with_a_zone_are_converted_to_utc(client: Capataz, module: str) -> None:
    bogota = timezone(timedelta(hours=-5))
    due = datetime(2199, 1, 1, 7, 0, tzinfo=bogota)
    one = client.submit_robot("work", module_name=module, available_at=due)
    (many,) = client.submit_robots([{"robot_type": "work", "module_name": module, "available_at": due}])
    naive = client.submit_robot("work", module_name=module, available_at=datetime(2199, 1, 1, 12, 0))
    for submitted in (one, many, naive):
        assert client.get_robot(submitted.robot_id).available_at == datetime(2199, 1, 1, 12, 0)


def test_any_json_survives_the_journey(client: Capataz, module: str) -> None:
    given: dict[str, Any] = {
        "text": "ñ 漢字 \U0001f916 \"quoted\" \\ 'x'; drop table",
        "n": [1, -2.5, True, None, {}],
        "": "",
    }
    submitted = client.submit_robot("work", given, module_name=module)
    assert claim_one(client, module).input_data == given
    assert client.get_robot(submitted.robot_id).input_data == given


# --- errors


def test_input_is_refused_with_message_detail_and_hint(client: Capataz, module: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.submit_robot("work", module_name=module, priority="URGENT")
    assert caught.value.sqlstate == "RB400"
    assert "priority" in caught.value.message + str(caught.value.detail)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ({"input_data": {"nul": "a\x00b"}}, "22P05"),
        ({"input_data": {"half": "\ud800"}}, "22P02"),
        ({"cache_key": "a\x00b"}, None),
        ({"cache_key": "\ud800"}, None),
        ({"input_data": {"nan": float("nan")}}, None),
        ({"input_data": {"object": object()}}, None),
        ({"retry_limit": "three"}, "22P02"),
        ({"retry_limit": 10**30}, "42883"),
        ({"compliance_tags": "not a list"}, "22P02"),
        ({"available_at": "yesterday or so"}, "22007"),
    ],
)
def test_what_never_reaches_a_function_is_invalid_input_too(
    client: Capataz, module: str, arguments: dict[str, Any], sqlstate: str | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.submit_robot("work", module_name=module, **arguments)
    assert caught.value.sqlstate == sqlstate


def test_deeply_nested_json_is_invalid_input(client: Capataz, module: str) -> None:
    nested = "[" * 100_000 + "]" * 100_000
    from capataz.calls import JsonText

    with pytest.raises(InvalidInput):
        client.submit_robot("work", JsonText(nested), module_name=module)


def test_unknown_things_are_not_found(client: Capataz) -> None:
    with pytest.raises(NotFound):
        client.get_robot("nobody")
    with pytest.raises(NotFound):
        client.claim_robots("NoModule")
    with pytest.raises(NotFound):
        client.report_progress(str(uuid4()))
    with pytest.raises(LookupError):
        client.activate_module("NoModule")


def test_a_taken_id_is_a_conflict(client: Capataz, module: str) -> None:
    taken = f"mine-{uuid4().hex[:8]}"
    client.submit_robot("work", module_name=module, robot_id=taken)
    with pytest.raises(Conflict) as caught:
        client.submit_robot("work", module_name=module, robot_id=taken)
    assert not isinstance(caught.value, LeaseLost)


def test_a_lost_lease_has_its_own_name(client: Capataz, module: str) -> None:
    client.submit_robot("work", module_name=module)
    claimed = claim_one(client, module)
    client.cancel_robot(claimed.robot_id, reason="changed my mind")
    for call in (
        lambda: client.report_progress(claimed.execute_id),
        lambda: client.complete_execution(claimed.execute_id),
        lambda: client.fail_execution(claimed.execute_id, "too late"),
    ):
        with pytest.raises(LeaseLost) as caught:
            call()
        assert caught.value.sqlstate == "RB409"
        assert caught.value.detail


def test_without_a_module_of_the_type_nobody_takes_it(client: Capataz) -> None:
    with pytest.raises(NoModuleAvailable):
        client.route_robot("type of nobody")
    with pytest.raises(NoModuleAvailable):
        client.submit_robot("type of nobody")


def test_a_role_without_the_right_is_forbidden(client: Capataz, module: str, module_dsn: str) -> None:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        connection.execute("set role capataz_viewer")
        with pytest.raises(Forbidden):
            client.using(connection).submit_robot("work", module_name=module)


def test_a_database_without_capataz_says_so(server_dsn: str) -> None:
    with Capataz(server_dsn) as client, pytest.raises(NotInstalled) as caught:
        client.get_robot("x")
    assert "capataz migrate" in str(caught.value)


def test_an_error_prints_detail_and_hint() -> None:
    error = InvalidInput("priority is wrong", sqlstate="RB400", detail="It is 7.", hint="Use HIGH.")
    assert str(error) == "RB400: priority is wrong\nDETAIL: It is 7.\nHINT: Use HIGH."
    assert isinstance(error, CapatazError)


@pytest.mark.parametrize(("sqlstate", "kind"), sorted(SQLSTATES.items()))
def test_each_sqlstate_becomes_its_exception(module_dsn: str, sqlstate: str, kind: type[CapatazError]) -> None:
    from capataz.errors import translated

    raise_it = (
        f"do $$ begin raise exception using errcode = '{sqlstate}', message = 'm', detail = 'd', hint = 'h'; end $$"
    )
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        with pytest.raises(kind) as caught, translated():
            connection.execute(raise_it.encode())
        assert (caught.value.sqlstate, caught.value.message, caught.value.detail) == (sqlstate, "m", "d")
        assert isinstance(caught.value.__cause__, psycopg.Error)


def test_other_errors_stay_what_they_are(module_dsn: str) -> None:
    from capataz.errors import translated

    with psycopg.connect(module_dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.DeadlockDetected), translated():
            connection.execute("do $$ begin raise exception using errcode = '40P01'; end $$")
        with pytest.raises(ZeroDivisionError), translated():
            _ = 1 // 0


# --- connections


def test_a_submit_lives_and_dies_with_the_callers_transaction(client: Capataz, module: str, module_dsn: str) -> None:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        mine = client.using(connection)
        with connection.transaction(force_rollback=True):
            gone = mine.submit_robot("work", module_name=module)
            assert mine.get_robot(gone.robot_id).status == "PENDING"
            with pytest.raises(NotFound):
                client.get_robot(gone.robot_id)
        with pytest.raises(NotFound):
            client.get_robot(gone.robot_id)
        with connection.transaction():
            kept = mine.submit_robot("work", module_name=module)
        assert client.get_robot(kept.robot_id).status == "PENDING"
        mine.close()
        assert not connection.closed


def test_the_callers_row_factory_does_not_matter(client: Capataz, module: str, module_dsn: str) -> None:
    with psycopg.connect(module_dsn, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        assert client.using(connection).submit_robot("work", module_name=module).module_name == module


def test_an_error_leaves_the_pool_usable_and_threads_share_it(client: Capataz, module: str) -> None:
    errors: list[BaseException] = []

    def submit(number: int) -> None:
        try:
            for _ in range(5):
                with pytest.raises(NotFound):
                    client.get_robot("nobody")
                client.submit_robot("work", {"n": number}, module_name=module)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(client.claim_robots(module, batch_size=100)) == 40


def test_a_pool_of_the_caller_is_used_and_left_open(module_dsn: str, module: str) -> None:
    with ConnectionPool(module_dsn, kwargs={"autocommit": True}, min_size=1, max_size=1) as pool:
        with Capataz(module_dsn, pool=pool) as client:
            client.submit_robot("work", module_name=module)
        assert not pool.closed
        with pool.connection() as connection:
            assert connection.execute("select 1").fetchone() == (1,)


def test_connections_carry_a_name_and_commit_by_themselves(
    module_dsn: str, db_of_module: psycopg.Connection[Any]
) -> None:
    name = f"test {uuid4().hex[:8]}"
    with Capataz(module_dsn, application_name=name) as client:
        client.utc_now()
        row = db_of_module.execute(
            "select count(*) filter (where state = 'idle') from pg_stat_activity where application_name = %s", [name]
        ).fetchone()
    assert row == (1,)


@pytest.fixture
def db_of_module(module_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        yield connection


def test_without_prepared_statements_nothing_is_prepared(module_dsn: str, module: str) -> None:
    for threshold, expected in ((None, 0), (0, 1)):
        with psycopg.connect(module_dsn, autocommit=True, prepare_threshold=threshold) as connection:
            client = Capataz(module_dsn, connection=connection, prepare_threshold=threshold)
            for _ in range(8):
                client.claim_robots(module)
            row = connection.execute(
                "select count(*) from pg_prepared_statements where statement like '%claim_robots%'"
                " and statement not like '%pg_prepared%'"
            ).fetchone()
            assert row == (expected,)


def test_an_unreachable_server_is_an_operational_error() -> None:
    pool = ConnectionPool("host=/nowhere connect_timeout=1", min_size=0, max_size=1, timeout=0.1, open=True)
    with pool, Capataz("", pool=pool) as client, pytest.raises(psycopg.OperationalError):
        client.utc_now()


# --- asyncio


def test_the_async_client_does_the_same(module_dsn: str, module: str) -> None:
    async def scenario() -> None:
        async with AsyncCapataz(module_dsn) as client:
            submitted = await asyncio.gather(
                *(client.submit_robot("work", {"n": n}, module_name=module) for n in range(10))
            )
            claimed = await client.claim_robots(module, batch_size=10)
            assert {c.robot_id for c in claimed} == {s.robot_id for s in submitted}
            outcomes = await client.complete_executions([{"execute_id": c.execute_id} for c in claimed])
            assert {o.status for o in outcomes} == {"COMPLETED"}
            with pytest.raises(NotFound):
                await client.get_robot("nobody")
            with pytest.raises(LeaseLost):
                await client.fail_execution(claimed[0].execute_id, "too late")

    asyncio.run(scenario())


def test_the_async_client_joins_the_callers_transaction(module_dsn: str, module: str) -> None:
    async def scenario() -> None:
        client = AsyncCapataz(module_dsn)
        connection = await psycopg.AsyncConnection.connect(module_dsn, autocommit=True)
        async with client, connection:
            async with connection.transaction(force_rollback=True):
                gone = await client.using(connection).submit_robot("work", module_name=module)
            with pytest.raises(NotFound):
                await client.get_robot(gone.robot_id)

    asyncio.run(scenario())

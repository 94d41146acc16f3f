"""A trace runs from whoever submits through the database to the worker, with OpenTelemetry's own SDK (ADR 0027)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from capataz import Capataz, Context, InvalidInput, RobotError, Worker
from capataz.tracing import current_traceparent, with_traceparent

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
def client(module_dsn: str) -> Iterator[Capataz]:
    with Capataz(module_dsn) as made:
        yield made


@pytest.fixture
def module(client: Capataz) -> str:
    name = f"Module{uuid4().hex[:8]}"
    data = {"failure_threshold": 1000, "retry_policy": {"base_seconds": 0, "max_seconds": 0, "jitter": 0}}
    client.register_module(name, "1.0.0", ["plain", "async", "inline"], registration_data=data)
    return name


def handled(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name.startswith("process ")]


def identity(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def test_a_trace_runs_from_the_client_through_the_database_to_the_worker(
    client: Capataz, module: str, module_dsn: str, spans: InMemorySpanExporter
) -> None:
    tracer = trace.get_tracer("test")
    worker = Worker(module_dsn, module, concurrency=2)
    seen: dict[str, str | None] = {}

    @worker.robot("plain")
    def plain(ctx: Context) -> None:
        with tracer.start_as_current_span("inner"):
            seen[ctx.robot_type] = ctx.traceparent

    @worker.robot("inline", inline=True)
    def inline(ctx: Context) -> None:
        plain(ctx)

    @worker.robot("async")
    async def asynchronous(ctx: Context) -> None:
        plain(ctx)

    with tracer.start_as_current_span("order") as order:
        submitted = client.submit_robots([{"robot_type": t, "module_name": module} for t in ("plain", "inline")])
        one = client.submit_robot("async", module_name=module, metadata={"mine": 1}, correlation_id="order-7")
        context = order.get_span_context()
    worker.run(drain=True)

    attempts = handled(spans)
    assert len(attempts) == 3
    for span in attempts:
        assert identity(span)[0] == context.trace_id
        assert span.parent is not None
        assert span.parent.span_id == context.span_id
        assert span.kind is trace.SpanKind.CONSUMER
        assert span.attributes is not None
        assert span.attributes["capataz.attempt"] == 1
        assert span.attributes["capataz.module"] == module
        assert span.status.is_ok
    assert {str(span.attributes["capataz.robot_id"]) for span in attempts if span.attributes} == {
        one.robot_id, *(robot.robot_id for robot in submitted)
    }  # fmt: skip
    inner = [span for span in spans.get_finished_spans() if span.name == "inner"]
    assert {span.parent.span_id for span in inner if span.parent} == {identity(span)[1] for span in attempts}
    assert set(seen.values()) == {f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"}
    assert client.get_robot(one.robot_id).enterprise_metadata["mine"] == 1  # type: ignore[index,call-overload]


def test_each_attempt_is_a_span_and_a_failure_tells_its_category_alone(
    client: Capataz, module: str, module_dsn: str, spans: InMemorySpanExporter
) -> None:
    worker = Worker(module_dsn, module)

    @worker.robot("plain")
    def fails(ctx: Context) -> None:
        if ctx.attempt == 1:
            raise RobotError("card 4111 refused", category="EXTERNAL_API")
        if ctx.attempt == 2:
            raise KeyError("another secret")

    client.submit_robot("plain", module_name=module, metadata={"traceparent": TRACE})
    worker.run(drain=True)
    attempts = handled(spans)
    assert [span.status.description for span in attempts] == ["EXTERNAL_API", "KeyError", None]
    assert {f"{identity(span)[0]:032x}" for span in attempts} == {TRACE.split("-")[1]}
    for span in attempts:
        assert not span.events
        assert "4111" not in span.to_json()
        assert "secret" not in span.to_json()


def test_a_robot_without_a_trace_begins_one(
    client: Capataz, module: str, module_dsn: str, spans: InMemorySpanExporter
) -> None:
    worker = Worker(module_dsn, module)
    worker.robot("plain")(lambda ctx: None)
    client.submit_robots([{"robot_type": "plain", "module_name": module}] * 2)
    worker.run(drain=True)
    assert [span.parent for span in handled(spans)] == [None, None]
    assert len({identity(span)[0] for span in handled(spans)}) == 2


def test_a_worker_that_does_not_trace_has_no_spans(
    client: Capataz, module: str, module_dsn: str, spans: InMemorySpanExporter
) -> None:
    seen: list[str | None] = []
    worker = Worker(module_dsn, module, tracing=False)
    worker.robot("plain")(lambda ctx: seen.append(ctx.traceparent))
    client.submit_robot("plain", module_name=module, metadata={"traceparent": TRACE})
    worker.run(drain=True)
    assert seen == [None]
    assert not handled(spans)


def test_a_malformed_trace_is_refused(client: Capataz, module: str) -> None:
    with pytest.raises(InvalidInput, match=r"metadata\.traceparent"):
        client.submit_robot("plain", module_name=module, metadata={"traceparent": "00-abc"})


def test_the_trace_of_the_caller_wins_over_that_of_the_moment(exporter: InMemorySpanExporter) -> None:
    assert current_traceparent() is None
    with trace.get_tracer("test").start_as_current_span("now"):
        assert current_traceparent() is not None
    assert with_traceparent({"traceparent": TRACE}, "other") == {"traceparent": TRACE}
    assert with_traceparent(None, TRACE) == {"traceparent": TRACE}
    assert with_traceparent("no mapping", TRACE) == "no mapping"


def test_without_opentelemetry_nothing_is_imported_for_it() -> None:
    code = (
        "import capataz, capataz.worker, capataz.cli, sys;"
        "print(any(m.startswith(('opentelemetry', 'matplotlib', 'prometheus')) for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"

"""Trace context: a trace runs from whoever submits a robot through the database to the worker that does it.

The database stores the W3C ``traceparent`` of a robot (metadata key ``traceparent``) and checks its form; it takes no
part otherwise. Clients put the current context in when they submit, workers start a span per attempt with it as parent:
both only where the process uses OpenTelemetry already (``pip install capataz[otel]``); nothing is imported for it.
Spans carry ids, types and categories, never what a robot carries, and no error message.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from .context import RobotError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from .context import Context

__all__ = ["current_traceparent", "is_in_use", "is_installed", "span", "tracer", "with_traceparent"]

KEY: Final = "traceparent"
NAME: Final = "capataz"


def is_in_use() -> bool:
    """Return whether this process has imported OpenTelemetry."""
    return "opentelemetry.trace" in sys.modules


def is_installed() -> bool:
    """Return whether OpenTelemetry can be imported."""
    return is_in_use() or find_spec("opentelemetry") is not None


def current_traceparent() -> str | None:
    """Return the trace context of this moment, or None where there is none."""
    if not is_in_use():
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def with_traceparent(metadata: Any, traceparent: str) -> Any:
    """Return metadata with the trace context added, unless they have one of their own or are no mapping."""
    if metadata is None:
        return {KEY: traceparent}
    if not isinstance(metadata, Mapping) or KEY in metadata:
        return metadata
    return {**metadata, KEY: traceparent}


def tracer() -> Tracer:
    """Return the tracer of workers.

    Raises:
        ModuleNotFoundError: OpenTelemetry is not installed.
    """
    from opentelemetry import trace

    from ._version import __version__

    return trace.get_tracer(NAME, __version__)


@contextmanager
def span(tracer: Tracer, module_name: str, context: Context) -> Iterator[None]:
    """Run the handler of an attempt in a span: child of the trace that its robot was submitted in, else a new trace."""
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = None
    if context.traceparent is not None:
        parent = TraceContextTextMapPropagator().extract({KEY: context.traceparent})
    attributes: dict[str, str | int] = {
        "capataz.module": module_name,
        "capataz.robot_id": context.robot_id,
        "capataz.robot_type": context.robot_type,
        "capataz.execute_id": context.execute_id,
        "capataz.attempt": context.attempt,
        "capataz.priority": context.priority,
    }
    if context.correlation_id is not None:
        attributes["capataz.correlation_id"] = context.correlation_id
    with tracer.start_as_current_span(
        f"process {context.robot_type}",
        context=parent,
        kind=trace.SpanKind.CONSUMER,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except BaseException as error:
            category = error.category if isinstance(error, RobotError) else type(error).__name__
            current.set_attribute("error.type", category)
            current.set_status(trace.StatusCode.ERROR, category)
            raise

"""What became of an attempt, as the JSON object that ``complete_executions`` or ``fail_executions`` takes.

Written where the handler ran, so that an output that is no JSON is its own robot's failure and nobody else's.
"""

from __future__ import annotations

import contextlib
import traceback
from typing import Any, Final

from .calls import to_json
from .context import Context, Result, RobotError
from .errors import CapatazError, InvalidInput
from .models import Json

TRACE_LIMIT: Final = 16_000  # characters of a stack trace that are kept: its end
MESSAGE_LIMIT: Final = 8_000


class NoHandlerError(RobotError):
    """The worker got a robot of a type it has no handler for; another worker of the module may have one."""

    category = "NO_HANDLER"

    def __init__(self, robot_type: str, known: list[str]) -> None:
        super().__init__(f'this worker has no handler for robot type "{robot_type}"', details={"handlers": known})


def completion(context: Context, value: Any, cpu_seconds: float) -> str:
    """Return the JSON object for ``complete_executions``."""
    memory_mb = max(context._peak_mb, context._worker._meter.memory_mb)
    metrics = f'{{"cpu_ms":{cpu_seconds * 1000:.2f},"memory_peak_mb":{memory_mb}}}'
    rest = ""
    if isinstance(value, Result):
        if value.metrics:
            metrics = metrics[:-1] + "," + to_json(dict(value.metrics), "metrics")[1:]
        if value.confidence is not None:
            rest += ',"confidence_score":' + to_json(value.confidence, "confidence")
        if value.completeness is not None:
            rest += ',"completeness_score":' + to_json(value.completeness, "completeness")
        value = value.output
    if value is not None:
        rest += ',"output_data":' + to_json(value, "output")
    return (
        f'{{"execute_id":"{context.robot.execute_id}","performance_metrics":{metrics},'
        f'"resource_usage_mb":{memory_mb}{rest}}}'
    )


def _clean(text: str, limit: int) -> str:
    """Make a text that PostgreSQL accepts: no NUL, no lone surrogates; keep its end if it is too long."""
    text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else "..." + text[3 - limit :]


def failure(context: Context, error: BaseException) -> str:
    """Return the JSON object for ``fail_executions``."""
    kind = type(error).__name__
    try:
        message = _clean(str(error), MESSAGE_LIMIT) or kind
    except Exception:  # an exception that cannot even say what it is
        message = kind
    details: dict[str, Json] = {"type": kind, "message": message}
    fields: dict[str, Json] = {"execute_id": context.robot.execute_id, "error_message": message}
    if isinstance(error, RobotError):
        details.update(error.details or {})
        fields["error_category"] = error.category
        fields["retryable"] = error.retryable
    else:
        fields["error_category"] = "PROCESSING"
    fields["error_details"] = details
    if not isinstance(error, NoHandlerError):
        with contextlib.suppress(Exception):
            trace = "".join(traceback.format_exception(error))
            fields["error_stack_trace"] = _clean(trace, TRACE_LIMIT)
    try:
        return to_json(fields, "error")
    except InvalidInput:  # details that are no JSON
        fields["error_details"] = {"type": kind, "message": message, "details": _clean(repr(details), TRACE_LIMIT)}
        return to_json(fields, "error")


def refusal(context: Context, completed: bool, error: CapatazError) -> str:
    """Return the failure to record instead of an outcome that the database refused."""
    what = "output" if completed else "error report"
    return to_json(
        {
            "execute_id": context.robot.execute_id,
            "error_message": _clean(f"{what} of the handler refused: {error.message}", MESSAGE_LIMIT),
            "error_category": "PROCESSING",
        }
    )

"""The catalog as an OpenAPI document (3.0.3): types, ranges, lengths, enum values and comments of the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from .arguments import INTEGERS, Kind, Parameter
from .catalog import IDEMPOTENT, Catalog, Column, Function
from .problems import MEDIA_TYPE, STATUSES, TITLES

Json = dict[str, Any]

_INTRODUCTION: Final = """\
Submit robots, work on them, ask how they are: each operation is a function of the database, called with an API key.

- `Authorization: Bearer cpz_...` with every call. A key reaches one module, with scopes of `submit`, `work`, `read`,
  `admin`.
- Arguments are a JSON object; `null` is as good as absent. Times are ISO 8601, UTC where no zone is given. Answers are
  UTC.
- Refusals are `application/problem+json` with a `code` and a `reference` that the operator finds in the log.
- Submits take an `Idempotency-Key`: the same request within 24 hours gets the same answer and is not done again.
"""

_AREAS: Final[Sequence[tuple[str, str, str]]] = (
    ("Submit", "Hand robots to a module.", "submit_robot submit_robots route_robot cancel_robot"),
    (
        "Work",
        "Claim robots, report on them, end them.",
        "claim_robots release_robots report_progress retry_step complete_execution fail_execution complete_executions"
        " fail_executions heartbeat_worker stop_worker record_health_check record_due_health_check",
    ),
)
_READ: Final = ("Read", "Ask how robots and modules are.")
_OTHER: Final = ("Manage", "Steer robots and the module itself.")
_GATEWAY: Final = ("Gateway", "The gateway itself. No API key.")

#: What may come back beside the codes that a function's comment names: admission, bodies, the moment.
_ALWAYS: Final = ("RB400", "RB401", "RB403", "RB429", "RB503")

_ATTEMPT: Final = "01a2224d-28aa-701c-9842-183597e65864"

#: What the page proposes to send; an argument that is not required is proposed where it is among _PROPOSED.
_EXAMPLES: Final[Json] = {
    "robot_type": "INVOICE",
    "input_data": {"document": "lease-17.pdf"},
    "robots": [{"robot_type": "INVOICE", "input_data": {"document": "lease-17.pdf"}}],
    "module_name": "LegalModule",
    "module_version": "1.0",
    "supported_robot_types": ["INVOICE"],
    "robot_id": "invoice_20260131080000000_1",
    "execute_id": _ATTEMPT,
    "execute_ids": [_ATTEMPT],
    "worker_id": "worker-1",
    "correlation_id": "batch-1",
    "progress_percentage": 50,
    "output_data": {"pages": 3},
    "error_message": "page 3 is unreadable",
    "healthy": True,
    "field": "input_data",
}
_PROPOSED: Final = frozenset({"input_data", "output_data", "progress_percentage", "worker_id"})


def document(catalog: Catalog, *, max_body: int) -> Json:
    """The OpenAPI document of what the catalog offers."""
    paths: Json = {}
    order = " ".join(functions for _, _, functions in _AREAS).split()
    for function in sorted(
        catalog.functions.values(), key=lambda f: order.index(f.name) if f.name in order else len(order)
    ):
        paths[f"/v1/rpc/{function.name}"] = {"post": _operation(function, max_body)}
    if "get_robot" in catalog.functions:
        paths["/v1/robots/{robot_id}"] = {"get": _shortcut(catalog.functions["get_robot"], "robot", "A robot.")}
    if "module_health" in catalog.functions:
        paths["/v1/modules"] = {
            "get": _shortcut(catalog.functions["module_health"], "modules", "The modules of the key.")
        }
    paths["/healthz"] = {"get": _probe("healthz", "The process answers.", ())}
    paths["/readyz"] = {"get": _probe("readyz", "The database answers, and this is the version in it.", ("RB503",))}
    paths["/metrics"] = {"get": _metrics()}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Capataz", "version": catalog.version or "unknown", "description": _INTRODUCTION},
        "security": [{"api_key": []}],
        "tags": [
            {"name": name, "description": description}
            for name, description in (*((n, d) for n, d, _ in _AREAS), _READ, _OTHER, _GATEWAY)
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key: cpz_, its id, _, its secret.",
                }
            },
            "schemas": {"Problem": _problem_schema()},
            "responses": dict(_problem_responses()),
        },
    }


def _tag(function: Function) -> str:
    for name, _, functions in _AREAS:
        if function.name in functions.split():
            return name
    return _READ[0] if function.is_read else _OTHER[0]


def _operation(function: Function, max_body: int) -> Json:
    codes = {*_ALWAYS, *function.codes, "HTTP413", "HTTP415"}
    made: Json = {
        "operationId": function.name,
        "tags": [_tag(function)],
        "summary": _summary(function.description),
        "responses": {"200": _answer(function), **_problems(codes)},
    }
    if function.description:
        made["description"] = function.description
    if function.name in IDEMPOTENT:
        made["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Your name for this request, such as a UUID. The same again gets the same answer.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
            }
        ]
        made["responses"]["409"] = {"$ref": "#/components/responses/RB409"}
    required = [p.name for p in function.parameters.values() if p.required]
    schema: Json = {
        "type": "object",
        "additionalProperties": False,
        "properties": {p.name: _parameter(p) for p in function.parameters.values()},
    }
    if required:
        schema["required"] = required
    made["requestBody"] = {
        "required": bool(required),
        "description": f"At most {max_body:,} bytes, nested at most 100 deep.",
        "content": {"application/json": {"schema": schema, "example": _example(function)}},
    }
    return made


def _example(function: Function) -> Json:
    found: Json = {}
    for name, parameter in function.parameters.items():
        if parameter.required or name in _PROPOSED:
            found[name] = _EXAMPLES.get(name, parameter.values[0] if parameter.values else "...")
    if "results" in found:
        result = {"execute_id": _ATTEMPT, "output_data": {"pages": 3}}
        if function.name.startswith("fail"):
            result = {"execute_id": _ATTEMPT, "error_message": "page 3 is unreadable"}
        found["results"] = [result]
    return found


def _shortcut(function: Function, name: str, summary: str) -> Json:
    made: Json = {
        "operationId": f"get_{name}_shortcut",
        "tags": [_READ[0]],
        "summary": summary,
        "description": f"The same as {function.name}.",
        "responses": {"200": _answer(function), **_problems({*_ALWAYS, *function.codes})},
    }
    if name == "robot":
        made["parameters"] = [
            {
                "name": "robot_id",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[A-Za-z0-9_.:-]+$"},
            }
        ]
    return made


def _probe(name: str, summary: str, codes: Iterable[str]) -> Json:
    properties: Json = {"status": {"type": "string", "enum": ["ok"]}}
    if name == "readyz":
        properties["version"] = {"type": "string"}
    return {
        "operationId": name,
        "tags": [_GATEWAY[0]],
        "summary": summary,
        "security": [],
        "responses": {
            "200": _content("It does.", {"type": "object", "properties": properties, "required": list(properties)}),
            **_problems(codes),
        },
    }


def _metrics() -> Json:
    text: Json = {"schema": {"type": "string"}}
    return {
        "operationId": "metrics",
        "tags": [_READ[0]],
        "summary": "Metrics for Prometheus.",
        "description": "With an API key of scope read: of its module. With the token of the fleet: of all. The header"
        " Accept chooses the format.",
        "responses": {
            "200": {
                "description": "Done.",
                "headers": {"Capataz-Reference": _REFERENCE},
                "content": {"text/plain": text, "application/openmetrics-text": text},
            },
            **_problems(("RB401", "RB403", "RB429", "RB503")),
        },
    }


def _summary(description: str) -> str:
    return description.partition("; ")[0].rstrip(".")


# --- types


def _parameter(parameter: Parameter) -> Json:
    made = _argument(parameter.kind)
    if parameter.values is not None:
        made = {"type": "string", "enum": list(parameter.values)}
    elif parameter.kind == "text" and parameter.max_length is not None:
        made["maxLength"] = parameter.max_length
    if not parameter.required:
        made["nullable"] = True
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    if parameter.description:
        made["description"] = parameter.description
    return made


def _argument(kind: Kind) -> Json:
    if kind == "text":
        return {"type": "string", "pattern": "^[^\\x00]*$"}
    if kind == "text[]":
        return {"type": "array", "items": {"type": "string", "pattern": "^[^\\x00]*$"}}
    if kind == "jsonb":
        return {}
    if kind in INTEGERS:
        return {
            "type": "integer",
            "format": "int64" if kind == "bigint" else "int32",
            "minimum": -INTEGERS[kind],
            "maximum": INTEGERS[kind] - 1,
        }
    if kind == "double precision":
        return {"type": "number", "format": "double"}
    if kind == "boolean":
        return {"type": "boolean"}
    return {"type": "string", "format": "date-time"}


_RESULTS: Final[Mapping[str, Json]] = {
    "smallint": {"type": "integer", "format": "int32"},
    "integer": {"type": "integer", "format": "int32"},
    "bigint": {"type": "integer", "format": "int64"},
    "numeric": {"type": "number"},
    "real": {"type": "number"},
    "double precision": {"type": "number", "format": "double"},
    "boolean": {"type": "boolean"},
    "timestamp without time zone": {"type": "string", "format": "date-time"},
    "json": {},
    "jsonb": {},
}


def _column(column: Column) -> Json:
    if column.values is not None:
        made: Json = {"type": "string", "enum": [*column.values, None]}
    elif column.type.endswith("[]"):
        items = dict(_RESULTS.get(column.type.removesuffix("[]"), {"type": "string"}))
        made = {"type": "array", "items": {**items, "nullable": True}}
    else:
        made = dict(_RESULTS.get(column.type, {"type": "string"}))
    made["nullable"] = True
    if column.description:
        made["description"] = column.description
    return made


def _row(columns: Iterable[Column]) -> Json:
    properties = {column.name: _column(column) for column in columns}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _answer(function: Function) -> Json:
    if function.shape == "row":
        schema = _row(function.columns)
    elif function.shape == "rows":
        schema = {
            "type": "object",
            "properties": {"rows": {"type": "array", "items": _row(function.columns)}},
            "required": ["rows"],
        }
    else:
        value = _column(function.columns[0]) if function.columns else {"nullable": True, "enum": [None]}
        schema = {"type": "object", "properties": {"result": value}, "required": ["result"]}
    return _content("Done.", schema)


# --- answers


def _content(description: str, schema: Json) -> Json:
    return {
        "description": description,
        "headers": {"Capataz-Reference": _REFERENCE},
        "content": {"application/json": {"schema": schema}},
    }


_REFERENCE: Final[Json] = {"description": "Names this request in the logs.", "schema": {"type": "string"}}

_EXPLAINED: Final[Mapping[str, str]] = {
    "RB400": "An argument is missing, malformed or out of range.",
    "RB401": "There is no API key, or it is unknown, expired or revoked.",
    "RB403": "The key does not have the scope, or what is asked for belongs to another module.",
    "RB404": "There is no such object.",
    "RB409": "The state does not allow it, the lease is lost, or the name is taken.",
    "RB429": "A limit is reached; the module's rate limit says when to come back.",
    "RB503": "No module can take it now, or the database cannot be reached.",
    "HTTP413": "The body is too large.",
    "HTTP415": "The body is not JSON.",
}


def _status(code: str) -> int:
    return STATUSES.get(code) or int(code.removeprefix("HTTP"))


def _problems(codes: Iterable[str]) -> Json:
    found = sorted({code for code in codes if code in _EXPLAINED}, key=_status)
    return {str(_status(code)): {"$ref": f"#/components/responses/{code}"} for code in found}


def _problem_responses() -> Iterable[tuple[str, Json]]:
    for code, explained in _EXPLAINED.items():
        headers: Json = {"Capataz-Reference": _REFERENCE}
        if code == "RB401":
            headers["WWW-Authenticate"] = {"schema": {"type": "string"}}
        if code in ("RB429", "RB503"):
            headers["Retry-After"] = {"description": "Seconds.", "schema": {"type": "string"}}
        yield (
            code,
            {
                "description": explained,
                "headers": headers,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        )


def _problem_schema() -> Json:
    return {
        "type": "object",
        "description": "Why the call was refused (RFC 9457).",
        "properties": {
            "type": {"type": "string", "description": "urn:capataz:error: and the code."},
            "title": {"type": "string", "description": f"The kind of problem, such as: {TITLES['RB404']}."},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What went wrong."},
            "hint": {"type": "string", "description": "What to do about it."},
            "code": {"type": "string", "description": "RBnnn (docs/errors.md), HTTPnnn, or INTERNAL."},
            "reference": {"type": "string", "description": "Names this request in the logs."},
        },
        "required": ["type", "title", "status", "detail", "code", "reference"],
    }

"""Which functions there are, read from the database's catalog; and the one SQL statement that each call becomes.

A function of schema ``capataz`` is offered if the role ``capataz_gateway``, and the role that is connected, may execute
it. Its SQL is built from names of the catalog alone, all of them quoted; values of callers are always parameters.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import psycopg
from psycopg import sql

from .arguments import Kind, Parameter, Value
from .problems import Problem, invalid

logger = logging.getLogger("capataz.gateway")

#: What the gateway itself calls for every request, and offers to nobody.
INTERNAL: Final = frozenset(
    {"authenticate", "verify_api_key", "take_rate_token", "begin_idempotent", "finish_idempotent"}
)
#: What an Idempotency-Key works for.
IDEMPOTENT: Final = frozenset({"submit_robot", "submit_robots"})

Shape = Literal["nothing", "value", "row", "rows"]

#: Columns that name a robot or an attempt, for the audit log.
_IDS: Final = ("robot_id", "execute_id")
_AUDITED: Final = 100  # names of robots in a line of the audit log

_KINDS: Final[Mapping[str, Kind]] = {
    **{kind: kind for kind in get_args(Kind)},
    "timestamp without time zone": "timestamp",
    "character varying": "text",
    "character varying[]": "text[]",
}

_FUNCTIONS: Final = """
select
  p.proname::text,
  p.proretset and p.prorows <> 1,
  p.provolatile <> 'v',
  pg_catalog.obj_description(p.oid, 'pg_proc'),
  case when t.typtype <> 'c' then pg_catalog.format_type(p.prorettype, null) end,
  case when t.typtype = 'e' then (
    select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_catalog.pg_enum as e where e.enumtypid = t.oid
  ) end,
  (
    select coalesce(array_agg(a.name order by a.place), '{}')
    from unnest(p.proargnames[1:p.pronargs]) with ordinality as a (name, place)
  ),
  array(
    select pg_catalog.format_type(a.type, null) from unnest(p.proargtypes::oid[]) with ordinality as a (type, place)
    order by a.place
  ),
  p.pronargs - p.pronargdefaults,
  (
    select pg_catalog.json_agg(
      pg_catalog.json_build_array(c.name, pg_catalog.format_type(c.type, null), c.labels, c.remark) order by c.place
    )
    from (
      select
        r.name, r.type, r.place, r.remark,
        (
          select array_agg(e.enumlabel::text order by e.enumsortorder)
          from pg_catalog.pg_enum as e
          where e.enumtypid = r.type
        ) as labels
      from (
        select a.name, a.type, a.place, null::text as remark
        from unnest(p.proargnames, p.proallargtypes, p.proargmodes) with ordinality as a (name, type, mode, place)
        where a.mode in ('t', 'o')
        union all
        select a.attname::text, a.atttypid, a.attnum, pg_catalog.col_description(a.attrelid, a.attnum)
        from pg_catalog.pg_attribute as a
        where a.attrelid = t.typrelid
          and a.attnum > 0
          and not a.attisdropped
      ) as r
    ) as c
  )
from pg_catalog.pg_proc as p
join pg_catalog.pg_type as t on t.oid = p.prorettype
where p.pronamespace = pg_catalog.to_regnamespace('capataz')
  and p.prokind = 'f'
  and p.prorettype <> 'trigger'::regtype
  and pg_catalog.has_function_privilege('capataz_gateway', p.oid, 'execute')
  and pg_catalog.has_function_privilege(p.oid, 'execute')
order by p.proname
"""

# columns of the tables: what a parameter or a result of the same name means
_COLUMNS: Final = """
select distinct on (a.attname)
  a.attname::text,
  pg_catalog.col_description(a.attrelid, a.attnum),
  case when a.atttypid = 'character varying'::regtype and a.atttypmod > 4 then a.atttypmod - 4 end,
  (
    select array_agg(e.enumlabel::text order by e.enumsortorder)
    from pg_catalog.pg_enum as e
    where e.enumtypid = a.atttypid
  )
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid
where c.relnamespace = pg_catalog.to_regnamespace('capataz')
  and c.relkind = 'r'
  and a.attnum > 0
  and not a.attisdropped
order by a.attname, array_position(array['robots', 'robot_execute', 'module_registry'], c.relname::text)
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result: its type as PostgreSQL names it, and its values where it is an enum."""

    name: str
    type: str
    values: tuple[str, ...] | None = None
    description: str | None = None


@dataclass(frozen=True)
class Function:
    """A function that callers may call.

    Attributes:
        name: without its schema.
        description: the first part of its comment.
        codes: the errors that its comment names.
        is_read: it promises to write nothing.
        parameters: by name, less ``p_``, in order.
        shape: what comes back: nothing, one value, one row, or rows.
        columns: of a row or rows; of a value the one, named ``result``.
    """

    name: str
    description: str
    codes: tuple[str, ...]
    is_read: bool
    parameters: Mapping[str, Parameter]
    shape: Shape
    columns: tuple[Column, ...]
    _statements: dict[tuple[str, ...], bytes] = field(default_factory=dict, repr=False, compare=False)

    def arguments(self, given: Mapping[str, Value]) -> tuple[tuple[str, ...], list[bytes]]:
        """The names that are given, in the order of the parameters, and their SQL arguments. null is as good as absent.

        Raises:
            Problem: one is unknown, missing, or does not fit.
        """
        known = self.parameters
        if not given.keys() <= known.keys():
            unknown = next(name for name in given if name not in known)
            raise invalid(f'{self.name} has no argument "{unknown[:60]}"', self._hint())
        names, values = [], []
        for name, parameter in known.items():
            member = given.get(name)
            if member is None or member.value is None:
                if parameter.required:
                    raise invalid(f"{name} is required", self._hint())
                continue
            names.append(name)
            values.append(parameter.encode(member))
        return tuple(names), values

    def _hint(self) -> str:
        return f"Arguments: {', '.join(self.parameters)}." if self.parameters else "It takes none."

    def statement(self, names: tuple[str, ...]) -> bytes:
        """The SQL of a call with these arguments: one row (answer as JSON text, ids of robots, rows)."""
        found = self._statements.get(names)
        if found is None:
            if len(self._statements) >= 256:  # callers choose which arguments they give: not without end
                self._statements.clear()
            found = self._statements[names] = self._build(names).encode()
        return found

    def _build(self, names: Sequence[str]) -> str:
        arguments = sql.SQL(", ").join(
            sql.SQL("{} => {}::{}").format(
                sql.Identifier("p_" + name), sql.SQL(f"${place}"), sql.SQL(_cast(self.parameters[name].kind))
            )
            for place, name in enumerate(names, 1)
        )
        call = sql.SQL("capataz.{}({})").format(sql.Identifier(self.name), arguments)
        if self.shape == "nothing":
            return _text(sql.SQL("select 'null', null, 0 from {} as r").format(call))
        if self.shape == "value":
            shown = _shown(sql.SQL("r.result"), self.columns[0].type)
            return _text(
                sql.SQL("select coalesce(pg_catalog.to_json({})::text, 'null'), null, 1 from {} as r (result)").format(
                    shown, call
                )
            )
        columns = sql.SQL(", ").join(
            sql.SQL("{} as {}").format(
                _shown(sql.SQL("r.{}").format(sql.Identifier(column.name)), column.type), sql.Identifier(column.name)
            )
            for column in self.columns
        )
        alias = sql.SQL("r (result)" if self.columns[0].name == "result" else "r")
        rows = sql.SQL("(select {} from {} as {}) as s").format(columns, call, alias)
        ids = [name for name in _IDS if any(column.name == name for column in self.columns)]
        key = sql.SQL("s.{}::text").format(sql.Identifier(ids[0])) if ids else sql.SQL("null::text")
        if self.shape == "row":
            return _text(
                sql.SQL(
                    "select pg_catalog.row_to_json(s)::text, pg_catalog.json_build_array({})::text, 1 from {}"
                ).format(key, rows)
            )
        return _text(
            sql.SQL(
                "select coalesce(pg_catalog.json_agg(s)::text, '[]'), pg_catalog.to_json((array_agg({}))[1:{}])::text,"
                " count(*) from {}"
            ).format(key if ids else sql.SQL("null::text"), sql.Literal(_AUDITED), rows)
        )

    def answer(self, text: bytes) -> bytes:
        """The body of the answer, from the statement's JSON text."""
        if self.shape == "row":
            return text
        return b'{"%s":%s}' % (b"rows" if self.shape == "rows" else b"result", text)


def _cast(kind: Kind) -> str:
    return f"pg_catalog.{kind}" if kind in ("text", "text[]", "jsonb") else kind  # the others are keywords


def _text(composed: sql.Composable) -> str:
    return composed.as_string(None)


def _shown(value: sql.Composable, kind: str) -> sql.Composable:
    """Times are UTC, and say so."""
    if kind == "timestamp without time zone":
        return sql.SQL("(pg_catalog.to_json({}) #>> '{{}}') || 'Z'").format(value)
    return value


@dataclass(frozen=True)
class Catalog:
    """What the database offers.

    Attributes:
        functions: by name.
        version: of Capataz in the database.
        server_version: of PostgreSQL.
    """

    functions: Mapping[str, Function]
    version: str | None
    server_version: int

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The functions' names, in order."""
        return tuple(self.functions)


async def read_catalog(connection: psycopg.AsyncConnection[Any]) -> Catalog:
    """Read which functions there are.

    Raises:
        psycopg.Error: there is no Capataz, or none of this version.
    """
    rows = await (await connection.execute(_FUNCTIONS.encode())).fetchall()
    columns = {
        name: (remark, length, tuple(labels) if labels else None)
        for name, remark, length, labels in await (await connection.execute(_COLUMNS.encode())).fetchall()
    }
    version = await (await connection.execute("select capataz.deployed_version()")).fetchone()
    functions = (_function(row, columns) for row in rows if row[0] not in INTERNAL)
    return Catalog(
        {function.name: function for function in functions if function is not None},
        version[0] if version else None,
        connection.info.server_version,
    )


def _function(row: Sequence[Any], columns: Mapping[str, tuple[str | None, int | None, Any]]) -> Function | None:
    name, is_set, is_read, comment, result, labels, parameters, types, required, result_columns = row
    made: dict[str, Parameter] = {}
    for place, (parameter, type_name) in enumerate(zip(parameters, types, strict=True)):
        kind = _KINDS.get(type_name)
        if kind is None or not parameter.startswith("p_"):
            logger.warning("function %s is not offered: parameter %s has type %s", name, parameter, type_name)
            return None
        bare = parameter.removeprefix("p_")
        remark, length, values = columns.get(bare, (None, None, None))
        made[bare] = Parameter(
            bare,
            kind,
            required=place < required,
            description=remark,
            max_length=length if kind == "text" else None,
            values=values if kind == "text" else None,
        )
    shape: Shape
    found = tuple(
        Column(n, t, tuple(v) if v else None, r or columns.get(n, (None,))[0]) for n, t, v, r in result_columns or ()
    )
    if result == "void":
        shape = "nothing"
    elif found:
        shape = "rows" if is_set else "row"
    else:
        shape = "rows" if is_set else "value"
        found = (Column("result", result, tuple(labels) if labels else None),)
    description, codes = _split(comment or "")
    return Function(name, description, codes, is_read, made, shape, found)


def _split(comment: str) -> tuple[str, tuple[str, ...]]:
    """A function's comment ends with the errors it raises (sql/README.md)."""
    codes = tuple(re.findall(r"RB\d{3}", comment))
    return re.sub(r"\s*(?:RB\d{3}(?:, )?)+\.\s*$", "", comment), codes


def unknown_function(name: str) -> Problem:
    """There is no such function, or not for the gateway."""
    return Problem(404, "RB404", f'there is no function "{name[:60]}"', "See /openapi.json.")

"""What the failover demo asks the database, while it runs and at the end: plain SQL over the tables of ``capataz``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from capataz.client import Capataz
from capataz.models import HealthChange, ModuleState

__all__ = ["SLOT", "Evidence", "Fact", "Facts", "Probe", "Shot"]

Row = dict[str, Any]

SLOT = 0.5  # seconds of one value of a series

# A change has the time at which its transaction began; who looks before it is committed does not see it. So long is
# allowed for that, on a machine that is busy with everything else.
COMMIT = timedelta(seconds=1)


@dataclass(slots=True)
class Shot:
    """The run at one moment. Series have a value for each :data:`SLOT` since the beginning."""

    now: datetime
    states: dict[str, ModuleState]
    status: dict[str, int] = field(default_factory=dict)
    completed: dict[str, list[int]] = field(default_factory=dict)
    failed: dict[str, list[int]] = field(default_factory=dict)

    @property
    def open(self) -> int:
        return sum(number for status, number in self.status.items() if status not in ("COMPLETED", "FAILED"))

    @property
    def waiting(self) -> int:
        return self.status.get("PENDING", 0) + self.status.get("RETRYING", 0)

    def done(self, module_name: str) -> int:
        """How many a module has completed."""
        return sum(self.completed[module_name])


@dataclass(frozen=True, slots=True)
class Probe:
    """An attempt that a broken module was given to see whether it works again."""

    execute_id: str
    state: str
    started_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that must hold at the end."""

    name: str
    ok: bool
    text: str


@dataclass(slots=True)
class Evidence:
    """What came of a run, in numbers; ``facts`` says what of it must hold."""

    run_id: str
    submitted: int = 0
    completed: int = 0
    failed: int = 0
    open: int = 0
    not_done_once: int = 0
    threshold: int = 0
    failures_in_row: int | None = None
    failures: int = 0
    claimed_after: int = 0
    claimed_late: int = 0
    probes: list[Probe] = field(default_factory=list)
    probe_waits: list[float] = field(default_factory=list)
    routed_while_unhealthy: int = 0
    moved_away: int = 0
    moved_back: int = 0
    seconds_to_unhealthy: float | None = None
    seconds_to_healthy: float | None = None
    worked_again: int = 0
    changes: list[HealthChange] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(fact.ok for fact in self.facts)

    def as_json(self) -> Row:
        """For programs."""
        return {"ok": self.ok, **asdict(self)}


class Facts:
    """Questions about one run of two modules, asked over one connection in autocommit."""

    def __init__(self, connection: psycopg.Connection[Any], run_id: str, module_names: Sequence[str]) -> None:
        self._connection = connection
        self._capataz = Capataz(connection=connection)
        self.run_id = run_id
        self.module_names = list(module_names)
        self.begun = self.now()

    def _rows(self, query: LiteralString, **values: Any) -> list[Row]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, {"run": self.run_id, **values}).fetchall()

    def now(self) -> datetime:
        """The database's clock, UTC."""
        return self._capataz.utc_now()

    # --- while it runs

    def shot(self) -> Shot:
        """How things stand."""
        now = self.now()
        states = {name: self._capataz.module_health(name)[0] for name in self.module_names}
        shot = Shot(now, states)
        for row in self._rows(
            "select status::text, count(*) as n from capataz.robots where correlation_id = %(run)s group by status"
        ):
            shot.status[row["status"]] = row["n"]
        length = max(1, int((now - self.begun).total_seconds() / SLOT) + 1)
        for name in self.module_names:
            shot.completed[name] = [0] * length
            shot.failed[name] = [0] * length
        for row in self._rows(
            """
            select e.module_name, e.execution_state::text as state, count(*) as n,
              floor(extract(epoch from e.completed_at - %(begun)s) / %(slot)s)::int as slot
            from capataz.robots as r
            join capataz.robot_execute as e using (robot_id)
            where r.correlation_id = %(run)s and e.execution_state in ('COMPLETED', 'FAILED')
            group by 1, 2, 4
            """,
            begun=self.begun,
            slot=SLOT,
        ):
            series = shot.completed if row["state"] == "COMPLETED" else shot.failed
            if row["module_name"] in series and 0 <= row["slot"] < length:
                series[row["module_name"]][row["slot"]] += row["n"]
        return shot

    def changes(self, module_name: str) -> list[HealthChange]:
        """Changes of health since the run began, the first one first."""
        found = self._capataz.health_history(module_name, limit=100)
        return [change for change in reversed(found) if change.changed_at >= self.begun]

    def probes(self, module_name: str, since: datetime, until: datetime | None) -> list[Probe]:
        """Attempts that a module was given in a time in which it gets only probes."""
        return [
            Probe(**row)
            for row in self._rows(
                """
                select e.execute_id, e.execution_state::text as state, e.started_at, e.completed_at
                from capataz.robots as r
                join capataz.robot_execute as e using (robot_id)
                where r.correlation_id = %(run)s and e.module_name = %(module)s
                  and e.started_at >= %(since)s and (%(until)s::timestamp is null or e.started_at < %(until)s)
                order by e.started_at, e.execute_id
                """,
                module=module_name,
                since=since,
                until=until,
            )
        ]

    # --- when it has ended

    def conclude(
        self,
        broken: str,
        other: str,
        *,
        routed: Mapping[str, str],
        settings: Mapping[str, Any],
        handlers: int,
        broke_at: datetime,
        healed_at: datetime,
    ) -> Evidence:
        """Ask the database what came of the run, and judge."""
        found = Evidence(self.run_id, submitted=len(routed), threshold=settings["failure_threshold"])
        breaker = settings["breaker"]
        row = self._rows(
            """
            select count(*) filter (where r.status = 'COMPLETED') as completed,
              count(*) filter (where r.status = 'FAILED') as failed,
              count(*) filter (where r.status not in ('COMPLETED', 'FAILED')) as open,
              count(*) filter (where x.successes <> 1 or x.active > 0) as not_done_once
            from capataz.robots as r
            cross join lateral (
              select count(*) filter (where e.execution_state = 'COMPLETED') as successes,
                count(*) filter (where e.completed_at is null) as active
              from capataz.robot_execute as e where e.robot_id = r.robot_id
            ) as x
            where r.correlation_id = %(run)s
            """
        )[0]
        found.completed, found.failed, found.open = row["completed"], row["failed"], row["open"]
        found.not_done_once = row["not_done_once"]

        found.changes = [change for change in self.changes(broken) if change.changed_at >= broke_at]
        opened = next((c for c in found.changes if c.to_status == "UNHEALTHY"), None)
        closed = next((c for c in found.changes if opened and c.changed_at > opened.changed_at), None)
        if opened is not None:
            until = closed.changed_at if closed is not None else None
            number = re.match(r"(\d+) executions failed in a row", opened.reason)
            found.failures_in_row = int(number[1]) if number else None
            found.seconds_to_unhealthy = (opened.changed_at - broke_at).total_seconds()
            # before the first cool-down has passed there is no probe: what was claimed then was under way already
            first_probe = opened.changed_at + timedelta(seconds=breaker["cooldown_seconds"])
            early = self.probes(broken, opened.changed_at, first_probe)
            late = opened.changed_at + COMMIT
            found.claimed_after = sum(probe.started_at <= late for probe in early)
            found.claimed_late = len(early) - found.claimed_after
            found.probes = self.probes(broken, first_probe, until)
            found.failures = self._failures(broken, broke_at, first_probe)
            found.routed_while_unhealthy = self._routed(broken, routed, opened.changed_at + COMMIT, until)
            ends = [opened.changed_at, *(probe.completed_at for probe in found.probes)]
            found.probe_waits = [
                (probe.started_at - end).total_seconds()
                for probe, end in zip(found.probes, ends, strict=False)
                if end is not None
            ]
        if closed is not None:
            found.seconds_to_healthy = (closed.changed_at - healed_at).total_seconds()
            found.worked_again = self._completed_since(broken, closed.changed_at)
        found.moved_away = self._completed_elsewhere(routed, broken, other)
        found.moved_back = self._completed_elsewhere(routed, other, broken)
        found.facts = list(_judge(found, broken, other, breaker, handlers))
        return found

    def _failures(self, module_name: str, since: datetime, until: datetime) -> int:
        row = self._rows(
            "select count(*) as n from capataz.robots as r join capataz.robot_execute as e using (robot_id)"
            " where r.correlation_id = %(run)s and e.module_name = %(module)s and e.execution_state = 'FAILED'"
            " and e.completed_at >= %(since)s and e.started_at < %(until)s",
            module=module_name,
            since=since,
            until=until,
        )[0]
        return int(row["n"])

    def _completed_since(self, module_name: str, since: datetime) -> int:
        row = self._rows(
            "select count(*) as n from capataz.robots as r join capataz.robot_execute as e using (robot_id)"
            " where r.correlation_id = %(run)s and e.module_name = %(module)s and e.execution_state = 'COMPLETED'"
            " and e.started_at > %(since)s",
            module=module_name,
            since=since,
        )[0]
        return int(row["n"])

    def _routed(self, module_name: str, routed: Mapping[str, str], since: datetime, until: datetime | None) -> int:
        """Robots that the router gave to a module in a time: by the answers of the submits."""
        rows = self._rows(
            "select robot_id from capataz.robots where correlation_id = %(run)s and created_at > %(since)s"
            " and (%(until)s::timestamp is null or created_at < %(until)s)",
            since=since,
            until=until,
        )
        return sum(routed.get(row["robot_id"]) == module_name for row in rows)

    def _completed_elsewhere(self, routed: Mapping[str, str], chosen: str, worked: str) -> int:
        """Robots that were routed to one module and completed by the other."""
        rows = self._rows(
            "select e.robot_id from capataz.robots as r join capataz.robot_execute as e using (robot_id)"
            " where r.correlation_id = %(run)s and e.execution_state = 'COMPLETED' and e.module_name = %(module)s",
            module=worked,
        )
        return sum(routed.get(row["robot_id"]) == chosen for row in rows)


def _judge(found: Evidence, broken: str, other: str, breaker: Mapping[str, Any], handlers: int) -> list[Fact]:
    facts = [
        Fact(
            "nothing is lost",
            found.submitted > 0
            and found.completed == found.submitted
            and not (found.failed or found.open or found.not_done_once),
            f"{found.submitted:,} robots submitted, {found.completed:,} COMPLETED, each exactly once; "
            f"{found.failed} failed, {found.open} open",
        ),
        Fact(
            "the breaker opens at the threshold",
            found.failures_in_row == found.threshold and found.failures >= found.threshold,
            f"{broken} became UNHEALTHY with failure {found.failures_in_row} in a row, its threshold is "
            f"{found.threshold}, {_seconds(found.seconds_to_unhealthy)} after it broke",
        ),
        Fact(
            "only what was in flight fails after it",
            found.failures <= found.threshold + 2 * handlers
            and found.claimed_after <= 2 * handlers  # one that runs, one whose outcome is on its way
            and found.claimed_late == 0,
            f"{found.failures} failures in all before the first probe; {found.claimed_after} claimed while the change "
            f"was being committed, {found.claimed_late} later; it has {handlers} workers",
        ),
    ]
    lengths = _cooldowns(breaker, len(found.probes))
    one_at_a_time = all(
        before.completed_at is not None and after.started_at >= before.completed_at
        for before, after in zip(found.probes, found.probes[1:], strict=False)
    )
    waits = ", ".join(f"{wait:.1f}" for wait in found.probe_waits)
    facts += [
        Fact(
            "one probe at a time, after a longer and longer cool-down",
            bool(found.probes)
            and one_at_a_time
            and len(found.probe_waits) == len(found.probes)
            and all(wait >= length - 0.001 for wait, length in zip(found.probe_waits, lengths, strict=True)),
            f"{len(found.probes)} probes, the last one {found.probes[-1].state if found.probes else 'missing'}; "
            f"waits of {waits} s",
        ),
        Fact(
            "waiting robots move",
            found.moved_away > 0,
            f"{found.moved_away} robots routed to {broken} were completed by {other}",
        ),
        Fact(
            "the router avoids it",
            found.routed_while_unhealthy == 0,
            f"{found.routed_while_unhealthy} robots were routed to {broken} while it was UNHEALTHY",
        ),
        Fact(
            "it comes back by itself",
            [change.to_status for change in found.changes] == ["UNHEALTHY", "HEALTHY"]
            and found.seconds_to_healthy is not None
            and found.worked_again > 0,
            f"HEALTHY {_seconds(found.seconds_to_healthy)} after its repair, then {found.worked_again} robots more",
        ),
        Fact(
            "nothing is moved back",
            found.moved_back <= len(found.probes),
            f"{found.moved_back} robots of {other} were completed by {broken}; as probes {len(found.probes)} could be",
        ),
    ]
    return facts


def _cooldowns(breaker: Mapping[str, Any], count: int) -> list[float]:
    lengths = []
    length = float(breaker["cooldown_seconds"])
    for _ in range(count):
        lengths.append(length)
        length = min(length * breaker["factor"], breaker["max_seconds"])
    return lengths


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"

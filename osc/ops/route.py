"""The plan of a change: which way, what is run, which locks it takes, what it will take."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, Protocol

from osc.model.alter import Alter
from osc.model.ladder import Clause, Forecast, Lock, Outlook, Step, Way
from osc.model.table import Table
from osc.ops.report import Planned, plan_pairs, plan_record
from osc.ops.units import aligned, count, duration, size

Format = Literal["text", "json", "md"]
COPY_IS_NEEDED = 20
"""The exit code of `osc plan` where only a copy does it."""

WAYS = {
    Way.NOTHING: "nothing to do",
    Way.NATIVE: "native: the server does it by itself",
    Way.SEQUENCE: "a sequence of statements that together are equal to the ALTER",
    Way.COPY: "a copy: a shadow table is filled beside it and swapped in",
}


class Routed(Protocol):
    """What was decided, as the route stage makes it."""

    @property
    def table(self) -> Table: ...
    @property
    def alter(self) -> Alter: ...
    @property
    def outlook(self) -> Outlook: ...
    @property
    def forecast(self) -> Forecast: ...
    @property
    def copy(self) -> Planned | None: ...
    @property
    def way(self) -> Way: ...


def exit_code(route: Routed) -> int:
    return COPY_IS_NEEDED if route.way is Way.COPY else 0


def text(route: Routed) -> str:
    return aligned(_pairs(route))


def markdown(route: Routed) -> str:
    """The same for a merge request: a heading, and what is a statement as code."""
    lines = [f"### `ALTER TABLE {route.table.name}`: {WAYS[route.way]}", ""]
    for label, value in _pairs(route):
        first, *rest = value.split("\n")
        if rest or label in ("steps", "clauses"):
            lines += ["", f"**{label}**", "", *(f"- {line}" for line in (first, *rest))]
        else:
            lines.append(f"- **{label}**: {first}")
    return "\n".join(lines)


def record(route: Routed) -> dict[str, Any]:
    """For a script; `findings` are sentences, `lint` the same in parts."""
    outlook, copy = route.outlook, route.copy
    told = {
        "table": str(route.table.name),
        "rows_estimated": route.table.rows,
        "bytes": route.table.bytes,
        "findings": [],
        "steps": [step.sql for step in outlook.steps],
        **(plan_record(copy) if copy else {}),
        "way": str(route.way),
        "because": outlook.because,
        "cost": outlook.cost.name.lower(),
        "clauses": [_clause(clause) for clause in outlook.clauses],
        "statements": [_step(step) for step in outlook.steps],
        "forecast": asdict(route.forecast),
        "lint": [asdict(finding) for finding in outlook.findings],
    }
    told["findings"] += [str(finding) for finding in outlook.findings]
    return told


def _clause(clause: Clause) -> dict[str, Any]:
    return {**asdict(clause), "cost": clause.cost.name.lower()}


def _step(step: Step) -> dict[str, Any]:
    return {
        "sql": step.sql,
        "does": step.does,
        "cost": step.cost.name.lower(),
        "locks": [asdict(lock) for lock in step.locks],
        "online": step.patient,
    }


def _pairs(route: Routed) -> list[tuple[str, str]]:
    outlook, table = route.outlook, route.table
    why = f"; {outlook.because}" if outlook.because else ""
    pairs = [
        ("table", f"{table.name} ({_volume(table)})" if table.columns else ""),
        ("way", WAYS[route.way] + why),
        ("clauses", "\n".join(map(_of_clause, outlook.clauses))),
        *(plan_pairs(route.copy) if route.copy else []),
        ("steps", "\n".join(f"{at}. {_of_step(step)}" for at, step in enumerate(outlook.steps, 1))),
        ("forecast", _of_forecast(route.forecast) if route.way is not Way.NOTHING else ""),
        ("findings", "\n".join(map(str, outlook.findings))),
    ]
    return [(label, value) for label, value in pairs if value]


def _volume(table: Table) -> str:
    return f"about {count(table.rows)} rows, {size(table.bytes)}" if table.rows > 0 else "small"


def _of_clause(clause: Clause) -> str:
    because = f" ({clause.because})" if clause.because else ""
    return f"{clause.text}: {clause.cost.name.lower()}, {_locks(clause.locks)}{because}"


def _of_step(step: Step) -> str:
    return f"{step.sql}   -- {step.does}; {_locks(step.locks)}"


def _locks(locks: tuple[Lock, ...]) -> str:
    return ", ".join(map(str, locks)) or "no lock"


def _range(least: float, most: float) -> str:
    if most < 1:
        return "less than a second"
    return f"{duration(least)} to {duration(most)}" if least >= 0.1 else f"up to {duration(most)}"


def _of_forecast(forecast: Forecast) -> str:
    least, most = forecast.seconds
    parts = [_range(least, most)]
    if forecast.disk_bytes:
        parts.append(f"{size(forecast.disk_bytes)} of disk")
    if forecast.log_bytes:
        parts.append(f"{size(forecast.log_bytes)} of log")
    return ", ".join(parts)

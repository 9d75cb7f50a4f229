"""What will be done, and what was done, as text and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from osc.engine import Names, Rehearsal, Sync
from osc.model.ladder import Climbed, Way
from osc.model.report import Report
from osc.model.table import Column, Table
from osc.ops.units import aligned, count, duration, size

SHORTEST_TOLD_SECONDS = 0.5


class Planned(Protocol):
    """The plan of a migration, as the planning stage makes it."""

    @property
    def table(self) -> Table: ...
    @property
    def names(self) -> Names: ...
    @property
    def sync(self) -> Sync: ...
    @property
    def rehearsal(self) -> Rehearsal: ...
    @property
    def findings(self) -> tuple[str, ...]: ...
    @property
    def statements(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Difference:
    """What the ALTER does to one column; `before` or `after` is None where there is no such."""

    column: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.column}: new, {self.after}"
        if self.after is None:
            return f"{self.column}: dropped"
        return f"{self.column}: {self.before} → {self.after}"


def differences(plan: Planned) -> list[Difference]:
    """Columns that are changed, added and dropped, as the two catalogs tell it."""
    old, new = plan.table, plan.rehearsal.table
    sources = {pair.target: pair.source for pair in plan.rehearsal.columns.pairs}
    found = [_difference(column, sources.get(column.name), old) for column in new.columns]
    kept = set(sources.values())
    gone = [
        Difference(column.name, _described(column), None)
        for column in old.columns
        if column.name not in kept and not (column.generated and new.has_column(column.name))
    ]
    return [difference for difference in (*found, *gone) if difference.before != difference.after]


def _difference(column: Column, source: str | None, old: Table) -> Difference:
    if source is None and not (column.generated and old.has_column(column.name)):
        return Difference(column.name, None, _described(column))
    before = old.column(source or column.name)
    renamed = "" if before.name == column.name else f"{before.name} "
    return Difference(column.name, renamed + _described(before), _described(column))


def _described(column: Column) -> str:
    return column.type if column.nullable else f"{column.type} NOT NULL"


def plan_pairs(plan: Planned) -> list[tuple[str, str]]:
    """What is to be said of a copy, besides the table that it is of."""
    key = plan.rehearsal.key
    return [
        ("columns", "\n".join(map(str, differences(plan))) or "stay as they are"),
        ("new table", str(plan.names.shadow)),
        ("old table", f"kept as {plan.names.archive}"),
        ("rows told by", f"{key.name} ({', '.join(key.columns)})"),
        ("findings", "\n".join(plan.findings)),
        ("steps", "\n".join(f"{at}. {step}" for at, step in enumerate(plan.statements, 1))),
    ]


def plan_record(plan: Planned) -> dict[str, Any]:
    return {
        "table": str(plan.table.name),
        "rows_estimated": plan.table.rows,
        "bytes": plan.table.bytes,
        "new_table": str(plan.names.shadow),
        "old_table": str(plan.names.archive),
        "key": list(plan.rehearsal.key.columns),
        "sync": str(plan.sync),
        "columns": [asdict(difference) for difference in differences(plan)],
        "diff": asdict(plan.rehearsal.diff),
        "findings": list(plan.findings),
        "steps": list(plan.statements),
    }


def report_text(report: Report) -> str:
    if report.way == Way.NOTHING and report.because:
        return f"{report.because}; nothing to do"
    if report.way == Way.NOTHING:
        by = f" by migration {report.migration}" if report.migration else ""
        return f"already applied{by}: {report.table} is as the ALTER wants it; nothing to do"
    return aligned(_copied(report) if report.way == Way.COPY else _climbed(report))


def _climbed(report: Report) -> list[tuple[str, str]]:
    """Of a way without a copy: each statement, how often it was tried, how long others waited."""
    pairs = [
        ("table", f"{report.table} has its new schema (migration {report.migration})"),
        ("way", f"{report.way}, without a copy"),
        ("duration", duration(report.seconds)),
        ("lock", _lock(report)),
        ("stood still", stood_still(report_record(report))),
        ("steps", "\n".join(map(_step, report.steps))),
    ]
    return [(label, value) for label, value in pairs if value]


def _step(step: Climbed) -> str:
    tries = "1 attempt" if step.attempts == 1 else f"{step.attempts} attempts"
    return f"{step.sql}   -- {duration(step.seconds)}, {tries}"


def _copied(report: Report) -> list[tuple[str, str]]:
    attempts = report.cut_over_attempts
    pairs = [
        ("table", f"{report.table} has its new schema (migration {report.migration})"),
        ("duration", duration(report.seconds)),
        ("rows", f"{count(report.rows_copied)} copied, {_verified(report)}"),
        ("changes", _changes(report)),
        ("cut-over", f"{attempts} attempt{'' if attempts == 1 else 's'}"),
        ("lock", _lock(report)),
        ("allowed by", report.allowed_by),
        ("replica lag", str(report.lags)),
        ("log", written(report.log_bytes)),
        ("phases", _phases(report.phases)),
        ("stood still", stood_still(report_record(report))),
        ("not compared", ", ".join(report.not_compared)),
        ("old table", f"kept as {report.archive}" if report.archive else "dropped"),
    ]
    return [(label, value) for label, value in pairs if value]


def _verified(report: Report) -> str:
    if not report.rows_verified:
        return "not verified"
    repaired = f", {count(report.rows_repaired)} repaired" if report.rows_repaired else ""
    return f"{count(report.rows_verified)} verified{repaired}"


def _changes(report: Report) -> str:
    return (
        f"{count(report.changes_delivered)} delivered, {count(report.changes_applied)} applied, "
        f"{count(report.changes_forgotten)} left to the copy"
    )


def _lock(report: Report) -> str:
    waited, held = duration(report.lock_wait_seconds), duration(report.lock_held_seconds)
    return f"waited for {waited}, held {held}"


def _phases(phases: dict[str, float]) -> str:
    return ", ".join(f"{name} {duration(seconds)}" for name, seconds in phases.items())


def written(log_bytes: int) -> str:
    return f"{size(log_bytes)} written meanwhile, for us and for others" if log_bytes else ""


def stood_still(record: Mapping[str, Any]) -> str:
    """Of a result, also of one that the ledger has kept: for how long, and for what."""
    return "\n".join(
        f"{duration(one['seconds'])}: {one['why']}{_at_worst(one)}"
        for one in record.get("standstills", ())
        if one["seconds"] >= SHORTEST_TOLD_SECONDS
    )


def _at_worst(one: Mapping[str, Any]) -> str:
    reading = str(one["worst"]).removeprefix(str(one["why"])).strip(" :")
    return f" (at worst {reading})" if reading else ""


def report_record(report: Report) -> dict[str, Any]:
    record = asdict(report)
    record["phases"] = {name: round(seconds, 3) for name, seconds in report.phases.items()}
    for name in ("seconds", "lock_wait_seconds", "lock_held_seconds"):
        record[name] = round(record[name], 6)
    record["standstills"] = [
        {"why": one.why, "seconds": round(one.seconds, 1), "worst": one.worst}
        for one in report.standstills
    ]
    record["old_table"] = record.pop("archive") or None
    return record


def verified_text(report: Report) -> str:
    """What `osc verify` has to say where nothing differs."""
    pairs = [
        ("table", f"{report.table} and its shadow are equal (migration {report.migration})"),
        ("duration", duration(report.seconds)),
        ("rows", f"{count(report.rows_verified)} verified"),
        ("not compared", ", ".join(report.not_compared)),
    ]
    return aligned([(label, value) for label, value in pairs if value])


def verified_record(report: Report) -> dict[str, Any]:
    return {
        "migration": report.migration,
        "table": report.table,
        "equal": True,
        "rows_verified": report.rows_verified,
        "seconds": round(report.seconds, 6),
        "not_compared": list(report.not_compared),
    }

"""What will be done, decided before anything is done."""

from __future__ import annotations

from dataclasses import dataclass

from osc import errors
from osc.engine import Engine, Job, Names, Rehearsal, Sync
from osc.model.alter import Alter
from osc.model.columns import ColumnMap
from osc.model.table import Key, Table


@dataclass(frozen=True)
class Plan:
    """The way a migration will take; `statements` are its steps in words an operator knows."""

    table: Table
    alter: Alter
    names: Names
    sync: Sync
    rehearsal: Rehearsal
    findings: tuple[str, ...]
    statements: tuple[str, ...]

    @property
    def columns(self) -> ColumnMap:
        return self.rehearsal.columns

    @property
    def key(self) -> Key:
        return self.rehearsal.key


def remembered(job: Job, sync: Sync) -> Plan:
    """The plan of a migration that is under way: what its job says of it."""
    rehearsal = Rehearsal(job.shadow, job.columns, job.key, job.sortable)
    return Plan(job.original, job.alter, job.names, sync, rehearsal, (), ())


def choose_sync(engine: Engine, wanted: Sync | None) -> Sync:
    """What was asked for, or the first that this engine has."""
    if wanted is not None and wanted not in engine.sources:
        raise errors.Precondition(
            f"--sync {wanted} is not there yet for {engine.name}",
            still_true="nothing was touched",
            todo=f"leave it out, or take --sync {next(iter(engine.sources))}",
        )
    return wanted or next(iter(engine.sources))


def make(engine: Engine, table: Table, alter: Alter, sync: Sync) -> Plan:
    """Rehearses the ALTER on an empty clone, which is gone again when this returns."""
    rehearsal = engine.workshop.rehearse(table, alter)
    names = engine.workshop.names(table)
    return Plan(
        table=table,
        alter=alter,
        names=names,
        sync=sync,
        rehearsal=rehearsal,
        findings=rehearsal.findings,
        statements=tuple(_steps(table, alter, names, sync)),
    )


def _steps(table: Table, alter: Alter, names: Names, sync: Sync) -> list[str]:
    return [
        f"create the shadow {names.shadow}",
        f"ALTER TABLE {names.shadow} {alter.clauses}",
        f"copy about {table.rows:,} rows in chunks, following changes through the {sync}",
        "build what indexes are missing, refresh statistics",
        "compare both tables by checksum",
        f"lock {table.name} briefly, apply the last changes, swap: {table.name} → {names.archive}, "
        f"{names.shadow} → {table.name}",
    ]

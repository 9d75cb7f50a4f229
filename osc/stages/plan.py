"""What will be done, decided before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
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
    rehearsal = Rehearsal(
        job.shadow, job.columns, job.key, job.sortable, relations=job.relations, diff=job.diff
    )
    return Plan(job.original, job.alter, job.names, sync, rehearsal, (), ())


@dataclass(frozen=True)
class Choice:
    """How changes will be followed, and why it is not the best way that the engine has."""

    sync: Sync
    findings: tuple[str, ...] = ()


def choose_sync(engine: Engine, table: Table, alter: Alter, wanted: Sync | None) -> Choice:
    """What was asked for, or the best that nothing speaks against."""
    if wanted is None:
        return _best(engine, table, alter)
    if wanted not in engine.sources:
        raise errors.Precondition(
            f"--sync {wanted} is not there yet for {engine.name}",
            still_true="nothing was touched",
            todo=f"leave it out, or take --sync {next(iter(engine.sources))}",
        )
    return Choice(wanted)


def _best(engine: Engine, table: Table, alter: Alter) -> Choice:
    """If each has something against it, that of the best is raised, the others' beside it."""
    refusals: dict[Sync, errors.Precondition | errors.NotAllowed] = {}
    for sync in engine.sources:
        try:
            engine.checks.server(sync)
            engine.checks.table(table, alter, sync)
        except (errors.Precondition, errors.NotAllowed) as refusal:
            refusals[sync] = refusal
        else:
            return Choice(sync, _why(sync, refusals))
    best, *others = refusals.items()
    for sync, other in others:
        if other.happened != best[1].happened:
            best[1].todo += f"\nor, for --sync {sync} ({other.happened}): {other.todo}"
    raise best[1]


def _why(
    chosen: Sync, refusals: Mapping[Sync, errors.Precondition | errors.NotAllowed]
) -> tuple[str, ...]:
    return tuple(
        f"changes are followed by {chosen}, not by {sync}: {refusal.happened}"
        for sync, refusal in refusals.items()
    )


def make(
    engine: Engine, table: Table, alter: Alter, sync: Sync, findings: tuple[str, ...] = ()
) -> Plan:
    """Rehearses the ALTER on an empty clone, which is gone again when this returns."""
    rehearsal = engine.workshop.rehearse(table, alter)
    names = engine.workshop.names(table, alter)
    return Plan(
        table=table,
        alter=alter,
        names=names,
        sync=sync,
        rehearsal=rehearsal,
        findings=(*findings, *rehearsal.findings),
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

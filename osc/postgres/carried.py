"""What hangs on the original and must hang on the new table when the swap commits.

A table that changes its schema takes along what hangs on its OID. So each kind of such things is
moved by a part of its own, a function `carried(session, exchange)`, which reads the catalog before
the lock is asked for and says what is to be done at fixed places of the attempt:

    LOCK original; drain
    locks       what else has to be kept still, in one order with the original's own
    before      the original serves still
    original → archive's schema, shadow → original's schema, and so their partitions
    placed      what stands beside the shadow follows it
    named       the new table in its place, its columns named like the original's
    after       both are in their places
    COMMIT
    late        each statement in a transaction of its own; the new table serves already
    unvalidated what the aftercare has to check, in its own time

What is done up to COMMIT is one transaction: an attempt, wherever it ends, is swapped with all of
it or undone with all of it, and `require_unchanged`, under the lock, vouches for what was read
before it. What is done late is found undone in the catalog, by whoever comes later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from osc.engine import Job, Names, Statement
from osc.model.columns import sources
from osc.model.table import Table, TableName
from osc.postgres.kin import Member
from osc.postgres.quoting import identifier, literal
from osc.postgres.rehearsal import Part, Target


@dataclass(frozen=True)
class Exchange:
    """One table of ours for one of theirs; `source` and `made` are the OIDs of the two."""

    job: Job
    target: Target
    source: int
    made: int

    @property
    def original(self) -> TableName:
        return self.job.original.name

    @property
    def shadow(self) -> TableName:
        return self.job.shadow.name

    @property
    def archive(self) -> TableName:
        return self.job.names.archive

    @property
    def part(self) -> Part:
        return next(part for part in self.target.parts if part.name == self.original.name)

    def of(self, member: Member, twin: Member) -> Exchange:
        """The same of one partition."""
        job = replace(
            self.job,
            original=replace(self.job.original, name=member.name),
            shadow=replace(self.job.shadow, name=twin.name),
            names=Names(twin.name, member.within(self.archive.schema)),
        )
        return Exchange(job, self.target, member.oid, twin.oid)

    @property
    def retyped(self) -> tuple[str, ...]:
        return changed_types(self.job.original, self.job.shadow, self.columns)

    @property
    def columns(self) -> dict[str, str]:
        """The new table's column for each of the original's that has one, generated or not."""
        found = sources(self.job.original, self.job.shadow, self.job.alter)
        return {source: target for target, source in found.items()}


def changed_types(old: Table, new: Table, columns: Mapping[str, str]) -> tuple[str, ...]:
    """The old table's columns that have another type in the new one; `columns` are those that are
    left, with their new names."""
    now = {column.name: column.type for column in new.columns}
    types = {source: now[target] for source, target in columns.items()}
    return tuple(c.name for c in old.columns if types.get(c.name, c.type) != c.type)


@dataclass(frozen=True, order=True)
class Lock:
    """ACCESS EXCLUSIVE on a relation. Sorted by rank, they are taken in the order in which most
    statements of applications take theirs: a view before its tables, a child that refers to it
    before the table. What the table is a part of comes before it, and its own parts after it."""

    rank: int
    oid: int
    statement: str


VIEW, CHILD, ABOVE, ORIGINAL, BELOW, PARENT = range(6)


@dataclass(frozen=True)
class Unvalidated:
    """A foreign key that the swap adds as NOT VALID: new rows are checked, the old ones later."""

    table: str
    name: str


@dataclass(frozen=True)
class Carried:
    """What one kind of things asks to be done, at the places of an attempt."""

    before: tuple[Statement, ...] = ()
    after: tuple[Statement, ...] = ()
    late: tuple[Statement, ...] = ()
    locks: tuple[Lock, ...] = ()
    named: tuple[Statement, ...] = ()
    unvalidated: tuple[Unvalidated, ...] = ()
    placed: tuple[Statement, ...] = ()


def together(parts: Iterable[Carried]) -> Carried:
    """Those of several parts, in their order."""
    parts = tuple(parts)
    return Carried(
        tuple(statement for part in parts for statement in part.before),
        tuple(statement for part in parts for statement in part.after),
        tuple(statement for part in parts for statement in part.late),
        tuple(sorted({lock for part in parts for lock in part.locks})),
        tuple(statement for part in parts for statement in part.named),
        tuple(key for part in parts for key in part.unvalidated),
        tuple(statement for part in parts for statement in part.placed),
    )


def note(schema: str, keys: Iterable[Unvalidated]) -> Statement:
    """What is left for the aftercare is written into the swap's own transaction, as the comment of
    the schema that the archive moves to: whoever finds the one finds the other."""
    told = json.dumps([[key.table, key.name] for key in keys])
    return Statement(f"COMMENT ON SCHEMA {identifier(schema)} IS {literal(told)}")


def noted(comment: str | None) -> list[Unvalidated]:
    """What a comment says that is still to be done."""
    return [Unvalidated(table, name) for table, name in json.loads(comment or "[]")]

"""What hangs on the original and must hang on the new table when the swap commits.

A table that changes its schema takes along what hangs on its OID. So each kind of such things is
moved by a part of its own, a function `carried(session, exchange)`, which reads the catalog before
the lock is asked for and says what is to be done at fixed places of the attempt:

    LOCK original; drain
    before      the original serves still
    original → archive's schema, shadow → original's schema
    after       both are in their places
    COMMIT
    late        each statement in a transaction of its own; the new table serves already

What is done up to COMMIT is one transaction: an attempt, wherever it ends, is swapped with all of
it or undone with all of it, and `require_unchanged`, under the lock, vouches for what was read
before it. What is done late is found undone in the catalog, by whoever comes later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from osc.engine import Job, Statement
from osc.model.table import TableName
from osc.postgres.rehearsal import Target


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
    def columns(self) -> dict[str, str]:
        """The new table's column for each of the original's that has one."""
        return {p.source: p.target for p in self.job.columns.pairs if p.source is not None}


@dataclass(frozen=True)
class Carried:
    """What one kind of things asks to be done, at the places of an attempt."""

    before: tuple[Statement, ...] = ()
    after: tuple[Statement, ...] = ()
    late: tuple[Statement, ...] = ()


def together(parts: Iterable[Carried]) -> Carried:
    """Those of several parts, in their order."""
    parts = tuple(parts)
    return Carried(
        tuple(statement for part in parts for statement in part.before),
        tuple(statement for part in parts for statement in part.after),
        tuple(statement for part in parts for statement in part.late),
    )

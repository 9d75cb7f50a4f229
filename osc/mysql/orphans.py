"""Rows that a new foreign key of the table would not let in, because their parent isn't there.

A native ADD FOREIGN KEY looks at every row. We make the key under the lock and without a look, so
it has to be taken before. The rows of today are asked before the copy, when bad news is cheap; but
until the lock an application may write an orphan, or delete a parent's row. So they are asked again
under the lock, in the shadow, when nobody writes the table or the parent: that is bounded in time,
and a table for which it takes too long is refused before anything is done.
"""

from __future__ import annotations

import time

from osc import errors
from osc.engine import Job, Rehearsal, Session, Statement
from osc.model.relations import ForeignKey
from osc.model.table import Table
from osc.mysql import quoting
from osc.mysql.locking import AGAIN

SHOWN = 5
LONGEST_SECONDS = 0.2
"""What applications may wait for the look under the lock."""
WAY_OUT = (
    "leave the key out, and add it afterwards with foreign_key_checks=0 and ALGORITHM=INPLACE, "
    "which looks at no row"
)


def refuse_today(session: Session, table: Table, rehearsal: Rehearsal, key: ForeignKey) -> None:
    """DataWouldBeLost with examples; Precondition where it takes too long to do it once more."""
    by_target = {pair.target: pair.expression for pair in rehearsal.columns.pairs}
    if any(name not in by_target for name in key.columns):
        return  # A new column: what its default refers to is seen under the lock.
    child = _renamed(table, {name: by_target[name] for name in key.columns})
    parent = quoting.table(key.parent)
    if key.parent == key.child:
        parent = _renamed(table, {name: by_target[name] for name in key.referenced})
    began = time.monotonic()
    found = session.query(_orphans(f"{child} child", f"{parent} parent", "child", "parent", key))
    if found:
        raise _lost(key, found, "nothing was touched")
    if time.monotonic() - began > LONGEST_SECONDS / 2:
        raise errors.Precondition(
            f"{key.name}, the new foreign key of {table.name} to {key.parent}: to look at every "
            f"row takes longer than applications can wait for ({LONGEST_SECONDS * 1000:.0f} ms), "
            "and it has to be done once more under the lock",
            still_true="nothing was touched",
            todo=WAY_OUT,
        )


def refuse_in_the_shadow(session: Session, job: Job, key: ForeignKey) -> None:
    """The same for what the shadow holds, in the session that has locked it and the parent."""
    shadow = quoting.table(job.shadow.name)
    to_itself = key.parent == key.child
    parent = f"{shadow} {AGAIN}" if to_itself else quoting.table(key.parent)
    name = AGAIN if to_itself else parent
    began = time.monotonic()
    found = session.query(_orphans(shadow, parent, shadow, name, key))
    if found:
        raise _lost(key, found, f"{job.original.name} still serves and is untouched")
    if time.monotonic() - began > LONGEST_SECONDS * 2:
        raise errors.LockTimeout(f"the look for orphans of {key.name} took too long")


def _renamed(table: Table, columns: dict[str, str]) -> str:
    """The table as if these columns had their new names already."""
    selected = ", ".join(f"{value} AS {quoting.name(name)}" for name, value in columns.items())
    return f"(SELECT {selected} FROM {quoting.table(table.name)})"


def _orphans(child: str, parent: str, one: str, other: str, key: ForeignKey) -> Statement:
    """A reference that is NULL in part refers to nothing."""
    pairs = [
        (f"{one}.{quoting.name(column)}", f"{other}.{quoting.name(referenced)}")
        for column, referenced in zip(key.columns, key.referenced, strict=True)
    ]
    shown = ", ".join(mine for mine, _ in pairs)
    joined = " AND ".join(f"{theirs} = {mine}" for mine, theirs in pairs)
    present = " AND ".join(f"{mine} IS NOT NULL" for mine, _ in pairs)
    return Statement(
        f"SELECT DISTINCT {shown} FROM {child} LEFT JOIN {parent} ON {joined} "
        f"WHERE {present} AND {pairs[0][1]} IS NULL LIMIT {SHOWN}"
    )


def _lost(
    key: ForeignKey, found: list[tuple[object, ...]], still_true: str
) -> errors.DataWouldBeLost:
    values = ", ".join(repr(row if len(row) > 1 else row[0]) for row in found)
    return errors.DataWouldBeLost(
        f"the new foreign key {key.name} has orphans: ({', '.join(key.columns)}) = {values} "
        f"is not in {key.parent}",
        still_true=still_true,
        todo="put these rows right or leave the key out; there may be more of them",
    )

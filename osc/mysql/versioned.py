"""Tables of MariaDB that keep their history (WITH SYSTEM VERSIONING), copied with all of it.

Such a table holds each row as it is, and as it was from `row_start` to `row_end`. What was is never
changed again. So a copy takes all versions of a span of keys; and acting on a key means to delete
the shadow's row of today and to insert what the original has now, and those versions that the
shadow lacks.

    timestamp = 1                        to our session the year is 1970: a row that is older than
                                         the statement that deletes it leaves no history behind
    system_versioning_insert_history     lets an INSERT say when a row began and ended (10.11)

The comparison reads all versions of both tables, with their times. A row that lives no longer than
a microsecond can't be inserted, and a DELETE HISTORY of the application's is not followed: the one
stops the copy, the other the swap.

An ALTER that adds the versioning gives one beginning to all rows; so does the copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from osc import errors
from osc.engine import Session, Statement
from osc.model.columns import Pair
from osc.model.table import Column, Table
from osc.mysql import flavor, quoting
from osc.mysql.locking import AGAIN

START, END = "row_start", "row_end"
MARK = "timestamp(6) AS ROW"
ALL = " FOR SYSTEM_TIME ALL"
SETTINGS = Statement("SET SESSION timestamp = 1, system_versioning_insert_history = ON")
TODAY = Statement("SET SESSION timestamp = DEFAULT")
"""Undoes what of the settings others than our own statements would notice."""
COLUMNS = tuple(Column(name, f"{MARK} {name[4:].upper()}", False, True) for name in (START, END))
"""As the catalog describes them, which doesn't show them."""


def is_versioned(table: Table) -> bool:
    return any(column.type.startswith(MARK) for column in table.columns)


def plain(table: Table) -> Table:
    """The table as the ALTER speaks of it."""
    seen = tuple(column for column in table.columns if not column.type.startswith(MARK))
    return replace(table, columns=seen)


def keeps_history(original: Table, shadow: Table) -> bool:
    return is_versioned(original) and is_versioned(shadow)


def pairs(session: Session, original: Table, shadow: Table) -> tuple[Pair, ...]:
    """What fills the columns that nobody sees."""
    if not is_versioned(shadow):
        return ()
    if is_versioned(original):
        return tuple(Pair(name, name, quoting.name(name)) for name in (START, END))
    now = session.query(Statement("SELECT UNIX_TIMESTAMP(NOW(6))"))[0][0]
    return (Pair(START, None, f"FROM_UNIXTIME({now})"),)


def missing(shadow: str, shadow_key: Sequence[str], original: str, key: Sequence[str]) -> str:
    """The condition on a version of the original's that the shadow hasn't got it."""
    same = [
        f"{AGAIN}.{theirs} = {original}.{ours}"
        for theirs, ours in zip((*shadow_key, END), (*key, END), strict=True)
    ]
    return f"NOT EXISTS (SELECT 1 FROM {shadow}{ALL} AS {AGAIN} WHERE {' AND '.join(same)})"


def try_on(session: Session, clone: Table) -> None:
    """Precondition where this server doesn't do what is described above; the clone's row goes."""
    there = quoting.table(clone.name)
    try:
        if flavor.variable(session, "system_versioning_insert_history") is None:
            raise errors.BadStatement("it has no system_versioning_insert_history")
        session.execute(SETTINGS)
        session.execute(Statement(f"DELETE FROM {there}"))
        ((left,),) = session.query(Statement(f"SELECT COUNT(*) FROM {there}{ALL}"))
        session.execute(TODAY)
    except errors.ServerError as error:
        raise _refused(clone, error.happened) from error
    if left:
        raise _refused(clone, "a row that is deleted in the past leaves history behind")


def _refused(clone: Table, why: str) -> errors.Precondition:
    return errors.Precondition(
        f"the table is system-versioned after the ALTER, and this server can't have its rows "
        f"copied with their times: {why}",
        still_true="nothing was touched",
        todo="alter it natively with SET SESSION system_versioning_alter_history = KEEP, which "
        "blocks writes while it runs; what is INSTANT or NOCOPY by itself is done so here",
    )

"""Tables of MariaDB that keep their history (WITH SYSTEM VERSIONING), copied with all of it.

Such a table holds each row as it is, and as it was from `row_start` to `row_end`. What was is never
changed again. So a copy takes all versions of a span of keys; and acting on a key means to delete
the shadow's row of today and to insert what the original has now, and those versions that the
shadow lacks. The times lie in two columns that nobody sees, or in two of the application's own
(PERIOD FOR SYSTEM_TIME); then the server puts the later one into each unique key.

    timestamp = 1                        to our session the year is 1970: a row that is older than
                                         the statement that deletes it leaves no history behind
    system_versioning_insert_history     lets an INSERT say when a row began and ended (10.11)

The comparison reads all versions of both tables, with their times. A DELETE HISTORY of the
application's, of which the changes tell keys alone, is followed once, before the comparison: by the
time of the oldest version that is left. One that comes later stops the swap. A row that lives no
longer than a microsecond can't be inserted, and stops the copy.

An ALTER that adds the versioning gives one beginning to all rows; so does the copy.

Times that are numbers of transactions (BIGINT) can't be inserted. Of partitions by time those by
INTERVAL take a version by its end. Those by LIMIT take it by the time at which it is written: an
ALTER puts all history into the first, while our DELETEs would begin another (measured on 10.11).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from osc import errors
from osc.engine import Session, Statement
from osc.model.alter import Alter
from osc.model.columns import Pair
from osc.model.table import Column, Key, Table
from osc.mysql import flavor, quoting
from osc.mysql.locking import AGAIN

PERIOD = ("ROW START", "ROW END")
"""How the catalog describes the columns with the times; `catalog.py` says it beside their type."""
MARK = " AS ROW "
ALL = " FOR SYSTEM_TIME ALL"
SETTINGS = Statement("SET SESSION timestamp = 1, system_versioning_insert_history = ON")
TODAY = Statement("SET SESSION timestamp = DEFAULT")
"""Undoes what of the settings others than our own statements would notice."""
HIDDEN = tuple(
    Column(f"row_{which.lower()}", f"timestamp(6){MARK}{which}", False, True)
    for which in ("START", "END")
)
_MAKES_PARTITIONS = re.compile(r"^ PARTITION BY SYSTEM_TIME .* AUTO$", re.MULTILINE)
_BY_NUMBER = re.compile(r"^ PARTITION BY SYSTEM_TIME LIMIT ", re.MULTILINE)


def is_versioned(table: Table) -> bool:
    return any(MARK in column.type for column in table.columns)


def with_times(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Those of a versioned table, with the two that the catalog doesn't show."""
    return columns if any(MARK in column.type for column in columns) else (*columns, *HIDDEN)


def of_today(
    uniques: dict[Key, list[tuple[str, str, str]]], columns: tuple[Column, ...]
) -> dict[Key, list[tuple[str, str, str]]]:
    """What is unique among the rows of today, which all end at the same time."""
    ends = {column.name for column in columns if _ends(column)}
    return {
        replace(key, columns=kept): [part for part in parts if part[0] not in ends]
        for key, parts in uniques.items()
        if (kept := tuple(name for name in key.columns if name not in ends))
    }


def plain(table: Table) -> Table:
    """The table as the ALTER speaks of it."""
    return replace(table, columns=tuple(one for one in table.columns if MARK not in one.type))


def keeps_history(original: Table, shadow: Table) -> bool:
    return is_versioned(original) and is_versioned(shadow)


def times(table: Table) -> tuple[Column, Column]:
    """Where a version begins, and where it ends."""
    start, end = sorted((one for one in table.columns if MARK in one.type), key=_ends)
    return start, end


def _ends(column: Column) -> bool:
    return column.type.endswith(f"{MARK}END")


def pairs(session: Session, original: Table, shadow: Table) -> tuple[Pair, ...]:
    """What fills the columns with the times."""
    if not is_versioned(shadow):
        return ()
    if is_versioned(original):
        return tuple(
            Pair(after.name, before.name, quoting.name(before.name))
            for before, after in zip(times(original), times(shadow), strict=True)
        )
    now = session.query(Statement("SELECT UNIX_TIMESTAMP(NOW(6))"))[0][0]
    return (Pair(times(shadow)[0].name, None, f"FROM_UNIXTIME({now})"),)


def missing(
    shadow: tuple[str, Sequence[str], Table], original: tuple[str, Sequence[str], Table]
) -> str:
    """The condition on a version of the original's that the shadow hasn't got it. Each side is its
    name and its key, quoted, and the table."""
    there, here = (
        (*key, quoting.name(times(table)[1].name)) for _, key, table in (shadow, original)
    )
    same = [
        f"{AGAIN}.{theirs} = {original[0]}.{ours}" for theirs, ours in zip(there, here, strict=True)
    ]
    return f"NOT EXISTS (SELECT 1 FROM {shadow[0]}{ALL} AS {AGAIN} WHERE {' AND '.join(same)})"


def follow_deletions(session: Session, original: Table, shadow: Table) -> None:
    """Does to the shadow what DELETE HISTORY has done to the original meanwhile: whatever ended
    before the oldest that is left is gone. To be found it takes a look at every version.

    Versions come to the shadow while we look; they have ended lately. Should one of a transaction
    that has lasted for long go with the others, the comparison vetoes, and this is done again.
    """
    if not keeps_history(original, shadow):
        return
    session.execute(Statement("SET SESSION time_zone = '+00:00'"))
    now, oldest = session.query(
        Statement(
            f"SELECT CAST(NOW(6) AS CHAR), CAST(MIN({_end(original)}) AS CHAR) "
            f"FROM {quoting.table(original.name)}{ALL}"
        )
    )[0]
    before, there = f"TIMESTAMP'{min(now, oldest or now)}'", quoting.table(shadow.name)
    if session.query(
        Statement(f"SELECT 1 FROM {there}{ALL} WHERE {_end(shadow)} < {before} LIMIT 1")
    ):
        session.execute(Statement(f"DELETE HISTORY FROM {there} BEFORE SYSTEM_TIME {before}"))


def _end(table: Table) -> str:
    return quoting.name(times(table)[1].name)


def refuse_what_is_not_followed(
    original: Table, altered: Table, alter: Alter, definitions: tuple[str, str]
) -> None:
    """`definitions` are those of the one and of the other."""
    if any(_MAKES_PARTITIONS.search(one) for one in definitions):
        raise errors.Precondition(
            "the table makes a partition for its history whenever it is time (AUTO), which changes "
            "its definition while it is copied",
            still_true="nothing was touched",
            todo="say PARTITION BY SYSTEM_TIME without AUTO, with partitions enough, for the time "
            "of the change, or alter natively",
        )
    if not is_versioned(altered):
        return
    if _BY_NUMBER.search(definitions[1]):
        raise _refused(altered, "which partition they go to depends on when they are written")
    if not all(column.type.startswith("timestamp") for column in times(altered)):
        raise _refused(altered, "they are numbers of transactions, which can't be inserted")
    if is_versioned(original) and _begins_anew(original, altered, alter):
        raise errors.Precondition(
            "the ALTER ends the table's history and begins it anew, or drops a column with its "
            "times",
            still_true="nothing was touched",
            todo="do it in two steps: DROP SYSTEM VERSIONING, then ADD SYSTEM VERSIONING",
        )


def _begins_anew(original: Table, altered: Table, alter: Alter) -> bool:
    ends_it = any(verbs[:2] == ("DROP", "SYSTEM") for verbs in alter.verbs)
    said = {alter.fold(name) for name in (*alter.added, *alter.dropped)}
    every = (*times(original), *times(altered))
    return ends_it or any(alter.fold(one.name) in said for one in every)


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

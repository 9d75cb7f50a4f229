"""Which column of the original each column of the shadow is filled from.

Two witnesses must agree: the catalogs of the original and of the altered shadow say what is there,
the words of the ALTER say what was renamed, added and dropped. A disagreement is a refusal, never a
guess: a column that silently turns NULL is what the peers' parsers have done to their users.
"""

from __future__ import annotations

from dataclasses import dataclass

from osc.errors import Precondition
from osc.model.alter import Alter
from osc.model.table import Key, Table


@dataclass(frozen=True)
class Pair:
    """A column of the shadow and the SQL over the original that fills it.

    `source` names the original's column, or is None where the value comes from elsewhere (an
    implicit default). `same_type` says that the type is word for word the same.
    """

    target: str
    source: str | None
    expression: str
    same_type: bool = True


@dataclass(frozen=True)
class ColumnMap:
    """All columns that the copy fills, in the shadow's order; and the key on both sides."""

    pairs: tuple[Pair, ...]
    key: tuple[str, ...]
    shadow_key: tuple[str, ...]


def sources(original: Table, shadow: Table, alter: Alter) -> dict[str, str]:
    """The original's column behind each column of the shadow that has one: target → source.

    Raises Precondition where the catalogs and the words of the ALTER tell different stories.
    """
    fold = alter.fold
    by_name = {fold(column.name): column.name for column in original.columns}
    renamed = {fold(new): fold(old) for old, new in alter.renames}
    added = {fold(name) for name in alter.added}
    if_missing = {fold(name) for name in alter.if_missing}
    dropped = {fold(name) for name in alter.dropped}
    gone = dropped | {fold(old) for old, _ in alter.renames}
    found: dict[str, str] = {}
    for column in shadow.columns:
        name = fold(column.name)
        if name in renamed and renamed[name] in by_name:
            found[column.name] = by_name[renamed[name]]
        elif name in by_name and name not in gone and name not in added - if_missing:
            found[column.name] = by_name[name]
        elif name not in added:
            raise Precondition(
                f"column {column.name!r} appears in the new table, but the ALTER was not "
                "understood to add it, nor to rename a column to it",
                still_true="nothing was touched",
                todo="write the change as plain ADD COLUMN, CHANGE or RENAME COLUMN clauses",
            )
    _nothing_vanishes(original, found, alter)
    return found


def _nothing_vanishes(original: Table, found: dict[str, str], alter: Alter) -> None:
    """A generated column may go with what it is computed of, by CASCADE."""
    carried = set(found.values())
    dropped = {alter.fold(name) for name in alter.dropped}
    for column in original.columns:
        if column.generated and alter.cascades:
            continue
        if column.name not in carried and alter.fold(column.name) not in dropped:
            raise Precondition(
                f"column {column.name!r} is missing from the new table, but the ALTER was not "
                "understood to drop or rename it",
                still_true="nothing was touched",
                todo="write the change as plain DROP COLUMN, CHANGE or RENAME COLUMN clauses",
            )


def common_key(original: Table, shadow: Table, found: dict[str, str]) -> tuple[Key, Key]:
    """The best key that tells rows apart on both sides, by the same columns.

    The shadow's key may have another name and order of columns; a row must be found by it.
    """
    by_columns = {
        frozenset(found.get(name, "") for name in key.columns): key for key in shadow.keys
    }
    for key in original.keys:
        twin = by_columns.get(frozenset(key.columns))
        if twin is not None:
            return key, twin
    if not original.keys:
        happened = f"{original.name} has no primary key and no unique key over NOT NULL columns"
    else:
        happened = f"no usable key of {original.name} is left after the ALTER"
    raise Precondition(
        happened + ", so a row cannot be told from another",
        still_true="nothing was touched",
        todo="add such a key first (whole columns, NOT NULL, no float)",
    )

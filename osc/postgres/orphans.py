"""Rows that refer to nothing under a foreign key whose promise is new.

A key that was valid, and whose columns the ALTER leaves alone, holds for every row as it did. One
that the ALTER adds, validates or gives other values to may not: the native ALTER would fail. So
the rows are asked before the copy and once more right before the lock. What is written in between
those and the swap is caught by the aftercare, when the key is there and lets no new orphan in: by
VALIDATE, and for a key on ranges by the same question, since VALIDATE (18.4) takes any overlap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from osc.errors import DataWouldBeLost
from osc.model.columns import ColumnMap
from osc.model.table import Table
from osc.postgres import foreign
from osc.postgres.blocks import only
from osc.postgres.foreign import ForeignKey, Keys
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

SHOWN = 3


@dataclass(frozen=True)
class Promise:
    """A key to ask the rows about, and which sides of it are the table in question."""

    key: ForeignKey
    refers: bool
    is_referred_to: bool

    def question(self, table: str) -> str:
        """Selects keys that refer to nothing, where `table` says what the rows will be."""
        key = self.key
        child = table if self.refers else _rows(key.table, key.partitioned)
        parent = table if self.is_referred_to else _rows(key.parent, key.parent_partitioned)
        meets = [
            f"p.{identifier(a)} = c.{identifier(b)}{collation}"
            for b, a, collation in zip(key.columns, key.parent_columns, key.collations, strict=True)
        ]
        if key.period:
            return self._uncovered(child, parent, meets[:-1])
        on = " AND ".join(meets)
        given = (" OR " if key.full else " AND ").join(
            f"c.{identifier(column)} IS NOT NULL" for column in key.columns
        )
        return (
            f"SELECT DISTINCT ROW ({', '.join(f'c.{identifier(name)}' for name in key.columns)})"
            f"::text FROM {child} AS c LEFT JOIN {parent} AS p ON {on}"
            f" WHERE p.{identifier(key.parent_columns[0])} IS NULL AND ({given}) LIMIT {SHOWN}"
        )

    def _uncovered(self, child: str, parent: str, meets: list[str]) -> str:
        """The server's own question for each row: VALIDATE of 18.4 asks for any overlap alone."""
        key = self.key
        lasts, covered = identifier(key.columns[-1]), identifier(key.parent_columns[-1])
        on = " AND ".join([*meets, f"p.{covered} && c.{lasts}"])
        given = " AND ".join(f"c.{identifier(column)} IS NOT NULL" for column in key.columns)
        return (
            f"SELECT DISTINCT ROW ({', '.join(f'c.{identifier(name)}' for name in key.columns)})"
            f"::text FROM {child} AS c WHERE {given} AND NOT coalesce((SELECT"
            f" c.{lasts} <@ range_agg(p.{covered}) FROM {parent} AS p WHERE {on}), false)"
            f" LIMIT {SHOWN}"
        )

    def columns(self) -> set[str]:
        """Those of the table in question."""
        mine = self.key.columns if self.refers else ()
        return {*mine, *(self.key.parent_columns if self.is_referred_to else ())}


def _rows(table: str, partitioned: bool) -> str:
    return table if partitioned else f"ONLY {table}"


Shape = tuple[tuple[str | None, ...], str, tuple[str | None, ...], bool, bool]


def promises(
    session: Connection, source: int, keys: Keys, columns: ColumnMap
) -> tuple[Promise, ...]:
    """Decides which keys of the altered table promise anything that the original's did not."""
    before = {key.oid: key for key in foreign.read(session, source)}
    held = {_shape(key, key.columns, key.parent_columns) for key in before.values() if key.valid}
    old = {pair.target: pair.source for pair in columns.pairs if pair.same_type}

    def was(names: Iterable[str]) -> tuple[str | None, ...]:
        return tuple(old.get(name) for name in names)

    found = list[Promise]()
    for key in keys.own:
        itself = key.parent == key.table
        of = was(key.parent_columns) if itself else key.parent_columns
        if _shape(key, was(key.columns), of) not in held:
            found.append(Promise(key, True, itself))
    for key in keys.incoming.values():
        if _shape(key, key.columns, was(key.parent_columns)) not in held:
            found.append(Promise(key, False, True))
    return tuple(p for p in found if p.key.valid)


def _shape(
    key: ForeignKey, columns: tuple[str | None, ...], parent_columns: tuple[str | None, ...]
) -> Shape:
    return columns, f"{key.table} {key.parent}", parent_columns, key.full, key.period


def ask_original(
    session: Connection, table: Table, found: Iterable[Promise], filled: str, columns: ColumnMap
) -> None:
    """Raises DataWouldBeLost where rows refer to nothing. It is the original that is asked, for it
    and the other table are seen in one snapshot: the shadow lags, and what it lacks is no orphan.
    """
    rows = f"(SELECT {filled} FROM {only(table)}{qualified(table.name)})"
    _ask(session, [p for p in found if p.columns() <= _there(columns)], rows, "nothing was touched")


def ask_shadow(
    session: Connection, shadow: Table, found: Iterable[Promise], columns: ColumnMap
) -> None:
    """The same about columns that only the shadow has, filled by their defaults."""
    late = [promise for promise in found if not promise.columns() <= _there(columns)]
    rows = f"{only(shadow)}{qualified(shadow.name)}"
    _ask(session, late, rows, "nothing was swapped; the original serves")


def ask_covered(session: Connection, table: str, name: str) -> None:
    """The same of a key on ranges that is there and lets no new orphan in."""
    oid = session.value("SELECT to_regclass($1)::oid::bigint", table)
    for key in foreign.read(session, oid):
        if (key.table_oid, key.name) == (oid, name) and key.period:
            rows = _rows(key.table, key.partitioned)
            _ask(session, [Promise(key, True, key.on_itself)], rows, "")


def _there(columns: ColumnMap) -> set[str]:
    return {pair.target for pair in columns.pairs}


def _ask(session: Connection, found: Iterable[Promise], rows: str, still_true: str) -> None:
    for promise in found:
        orphans = session.rows(promise.question(rows))
        if orphans:
            shown = ", ".join(str(row) for (row,) in orphans)
            raise DataWouldBeLost(
                f"the foreign key {promise.key.name} of {promise.key.table} would not hold: there"
                f" is no {shown} in {promise.key.parent}",
                still_true=still_true,
                todo="remove or mend the orphans, or add the key NOT VALID",
            )

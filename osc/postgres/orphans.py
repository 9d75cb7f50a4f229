"""Rows that refer to nothing under a foreign key whose promise is new.

A key that was valid, and whose columns the ALTER leaves alone, holds for every row as it did. One
that the ALTER adds, validates or gives other values to may not: the native ALTER would fail. So
the rows are asked before the copy and once more right before the lock. What is written in between
those and the swap is caught by the aftercare, when the key is there and lets no new orphan in: by
VALIDATE, and for a key on ranges by the same question, since VALIDATE (18.4) takes any overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from osc.errors import DataWouldBeLost
from osc.model.columns import ColumnMap
from osc.model.table import TableName
from osc.postgres import foreign, kin
from osc.postgres.foreign import ForeignKey, Keys
from osc.postgres.quoting import identifier, qualified
from osc.postgres.session import Connection

SHOWN = 3


@dataclass(frozen=True)
class Promise:
    """A key to ask the rows about, and which sides of it are the table in question, or one of its
    partitions."""

    key: ForeignKey
    refers: bool
    is_referred_to: bool

    def question(self, rows: Callable[[str], str]) -> str:
        """Selects keys that refer to nothing, where `rows` says what those will be that are read
        from a table now."""
        key = self.key
        child = _rows(key.table, key.partitioned)
        parent = _rows(key.parent, key.parent_partitioned)
        child = rows(child) if self.refers else child
        parent = rows(parent) if self.is_referred_to else parent
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
    ours = {foreign.qualified_by_server(session, m.oid) for m in kin.family(session, source)}

    def was(names: Iterable[str]) -> tuple[str | None, ...]:
        return tuple(old.get(name) for name in names)

    found = list[Promise]()
    for key in keys.own:
        itself = key.parent in ours
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
    session: Connection, found: Iterable[Promise], filled: str, columns: ColumnMap
) -> None:
    """Raises DataWouldBeLost where rows refer to nothing. It is the original that is asked, for it
    and the other table are seen in one snapshot: the shadow lags, and what it lacks is no orphan.
    """
    early = [promise for promise in found if promise.columns() <= _there(columns)]
    _ask(session, early, lambda now: f"(SELECT {filled} FROM {now})", "nothing was touched")


def ask_shadow(
    session: Connection,
    source: int,
    shadow: TableName,
    found: Iterable[Promise],
    columns: ColumnMap,
) -> None:
    """The same about columns that only the shadow has, filled by their defaults."""
    late = [promise for promise in found if not promise.columns() <= _there(columns)]
    if late:
        twins = {
            _rows(foreign.qualified_by_server(session, member.oid), member.is_partitioned): _rows(
                qualified(member.within(shadow.schema)), member.is_partitioned
            )
            for member in kin.family(session, source)
        }
        _ask(session, late, twins.__getitem__, "nothing was swapped; the original serves")


def ask_covered(session: Connection, table: str, name: str) -> None:
    """The same of a key on ranges that is there and lets no new orphan in."""
    oid = session.value("SELECT to_regclass($1)::oid::bigint", table)
    for key in foreign.read(session, oid):
        if (key.table_oid, key.name) == (oid, name) and key.period:
            _ask(session, [Promise(key, False, False)], str, "")


def _there(columns: ColumnMap) -> set[str]:
    return {pair.target for pair in columns.pairs}


def _ask(
    session: Connection, found: Iterable[Promise], rows: Callable[[str], str], still_true: str
) -> None:
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

"""What fills each column of the shadow on MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Callable

from osc import errors
from osc.model.columns import Pair
from osc.model.table import Column, Key, Table
from osc.mysql import quoting, types
from osc.mysql.types import Family

_TEMPORAL = {Family.DATE, Family.DATETIME, Family.TIMESTAMP, Family.TIME}
_CLOCKS = ("current_timestamp", "now(", "curdate(", "current_date", "curtime(", "current_time")
_STRINGS = {Family.CHAR, Family.VARCHAR}
_IMPLICIT = {
    Family.INTEGER: "0",
    Family.YEAR: "0",
    Family.DECIMAL: "0",
    Family.FLOAT: "0",
    Family.BIT: "0",
    Family.ENUM: "1",
    Family.SET: "''",
    Family.CHAR: "''",
    Family.VARCHAR: "''",
    Family.TEXT: "''",
    Family.BINARY: "X''",
    Family.VARBINARY: "X''",
    Family.BLOB: "X''",
    Family.DATE: "'0000-00-00'",
    Family.DATETIME: "'0000-00-00 00:00:00'",
    Family.TIMESTAMP: "'0000-00-00 00:00:00'",
    Family.TIME: "'00:00:00'",
    Family.UUID: "'00000000-0000-0000-0000-000000000000'",
}


def pairs(
    original: Table, shadow: Table, found: dict[str, str], now: Callable[[str], str]
) -> tuple[Pair, ...]:
    """The columns that an INSERT must name; generated ones compute themselves.

    `now` evaluates a DEFAULT that asks the clock: a native ALTER gives one value to all rows.
    """
    named = []
    for column in shadow.columns:
        if column.generated:
            continue
        source = found.get(column.name)
        if source is not None:
            same = original.column(source).type == column.type
            named.append(Pair(column.name, source, quoting.name(source), same))
        elif _asks_the_clock(column):
            named.append(Pair(column.name, None, now(str(column.default))))
        elif (implicit := _implicit(column)) is not None:
            named.append(Pair(column.name, None, implicit))
    return tuple(named)


def _asks_the_clock(column: Column) -> bool:
    temporal = types.read(column.type).family in _TEMPORAL
    return temporal and (column.default or "").lower().startswith(_CLOCKS)


def _implicit(column: Column) -> str | None:
    """The value that ADD COLUMN … NOT NULL without a DEFAULT gives to every row.

    A native ALTER fills it in without a word; an INSERT in strict mode refuses (error 1364).
    """
    if column.default == "AUTO_INCREMENT":
        raise errors.Precondition(
            f"the new AUTO_INCREMENT column {column.name!r} would number the rows in the order in "
            "which they are copied, not in the order of the primary key as a native ALTER does",
            still_true="nothing was touched",
            todo="add the column as a plain one, fill it, and make it AUTO_INCREMENT then",
        )
    if column.nullable or column.default is not None:
        return None
    family = types.read(column.type).family
    if family not in _IMPLICIT:
        raise errors.Precondition(
            f"the new column {column.name!r} is NOT NULL without a DEFAULT",
            still_true="nothing was touched",
            todo=f"give it a DEFAULT: what a {column.type} holds otherwise is not said",
        )
    return _IMPLICIT[family]


def same_instants(original: Table, shadow: Table, key: Key, found: dict[str, str]) -> None:
    """Raises where the server's time zone must decide a conversion and UTC a TIMESTAMP key."""
    if not any(_is_timestamp(original.column(name)) for name in key.columns):
        return
    for column in shadow.columns:
        source = found.get(column.name)
        clock = _asks_the_clock(column)
        moved = source and _is_timestamp(original.column(source)) != _is_timestamp(column)
        if moved or (source is None and clock and not _is_timestamp(column)):
            raise errors.Precondition(
                f"column {column.name!r} depends on the time zone while the key holds a TIMESTAMP",
                still_true="nothing was touched",
                todo="run the server with time_zone = '+00:00', or change that column natively",
            )


def _is_timestamp(column: Column) -> bool:
    return types.read(column.type).family is Family.TIMESTAMP


def same_values(original: Table, shadow: Table, key: Key, found: dict[str, str]) -> None:
    """Raises where a value of the key would be another value in the shadow.

    Keys are deleted from the shadow by the values that the original's rows have.
    """
    targets = {source: target for target, source in found.items()}
    for name in key.columns:
        before = types.read(original.column(name).type)
        after = types.read(shadow.column(targets[name]).type)
        kept = before.family is after.family and before.scale == after.scale
        if before.family in _STRINGS and after.family in _STRINGS:
            kept = before.charset == after.charset and before.collation == after.collation
        if {before.family, after.family} == {Family.BINARY, Family.VARBINARY}:
            kept = False
        if before.family is Family.BINARY and before.arguments != after.arguments:
            kept = False
        if before.family in (Family.DATETIME, Family.TIMESTAMP, Family.TIME):
            kept = before.family is after.family and before.fraction <= after.fraction
        if not kept:
            raise errors.Precondition(
                f"the key column {name!r} turns from {original.column(name).type} into "
                f"{shadow.column(targets[name]).type}: the new table's rows could not be found by "
                "the old ones' keys",
                still_true="nothing was touched",
                todo="change the other columns first; a key over other columns would do as well",
            )

"""What fills each column of the shadow on MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Callable

from osc import errors
from osc.model.columns import Pair
from osc.model.table import Column, Key, Table
from osc.mysql import converting, quoting, types
from osc.mysql.types import Family

_TEMPORAL = {Family.DATE, Family.DATETIME, Family.TIMESTAMP, Family.TIME}
_CLOCKS = ("current_timestamp", "now(", "curdate(", "current_date", "curtime(", "current_time")
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
            before = original.column(source)
            same = before.type == column.type
            told = quoting.name(source) if same else converting.expression(before, column)
            named.append(Pair(column.name, source, told, same))
        elif _counts(column):
            raise _would_count(column)
        elif _asks_the_clock(column):
            named.append(Pair(column.name, None, now(str(column.default))))
        elif (implicit := _implicit(column)) is not None:
            named.append(Pair(column.name, None, implicit))
    return tuple(named)


def _asks_the_clock(column: Column) -> bool:
    temporal = types.read(column.type).family in _TEMPORAL
    return temporal and (column.default or "").lower().startswith(_CLOCKS)


def _counts(column: Column) -> bool:
    """AUTO_INCREMENT, and MariaDB's DEFAULT NEXTVAL(sequence)."""
    default = (column.default or "").lower()
    return default == "auto_increment" or default.startswith("nextval(")


def _would_count(column: Column) -> errors.Precondition:
    return errors.Precondition(
        f"the new column {column.name!r} would number the rows in the order in which they are "
        "copied, not in the order of the primary key as a native ALTER does",
        still_true="nothing was touched",
        todo="add the column as a plain one, fill it, and give it its AUTO_INCREMENT or DEFAULT "
        "then",
    )


def _implicit(column: Column) -> str | None:
    """The value that ADD COLUMN … NOT NULL without a DEFAULT gives to every row.

    A native ALTER fills it in without a word; an INSERT in strict mode refuses (error 1364).
    """
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


def same_blanks(original: Table, shadow: Table, found: dict[str, str], sql_mode: str) -> None:
    """Raises where the server's sql_mode has an ALTER write the blanks of a CHAR into the new type,
    which a copy under a mode of its own doesn't."""
    if "PAD_CHAR_TO_FULL_LENGTH" not in sql_mode:
        return
    for column in shadow.columns:
        before = original.column(found[column.name]) if column.name in found else None
        is_char = before is not None and types.read(before.type).family is Family.CHAR
        if is_char and types.read(column.type).family is not Family.CHAR:
            raise errors.Precondition(
                f"column {column.name!r} is no CHAR any more, and the server's sql_mode has "
                "PAD_CHAR_TO_FULL_LENGTH: an ALTER fills it up with blanks, a copy does not",
                still_true="nothing was touched",
                todo="SET GLOBAL sql_mode without PAD_CHAR_TO_FULL_LENGTH (which is deprecated), "
                "or alter natively",
            )


def _is_timestamp(column: Column) -> bool:
    return types.read(column.type).family is Family.TIMESTAMP

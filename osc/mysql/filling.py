"""What fills each column of the shadow on MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Callable

from osc import errors
from osc.engine import Session, Statement
from osc.model.columns import Pair
from osc.model.table import Column, Key, Table
from osc.mysql import converting, quoting, types
from osc.mysql.types import Family

Clock = Callable[[str, bool], str]
"""From a DEFAULT that asks for the time, and whether UTC is wanted, to a literal."""
_UTC = "+00:00"
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
_NO_ADDRESS = {"inet4": "'0.0.0.0'", "inet6": "'::'"}


def pairs(
    original: Table, shadow: Table, found: dict[str, str], clock: Clock, zone: str | None
) -> tuple[Pair, ...]:
    """The columns that an INSERT must name; generated ones compute themselves.

    `clock` evaluates a DEFAULT that asks for the time: a native ALTER gives one value to all rows.
    `zone` is the server's, where our sessions live in UTC (`zone_beside`).
    """
    named = []
    for column in shadow.columns:
        if column.generated:
            continue
        source = found.get(column.name)
        if source is not None:
            before = original.column(source)
            same = before.type == column.type
            told = quoting.name(source) if same else _converted(before, column, zone)
            named.append(Pair(column.name, source, told, same))
        elif counts(column):
            raise _would_count(column)
        elif _asks_the_clock(column):
            in_utc = zone is not None and _is_timestamp(column)
            named.append(Pair(column.name, None, clock(str(column.default), in_utc)))
        elif (implicit := _implicit(column)) is not None:
            named.append(Pair(column.name, None, implicit))
    return tuple(named)


def _converted(before: Column, after: Column, zone: str | None) -> str:
    if zone is None or _is_timestamp(before) == _is_timestamp(after):
        return converting.expression(before, after)
    there = (_UTC, zone) if _is_timestamp(before) else (zone, _UTC)
    return _moved(quoting.name(before.name), *there)


def _moved(column: str, origin: str, to: str) -> str:
    """The same moment in another time zone. One that there is none of (an hour that summer time
    leaves out, a date of zeros) must not become another moment, or NULL, without a word: it becomes
    a text that no column of the new type takes."""
    there = f"CONVERT_TZ({column}, {quoting.string(origin)}, {quoting.string(to)})"
    back = f"CONVERT_TZ({there}, {quoting.string(to)}, {quoting.string(origin)})"
    return (
        f"IF({column} IS NULL OR {back} = {column}, {there}, "
        f"{quoting.string(f'no moment in time zone {to if origin == _UTC else origin}')})"
    )


def _asks_the_clock(column: Column) -> bool:
    temporal = types.read(column.type).family in _TEMPORAL
    return temporal and (column.default or "").lower().startswith(_CLOCKS)


def counts(column: Column) -> bool:
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
    new = types.read(column.type)
    if new.family is Family.INET:
        return _NO_ADDRESS[new.base]
    if new.family not in _IMPLICIT:
        raise errors.Precondition(
            f"the new column {column.name!r} is NOT NULL without a DEFAULT",
            still_true="nothing was touched",
            todo=f"give it a DEFAULT: what a {column.type} holds otherwise is not said",
        )
    return _IMPLICIT[new.family]


def zone_beside(
    session: Session, original: Table, shadow: Table, key: Key, found: dict[str, str]
) -> str | None:
    """The server's time zone, which an ALTER converts by, where sessions of ours live in UTC
    because a TIMESTAMP is in the key. Raises for what can't be converted there."""
    if not any(_is_timestamp(original.column(name)) for name in key.columns):
        return None
    for column in shadow.columns:
        before = original.column(found[column.name]) if column.name in found else column
        both = {types.read(before.type).family, types.read(column.type).family}
        if Family.TIMESTAMP in both and not both <= {Family.TIMESTAMP, Family.DATETIME}:
            raise errors.Precondition(
                f"column {column.name!r} turns from {before.type} into {column.type}, which depends"
                " on the time zone, while the key holds a TIMESTAMP",
                still_true="nothing was touched",
                todo="make it a DATETIME first, or change that column natively",
            )
    return str(session.query(Statement("SELECT @@GLOBAL.time_zone"))[0][0])


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

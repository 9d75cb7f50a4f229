"""The SQL that gives a column of another type the very value that an ALTER TABLE gives it.

An ALTER copies from field to field; INSERT … SELECT evaluates an expression, and for some pairs of
types that is something else: -0.1 of a FLOAT is the text -0.1 for the one and -0.10000000149011612
for the other, ZEROFILL keeps its zeros or loses them, a text becomes a BIT by its number or by its
bytes. Measured with every pair of types on MySQL 9.7 and MariaDB 10.11, value by value. Numbers go
into texts as their own text; where no expression does on both servers what the ALTER does, it is a
refusal.
"""

from __future__ import annotations

from osc import errors
from osc.model.table import Column
from osc.mysql import quoting, types
from osc.mysql.types import Family

NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT, Family.YEAR})
_TEXTS = {
    Family.CHAR, Family.VARCHAR, Family.TEXT, Family.BINARY, Family.VARBINARY, Family.BLOB,
    Family.JSON,
}  # fmt: skip
_MOMENTS = {Family.DATE, Family.DATETIME, Family.TIMESTAMP, Family.TIME}
_MEMBERS = {Family.ENUM, Family.SET}
_OTHERWISE = (
    ({*_TEXTS, *_MEMBERS, *_MOMENTS, Family.FLOAT}, {Family.BIT}),
    ({*NUMBERS, Family.BIT}, _MEMBERS),
    ({Family.FLOAT, *_MOMENTS}, {Family.YEAR}),
    ({Family.FLOAT}, _MOMENTS),
    ({Family.BIT}, _MOMENTS - {Family.TIME}),
)
"""From any of the one into any of the other."""


def expression(source: Column, target: Column) -> str:
    """Over the original's column; Precondition where there is none."""
    old, new = types.read(source.type).family, types.read(target.type).family
    for sources, targets in _OTHERWISE:
        if old in sources and new in targets:
            raise errors.Precondition(
                f"column {source.name!r} turns from {source.type} into {target.type}: copied row "
                "by row it would hold other values than the server's own ALTER gives it",
                still_true="nothing was touched",
                todo="add a column of the new type and fill it as you mean it, or alter natively",
            )
    column = quoting.name(source.name)
    return f"CAST({column} AS CHAR)" if old in NUMBERS and new in _TEXTS else column

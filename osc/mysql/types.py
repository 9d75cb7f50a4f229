"""Column types: how a key value of each looks in Python, in SQL, and in a row image.

| type                 | KeyPart                               | Python sorts it |
|----------------------|---------------------------------------|-----------------|
| integers, YEAR       | int                                   | yes |
| DECIMAL(p, s)        | int, scaled by 10**s                  | yes |
| BINARY, VARBINARY    | bytes, BINARY padded to its width     | yes |
| CHAR, VARCHAR        | bytes in the column's character set   | no: collation |
| DATE, DATETIME, TIMESTAMP (UTC) | str of one width per column | yes |
| TIME                 | str                                   | no: negative |
| UUID, INET4, INET6 (MariaDB)    | str                        | no |
| ENUM, SET, BIT       | int, as the server stores and sorts it | yes |

FLOAT, DOUBLE, JSON, blobs and geometry tell no row apart reliably and are no keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from ipaddress import ip_address
from typing import Any

from osc.errors import Bug
from osc.model.change import KeyPart

_MEMBER = re.compile(r"'(?:[^']|'')*'")
_HARMLESS = re.compile(r"[0-9A-Fa-f:. -]*")


class Family(Enum):
    """What matters about a type when it is a key, is compared or is narrowed."""

    INTEGER = auto()
    YEAR = auto()
    DECIMAL = auto()
    FLOAT = auto()
    BINARY = auto()
    VARBINARY = auto()
    CHAR = auto()
    VARCHAR = auto()
    TEXT = auto()
    BLOB = auto()
    DATE = auto()
    DATETIME = auto()
    TIMESTAMP = auto()
    TIME = auto()
    UUID = auto()
    INET = auto()
    ENUM = auto()
    SET = auto()
    BIT = auto()
    JSON = auto()
    OTHER = auto()


_FAMILIES = {
    "tinyint": Family.INTEGER, "smallint": Family.INTEGER, "mediumint": Family.INTEGER,
    "int": Family.INTEGER, "bigint": Family.INTEGER, "year": Family.YEAR,
    "decimal": Family.DECIMAL, "float": Family.FLOAT, "double": Family.FLOAT,
    "binary": Family.BINARY, "varbinary": Family.VARBINARY, "char": Family.CHAR,
    "varchar": Family.VARCHAR, "tinytext": Family.TEXT, "text": Family.TEXT,
    "mediumtext": Family.TEXT, "longtext": Family.TEXT, "tinyblob": Family.BLOB,
    "blob": Family.BLOB, "mediumblob": Family.BLOB, "longblob": Family.BLOB,
    "date": Family.DATE, "datetime": Family.DATETIME, "timestamp": Family.TIMESTAMP,
    "time": Family.TIME, "uuid": Family.UUID, "inet4": Family.INET,
    "inet6": Family.INET, "enum": Family.ENUM, "set": Family.SET, "bit": Family.BIT,
    "json": Family.JSON,
}  # fmt: skip
_WIDTH = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_KEYS = {
    Family.INTEGER, Family.YEAR, Family.DECIMAL, Family.BINARY, Family.VARBINARY, Family.CHAR,
    Family.VARCHAR, Family.DATE, Family.DATETIME, Family.TIMESTAMP, Family.TIME, Family.UUID,
    Family.INET, Family.ENUM, Family.SET, Family.BIT,
}  # fmt: skip
_UNSORTABLE = {Family.CHAR, Family.VARCHAR, Family.TIME, Family.UUID, Family.INET}
_TOLD = {
    Family.DATE, Family.DATETIME, Family.TIMESTAMP, Family.TIME, Family.UUID, Family.INET,
}  # fmt: skip
_NUMBERS = {Family.INTEGER, Family.YEAR, Family.ENUM, Family.SET, Family.BIT}


@dataclass(frozen=True)
class Type:
    """A column's type, read from COLUMN_TYPE as the server prints it."""

    base: str
    family: Family
    arguments: tuple[int, ...]
    unsigned: bool
    charset: str | None = None
    collation: str | None = None
    members: tuple[str, ...] = ()
    """Of an ENUM or a SET, as the server quotes them."""

    @property
    def can_be_key(self) -> bool:
        return self.family in _KEYS

    @property
    def sortable(self) -> bool:
        return self.can_be_key and self.family not in _UNSORTABLE

    @property
    def scale(self) -> int:
        return self.arguments[1] if len(self.arguments) > 1 else 0

    @property
    def fraction(self) -> int:
        """Digits of the seconds' fraction of a temporal type."""
        return self.arguments[0] if self.arguments else 0

    def integer_range(self) -> tuple[int, int]:
        bits = _WIDTH[self.base]
        return (0, 2**bits - 1) if self.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def read(column_type: str) -> Type:
    """`int(11) unsigned`, `decimal(10,2)`, `varchar(9) CHARACTER SET latin1 COLLATE …` …"""
    words = re.search(r" CHARACTER SET (\w+) COLLATE (\w+)$", column_type)
    charset, collation = words.groups() if words else (None, None)
    base = re.match(r"\w+", column_type)
    word = base.group() if base else column_type
    numbers = re.match(r"\w+\((\d+)(?:,(\d+))?\)", column_type)
    return Type(
        base=word,
        family=_FAMILIES.get(word, Family.OTHER),
        arguments=tuple(int(n) for n in numbers.groups() if n is not None) if numbers else (),
        unsigned=" unsigned" in column_type,
        charset=charset,
        collation=collation,
        members=tuple(_MEMBER.findall(column_type)) if word in ("enum", "set") else (),
    )


def literal(of: Type, value: KeyPart) -> str:
    """The SQL literal of a key value; no character of it can end the literal."""
    if of.family is Family.DECIMAL:
        return _unscaled(int(value), of.scale)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        introducer = f"_{of.charset} " if of.charset else ""
        return f"{introducer}X'{value.hex()}'"
    if not _HARMLESS.fullmatch(value):
        raise Bug(f"{value!r} is no {of.base} that a server would have given us")
    return f"'{value}'"


def compared(of: Type, column: str, sign: str, value: KeyPart, told: str) -> str:
    """`column` > 3 and the like. Of an ENUM no server finds a range by its index: it is given the
    members one by one."""
    if of.family is not Family.ENUM or not isinstance(value, int):
        return f"{column} {sign} {told}"
    every = range(len(of.members) + 1)  # 0 is what an invalid value has become
    above = every[value + 1 :] if sign[0] == ">" else every[:value]
    wanted = [*above, *([value] if sign.endswith("=") else [])]
    return f"{column} IN ({', '.join(map(str, wanted))})" if wanted else "FALSE"


def selected(of: Type, column: str) -> str:
    """The SQL that selects a key column in a form that `part` understands."""
    if of.family in (Family.CHAR, Family.VARCHAR):
        return f"CAST({column} AS BINARY)"
    if of.family in _TOLD:
        return f"CAST({column} AS CHAR)"
    if of.family in (Family.ENUM, Family.SET, Family.BIT):
        return f"CAST({column} AS UNSIGNED)"
    return column


def selected_from(shadow: Type, of: Type, column: str) -> str:
    """The same from the shadow, whose column may have more digits of the seconds' fraction: without
    these (zeros, all of them) the text is the original's again."""
    told = selected(of, column)
    surplus = _width(shadow.fraction) - _width(of.fraction)
    if of.family not in (Family.DATETIME, Family.TIMESTAMP, Family.TIME) or not surplus:
        return told
    return f"LEFT({told}, CHAR_LENGTH({told}) - {surplus})"


def _width(fraction: int) -> int:
    """Of the digits and the point before them."""
    return fraction + 1 if fraction else 0


def part(of: Type, value: Any) -> KeyPart:
    """A selected key value as the KeyPart that the binlog gives for the same row."""
    if of.family is Family.DECIMAL:
        return _scaled(value, of.scale)
    if of.family in _NUMBERS:
        return int(value)
    if of.family is Family.INET:
        return address(str(value))
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return str(value)


def address(text: str) -> str:
    """In one form, whoever wrote it: the log's bytes are put into words by us."""
    return str(ip_address(text))


def _scaled(value: Decimal, scale: int) -> int:
    """value · 10**scale in integers: Decimal's own arithmetic rounds to 28 digits, MySQL has 65."""
    sign, digits, exponent = value.as_tuple()
    whole: int = int("".join(map(str, digits))) * 10 ** (int(exponent) + scale)
    return -whole if sign else whole


def _unscaled(value: int, scale: int) -> str:
    digits = str(abs(value)).rjust(scale + 1, "0")
    whole, fraction = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return f"{'-' if value < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"

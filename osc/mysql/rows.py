"""Row images → keys: only the key's columns are decoded, the rest is stepped over by its length.

Lengths follow from the type codes and metadata of the TABLE_MAP event ("Table_map_log_event").
A row image lists the columns that are present, because a session may choose a MINIMAL image: the
after-image of an UPDATE then lacks key columns that did not change, and the before-image has them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from ipaddress import ip_address

from osc import errors
from osc.model.change import KeyPart, KeyValue
from osc.model.table import TableName
from osc.mysql.types import Family, Type

_FIXED = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 7: 4, 8: 8, 9: 3, 10: 3, 11: 3, 12: 8, 13: 1, 14: 3}
_NO_METADATA = frozenset({1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14})
_ONE_BYTE = frozenset({4, 5, 17, 18, 19, 140, 242, 245, 249, 250, 251, 252, 255})
_TIME_BASES = {17: 4, 18: 5, 19: 3}
_ENUM, _SET = 247, 248
_JSON = 245

Part = KeyPart | None
Decode = Callable[[bytes], KeyPart]


@dataclass(frozen=True)
class Step:
    """How to step over one column: so many bytes, or a length prefix of so many bytes."""

    fixed: int
    prefix: int
    decode: Decode | None = None


@dataclass(frozen=True)
class RowReader:
    """Decodes the key columns of one table; `key` are their positions, `of` their types.

    `columns` is the number of columns that the catalog showed: another number in the log means that
    somebody altered the table.
    """

    name: TableName
    key: tuple[int, ...]
    of: tuple[Type, ...]
    columns: int
    fold_case: bool = False

    def reads(self, name: TableName) -> bool:
        if self.fold_case:
            return str(name).lower() == str(self.name).lower()
        return name == self.name

    def table_map(self, body: bytes, at: int) -> TableMap:
        """Reads the column types of a TABLE_MAP event, from its column count on."""
        count, at = _packed_integer(body, at)
        if count < self.columns:
            raise changed(self.name, f"it has {count} columns now, {self.columns} when we began")
        codes = body[at : at + count]
        metadata = body[at + count :]
        _, skip = _packed_integer(metadata, 0)
        steps: list[Step] = []
        json_columns: list[int] = []
        place = skip
        for number, code in enumerate(codes):
            width = _metadata_width(code)
            meta = metadata[place : place + width]
            place += width
            decode = self._decoder(number, code, meta)
            steps.append(_step(code, meta, decode))
            if code == _JSON:
                json_columns.append(number)
        return TableMap(self, tuple(steps), tuple(json_columns))

    def _decoder(self, number: int, code: int, meta: bytes) -> Decode | None:
        if number not in self.key:
            return None
        return _decoder(code, meta, self.of[self.key.index(number)])


@dataclass(frozen=True)
class TableMap:
    """A table as the log describes it for the row events that follow."""

    reader: RowReader
    steps: tuple[Step, ...]
    json_columns: tuple[int, ...]

    def keys(self, body: bytes, at: int, kind: str, *, compressed: bool) -> list[KeyValue]:
        """The old and the new key of each row; one only where they are equal."""
        count, at = _packed_integer(body, at)
        before, at = _bitmap(body, at, count)
        after = before
        if kind in ("update", "partial"):
            after, at = _bitmap(body, at, count)
        rows = body[at:]
        if compressed:
            rows = zlib.decompress(rows[1 + (rows[0] & 0x07) :])
        walk = _Walk(rows, self.steps)
        return self._read(walk, kind, before, after)

    def _read(
        self, walk: _Walk, kind: str, before: Sequence[int], after: Sequence[int]
    ) -> list[KeyValue]:
        found: list[KeyValue] = []
        while walk.at < len(walk.data):
            old = walk.image(before)
            found.append(self._key(old))
            if kind == "partial":
                walk.skip_partial_header(len(self.json_columns))
            if kind in ("update", "partial"):
                new = {**old, **walk.image(after)}
                key = self._key(new)
                if key != found[-1]:
                    found.append(key)
        return found

    def _key(self, values: dict[int, Part]) -> KeyValue:
        parts: list[KeyPart] = []
        for number in self.reader.key:
            value = values.get(number)
            if value is None:
                raise errors.TableChanged(
                    f"a row image of {self.reader.name} lacks a column of the key: a session "
                    "writes with another binlog_row_image than the key can be read from",
                    still_true="the original still serves and is untouched",
                    todo="let that session use binlog_row_image=FULL, and start again",
                )
            parts.append(value)
        return tuple(parts)


class _Walk:
    """A place in the row images of one event."""

    def __init__(self, data: bytes, steps: tuple[Step, ...]) -> None:
        self.data = data
        self.at = 0
        self._steps = steps

    def image(self, present: Sequence[int]) -> dict[int, Part]:
        """Steps over one row image; returns the values of the key columns in it."""
        data, steps = self.data, self._steps
        at = self.at + (len(present) + 7) // 8
        nulls = int.from_bytes(data[self.at : at], "little")
        found: dict[int, Part] = {}
        for bit, number in enumerate(present):
            if nulls >> bit & 1:
                continue
            step = steps[number]
            if step.prefix:
                width = int.from_bytes(data[at : at + step.prefix], "little")
                at += step.prefix
            else:
                width = step.fixed
            if step.decode is not None:
                found[number] = step.decode(data[at : at + width])
            at += width
        self.at = at
        return found

    def skip_partial_header(self, json_columns: int) -> None:
        """PARTIAL_UPDATE_ROWS: value options, and which JSON columns come as a diff."""
        options, self.at = _packed_integer(self.data, self.at)
        if options & 1:
            self.at += (json_columns + 7) // 8


def changed(name: TableName, how: str) -> errors.TableChanged:
    return errors.TableChanged(
        f"{name} was changed by somebody else: {how}",
        still_true="it is as that has left it; nothing of it was changed by us",
        todo="start again",
    )


def _metadata_width(code: int) -> int:
    if code in _NO_METADATA:
        return 0
    return 1 if code in _ONE_BYTE else 2


def _step(code: int, meta: bytes, decode: Decode | None) -> Step:
    if code in _FIXED:
        return Step(_FIXED[code], 0, decode)
    if code in _TIME_BASES:
        return Step(_TIME_BASES[code] + (meta[0] + 1) // 2, 0, decode)
    if code in (15, 253, 141):
        return Step(0, 1 if int.from_bytes(meta, "little") < 256 else 2, decode)
    if code == 16:
        return Step(meta[1] + (meta[0] > 0), 0, decode)
    if code == 246:
        return Step(_decimal_width(meta[0], meta[1]), 0, decode)
    if code in (242, 245, 249, 250, 251, 252, 255, 140):
        return Step(0, meta[0], decode)
    if code == 254:
        return _string_step(meta, decode)
    raise errors.Bug(
        f"a column of unknown type {code} in the binlog",
        still_true="the original still serves and is untouched",
        todo="report it, and use another way to follow changes meanwhile",
    )


def _string_step(meta: bytes, decode: Decode | None) -> Step:
    """CHAR, BINARY, ENUM and SET share a code; a long CHAR hides two bits in the type byte."""
    if meta[0] in (_ENUM, _SET):
        return Step(meta[1], 0, decode)
    length = meta[1] | ((meta[0] & 0x30) ^ 0x30) << 4
    return Step(0, 2 if length > 255 else 1, decode)


_DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def _decimal_width(precision: int, scale: int) -> int:
    whole = precision - scale
    return whole // 9 * 4 + _DIGIT_BYTES[whole % 9] + scale // 9 * 4 + _DIGIT_BYTES[scale % 9]


def _decoder(code: int, meta: bytes, of: Type) -> Decode:
    family = of.family
    if family is Family.INTEGER:
        return lambda data: int.from_bytes(data, "little", signed=not of.unsigned)
    if family is Family.YEAR:
        return lambda data: data[0] + 1900 if data[0] else 0
    if family is Family.DECIMAL:
        return lambda data: _decimal(data, meta[0], meta[1])
    if family is Family.BINARY:
        return lambda data: data.ljust(of.arguments[0], b"\0")
    if family is Family.UUID:
        return _uuid
    if family is Family.INET:
        width = 4 if of.base == "inet4" else 16
        return lambda data: str(ip_address(data.ljust(width, b"\0")))
    if family in (Family.ENUM, Family.SET):
        return lambda data: int.from_bytes(data, "little")
    if family is Family.BIT:
        return lambda data: int.from_bytes(data, "big")
    if family in (Family.VARBINARY, Family.CHAR, Family.VARCHAR):
        return bytes
    if family is Family.DATE:
        return _date
    if code == 18:
        return lambda data: _datetime(data, meta[0])
    if code == 17:
        return lambda data: _timestamp(data, meta[0])
    if code == 19:
        return lambda data: _time(data, meta[0])
    raise errors.Precondition(
        f"a key column of type {of.base} in the format of an old server (code {code})",
        still_true="nothing was touched",
        todo="rebuild the table once with ALTER TABLE … FORCE, then start again",
    )


def _decimal(data: bytes, precision: int, scale: int) -> int:
    """The value times 10**scale (manual, "decimal binary format": 9 digits in 4 bytes)."""
    negative = not data[0] & 0x80
    raw = bytearray(data)
    raw[0] ^= 0x80
    if negative:
        raw = bytearray(byte ^ 0xFF for byte in raw)
    whole = precision - scale
    groups = [whole % 9] * bool(whole % 9) + [9] * (whole // 9) + [9] * (scale // 9)
    groups += [scale % 9] * bool(scale % 9)
    value, at = 0, 0
    for digits in groups:
        width = _DIGIT_BYTES[digits]
        value = value * 10**digits + int.from_bytes(raw[at : at + width], "big")
        at += width
    return -value if negative else value


def _uuid(data: bytes) -> str:
    """In the log the bytes have the order of the text, whatever order a version's sorting wants in
    the table; zeros at the end are cut off."""
    text = data.ljust(16, b"\0").hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _date(data: bytes) -> str:
    packed = int.from_bytes(data, "little")
    return f"{packed >> 9:04}-{packed >> 5 & 15:02}-{packed & 31:02}"


def _fraction(data: bytes, digits: int) -> str:
    if not digits:
        return ""
    value = int.from_bytes(data, "big")
    return "." + f"{value:0{len(data) * 2}}"[:digits]


def _datetime(data: bytes, digits: int) -> str:
    packed = int.from_bytes(data[:5], "big") - 0x8000000000
    months, rest = packed >> 22, packed & 0x3FFFFF
    year, month = divmod(months, 13)
    day = f"{year:04}-{month:02}-{rest >> 17:02}"
    clock = f"{rest >> 12 & 31:02}:{rest >> 6 & 63:02}:{rest & 63:02}"
    return f"{day} {clock}{_fraction(data[5:], digits)}"


def _timestamp(data: bytes, digits: int) -> str:
    """UTC, as our sessions see it."""
    (seconds,) = struct.unpack(">I", data[:4])
    fraction = _fraction(data[4:], digits)
    if not seconds and not fraction.strip(".0"):
        return "0000-00-00 00:00:00" + fraction
    days, rest = divmod(seconds, 86_400)
    year, month, day = _civil(days)
    return (
        f"{year:04}-{month:02}-{day:02} "
        f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}{fraction}"
    )


def _civil(days: int) -> tuple[int, int, int]:
    day = date.fromordinal(days + date(1970, 1, 1).toordinal())
    return day.year, day.month, day.day


def _time(data: bytes, digits: int) -> str:
    """A sign bit and two's complement over hours, minutes, seconds and the fraction."""
    bits = 8 * len(data)
    packed = int.from_bytes(data, "big") - (1 << (bits - 1))
    sign = "-" if packed < 0 else ""
    packed = abs(packed)
    fraction_bits = bits - 24
    whole, fraction = packed >> fraction_bits, packed & ((1 << fraction_bits) - 1)
    clock = f"{whole >> 12 & 1023:02}:{whole >> 6 & 63:02}:{whole & 63:02}"
    return sign + clock + _fraction(fraction.to_bytes(len(data) - 3, "big"), digits)


def _bitmap(data: bytes, at: int, columns: int) -> tuple[tuple[int, ...], int]:
    end = at + (columns + 7) // 8
    return _set_bits(data[at:end], columns), end


@lru_cache(maxsize=256)
def _set_bits(mask: bytes, columns: int) -> tuple[int, ...]:
    """Nearly every event has the same: all columns."""
    bits = int.from_bytes(mask, "little")
    return tuple(n for n in range(columns) if bits >> n & 1)


def _packed_integer(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first < 251:
        return first, at + 1
    width = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width

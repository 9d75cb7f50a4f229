"""Every type that a key may have on MySQL and MariaDB: its values as SQL, and as keys."""

from __future__ import annotations

from dataclasses import dataclass

from osc.model.change import KeyPart


@dataclass(frozen=True)
class KeyType:
    """`values` are (SQL literal, KeyPart); the table's name is made of the type."""

    sql: str
    values: tuple[tuple[str, KeyPart], ...]

    @property
    def table(self) -> str:
        return "t_" + "".join(letter if letter.isalnum() else "_" for letter in self.sql)

    @property
    def literals(self) -> tuple[str, ...]:
        return tuple(sql for sql, _ in self.values)

    @property
    def parts(self) -> tuple[KeyPart, ...]:
        return tuple(part for _, part in self.values)


def _integers(sql: str, *values: int) -> KeyType:
    return KeyType(sql, tuple((str(value), value) for value in values))


def _texts(sql: str, *values: str) -> KeyType:
    return KeyType(sql, tuple((f"'{value}'", value) for value in values))


def _bytes(sql: str, *values: tuple[str, bytes]) -> KeyType:
    return KeyType(sql, values)


LATIN, UTF8 = " CHARACTER SET latin1", " CHARACTER SET utf8mb4"
LONG = "'" + "x" * 300 + "'", b"x" * 300

EVERYWHERE: tuple[KeyType, ...] = (
    _integers("tinyint", -128, -1, 0, 1, 127),
    _integers("tinyint unsigned", 0, 127, 128, 255),
    _integers("smallint", -32768, -1, 0, 32767),
    _integers("smallint unsigned", 0, 65535),
    _integers("mediumint", -8388608, -1, 0, 8388607),
    _integers("mediumint unsigned", 0, 16777215),
    _integers("int", -2147483648, -1, 0, 2147483647),
    _integers("int unsigned", 0, 4294967295),
    _integers("bigint", -(2**63), -1, 0, 2**63 - 1),
    _integers("bigint unsigned", 0, 2**63, 2**64 - 1),
    _integers("year", 0, 1901, 2000, 2155),
    KeyType("decimal(10,2)", (("-12345678.90", -1234567890), ("-0.05", -5), ("0", 0),
                              ("0.1", 10), ("99999999.99", 9999999999))),
    _integers("decimal(20,0)", -(10**20 - 1), -1, 0, 10**20 - 1),
    KeyType("decimal(5,5)", (("-0.00001", -1), ("0.99999", 99999))),
    KeyType("decimal(30,12)", (("-1234567890123456.000000000012", -1234567890123456 * 10**12 - 12),
                               ("1.000000000001", 10**12 + 1))),
    _texts("date", "0000-00-00", "1000-01-01", "2024-02-29", "9999-12-31"),
    _texts("datetime", "0000-00-00 00:00:00", "1000-01-01 00:00:00", "2024-02-29 23:59:59"),
    _texts("datetime(1)", "2024-02-29 23:59:59.9", "2024-02-29 23:59:58.0"),
    _texts("datetime(2)", "2024-02-29 23:59:59.09"),
    _texts("datetime(3)", "2024-02-29 23:59:59.987", "2024-02-29 00:00:00.001"),
    _texts("datetime(5)", "2024-02-29 23:59:59.00001"),
    _texts("datetime(6)", "9999-12-31 23:59:59.999999", "2024-02-29 00:00:00.000001"),
    _texts("timestamp", "1970-01-01 00:00:01", "2024-02-29 23:59:59", "2038-01-19 03:14:07"),
    _texts("timestamp(4)", "2024-02-29 23:59:59.0001"),
    _texts("timestamp(6)", "2024-02-29 23:59:59.123456", "1970-01-01 00:00:01.000000"),
    _texts("time", "-838:59:59", "-00:00:01", "00:00:00", "12:34:56", "838:59:59"),
    _texts("time(1)", "-01:02:03.4", "-00:00:00.1", "00:00:00.1"),
    _texts("time(3)", "-00:00:00.001", "-12:34:56.789", "12:34:56.789"),
    _texts("time(6)", "-838:59:58.999999", "-00:00:00.000001", "00:00:00.000001"),
    _bytes("char(10)" + LATIN, ("''", b""), ("'a'", b"a"), ("'ü'", b"\xfc"), ("'b  '", b"b")),
    _bytes("char(63)" + UTF8, ("'ü'", "ü".encode()), ("'\U0001f600'", "\U0001f600".encode())),
    _bytes("char(100)" + UTF8, ("'ü'", "ü".encode()), ("REPEAT('é', 100)", "é".encode() * 100)),
    _bytes("char(255)" + UTF8, ("REPEAT('\U0001f600', 255)", "\U0001f600".encode() * 255)),
    _bytes("varchar(63)" + UTF8, ("''", b""), ("'b  '", b"b  "), ("'\u20ac'", "\u20ac".encode())),
    _bytes("varchar(64)" + UTF8, ("''", b""), ("'long'", b"long")),
    _bytes("varchar(255)" + LATIN, ("REPEAT('x', 255)", b"x" * 255), ("''", b"")),
    _bytes("varchar(300)" + LATIN, LONG, ("'it''s\\\\'", b"it's\\")),
    _bytes("binary(4)", ("x'00'", b"\0\0\0\0"), ("x'0100'", b"\1\0\0\0"), ("'abcd'", b"abcd"),
           ("x'20202020'", b"    ")),
    _bytes("binary(16)", ("x'00112233445566778899aabbccddee00'",
                          bytes.fromhex("00112233445566778899aabbccddee00"))),
    _bytes("varbinary(4)", ("''", b""), ("x'00'", b"\0"), ("x'0100'", b"\1\0")),
    _bytes("varbinary(300)", LONG, ("x'00ff27'", b"\0\xff'")),
)  # fmt: skip

MARIADB_ONLY: tuple[KeyType, ...] = (
    _texts(
        "uuid",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "123e4567-e89b-12d3-a456-426614174000",  # version 1
        "123e4567-e89b-42d3-a456-426614174000",  # version 4
        "123e4567-e89b-42d3-a456-426614170000",  # … that ends with zeros
        "123e4567-e89b-62d3-a456-426614174000",  # version 6
        "018e0000-e89b-72d3-a456-426614174000",  # version 7
        "123e4567-e89b-82d3-b456-426614174000",  # version 8
        "123e4567-e89b-42d3-2456-426614174000",  # another variant
        "00000000-0000-0000-0000-000000000001",
    ),
)

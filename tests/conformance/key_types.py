"""Tables with keys of every kind: how each engine writes them, and rows that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass

from tests.unit.binlogs.keys import EVERYWHERE, MARIADB_ONLY


@dataclass(frozen=True)
class Keyed:
    """`columns` are the key's; `rows` are SQL literals of them."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    before: str = ""

    def __str__(self) -> str:
        return ", ".join(self.columns)

    @property
    def names(self) -> str:
        return ", ".join(f"k{n}" for n in range(len(self.columns)))

    @property
    def create(self) -> str:
        parts = ", ".join(f"k{n} {kind} NOT NULL" for n, kind in enumerate(self.columns))
        return f"CREATE TABLE orders ({parts}, note INT, PRIMARY KEY ({self.names}))"

    @property
    def insert(self) -> str:
        rows = ", ".join(f"({row}, {n})" for n, row in enumerate(self.rows))
        return f"INSERT INTO orders ({self.names}, note) VALUES {rows}"


def _one(kind: str, *rows: str, before: str = "") -> Keyed:
    return Keyed((kind,), rows, before)


MYSQL = tuple(_one(key.sql, *key.literals) for key in EVERYWHERE)
MARIADB = MYSQL + tuple(_one(key.sql, *key.literals) for key in MARIADB_ONLY)
POSTGRES = (
    _one("smallint", "-32768", "0", "32767"),
    _one("int", "-2147483648", "-1", "0", "2147483647"),
    _one("bigint", "-9223372036854775808", "0", "9223372036854775807"),
    _one("numeric", "-1.50", "0", "1e30", "0.000000000000000000001", "'NaN'"),
    _one("numeric(12,3)", "-999999999.999", "0", "0.1"),
    _one("text", "''", "'a'", "'ü\U0001f600'", "'it''s \"x\" \\ , {}'", "'NULL'", "E'a\\nb\\tc'"),
    _one('text COLLATE "C"', "'a'", "'B'", "'ä'"),
    _one("varchar(20)", "''", "'b  '", "'b'"),
    _one("character(5)", "'a'", "'b  '", "'ü'"),
    _one(
        "uuid", "'00000000-0000-0000-0000-000000000000'", "'123e4567-e89b-42d3-a456-426614174000'"
    ),
    _one("bytea", "''", "'\\x00ff27'", "'\\x5c'"),
    _one("boolean", "true", "false"),
    _one("date", "'0044-03-15 BC'", "'2024-02-29'", "'infinity'", "'-infinity'"),
    _one("timestamp", "'2024-02-29 23:59:59.123456'", "'infinity'", "'0044-03-15 00:00:00 BC'"),
    _one("timestamp(0)", "'2024-02-29 23:59:59'"),
    _one("timestamptz", "'2024-02-29 23:59:59.1+05:30'", "'infinity'", "'1900-01-01 00:00:00+00'"),
    _one("time", "'00:00:00'", "'23:59:59.999999'", "'24:00:00'"),
    _one("timetz", "'12:00:00+02'", "'12:00:00-02'"),
    _one("interval", "'1 month'", "'-1 day 02:00:00'", "'00:00:00.000001'"),
    _one("inet", "'10.0.0.1'", "'10.0.0.0/8'", "'::1'"),
    _one("macaddr", "'08:00:2b:01:02:03'"),
    _one("oid", "0", "4294967295"),
    _one("bit(3)", "B'101'", "B'000'"),
    _one("int[]", "'{1,2}'", "'{}'"),
    _one("int4range", "'[1,5)'", "'empty'"),
    _one("mood", "'sad'", "'very happy'", before="CREATE TYPE mood AS ENUM ('sad', 'very happy')"),
    _one("few", "'a'", "'b'", before="CREATE DOMAIN few AS text CHECK (length(VALUE) < 3)"),
)

_PAIRS = tuple(f"{n // 9}, {n % 9}" for n in range(40))
UTF8 = "CHARACTER SET utf8mb4"
MYSQL_COMPOSITE = (
    Keyed(("int", "smallint"), _PAIRS),
    Keyed((f"varchar(20) {UTF8}", "int"), tuple(f"'{'aAbBä'[n % 5]}', {n}" for n in range(40))),
    Keyed(
        ("date", "binary(2)", "bigint"),
        tuple(f"'2024-01-{1 + n % 5:02}', 'a', {n}" for n in range(40)),
    ),
    Keyed(
        ("datetime(3)", "decimal(5,1)"),
        tuple(f"'2024-01-01 00:00:0{n % 5}.5', {n}.5" for n in range(40)),
    ),
)
POSTGRES_COMPOSITE = (
    Keyed(("int", "smallint"), _PAIRS),
    Keyed(("varchar(20)", "int"), tuple(f"'{'aAbBä'[n % 5]}', {n}" for n in range(40))),
    Keyed(
        ("date", "bytea", "bigint"), tuple(f"'2024-01-{1 + n % 5:02}', 'a', {n}" for n in range(40))
    ),
    Keyed(
        ("timestamptz", "numeric"),
        tuple(f"'2024-01-01 00:00:0{n % 5}.5', {n}.5" for n in range(40)),
    ),
)


def many(kind: str, row: str) -> Keyed:
    """Forty rows; `row` has an {n} in it."""
    return _one(kind, *(row.format(n=n, m=(n * 17) % 40) for n in range(40)))


MYSQL_LONG = (
    many("int", "{n} * 3 - 60"),
    many("bigint unsigned", "18446744073709551575 + {n}"),
    many(
        f"varchar(20) {UTF8} COLLATE utf8mb4_unicode_ci",
        "CONCAT(CHAR(65 + {m} % 20 USING utf8mb4), 'ä', {n})",
    ),
    many("binary(3)", "UNHEX(LPAD(HEX({m} * 5), 6, '0'))"),
    many("varbinary(40)", "REPEAT(X'00', {n})"),
    many("datetime(6)", "'2024-01-01' + INTERVAL {m} MICROSECOND"),
    many("timestamp", "'2024-03-31 00:30:00' + INTERVAL {m} HOUR"),
    many("time(2)", "SEC_TO_TIME({m} * 100 - 2000)"),
    many("decimal(40,2)", "{n} * 1000000000000000000000000000000000.25 - 7"),
    many("year", "1980 + {n}"),
    *MYSQL_COMPOSITE,
)
MARIADB_LONG = (*MYSQL_LONG, many("uuid", "UUID()"))
POSTGRES_LONG = (
    many("int", "{n} * 3 - 60"),
    many("bigint", "9223372036854775767 + {n}"),
    many("text", "chr(65 + {m}) || 'ä'"),
    many('text COLLATE "C"', "chr(65 + {m})"),
    many("bytea", "decode(lpad(to_hex({m} * 5), 6, '0'), 'hex')"),
    many("uuid", "md5('{n}')::uuid"),
    many("timestamp", "timestamp '2024-01-01' + {m} * interval '1 microsecond'"),
    many("timestamptz", "timestamptz '2024-03-31 00:30+00' + {m} * interval '1 hour'"),
    many("date", "date '2024-02-20' + {m}"),
    many("numeric", "{n} * 1000000000000000000000000000000000.25 - 7"),
    *POSTGRES_COMPOSITE,
)

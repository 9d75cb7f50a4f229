"""Column types of MySQL and MariaDB with the values that other tools got wrong."""

from __future__ import annotations

from dataclasses import replace

from tests.fuzz.kind import Kind, Vocabulary

TEXTS = (
    "''", "'a'", "'A '", "'straße'", "'STRASSE'", "'I''ll\\\\ %s'", "'日本 😀'", "'\\0\\n'", "'12'",
)  # fmt: skip
WESTERN = ("''", "'Ärger €ÿ'", "'a'", "'A '", "'œ'")
DAY = "DATE '2000-01-01' + INTERVAL # DAY"
SECOND = "TIMESTAMP '2000-01-01 00:00:00' + INTERVAL # SECOND"
FOUR_BYTES = "UNHEX(LPAD(HEX(#), 8, '0'))"

INT = Kind(
    "INT", ("0", "1", "-1", "2147483647", "-2147483648"), "#",
    widens=("BIGINT", "DECIMAL(12,0)", "DOUBLE", "VARCHAR(20)"),
    narrows=("SMALLINT", "INT UNSIGNED"), default="7",
)  # fmt: skip
BIGINT = Kind(
    "BIGINT", ("0", "9223372036854775807", "-9223372036854775808", "42"), "#",
    widens=("DECIMAL(30,4)", "VARCHAR(30)"), narrows=("INT", "BIGINT UNSIGNED", "DOUBLE"),
    default="-1",
)  # fmt: skip
HUGE = Kind(
    "BIGINT UNSIGNED", ("0", "18446744073709551615", "9223372036854775808"), "#",
    widens=("DECIMAL(20,0)",), narrows=("BIGINT",), default="0",
)  # fmt: skip
SMALL = Kind("TINYINT UNSIGNED", ("0", "255", "7"), widens=("INT", "BIGINT"), narrows=("TINYINT",))
DECIMAL = Kind(
    "DECIMAL(12,2)", ("0.00", "-0.01", "9999999999.99", "12.35"), "# + 0.25",
    widens=("DECIMAL(20,4)", "VARCHAR(30)"), narrows=("DECIMAL(12,1)", "DECIMAL(6,2)", "INT"),
    default="1.50",
)  # fmt: skip
FLOAT = Kind("FLOAT", ("0", "-1.5e10", "0.1", "3.402823e38"), widens=("DOUBLE",))
DOUBLE = Kind("DOUBLE", ("0", "-1.5e300", "0.1", "1e-300"), narrows=("FLOAT",), default="0.5")
VARCHAR = Kind(
    "VARCHAR(40)", TEXTS, "CONCAT('k', #)",
    widens=("VARCHAR(80)", "TEXT", "LONGTEXT", "VARCHAR(300) COLLATE utf8mb4_bin"),
    narrows=("VARCHAR(6)", "CHAR(40)", "VARBINARY(20)", "VARCHAR(40) CHARACTER SET latin1"),
    default="'odd ''default'''", prefix="{}(3)",
)  # fmt: skip
LATIN = Kind(
    "VARCHAR(30) CHARACTER SET latin1", WESTERN, "CONCAT('é', #)",
    widens=("VARCHAR(30) CHARACTER SET utf8mb4", "TEXT CHARACTER SET utf8mb4"),
    narrows=("VARCHAR(30) CHARACTER SET ascii",), default="'é'",
)  # fmt: skip
BINARY_TEXT = Kind(
    "VARCHAR(40) COLLATE utf8mb4_bin", TEXTS, "CONCAT('k', #, ' ')",
    widens=("VARCHAR(60) COLLATE utf8mb4_bin",),
    narrows=("VARCHAR(40) COLLATE utf8mb4_general_ci",),
)  # fmt: skip
CHAR = Kind(
    "CHAR(12)", ("''", "'x'", "'Ünï'"), "CONCAT('c', #)", widens=("VARCHAR(12)", "CHAR(20)"),
    narrows=("CHAR(2)",), default="'c'",
)  # fmt: skip
TEXT = Kind(
    "TEXT", (*TEXTS, "REPEAT('long ü ', 300)"), widens=("LONGTEXT",), narrows=("VARCHAR(400)",),
    prefix="{}(7)",
)  # fmt: skip
BLOB = Kind("BLOB", ("''", "x'00FF'", "REPEAT(x'FF00', 400)"), widens=("LONGBLOB",), prefix="{}(4)")
BYTES = Kind(
    "VARBINARY(20)", ("''", "x'00'", "x'0000'", "x'FF27'"), FOUR_BYTES,
    widens=("VARBINARY(40)", "BLOB"), narrows=("VARBINARY(1)", "BINARY(20)"), default="x'00AB'",
)  # fmt: skip
FIXED_BYTES = Kind(
    "BINARY(16)", ("x'00'", "x'FF'"), "UNHEX(LPAD(HEX(#), 32, '0'))", widens=("VARBINARY(16)",)
)
DATE = Kind(
    "DATE", ("'1000-01-01'", "'9999-12-31'", "'2024-02-29'"), DAY,
    widens=("DATETIME", "VARCHAR(20)"), default="'2001-02-03'",
)  # fmt: skip
DATETIME = Kind(
    "DATETIME(3)", ("'1000-01-01 00:00:00'", "'9999-12-31 23:59:59.499'", "'2024-03-31 02:30:00'"),
    SECOND, widens=("DATETIME(6)",), narrows=("DATETIME", "DATE"), default="'2001-02-03 04:05:06'",
)  # fmt: skip
TIMESTAMP = Kind(
    "TIMESTAMP", ("'2001-03-25 02:30:00'", "'2037-10-25 02:30:00'"), SECOND,
    widens=("TIMESTAMP(6)", "DATETIME"), default="'2001-02-03 04:05:06'",
)  # fmt: skip
TIME = Kind(
    "TIME(2)", ("'-838:59:59'", "'838:59:58.99'", "'00:00:00.01'"), "SEC_TO_TIME(#)",
    widens=("TIME(6)",), narrows=("TIME",),
)  # fmt: skip
YEAR = Kind("YEAR", ("'1901'", "'2155'", "'0000'"), widens=("SMALLINT", "INT"))
JSON = Kind(
    "JSON", ("'{\"a\": [1, 2.50, null], \"ü\": \"\\\\u00e9\"}'", "'[]'", "'\"s\"'", "'1e3'"),
    widens=("LONGTEXT",), prefix=None,
)  # fmt: skip
ENUM = Kind(
    "ENUM('x','y','Ä','it''s')", ("'x'", "'y'", "'Ä'", "'it''s'"),
    widens=("ENUM('y','it''s','x','Ä','z')", "VARCHAR(10)", "ENUM('x','y','Ä','it''s','more')"),
    narrows=("ENUM('x','y')",), default="'y'",
)  # fmt: skip
SET = Kind(
    "SET('r','w','x')", ("''", "'r'", "'r,x'", "'r,w,x'"),
    widens=("SET('r','w','x','s')", "VARCHAR(20)"), narrows=("SET('r','w')",), default="'w'",
)  # fmt: skip
BIT = Kind("BIT(9)", ("b'0'", "b'111111111'", "b'1'"), widens=("BIT(20)", "BIGINT"))
POINT = Kind("POINT", ("POINT(1, 2)", "POINT(-0.5, 1e9)"), widens=("GEOMETRY",), prefix=None)
UUID = Kind(
    "UUID", ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
    "CONCAT(LPAD(HEX(#), 8, '0'), '-0000-4000-8000-00000000abcd')", widens=("CHAR(36)",),
)  # fmt: skip

BOTH = (
    INT, BIGINT, HUGE, SMALL, DECIMAL, FLOAT, DOUBLE, VARCHAR, LATIN, BINARY_TEXT, CHAR, TEXT, BLOB,
    BYTES, FIXED_BYTES, DATE, DATETIME, TIMESTAMP, TIME, YEAR, JSON, ENUM, SET, BIT, POINT,
)  # fmt: skip
MODERN = replace(VARCHAR, sql="VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci")
KEYS = (
    INT, INT, BIGINT, HUGE, DECIMAL, VARCHAR, LATIN, BINARY_TEXT, CHAR, BYTES, FIXED_BYTES, DATE,
    DATETIME, TIMESTAMP, TIME,
)  # fmt: skip
GENERATED = (
    "INT GENERATED ALWAYS AS (LENGTH({})) VIRTUAL",
    "INT GENERATED ALWAYS AS (LENGTH({})) STORED",
    "VARCHAR(64) GENERATED ALWAYS AS (HEX(LEFT({}, 3))) STORED",
)

MYSQL = Vocabulary(
    engine="mysql",
    kinds=(*BOTH, MODERN),
    keys=(*KEYS, MODERN),
    generated=GENERATED,
    options=("COMMENT = 'it''s new'", "ROW_FORMAT = DYNAMIC", "ROW_FORMAT = COMPACT", "FORCE"),
    charsets=("utf8mb4 COLLATE utf8mb4_unicode_ci", "utf8mb4", "latin1"),
    quote="`",
    duplicate="1062",
)
MARIADB = replace(MYSQL, engine="mariadb", kinds=(*BOTH, UUID), keys=(*KEYS, UUID))

"""Column types of PostgreSQL with values from the edges of each."""

from __future__ import annotations

from tests.fuzz.kind import Kind, Vocabulary

TEXTS = ("''", "'a'", "'A '", "'straße'", "'I''ll\\ %s'", "'日本 😀'", "E'\\n\\t'", "'12'")
MINUTE = "# * interval '1 minute'"

INTEGER = Kind(
    "integer", ("0", "1", "-1", "2147483647", "-2147483648"), "#",
    widens=("bigint", "numeric", "text", "double precision"), narrows=("smallint",), default="7",
)  # fmt: skip
BIGINT = Kind(
    "bigint", ("0", "9223372036854775807", "-9223372036854775808"), "#", widens=("numeric(30,2)",),
    narrows=("integer", "double precision"), default="-1",
)  # fmt: skip
SMALLINT = Kind("smallint", ("0", "32767", "-32768"), widens=("integer", "bigint", "text"))
NUMERIC = Kind(
    "numeric(12,2)", ("0", "-0.01", "9999999999.99", "'NaN'"), "# + 0.25",
    widens=("numeric", "text"), narrows=("numeric(12,1)", "real"), default="1.50",
)  # fmt: skip
UNBOUND = Kind("numeric", ("0.10", "1e40", "'Infinity'", "0.1"), "# / 100.0", widens=("text",))
REAL = Kind("real", ("0", "'-0'", "'NaN'", "1e38", "0.1"), widens=("double precision",))
DOUBLE = Kind("double precision", ("0", "'-Infinity'", "1e300", "0.1"), widens=("text",))
TEXT = Kind(
    "text", (*TEXTS, "repeat('long ü ', 900)"), "'k' || #",
    widens=("varchar", "text COLLATE \"C\""), narrows=("varchar(6)", "char(30)"), default="'odd'''",
)  # fmt: skip
C_TEXT = Kind('text COLLATE "C"', TEXTS, "'k ' || #", widens=("text", "varchar(60)"))
VARCHAR = Kind(
    "varchar(40)", TEXTS, "# || 'é'", widens=("varchar(80)", "text"), narrows=("varchar(3)",),
    default="'v'",
)  # fmt: skip
CHAR = Kind("char(12)", ("''", "'x'", "'Ünï'"), "'c' || #", widens=("char(20)", "text"))
BYTEA = Kind("bytea", ("''", "'\\x00ff'", "'\\x27'"), "decode(lpad(to_hex(#), 8, '0'), 'hex')")
UUID = Kind(
    "uuid", ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
    "md5((#)::text)::uuid", widens=("text",),
)  # fmt: skip
DATE = Kind(
    "date", ("'4713-01-01 BC'", "'infinity'", "'2024-02-29'"), "date '2000-01-01' + #",
    widens=("timestamp", "text"), default="'2001-02-03'",
)  # fmt: skip
TIMESTAMP = Kind(
    "timestamp", ("'infinity'", "'2024-03-31 02:30:00.123456'", "'0044-03-15 BC'"),
    f"timestamp '2000-01-01' + {MINUTE}", widens=("timestamptz", "text"),
    narrows=("timestamp(0)", "date"), default="'2001-02-03 04:05'",
)  # fmt: skip
TIMESTAMPTZ = Kind(
    "timestamptz", ("'-infinity'", "'2024-10-27 02:30:00+01'", "'1890-01-01'"),
    f"timestamptz '2000-01-01' + {MINUTE}", widens=("timestamp", "text"),
    narrows=("timestamptz(0)",),
)  # fmt: skip
TIME = Kind("time", ("'24:00'", "'00:00:00.000001'"), widens=("interval", "text"))
INTERVAL = Kind(
    "interval", ("'1 mon -1 day'", "'-00:00:01'", "'178000000 years'"), widens=("text",)
)
BOOLEAN = Kind("boolean", ("true", "false"), widens=("text",), default="true")
JSON = Kind(
    "json", ('\'{"a" : 1, "a":2}\'', "'[]'", "'null'"), widens=("jsonb", "text"), prefix=None
)
JSONB = Kind("jsonb", ("'{\"ü\": [1, 2.50]}'", "'[]'", "'1e3'"), widens=("text",))
NUMBERS = Kind(
    "integer[]",
    ("'{}'", "'{1,NULL,3}'", "'[-1:0][1:1]={{1},{2}}'::integer[]"),
    widens=("bigint[]",),
)
WORDS = Kind("text[]", ("'{}'", "ARRAY['a,\"b', NULL, '{}']"), widens=("varchar(9)[]",))
INET = Kind("inet", ("'10.0.0.1/8'", "'::1'"), widens=("text",))
RANGE = Kind("int4range", ("'[1,5)'", "'empty'", "'(,3]'"), widens=("text",))
BITS = Kind(
    "bit varying(9)", ("B''", "B'101'"), widens=("bit varying(20)",), narrows=("bit varying(2)",)
)

KINDS = (
    INTEGER, BIGINT, SMALLINT, NUMERIC, UNBOUND, REAL, DOUBLE, TEXT, C_TEXT, VARCHAR, CHAR, BYTEA,
    UUID, DATE, TIMESTAMP, TIMESTAMPTZ, TIME, INTERVAL, BOOLEAN, JSON, JSONB, NUMBERS, WORDS, INET,
    RANGE, BITS,
)  # fmt: skip

POSTGRES = Vocabulary(
    engine="postgres",
    kinds=KINDS,
    keys=(INTEGER, INTEGER, *(kind for kind in KINDS if kind.number)),
    generated=(
        "integer GENERATED ALWAYS AS (num_nulls({})) STORED",
        "boolean GENERATED ALWAYS AS ({} IS NULL) STORED",
    ),
    options=(
        "SET (fillfactor = 70)",
        "REPLICA IDENTITY DEFAULT",
        "SET (autovacuum_enabled = true)",
    ),
    quote='"',
    duplicate="23505",
)

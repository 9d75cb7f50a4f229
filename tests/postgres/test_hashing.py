"""The number that is made of a row: the same for identical rows alone."""

from __future__ import annotations

import pytest

from osc.model.alter import parse
from osc.postgres.hashing import MOST_SEEDED, row_hash
from osc.postgres.quoting import identifier
from tests.postgres.conftest import Database

TYPES = (
    "smallint", "integer", "bigint", "boolean", "uuid", "date", "oid", "bytea", "text",
    'text COLLATE "C"', "character varying(9)", "character(9)", "bpchar", '"char"', "name",
    "timestamp", "timestamptz(3)", "time", "timetz", "interval", "numeric", "numeric(9,2)",
    "real", "double precision", "json", "jsonb", "xml", "inet", "money", "oidvector", "integer[]",
    "text[]", "bit(3)", "bit varying", "tsvector", "point", "int4range", "positive", "mood", "pair",
)  # fmt: skip


def hashes(database: Database, table: str) -> list[int]:
    """Of each row, in the order in which they were inserted; with the types as the catalog says."""
    assert database.engine.ladder is not None
    columns = database.engine.ladder.find(parse(f"ALTER TABLE {table} ADD x int", mysql=False))
    hashed = row_hash([(identifier(c.name), c) for c in columns.columns])
    return [int(row[0]) for row in database.rows(f"SELECT {hashed} FROM {table} ORDER BY ctid")]


@pytest.mark.parametrize("null", ["", "NOT NULL"])
def test_every_type_is_hashed(database: Database, null: str) -> None:
    database.run(
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        "CREATE TYPE mood AS ENUM ('sad', '5')",
        "CREATE TYPE pair AS (a int, b text)",
    )
    columns = ", ".join(f"c{n} {type} {null}" for n, type in enumerate(TYPES))
    database.run(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    if null:
        assert hashes(database, "t") == []
        return
    database.run("INSERT INTO t VALUES (1)")

    assert len(hashes(database, "t")) == 1


def test_rows_that_are_not_identical_are_told_apart(database: Database) -> None:
    rows = (
        "NULL, 1, NULL, NULL", "1, NULL, NULL, NULL", "NULL, NULL, NULL, NULL", "1, 1, NULL, NULL",
        "NULL, NULL, '', NULL", "NULL, NULL, 'a', NULL", "NULL, NULL, 'a ', NULL",
        "NULL, NULL, 'A', NULL", "NULL, NULL, NULL, 1.0", "NULL, NULL, NULL, 1.00",
        "7, NULL, NULL, NULL", "0, NULL, NULL, NULL", "NULL, 0, NULL, NULL",
    )  # fmt: skip
    database.run("CREATE TABLE t (k int, l int, s text, n numeric)")
    for row in (*rows, *rows):
        database.run(f"INSERT INTO t VALUES ({row})")

    found = hashes(database, "t")

    assert len(set(found)) == len(rows)
    assert found[: len(rows)] == found[len(rows) :]


def test_more_columns_than_functions_go_into_each_other_are_all_of_it(database: Database) -> None:
    names = [f"c{n}" for n in range(3 * MOST_SEEDED)]
    columns = ", ".join(f"{name} int NOT NULL DEFAULT 0" for name in names)
    database.run(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    database.run("INSERT INTO t VALUES (1)")
    (before,) = hashes(database, "t")

    seen = {before}
    for name in (names[0], names[MOST_SEEDED - 2], names[MOST_SEEDED], names[-1]):
        database.run(f"UPDATE t SET {name} = 1")
        seen.add(hashes(database, "t")[0])

    assert len(seen) == 5

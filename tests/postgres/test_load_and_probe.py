"""Rows that the new definition has no room for are told before the copy, or stop it; never lost."""

from __future__ import annotations

import pytest

from osc.errors import DataWouldBeLost, Precondition, TableChanged
from osc.postgres.quoting import qualified
from tests.conformance.place import until
from tests.postgres.conftest import Database

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v bigint, s text, n int)"


def probe(database: Database, clauses: str) -> None:
    alter = database.alter(clauses)
    table = database.engine.catalog.find(alter)
    database.engine.workshop.probe(table, database.engine.workshop.rehearse(table, alter))


GOOD = "INSERT INTO t SELECT n, n, 'x' || n, n FROM generate_series(1, 3000) AS n"


@pytest.mark.parametrize(
    ("bad", "clauses", "says"),
    [
        ("(0, 1, 'x', NULL)", "ALTER n SET NOT NULL", "n would be NULL where id = 0"),
        ("(0, 1, 'x', -1)", "ADD CONSTRAINT c CHECK (n >= 0)", "CHECK c says no where id = 0"),
        ("(0, 1, 'x', 1)", "ADD x int CHECK (x > 0)", None),
        ("(0, 1, 'x', 1)", "ADD x int GENERATED ALWAYS AS (n) STORED CHECK (x > 0)", None),
        ("(0, 1, 'x', 1)", "ADD x int DEFAULT 0 CHECK (x > 0)", "CHECK t_x_check says no"),
        ("(0, 1, 'long', 1)", "ALTER s TYPE varchar(6)", None),
        ("(0, 1, 'toolong', 1)", "ALTER s TYPE varchar(6)", "s is too long"),
        ("(0, 1, 'x     ', 1)", "ALTER s TYPE varchar(5)", None),
        ("(0, 3000000000, 'x', 1)", "ALTER v TYPE int", "out of range.*: v where id = 0"),
        ("(0, 1, 'no', 1)", "ALTER s TYPE int USING ltrim(s, 'x')::int", '"no".*: s where id'),
        ("(0, 1, 'x7', 1)", "ADD UNIQUE (s)", r"t_s_key has duplicates: \(x7\) 2 times"),
        ("(0, 1, 'X7', 1)", "ADD UNIQUE (s)", None),
        ("(0, 7, 'y', 1)", "ADD UNIQUE (v, n)", None),
        ("(0, 7, 'y', 7)", "ADD UNIQUE (v, n)", r"\(7, 7\) 2 times"),
        ("(0, NULL, 'y', 1), (-1, NULL, 'z', 1)", "ADD UNIQUE (v)", None),
        (
            "(0, NULL, 'y', 1), (-1, NULL, 'z', 1)",
            "ADD UNIQUE NULLS NOT DISTINCT (v)",
            r"\(None\) 2 times",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_found_and_named(
    database: Database, bad: str, clauses: str, says: str | None
) -> None:
    rows = GOOD if "varchar" not in clauses else GOOD.replace("3000", "300")
    database.run(TABLE, rows, f"INSERT INTO t VALUES {bad}", "ANALYZE t")

    if says is None:
        probe(database, clauses)
        return

    with pytest.raises(DataWouldBeLost, match=says):
        probe(database, clauses)


@pytest.mark.parametrize(
    ("using", "word"),
    [
        ("random()::text", ""),
        ("drawn(n)", ""),
        ("now()::text", "now"),
        ("n || Current_Timestamp::text", "Current_Timestamp"),
        ("nextval('numbers')::text", "nextval"),
        ("fixed(n)", None),
        ("'now()' || n", None),
        ('"now"::text', None),
    ],
)
def test_what_using_computes_must_be_the_same_each_time(
    database: Database, using: str, word: str | None
) -> None:
    """A function is VOLATILE where its author has not said what it is."""
    database.run(
        f"{TABLE[:-1]}, now int)", "CREATE SEQUENCE numbers", GOOD,
        "CREATE FUNCTION drawn(int) RETURNS text LANGUAGE sql AS 'SELECT $1 || random()::text'",
        "CREATE FUNCTION fixed(int) RETURNS text LANGUAGE sql AS 'SELECT $1 || $$x$$'",
    )  # fmt: skip
    clauses = f"ALTER s TYPE varchar USING {using}"

    if word is None:
        probe(database, clauses)
    else:
        with pytest.raises(Precondition, match=rf"another value each time .*{word}"):
            probe(database, clauses)
    assert database.rows("SELECT last_value, is_called FROM numbers") == [(1, False)]


def test_a_new_column_that_nothing_fills_is_found_where_there_are_rows(database: Database) -> None:
    database.run(TABLE)
    probe(database, "ADD x int NOT NULL")
    database.run(GOOD)

    with pytest.raises(DataWouldBeLost, match="x: NOT NULL"):
        probe(database, "ADD x int NOT NULL")

    database.run("CREATE DOMAIN entire AS int NOT NULL", "CREATE DOMAIN fuller AS entire")
    database.run("CREATE DOMAIN filled AS entire DEFAULT 5")
    with pytest.raises(DataWouldBeLost, match="x: NOT NULL"):
        probe(database, "ADD x fuller")
    probe(database, "ADD x filled")


def test_rounding_that_makes_duplicates_is_found(database: Database) -> None:
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, price numeric(6, 2) UNIQUE)",
        "INSERT INTO t VALUES (1, 1.01), (2, 1.02)",
    )

    with pytest.raises(DataWouldBeLost, match=r"\(1.0\) 2 times"):
        probe(database, "ALTER price TYPE numeric(6, 1)")


def test_duplicates_that_come_after_the_probe_stop_the_load_with_their_values(
    database: Database,
) -> None:
    database.run(TABLE, GOOD)
    job = database.job("ADD UNIQUE (s)")
    database.run("INSERT INTO t VALUES (0, 1, 'x7', 1)")
    database.copy(job)

    with pytest.raises(DataWouldBeLost, match=r"t_s_key .*\(s\)=\(x7\)"):
        database.engine.load(job).finish(lambda: None, lambda: None)


def test_a_table_that_is_altered_before_the_load_ends_the_run(database: Database) -> None:
    database.run(TABLE, GOOD)
    job = database.job("ALTER n TYPE bigint")
    database.copy(job)
    database.run("ALTER TABLE t ADD theirs int")

    with pytest.raises(TableChanged):
        database.engine.load(job).finish(lambda: None, lambda: None)


def test_after_a_purge_every_page_is_known_to_be_visible(database: Database) -> None:
    """Index-only scans would otherwise read the pages that the purge has touched."""
    database.run(TABLE, GOOD)
    job = database.job("ALTER n TYPE bigint")
    database.copy(job)
    session = database.session()
    shadow = qualified(job.shadow.name)
    pages = f"SELECT relallvisible, relpages FROM pg_class WHERE oid = '{shadow}'::regclass"

    def purge() -> None:
        until(lambda: database.rows(pages)[0][0] > 0)  # Most of the VACUUM is done meanwhile.
        session.run(f"DELETE FROM {shadow} WHERE id % 50 = 0")

    database.engine.load(job).finish(purge, lambda: None)

    ((visible, all_pages),) = database.rows(pages)
    assert visible == all_pages > 0


def test_what_is_purged_is_in_no_index(database: Database) -> None:
    """A unique value that moved meanwhile would otherwise be there twice."""
    database.run(TABLE, "ALTER TABLE t ADD UNIQUE (v)", "INSERT INTO t VALUES (1, 1), (2, 2)")
    job = database.job("ALTER n TYPE bigint")
    database.copy(job)
    session = database.session()
    shadow = f'"{job.names.shadow.schema}".t'
    database.run(f"UPDATE {shadow} SET v = 2 WHERE id = 1")

    def purge() -> None:
        session.execute(database.engine.dialect(job).delete_keys([("1",)]))

    database.engine.load(job).finish(purge, lambda: None)

    assert database.rows(f"SELECT id FROM {shadow}") == [(2,)]


def test_a_default_of_now_is_one_moment_and_a_random_one_many(database: Database) -> None:
    database.run(TABLE, GOOD)
    clauses = (
        "ADD at timestamptz DEFAULT clock_timestamp(), ADD since timestamptz DEFAULT now(),"
        " ADD one uuid DEFAULT gen_random_uuid(), ADD five int DEFAULT 5, ADD nothing int"
    )
    job = database.job(clauses)

    database.copy(job)
    database.copy(job)  # as a later chunk would be: the moment must not pass

    assert database.rows(
        "SELECT count(DISTINCT since), count(DISTINCT one), count(DISTINCT five), count(nothing)"
        f' FROM "{job.names.shadow.schema}".t'
    ) == [(1, 6000, 1, 0)]

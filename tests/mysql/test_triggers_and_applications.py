"""Applications don't notice the triggers: no statement fails, answers otherwise, or waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from osc.engine import ChangeSource, Sync
from osc.model.change import KeyValue
from tests.conformance.place import App, Place, delivered, keys
from tests.scenarios.case import CASES
from tests.scenarios.script import statements
from tests.servers import every_server

pytestmark = every_server("mysql", "mariadb")

COUNTED = "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20))"
PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))"

TEXT = (
    "CREATE TABLE orders (note VARCHAR(20), "
    "id CHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY)"
)


@contextmanager
def followed(place: Place, create: str = PLAIN) -> Iterator[ChangeSource]:
    with place.source(place.job(create), Sync.TRIGGERS) as source:
        yield source


STATEMENTS = (
    "INSERT INTO orders (note) VALUES ('a')",
    "INSERT INTO orders (note) VALUES ('b'), ('c'), ('d')",
    "INSERT INTO orders (id, note) VALUES (100, 'e')",
    "INSERT INTO orders (note) SELECT note FROM orders WHERE id < 3",
    "INSERT IGNORE INTO orders (id, note) VALUES (1, 'x'), (7000, 'y')",
    "INSERT INTO orders (id, note) VALUES (1, 'x') ON DUPLICATE KEY UPDATE note = 'dup'",
    "INSERT INTO orders (id, note) VALUES (2, 'x') "
    "ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), note = 'dup'",
    "REPLACE INTO orders (id, note) VALUES (2, 'new'), (8000, 'new')",
    "UPDATE orders SET note = 'z' WHERE id < 4",
    "UPDATE orders SET note = 'z' WHERE id < 4",
    "UPDATE orders SET id = id + 100000 WHERE id < 3",
    "SET INSERT_ID = 9000",
    "INSERT INTO orders (note) VALUES ('forced')",
    "DELETE FROM orders WHERE id = 100",
    "DELETE FROM orders",
)


@pytest.mark.parametrize(
    "asked", ["SELECT ROW_COUNT()", "SELECT LAST_INSERT_ID()", "SHOW WARNINGS"]
)
def test_a_statement_answers_what_it_answers_without_triggers(place: Place, asked: str) -> None:
    def told() -> list[Any]:
        app, found = place.another_app(), []
        for sql in STATEMENTS:
            with app._raw.cursor() as cursor:
                found.append((sql, cursor.execute(sql), cursor.lastrowid, app.rows(asked)))
        return found

    place.app.run(COUNTED)
    before = told()
    place.app.run("DROP TABLE orders")
    with followed(place, COUNTED):
        assert told() == before


def test_what_any_trigger_changes_is_the_id_in_the_answer_to_an_update(place: Place) -> None:
    """Both servers forget LAST_INSERT_ID(expression) for the packet; asked by SQL they know it."""

    def told() -> tuple[int, int]:
        with place.app._raw.cursor() as cursor:
            cursor.execute("UPDATE orders SET id = LAST_INSERT_ID(id + 1)")
            return cursor.lastrowid, place.app.value("SELECT LAST_INSERT_ID()")

    with followed(place):
        place.app.run("INSERT INTO orders VALUES (76, 'x')")
        with_triggers = told()

    assert with_triggers == (0, 77)
    assert told() == (78, 78)


# Sessions of every kind.


@pytest.mark.parametrize(
    "settings",
    [
        ["SET sql_mode = ''"],
        ["SET sql_mode = 'ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'"],
        ["SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"],
        ["SET NAMES latin1", "SET collation_connection = 'latin1_bin'"],
        ["SET time_zone = '-11:00'"],
        ["SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
        ["SET sql_safe_updates = 1"],
        ["SET unique_checks = 0", "SET foreign_key_checks = 0"],
        ["SET autocommit = 0"],
        ["SET auto_increment_increment = 7", "SET auto_increment_offset = 3"],
        ["SET binlog_format = 'STATEMENT'"],
        ["SET binlog_format = 'MIXED'"],
        ["SET sql_log_bin = 0"],
    ],
    ids=lambda settings: settings[0],
)
def test_a_session_with_odd_settings_writes_and_is_told(place: Place, settings: list[str]) -> None:
    app = place.another_app()
    app.run(*settings)
    with followed(place, TEXT) as source:
        app.run(
            "INSERT INTO orders (id) VALUES ('a'), ('b')",
            "UPDATE orders SET id = 'c' WHERE id = 'a'",
            "DELETE FROM orders WHERE id = 'b'",
            "COMMIT",
        )

        assert set(keys(source)) == {(b"a",), (b"b",), (b"c",)}


def test_a_session_that_may_only_read_is_refused_as_before_and_reads(place: Place) -> None:
    with followed(place) as source:
        place.app.run("SET SESSION TRANSACTION READ ONLY")
        with pytest.raises(Exception, match="READ ONLY"):
            place.app.run("INSERT INTO orders VALUES (1, 'x')")

        assert place.app.rows("SELECT * FROM orders") == []
        assert keys(source) == []


def test_an_application_needs_no_privilege_on_the_changelog(place: Place) -> None:
    user = f"app_{place.database}"
    place.app.run(PLAIN.replace("orders", "other"))
    with followed(place) as source:
        place.app.run(
            f"CREATE USER {user}@'%' IDENTIFIED BY 'x'",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {place.database}.orders TO {user}@'%'",
        )
        try:
            app = App(place.url.replace("root@", f"{user}:x@"))
            app.run("INSERT INTO orders VALUES (1, 'x')", "UPDATE orders SET note = 'y'")
            app.close()
        finally:
            place.app.run(f"DROP USER {user}@'%'")

        assert keys(source) == [(1,)]


def test_an_application_that_locks_tables_itself_goes_on_writing(place: Place) -> None:
    with followed(place) as source:
        place.app.run(
            "LOCK TABLES orders WRITE", "INSERT INTO orders VALUES (1, 'x')", "UNLOCK TABLES"
        )

        assert keys(source) == [(1,)]


# Every kind of statement.


def test_every_kind_of_statement_is_caught(place: Place) -> None:
    app = place.app
    app.run("CREATE TABLE other (id INT PRIMARY KEY, note VARCHAR(20))")
    app.run("INSERT INTO other VALUES (1, 'x'), (2, 'y'), (3, 'z')")
    with followed(place) as source:

        def told(*statements: str) -> set[KeyValue]:
            app.run(*statements)
            return set(keys(source))

        assert told("INSERT INTO orders SELECT * FROM other") == {(1,), (2,), (3,)}
        assert told("REPLACE INTO orders VALUES (1, 'r'), (4, 'r')") == {(1,), (4,)}
        assert told(
            "INSERT INTO orders VALUES (2, 'd'), (5, 'd') ON DUPLICATE KEY UPDATE note = 'dup'"
        ) == {(2,), (5,)}
        assert told("INSERT INTO orders VALUES (5, 'd') ON DUPLICATE KEY UPDATE id = 6") == {
            (5,),
            (6,),
        }
        assert told("UPDATE orders o JOIN other USING (id) SET o.note = 'multi'") == {
            (1,),
            (2,),
            (3,),
        }
        assert told("DELETE o, t FROM orders o JOIN other t USING (id) WHERE id = 3") == {(3,)}
        assert told("INSERT IGNORE INTO orders VALUES (1, 'no'), (9, 'yes')") == {(9,)}
        assert told("UPDATE IGNORE orders SET id = 1 WHERE id IN (2, 4)") <= {(1,), (2,), (4,)}
        assert told("DELETE FROM orders ORDER BY id DESC LIMIT 1") == {(9,)}
        assert told("DELETE FROM orders") == {(1,), (2,), (4,), (6,)}


def test_a_file_that_is_loaded_is_caught(place: Place) -> None:
    folder = place.app.value("SELECT @@secure_file_priv") or "/tmp"
    path = f"{folder.rstrip('/')}/{place.database}.txt"
    place.app.run(f"SELECT 1, 'a' UNION SELECT 2, 'b' INTO OUTFILE '{path}'")
    with followed(place) as source:
        place.app.run(f"LOAD DATA INFILE '{path}' INTO TABLE orders")
        loaded = set(keys(source))
        place.app.run(f"LOAD DATA INFILE '{path}' REPLACE INTO TABLE orders")

        assert loaded == {(1,), (2,)}
        assert set(keys(source)) == {(1,), (2,)}


# Keys that are equal to the server, and are not the same.


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "'a'", "'A'"),
        ("VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "'a'", "'á'"),
        ("VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "'a'", "'a '"),
        ("CHAR(9) CHARACTER SET latin1 COLLATE latin1_german1_ci", "'ä'", "'Ä'"),
    ],
)
def test_a_key_that_changes_its_letter_case_is_told_twice(
    place: Place, kind: str, old: str, new: str
) -> None:
    """The shadow's collation may tell them apart where the original's does not."""
    with followed(place, f"CREATE TABLE orders (id {kind} PRIMARY KEY, note INT)") as source:
        place.app.run(f"INSERT INTO orders VALUES ({old}, 1)")
        keys(source)
        place.app.run(f"UPDATE orders SET id = {new}")

        assert len(set(keys(source))) == 2


@pytest.mark.parametrize("fraction", ["", ".250000"])
def test_an_instant_in_the_hour_that_is_repeated_is_told_as_itself(
    place: Place, fraction: str
) -> None:
    """In the application's time zone 00:30 and 01:30 UTC are both 02:30; MySQL copies the one as
    the other from one TIMESTAMP column to another."""
    app = place.app
    app.run(*statements((CASES / "summer-time" / "setup.mysql.sql").read_text()))
    kind = "TIMESTAMP(6)" if fraction else "TIMESTAMP"
    instants = [f"2024-10-27 0{hour}:30:00{fraction}" for hour in (0, 1)]
    with followed(place, f"CREATE TABLE orders (id {kind} PRIMARY KEY, note INT)") as source:
        app.run("SET time_zone = '+00:00'")
        app.run(*(f"INSERT INTO orders VALUES ('{instant}', 1)" for instant in instants))
        app.run("SET sql_mode = ''", "INSERT INTO orders VALUES (0, 1)")
        delivered(source)
        app.run("SET time_zone = 'Test/Berlin'", "UPDATE orders SET note = 2")

        zero = "0000-00-00 00:00:00" + (".000000" if fraction else "")
        assert set(keys(source)) == {(instant,) for instant in [*instants, zero]}


def test_a_date_that_only_the_application_allows_is_told(place: Place) -> None:
    with followed(place, "CREATE TABLE orders (id DATE PRIMARY KEY, note INT)") as source:
        place.app.run(
            "SET sql_mode = 'ALLOW_INVALID_DATES'",
            "INSERT INTO orders VALUES ('2024-02-31', 1), ('0000-00-00', 1), ('2024-00-00', 1)",
        )

        assert set(keys(source)) == {("2024-02-31",), ("0000-00-00",), ("2024-00-00",)}


# Nobody waits.


def test_a_long_bulk_statement_holds_up_no_other_writer(place: Place) -> None:
    """The changelog's counter is not held to a statement's end, and we lock no gap in it."""
    with followed(place) as source:
        bulk, other = place.another_app(), place.another_app()
        bulk.run("BEGIN", "INSERT INTO orders SELECT 1, 'x' UNION SELECT 2, 'x'")
        other.run("SET innodb_lock_wait_timeout = 1", "INSERT INTO orders VALUES (3, 'x')")
        first = delivered(source)
        source.confirm(first[-1].position)
        bulk.run("COMMIT")

        assert [key for one in first for key in one.keys] == [(3,)]
        assert set(keys(source)) == {(1,), (2,)}


def test_writers_go_on_while_a_statement_of_many_rows_runs(place: Place) -> None:
    """MariaDB's innodb_autoinc_lock_mode 1 would hold a bulk insert's counter to its end."""
    with followed(place):
        bulk, other = place.another_app(), place.another_app()
        bulk.run("CREATE TABLE gate (id INT PRIMARY KEY)", "INSERT INTO gate VALUES (1)")
        gate = place.another_app()
        gate.run("BEGIN", "SELECT * FROM gate FOR UPDATE")
        waiting = threading.Thread(
            target=lambda: bulk.run(
                "INSERT INTO orders SELECT 1, 'x' UNION ALL SELECT 2, 'x' "
                "UNION ALL SELECT id + 9, 'x' FROM gate FOR UPDATE"
            )
        )
        waiting.start()
        place.await_waiting(bulk.id)
        other.run("SET innodb_lock_wait_timeout = 1", "INSERT INTO orders VALUES (3, 'x')")
        gate.run("COMMIT")
        waiting.join()

        assert {row[0] for row in place.app.rows("SELECT id FROM orders")} == {1, 2, 3, 10}

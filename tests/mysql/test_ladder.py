"""Statements that the server runs by itself: within the budget, and again after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pymysql
import pytest

from osc import errors
from osc.engine import Climb, Ladder
from osc.model import alter as alters
from osc.model.ladder import Outlook, Way
from osc.mysql import rungs, trial
from osc.mysql.catalog import MySQLCatalog
from tests.conformance.place import App, Place, until
from tests.servers import every_server

BUDGET_SECONDS = 0.25
ORDERS = """
CREATE TABLE orders (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL DEFAULT 1,
    note VARCHAR(200) NOT NULL DEFAULT 'x', KEY by_customer (customer)
) ENGINE=InnoDB"""
FIRST = "INSERT INTO orders (customer) VALUES (1), (2), (3), (4)"
DOUBLE = "INSERT INTO orders (customer, note) SELECT customer + 1, REPEAT('y', 50) FROM orders"


def _ladder(place: Place) -> Ladder:
    assert place.engine.ladder is not None
    return place.engine.ladder


def _look(place: Place, clauses: str) -> tuple[Climb, Outlook]:
    parsed = alters.parse(f"ALTER TABLE orders {clauses}", mysql=True)
    table = _ladder(place).find(parsed)
    found = _ladder(place).look(table, parsed, small_bytes=0)
    return Climb(1, table, found.steps, lock_budget_seconds=BUDGET_SECONDS), found


def _nobody() -> None:
    """A check that stops nothing."""


def _definition(place: Place) -> str:
    return str(place.app.rows("SHOW CREATE TABLE orders")[0][1])


def _tables(place: Place) -> list[str]:
    """What InnoDB has in the database: a statement that was undone may leave nothing."""
    view = "INNODB_TABLES" if place.engine.name == "mysql" else "INNODB_SYS_TABLES"
    sql = f"SELECT name FROM information_schema.{view} WHERE name LIKE '{place.database}/%'"
    return sorted(str(name) for (name,) in place.app.rows(sql))


@dataclass
class Writer:
    """An application that writes all the time, and the longest that it has waited."""

    app: App
    longest: float = 0.0
    failures: list[Exception] = field(default_factory=list)

    @contextmanager
    def writing(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._write, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _write(self, stop: threading.Event) -> None:
        while not stop.wait(0.002):
            began = time.monotonic()
            try:
                self.app.run("UPDATE orders SET customer = customer + 1 WHERE id = 2")
            except Exception as error:
                self.failures.append(error)
            self.longest = max(self.longest, time.monotonic() - began)


@every_server("mysql", "mariadb")
@pytest.mark.parametrize("clauses", ["ADD COLUMN extra INT", "ADD INDEX by_note (note)"])
def test_who_queues_behind_a_statement_of_ours_goes_on_within_the_budget(
    place: Place, clauses: str
) -> None:
    place.app.run(ORDERS, FIRST)
    climb, _ = _look(place, clauses)
    before, tables = _definition(place), _tables(place)
    reader, writer = place.another_app(), Writer(place.another_app())
    reader.run("BEGIN", "SELECT * FROM orders WHERE id = 1")

    with writer.writing(), pytest.raises(errors.LockTimeout):
        _ladder(place).take(climb, 0, _nobody)

    assert not writer.failures
    assert writer.longest < BUDGET_SECONDS + 0.1
    assert (_definition(place), _tables(place)) == (before, tables)
    assert reader.id in [one.id for one in _ladder(place).blockers(climb.table.name)]
    reader.run("COMMIT")
    _ladder(place).take(climb, 0, _nobody)
    assert _definition(place) != before


@every_server("mysql", "mariadb")
def test_a_build_that_only_works_is_not_ended_by_the_budget(place: Place) -> None:
    place.app.run(ORDERS, FIRST, *[DOUBLE] * 15)
    climb, _ = _look(place, "ADD INDEX by_note (note, customer)")
    hasty = Climb(1, climb.table, climb.steps, lock_budget_seconds=0.03)

    began = time.monotonic()
    _ladder(place).take(hasty, 0, _nobody)

    assert time.monotonic() - began > hasty.lock_budget_seconds
    assert "by_note" in _definition(place)


@every_server("mysql", "mariadb")
def test_a_signal_breaks_off_a_build_and_nothing_is_left_of_it(place: Place) -> None:
    place.app.run(ORDERS, FIRST, *[DOUBLE] * 13)
    climb, _ = _look(place, "ADD INDEX by_note (note, customer)")
    before, tables = _definition(place), _tables(place)

    def interrupted() -> None:
        raise errors.Interrupted(signal.SIGTERM)

    with pytest.raises(errors.Interrupted):
        _ladder(place).take(
            Climb(1, climb.table, climb.steps, lock_budget_seconds=0.02), 0, interrupted
        )

    assert (_definition(place), _tables(place)) == (before, tables)


@every_server("mysql", "mariadb")
def test_a_row_in_the_way_of_a_unique_index_leaves_the_table_as_it_was(place: Place) -> None:
    place.app.run(ORDERS, FIRST)
    climb, _ = _look(place, "ADD UNIQUE by_both (customer)")
    place.app.run("INSERT INTO orders (customer) VALUES (4)")
    before = _definition(place)

    with pytest.raises(errors.DuplicateKey):
        _ladder(place).take(climb, 0, _nobody)

    assert _definition(place) == before


@every_server("mysql")
def test_what_all_at_once_would_rewrite_is_done_one_after_the_other_and_taken_back(
    place: Place,
) -> None:
    place.app.run(ORDERS, FIRST, "CREATE TABLE twin LIKE orders")
    clauses = "ADD COLUMN extra INT, COMMENT = 'new', DROP COLUMN note, ADD INDEX x (extra)"
    place.app.run(f"ALTER TABLE twin {clauses}")
    before, wanted = _definition(place), str(place.app.rows("SHOW CREATE TABLE twin")[0][1])
    climb, found = _look(place, clauses)

    assert found.way is Way.SEQUENCE
    _ladder(place).take(climb, 0, _nobody)
    assert _ladder(place).taken(climb) == 1
    assert _ladder(place).undo(climb)
    assert _definition(place) == before
    for number in range(len(climb.steps)):
        _ladder(place).take(climb, number, _nobody)
    assert _ladder(place).taken(climb) == len(climb.steps)
    assert _comparable(_definition(place)) == _comparable(wanted)


@every_server("mysql")
@pytest.mark.parametrize(
    ("clauses", "way"),
    [
        ("ADD COLUMN extra INT, AUTO_INCREMENT = 1000", Way.SEQUENCE),
        ("COMMENT = '' AUTO_INCREMENT 1000", Way.NATIVE),
    ],
)
def test_what_shows_in_no_definition_is_done_all_the_same(
    place: Place, clauses: str, way: Way
) -> None:
    place.app.run(ORDERS, FIRST)
    climb, found = _look(place, clauses)
    assert found.way is way

    for number in range(len(climb.steps)):
        _ladder(place).take(climb, number, _nobody)

    assert ("extra" in _definition(place)) == ("extra" in clauses)
    assert "AUTO_INCREMENT=1000" in _definition(place)


def _comparable(definition: str) -> str:
    return definition.partition("\n")[2].replace(" AUTO_INCREMENT=5", "")


@every_server("mysql")
def test_a_table_without_row_versions_left_is_not_promised_an_instant(place: Place) -> None:
    place.app.run(ORDERS, FIRST)
    for number in range(rungs.ROW_VERSIONS):
        place.app.run(f"ALTER TABLE orders ADD COLUMN c{number} TINYINT, ALGORITHM=INSTANT")

    _, found = _look(place, "ADD COLUMN extra INT")

    assert found.way is Way.COPY
    assert "64 of 64 row versions are used" in found.clauses[0].because


@every_server("mysql", "mariadb")
def test_nor_is_one_that_has_had_a_fulltext_index(place: Place) -> None:
    """The hidden column of its documents stays until a rebuild."""
    place.app.run(
        ORDERS,
        FIRST,
        "ALTER TABLE orders ADD FULLTEXT words (note)",
        "ALTER TABLE orders DROP INDEX words",
    )

    _, found = _look(place, "ADD COLUMN extra INT")

    assert "rebuilds the table" in found.clauses[0].because


@every_server("mysql")
def test_a_rebuild_in_place_is_not_left_to_mysql_which_may_lose_rows(place: Place) -> None:
    place.app.run(ORDERS, FIRST)

    _, found = _look(place, "MODIFY customer INT NULL")

    assert "ALGORITHM=INPLACE rebuilds the table" in found.clauses[0].because
    assert (found.way, found.steps) == (Way.COPY, ())


@every_server("mysql", "mariadb")
def test_the_clone_has_stand_ins_for_the_parents_and_nobody_waits_for_a_lock_on_them(
    place: Place,
) -> None:
    place.app.run(
        "CREATE TABLE parent (id INT PRIMARY KEY)",
        "CREATE TABLE orders (id INT PRIMARY KEY, parent INT, boss INT, "
        "CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id), "
        "CONSTRAINT to_boss FOREIGN KEY (boss) REFERENCES orders (id))",
    )
    other = place.another_app()
    other.run("LOCK TABLES parent READ")
    parsed = alters.parse("ALTER TABLE orders DROP FOREIGN KEY to_parent", mysql=True)
    catalog = MySQLCatalog(place.engine.connect("test"), place.database)
    table = catalog.find(parsed)

    with trial.running(
        place.engine.connect, catalog, table, is_mariadb=place.engine.name == "mariadb"
    ) as asked:
        asked.renew()
        assert asked.definition() == catalog.definition(table.name)
        assert asked.ask("DROP FOREIGN KEY to_parent").is_metadata


@every_server("mysql")
def test_every_clone_holds_the_same_rows_whatever_applications_write(place: Place) -> None:
    place.app.run(ORDERS, FIRST)
    catalog = MySQLCatalog(place.engine.connect("test"), place.database)
    table = catalog.find(alters.parse("ALTER TABLE orders FORCE", mysql=True))

    with trial.running(place.engine.connect, catalog, table, is_mariadb=False) as asked:
        asked.renew()
        first = asked.rows()
        place.app.run("UPDATE orders SET customer = customer + 100")
        asked.alter("DROP COLUMN note")
        asked.renew()
        again = asked.rows()

    assert again == first


def _osc(place: Place, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "osc", words[0], place.url, *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _killed_while_its_build_waits(place: Place, reader: App) -> None:
    """The process is gone, and its ALTER waits in the server for its last lock."""
    with _osc(
        place, "run", "ALTER TABLE orders ADD INDEX by_note (note)", "--execute",
        "--cut-over-lock-timeout", "60000",
    ) as running:  # fmt: skip
        waiting = (
            "SELECT 1 FROM information_schema.processlist WHERE info LIKE '/* osc %ADD INDEX%' "
            "AND state LIKE 'Waiting for table metadata lock'"
        )
        until(lambda: running.poll() is not None or reader.rows(waiting))
        os.kill(running.pid, signal.SIGKILL)
        running.wait()


@every_server("mysql")
def test_killed_and_resumed_the_statement_is_waited_for_and_not_begun_twice(place: Place) -> None:
    place.app.run(ORDERS, FIRST)
    reader = place.another_app()
    reader.run("BEGIN", "SELECT * FROM orders WHERE id = 1")
    _killed_while_its_build_waits(place, place.another_app())

    resumed = _osc(place, "resume")
    until(lambda: place.app.rows("SELECT 1 FROM _osc_migration"))
    reader.run("COMMIT")
    said, _ = resumed.communicate()

    assert resumed.returncode == 0, said
    assert _definition(place).count("by_note") == 1


@every_server("mariadb")
def test_killed_and_aborted_the_statement_is_ended_and_nothing_is_left(place: Place) -> None:
    place.app.run(ORDERS, FIRST)
    before, reader = _definition(place), place.another_app()
    reader.run("BEGIN", "SELECT * FROM orders WHERE id = 1")
    _killed_while_its_build_waits(place, place.another_app())

    aborted = _osc(place, "abort")
    said, _ = aborted.communicate()
    reader.run("COMMIT")

    assert aborted.returncode == 0, said
    assert _definition(place) == before


@every_server("mysql", "mariadb")
def test_a_row_that_its_own_table_would_not_take_today_is_in_nobody_s_way(place: Place) -> None:
    """A virtual column comes without a look at its values; an INSERT of such a row would fail."""
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, v INT)",
        "INSERT INTO orders VALUES (1, 100000)",
        "ALTER TABLE orders ADD COLUMN small SMALLINT AS (v) VIRTUAL",
    )

    climb, found = _look(place, "DROP COLUMN small")
    _ladder(place).take(climb, 0, _nobody)

    assert found.way is Way.NATIVE
    assert "small" not in _definition(place)


@every_server("mysql")
def test_a_table_without_a_column_of_its_own_is_asked_about_and_not_copied(place: Place) -> None:
    place.app.run("CREATE TABLE orders (one INT AS (1) VIRTUAL)", "INSERT INTO orders VALUES ()")

    _, found = _look(place, "COMMENT = 'all is generated'")

    assert found.way is Way.NATIVE
    table = place.engine.catalog.find(alters.parse("ALTER TABLE orders FORCE", mysql=True))
    with pytest.raises(errors.Precondition, match="no key"):
        place.engine.workshop.rehearse(table, alters.parse("ALTER TABLE orders FORCE", mysql=True))


@every_server("mysql", "mariadb")
def test_a_column_that_children_refer_to_is_renamed_whatever_the_server_says(place: Place) -> None:
    """MySQL 9.7 ends it with error 1146, and it is done."""
    place.app.run(
        ORDERS,
        "INSERT INTO orders (id) VALUES (1)",
        "CREATE TABLE child (o INT, FOREIGN KEY (o) REFERENCES orders (id))",
    )

    climb, found = _look(place, "CHANGE id number INT NOT NULL AUTO_INCREMENT, ADD extra INT")
    for step in range(len(climb.steps)):
        _ladder(place).take(climb, step, _nobody)

    assert found.way in (Way.NATIVE, Way.SEQUENCE)
    assert "extra" in _definition(place)
    assert "REFERENCES `orders` (`number`)" in place.app.rows("SHOW CREATE TABLE child")[0][1]
    place.app.run("INSERT INTO child VALUES (1)")
    with pytest.raises(pymysql.err.IntegrityError):
        place.app.run("INSERT INTO child VALUES (2)")


@every_server("mariadb")
def test_a_table_of_which_only_history_is_left_is_no_riddle(place: Place) -> None:
    """The clock finds no row to look at."""
    place.app.run(f"{ORDERS} WITH SYSTEM VERSIONING", FIRST, *[DOUBLE] * 8, "DELETE FROM orders")

    climb, _ = _look(place, "ADD KEY by_note (note)")
    for step in range(len(climb.steps)):
        _ladder(place).take(climb, step, _nobody)

    assert climb.table.rows > 100
    assert "by_note" in _definition(place)


@every_server("mysql")
def test_rows_that_refer_to_rows_of_their_own_table_are_in_nobody_s_way(place: Place) -> None:
    place.app.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, boss INT, "
        "CONSTRAINT to_boss FOREIGN KEY (boss) REFERENCES orders (id))",
        "INSERT INTO orders VALUES (1, NULL), (2, 1), (3, 1)",
    )

    _, found = _look(place, "ADD INDEX again (boss, id)")

    assert found.way is not Way.NOTHING

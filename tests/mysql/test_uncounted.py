"""On MariaDB a big table's shadow does not count while it is filled, and counts when it is full."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, cast

import pytest

from osc.config import settings
from osc.engine import Session, Statement
from osc.errors import ConnectionLost
from osc.migration import Request, migrate
from osc.model import alter
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.model.table import TableName
from osc.mysql import uncounted
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.load import MySQLLoad
from osc.mysql.uncounted import Uncounted
from tests.conformance.dying import Fate, Mortal
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server("mariadb")

COUNTS = "(id INT AUTO_INCREMENT COMMENT 'x AUTO_INCREMENT' PRIMARY KEY, a INT)"


@pytest.fixture(autouse=True)
def every_table_is_big(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncounted, "WORTHWHILE_ROWS", 0)


@contextmanager
def shadow(place: Place, columns: str, session: Session | None = None) -> Iterator[Uncounted]:
    """A table that is made and made again as these columns tell."""
    name = TableName(place.schema, "orders_osc_new")
    place.app.run(f"CREATE OR REPLACE TABLE {name.name} {columns}")
    with closing(place.engine.connect("test")) as own:

        def grow(called: TableName) -> None:
            place.app.run(f"CREATE TABLE {called.name} {columns}")

        yield Uncounted(session or own, MySQLCatalog(own, place.database), name, grow)


def begun(place: Place, made: Uncounted) -> bool:
    found = place.engine.workshop.catalog.read(made.shadow)  # type: ignore[attr-defined]
    return made.begin(found)


def tables(place: Place) -> list[str]:
    return [name for (name,) in place.app.rows("SHOW TABLES")]


def test_it_is_filled_without_a_counter_and_goes_on_counting_after_its_last_row(
    place: Place,
) -> None:
    with shadow(place, COUNTS) as made:
        wanted = made.catalog.definition(made.shadow)
        assert begun(place, made)
        assert made.catalog.auto_increment(made.shadow) is None
        place.app.run("INSERT INTO orders_osc_new VALUES (1, 7), (9, 7)")
        made.give_back()
        assert made.catalog.definition(made.shadow) == wanted
    place.app.run("INSERT INTO orders_osc_new (a) VALUES (7)")
    assert place.app.rows("SELECT id FROM orders_osc_new") == [(1,), (9,), (10,)]
    assert tables(place) == ["orders_osc_new"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (COUNTS, True),
        (COUNTS.replace("a INT", "a TEXT, FULLTEXT KEY (a)"), False),
        (f"{COUNTS} PARTITION BY HASH (id) PARTITIONS 2", False),
        (f"{COUNTS} WITH SYSTEM VERSIONING", False),
        ("(id INT PRIMARY KEY, a INT)", False),
        ("(id INT AUTO_INCREMENT UNIQUE, a INT)", False),
    ],
    ids=["plain", "fulltext", "partitioned", "versioned", "not counting", "no primary key"],
)
def test_only_tables_of_the_plain_sort_are_filled_so(
    place: Place, columns: str, expected: bool
) -> None:
    with shadow(place, columns) as made:
        found = place.engine.workshop.catalog.read(made.shadow)  # type: ignore[attr-defined]
        sources = {column.name: column.name for column in found.columns}
        definition = made.catalog.definition(made.shadow)
        assert uncounted.is_worthwhile(found, found, definition, sources) is expected
        assert not uncounted.is_worthwhile(found, found, definition, {})


def test_where_the_server_takes_no_partition_it_counts_from_the_first_row_on(
    place: Place,
) -> None:
    with shadow(place, COUNTS.replace("a INT", "a INT UNIQUE")) as made:
        wanted = made.catalog.definition(made.shadow)
        assert not begun(place, made)
        assert made.catalog.definition(made.shadow) == wanted
    assert tables(place) == ["orders_osc_new"]


def test_whoever_dies_between_two_steps_leaves_every_row_and_the_next_one_finds_them(
    place: Place,
) -> None:
    """Before each statement, and after it without an answer. Nobody finds a shadow meanwhile that
    has not all rows: what were written into it would be lost."""
    deaths = 0
    for step in count():
        for unanswered in (False, True):
            with shadow(place, COUNTS) as made:
                assert begun(place, made)
                place.app.run("INSERT INTO orders_osc_new VALUES (1, 7), (2, 7), (3, 7)")
                fate = Fate(place.end, step, unanswered)
                doomed = place.engine.connect("doomed")
                try:
                    Uncounted(
                        Mortal(doomed, fate, doomed.id), made.catalog, made.shadow, made.grow
                    ).give_back()
                except ConnectionLost:
                    deaths += 1
                else:
                    assert len(fate.statements) == step
                finally:
                    doomed.close()
                if made.shadow.name in tables(place):
                    assert place.app.value("SELECT COUNT(*) FROM orders_osc_new") == 3
                place.engine.workshop.await_quiet(made.shadow)
                assert tables(place) == ["orders_osc_new"]
                made.give_back()
                assert tables(place) == ["orders_osc_new"]
                place.app.run("INSERT INTO orders_osc_new (a) VALUES (7)")
                assert place.app.value("SELECT GROUP_CONCAT(id) FROM orders_osc_new") == "1,2,3,4"
        if len(fate.statements) == step:
            break
    assert deaths == 2 * step >= 10


def test_a_run_that_is_given_up_leaves_none_of_the_tables(place: Place) -> None:
    with shadow(place, COUNTS) as made:
        assert begun(place, made)
        place.app.run(
            f"RENAME TABLE orders_osc_new TO {made._full.name}",
            f"CREATE TABLE {made._counting.name} {COUNTS}",
        )
        table = TableName(place.schema, "orders")
        assert set(place.engine.workshop.leftovers(table)) == {made._full, made._counting}
        place.engine.workshop.drop([made.shadow])
    assert tables(place) == []


def test_what_cannot_be_exchanged_any_more_is_copied(place: Place) -> None:
    with shadow(place, COUNTS) as made:
        assert begun(place, made)
        place.app.run(
            "INSERT INTO orders_osc_new VALUES (1, 7), (2, 7)",
            "ALTER TABLE orders_osc_new ROW_FORMAT = COMPACT",
        )
        made.give_back()
        assert "AUTO_INCREMENT" in made.catalog.definition(made.shadow)
        assert not uncounted.is_uncounted(made.catalog.definition(made.shadow))
    place.app.run("INSERT INTO orders_osc_new (a) VALUES (7)")
    assert place.app.value("SELECT GROUP_CONCAT(id) FROM orders_osc_new") == "1,2,3"
    assert tables(place) == ["orders_osc_new"]


@pytest.mark.parametrize(
    "clauses",
    ["MODIFY a BIGINT", "MODIFY a BIGINT, AUTO_INCREMENT = 500", "RENAME COLUMN id TO number"],
)
def test_a_migration_leaves_what_a_native_alter_leaves(
    place: Place, monkeypatch: pytest.MonkeyPatch, clauses: str
) -> None:
    begin, begun_so = Uncounted.begin, list[bool]()
    monkeypatch.setattr(Uncounted, "begin", lambda *given: begun_so.append(begin(*given)))
    for name in ("orders", "twin"):
        place.app.run(
            f"CREATE TABLE {name} (id INT AUTO_INCREMENT PRIMARY KEY, a INT, KEY (a))",
            f"INSERT INTO {name} (a) SELECT seq FROM seq_1_to_100",
            f"DELETE FROM {name} WHERE a = 100",
        )
    statement = f"ALTER TABLE orders {clauses}"
    request = Request(alter.parse(statement, mysql=True), None, statement, "test")
    migrate(place.engine, request, settings(force_copy=True), Tracker(), Controls())
    place.app.run(f"ALTER TABLE twin {clauses}")
    assert begun_so == [True]

    def left(table: str) -> list[tuple[object, ...]]:
        place.app.run(f"INSERT INTO {table} (a) VALUES (7)")
        made = place.app.rows(f"SHOW CREATE TABLE {table}")[0][1].replace(f"`{table}`", "t")
        return [(made,), *place.app.rows(f"SELECT * FROM {table} ORDER BY 1")]

    assert left("orders") == left("twin")


class Doomed:
    """A session that ends at one statement: before it, or when it is done."""

    def __init__(self, session: Session, end: Callable[[int], None], at: str, after: bool) -> None:
        self.session, self.id, self._end, self._at, self._after = (
            session,
            session.id,
            end,
            at,
            after,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def query(self, statement: Statement) -> list[tuple[Any, ...]]:
        is_it = re.search(self._at, statement.sql) is not None
        if is_it and self._after:
            self.session.query(statement)
        if is_it:
            self._end(self.id)
        return self.session.query(statement)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", ["EXCHANGE PARTITION", r"^RENAME TABLE \S+_osc_on_"])
def test_a_run_that_is_cut_off_while_it_completes_its_shadow_goes_on_and_loses_no_write(
    place: Place, at: str, after: bool
) -> None:
    place.app.run(
        "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL)",
        "INSERT INTO orders (a) SELECT 0 FROM seq_1_to_20",
    )
    workshop, doomed = cast(Any, place.engine.workshop), list[Session]()

    def connect(purpose: str) -> Session:
        session = place.engine.connect(purpose)
        if doomed:
            return session
        doomed.append(cast(Session, Doomed(session, place.end, at, after)))
        return doomed[-1]

    written, over, app = [0] * 20, threading.Event(), place.another_app()

    def write() -> None:
        while not over.is_set():
            for number in range(20):
                app.run(f"UPDATE orders SET a = a + 1 WHERE id = {number + 1}")
                written[number] += 1

    class AtTheEnd(MySQLLoad):
        """Only what completes the shadow is cut off."""

        def finish(self, purge: Callable[[], None], check: Callable[[], None]) -> None:
            load = MySQLLoad(self.job, place.engine.connect, self.catalog, self.workshop)
            load.finish(purge, check)

    engine = replace(
        place.engine, load=lambda job: AtTheEnd(job, connect, workshop.catalog, workshop)
    )
    statement = "ALTER TABLE orders MODIFY a BIGINT NOT NULL"
    request = Request(alter.parse(statement, mysql=True), None, statement, "test")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        migrate(engine, request, settings(force_copy=True), Tracker(), Controls())
    finally:
        over.set()
        writer.join()

    assert doomed
    assert [a for (a,) in place.app.rows("SELECT a FROM orders ORDER BY id")] == written
    assert not [name for name in tables(place) if name.startswith(("_osc_on_", "_osc_off_"))]

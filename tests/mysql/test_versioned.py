"""A system-versioned table of MariaDB is copied with its history."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from osc import errors
from osc.config import settings
from osc.engine import Engine, Job, Load, Session, Swapped, Swapper, Sync
from osc.migration import Request, migrate, resume
from osc.model import alter
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.mysql import retiring, versioned
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server("mariadb")

STATEMENT = "ALTER TABLE orders MODIFY v BIGINT, ADD KEY (v)"
HIDDEN = "CREATE TABLE orders (id INT PRIMARY KEY, v INT, w INT) WITH SYSTEM VERSIONING"
NAMED = (
    "CREATE TABLE orders (id INT PRIMARY KEY, v INT, "
    "row_start TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, w INT, "
    "row_end TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, UNIQUE (w, id), "
    "PERIOD FOR SYSTEM_TIME (row_start, row_end)) WITH SYSTEM VERSIONING"
)
BY_NUMBER = "PARTITION BY SYSTEM_TIME LIMIT 500 PARTITIONS 4"
BY_TIME = "PARTITION BY SYSTEM_TIME INTERVAL {} STARTS '2026-01-01 00:00:00'"
BY_YEAR = BY_TIME.format("1 YEAR")
PAST = f"{BY_TIME.format('1 SECOND')} PARTITIONS 3"
"""The server warns of that at each statement."""
TABLE = (
    "SET GLOBAL system_versioning_alter_history = KEEP",
    HIDDEN,
    "INSERT INTO orders (id, v, w) SELECT seq, seq, 0 FROM seq_1_to_3000",
    "UPDATE orders SET v = v + 1 WHERE id % 3 = 0",
    "DELETE FROM orders WHERE id % 10 = 0 OR id > 2900",
)
WRITES = (
    "UPDATE orders SET v = v + 1 WHERE id BETWEEN {n} AND {n} + 3",
    "DELETE FROM orders WHERE id = {n} + 5",
    "INSERT IGNORE INTO orders (id, v, w) VALUES ({n} + 5, 0, {n})",
    "UPDATE IGNORE orders SET id = id + 10000 WHERE id = {n} + 7",
)
VERSIONS = "SELECT id, v, w, row_start, row_end FROM {} FOR SYSTEM_TIME ALL ORDER BY id, row_end"


@dataclass(frozen=True)
class Quiet:
    """A swapper before which the applications fall silent."""

    swapper: Swapper
    silence: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.swapper, name)

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        self.silence()
        return self.swapper.swap(drain, budget_seconds)


@pytest.fixture
def orders(place: Place) -> Place:
    return made(place, HIDDEN)


def made(place: Place, table: str) -> Place:
    place.app.run(*(table if one is HIDDEN else one for one in TABLE))
    return place


def run(engine: Engine, sync: Sync = Sync.LOG, statement: str = STATEMENT, **more: Any) -> str:
    parsed = alter.parse(statement, mysql=True)
    request = Request(alter=parsed, sync=sync, statement=statement, by="test")
    wanted = settings(**{"force_copy": True, "reconnect_for": 0} | more)
    return migrate(engine, request, wanted, Tracker(), Controls()).archive


class Breaks:
    """A load whose line breaks."""

    def finish(self, purge: Callable[[], None], check: Callable[[], None]) -> None:
        raise errors.ConnectionLost("the server has gone away")


@pytest.mark.parametrize(
    ("sync", "table"),
    [
        (Sync.LOG, HIDDEN),
        (Sync.LOG, f"{NAMED} {BY_YEAR} PARTITIONS 9"),
        (Sync.TRIGGERS, f"{HIDDEN} {PAST}"),
    ],
    ids=["log", "named-and-by-year", "triggers-and-past-its-time"],
)
def test_every_version_of_every_row_is_as_an_alter_leaves_it(
    place: Place, sync: Sync, table: str
) -> None:
    """By another process, too: the first one has copied, and the second one finishes it."""
    orders = made(place, table)
    over, writer = threading.Event(), orders.another_app()

    def write() -> None:
        number = 0
        while not over.is_set():
            number = (number + 37) % 2900
            writer.run(*(one.format(n=number) for one in WRITES))

    writing = threading.Thread(target=write)

    def silence() -> None:
        over.set()
        writing.join()

    def swapper(job: Job) -> Swapper:
        return cast(Swapper, Quiet(orders.engine.swapper(job), silence))

    writing.start()
    try:
        with pytest.raises(errors.ConnectionLost):
            run(replace(orders.engine, load=lambda job: cast(Load, Breaks())), sync)
        engine = replace(orders.engine, swapper=swapper)
        report = resume(engine, None, settings(), Tracker(), Controls())
    finally:
        silence()

    assert report is not None
    found = state(orders, "orders")
    orders.app.run("SET SESSION system_versioning_alter_history = KEEP")
    orders.app.run(STATEMENT.replace("orders", report.archive))
    assert found == state(orders, report.archive.partition(".")[2])
    assert len(found[0]) > 4300


def state(orders: Place, table: str) -> tuple[list[tuple[Any, ...]], ...]:
    """All versions of all rows, how the partitions share them, and the definition."""
    parts = orders.app.rows(
        "SELECT partition_name FROM information_schema.partitions WHERE table_schema = DATABASE() "
        f"AND table_name = '{table}' AND partition_name IS NOT NULL"
    )
    counts = [
        (p, orders.app.value(f"SELECT COUNT(*) FROM {table} PARTITION ({p})")) for (p,) in parts
    ]
    shown = str(orders.app.rows(f"SHOW CREATE TABLE {table}")[0][1]).replace(table, "t")
    return orders.app.rows(VERSIONS.format(table)), counts, [(shown,)]


def test_a_drop_of_the_old_table_by_its_partitions(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retiring, "LARGE_BYTES", 1)
    orders = made(place, f"{HIDDEN} {BY_YEAR} PARTITIONS 9")

    run(orders.engine, drop_old_table=True)

    assert not orders.app.rows("SHOW TABLES LIKE '%old%'")


@pytest.mark.parametrize(
    ("table", "statement", "words"),
    [
        (f"{HIDDEN} {BY_YEAR} AUTO", STATEMENT, "makes a partition"),
        (HIDDEN, f"{STATEMENT} {BY_NUMBER}", "which partition they go to"),
        (NAMED.replace("TIMESTAMP(6)", "BIGINT UNSIGNED"), STATEMENT, "numbers of transactions"),
        (
            NAMED,
            f"{STATEMENT}, DROP COLUMN row_start, DROP COLUMN row_end, DROP PERIOD FOR SYSTEM_TIME",
            "begins it anew",
        ),
    ],
    ids=["auto", "by-number", "numbers", "begun-anew"],
)
def test_a_history_that_cannot_be_followed_is_refused(
    place: Place, table: str, statement: str, words: str
) -> None:
    orders = made(place, table)

    with pytest.raises(errors.Precondition, match=words):
        run(orders.engine, statement=statement)


def test_a_partition_is_added_where_the_last_one_is_past_its_time(place: Place) -> None:
    orders = made(place, f"{HIDDEN} {PAST}")

    run(
        orders.engine,
        statement="ALTER TABLE orders ADD PARTITION (PARTITION more HISTORY)",
        force_copy=False,
    )

    assert "`more` HISTORY" in orders.app.rows("SHOW CREATE TABLE orders")[0][1]


@pytest.mark.parametrize("kind", ["TIMESTAMP(6)", "BIGINT UNSIGNED"])
def test_what_ends_a_history_in_columns_of_its_own_is_copied(place: Place, kind: str) -> None:
    orders = made(place, NAMED.replace("TIMESTAMP(6)", kind))
    before = orders.app.rows("SELECT id, v, w FROM orders ORDER BY id")

    run(
        orders.engine,
        statement="ALTER TABLE orders DROP SYSTEM VERSIONING, DROP COLUMN row_start, "
        "DROP COLUMN row_end, DROP PERIOD FOR SYSTEM_TIME, MODIFY v BIGINT",
    )

    assert orders.app.rows("SELECT * FROM orders ORDER BY id") == before


def test_a_value_that_comes_twice_in_a_new_unique_column_is_told_as_lost_data(place: Place) -> None:
    """The server calls it error 1761 where a row is inserted with its times."""
    place.app.run(HIDDEN, "INSERT INTO orders (id) VALUES (1), (2)", "UPDATE orders SET v = 1")

    with pytest.raises(errors.DataWouldBeLost):
        run(place.engine, statement="ALTER TABLE orders ADD COLUMN code INT NOT NULL UNIQUE")


def test_history_that_is_deleted_meanwhile_is_deleted_from_the_new_table(orders: Place) -> None:
    half = orders.app.value("SELECT NOW(6)")
    orders.app.run("UPDATE orders SET v = v + 1 WHERE id % 5 = 0")
    load = orders.engine.load

    def forgetful(job: Job) -> Any:
        orders.app.run(f"DELETE HISTORY FROM orders BEFORE SYSTEM_TIME '{half}'")
        return load(job)

    archive = run(replace(orders.engine, load=forgetful))

    left = orders.app.rows(VERSIONS.format(archive))
    assert orders.app.rows(VERSIONS.format("orders")) == left
    assert len(left) > orders.app.value("SELECT COUNT(*) FROM orders")


def test_history_that_is_deleted_while_tables_are_compared_vetoes_until_it_is_resumed(
    orders: Place,
) -> None:
    load = orders.engine.load

    def forgetful(job: Job) -> Any:
        load(job).finish(lambda: None, lambda: None)
        orders.app.run("DELETE HISTORY FROM orders")
        return Done()

    with pytest.raises(errors.VerificationFailed) as told:
        run(replace(orders.engine, load=forgetful))

    assert told.value.kept
    report = resume(orders.engine, None, settings(), Tracker(), Controls())
    assert report is not None
    assert orders.app.rows(VERSIONS.format("orders")) == orders.app.rows(
        VERSIONS.format(report.archive)
    )


class Done:
    """A load that has been finished."""

    def finish(self, purge: Callable[[], None], check: Callable[[], None]) -> None:
        return


def test_rows_that_get_a_history_begin_it_at_one_moment(orders: Place) -> None:
    orders.app.run("ALTER TABLE orders DROP SYSTEM VERSIONING")
    orders.app.run("SET GLOBAL system_versioning_alter_history = ERROR")

    run(orders.engine, statement="ALTER TABLE orders ADD SYSTEM VERSIONING, ADD KEY (w)")

    began, versions = orders.app.rows(
        "SELECT COUNT(DISTINCT row_start), COUNT(*) FROM orders FOR SYSTEM_TIME ALL"
    )[0]
    assert (began, versions) == (1, orders.app.value("SELECT COUNT(*) FROM orders"))


def test_a_server_that_leaves_history_behind_is_refused(
    orders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versioned, "SETTINGS", versioned.TODAY)

    with pytest.raises(errors.Precondition, match="leaves history behind"):
        run(orders.engine)

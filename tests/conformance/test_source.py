"""A change source tells every key that changed, once it is visible, and nothing else (rule 2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from osc.engine import Sync
from osc.errors import TableChanged
from osc.model.change import KeyValue
from tests.conformance import key_types
from tests.conformance.key_types import Keyed
from tests.conformance.place import (
    SOON,
    Place,
    delivered,
    every_key,
    every_sync,
    keys,
    until,
)
from tests.conformance.sources import PLAIN, number, read_until, source_of
from tests.servers import every_server, names

KINDS = {
    "mysql": key_types.MYSQL + key_types.MYSQL_COMPOSITE,
    "mariadb": key_types.MARIADB + key_types.MYSQL_COMPOSITE,
    "postgres": key_types.POSTGRES + key_types.POSTGRES_COMPOSITE,
}
NEWEST = [name for name in names() if name not in ("postgres-15", "postgres-16")]


@every_sync
@pytest.mark.parametrize("server", NEWEST, indirect=True)
def test_the_key_of_a_delivery_is_the_key_of_the_row(place: Place, sync: Sync) -> None:
    """For every type that a key may have; inserted, updated, deleted; from any time zone."""
    assert differing(place, sync, KINDS[place.lease.engine]) == {}


def differing(place: Place, sync: Sync, kinds: Sequence[Keyed]) -> dict[str, object]:
    """The kinds of key for which what is selected and what is delivered are not the same."""
    place.engine.ledger.prepare()
    app, wrong = place.app, dict[str, object]()
    app.run(*ODD_SETTINGS[place.mysql])
    for at, kind in enumerate(kinds):
        table = f"t{at}"
        app.run(*filter(None, [kind.before]), kind.create.replace("orders", table, 1))
        job = place.reading(table)
        dialect = place.engine.dialect(job)
        with place.source(job, sync) as source, place.session("keys", dialect) as session:
            app.run(kind.insert.replace("orders", table, 1))
            rows, told = set(every_key(session, dialect)), [set(keys(source))]
            app.run(f"UPDATE {table} SET note = 99")
            told.append(set(keys(source)))
            app.run(f"DELETE FROM {table}")
            told.append(set(keys(source)))
        place.engine.workshop.sweep(job.original.name, execute=True)
        if told != [rows] * 3 or len(rows) != len(kind.rows):
            wrong[str(kind)] = rows, told
    return wrong


ODD_SETTINGS = {
    True: ("SET time_zone = '+05:30'", "SET sql_mode = ''"),
    False: (
        "SET timezone = 'Asia/Kolkata'",
        "SET datestyle = 'German'",
        "SET bytea_output = escape",
    ),
}


@every_sync
@every_server()
def test_every_way_to_change_a_row_is_told(place: Place, sync: Sync) -> None:
    app = place.app
    with source_of(place, sync) as source:

        def told(*statements: str) -> set[KeyValue]:
            app.run(*statements)
            return set(keys(source))

        assert told("INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')") == set(
            number(place, 1, 2, 3)
        )
        assert told("UPDATE orders SET note = 'x' WHERE id = 2") == set(number(place, 2))
        assert told("UPDATE orders SET id = 20 WHERE id = 2") == set(number(place, 2, 20))
        assert told("DELETE FROM orders WHERE id = 3") == set(number(place, 3))
        assert told(
            "BEGIN", "UPDATE orders SET note = NULL", "DELETE FROM orders", "COMMIT"
        ) == set(number(place, 1, 20))


@every_sync
@every_server()
def test_what_was_rolled_back_is_not_told(place: Place, sync: Sync) -> None:
    with source_of(place, sync) as source:
        place.app.run("BEGIN", "INSERT INTO orders VALUES (1, 'a')", "ROLLBACK")
        place.app.run("INSERT INTO orders VALUES (2, 'b')")

        assert keys(source) == number(place, 2)


@every_sync
@every_server()
def test_after_a_savepoint_what_was_kept_is_told(place: Place, sync: Sync) -> None:
    with source_of(place, sync) as source:
        place.app.run(
            "BEGIN",
            "INSERT INTO orders VALUES (1, 'a')",
            "SAVEPOINT s",
            "INSERT INTO orders VALUES (2, 'b')",
            "ROLLBACK TO SAVEPOINT s",
            "INSERT INTO orders VALUES (3, 'c')",
            "COMMIT",
        )

        assert set(number(place, 1, 3)) <= set(keys(source)) <= set(number(place, 1, 2, 3))


@every_sync
@every_server()
def test_a_bulk_insert_is_told_to_its_last_row(place: Place, sync: Sync) -> None:
    """More than one delivery takes."""
    digits = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4)"
    seven = ", ".join(f"{digits} t{n}" for n in range(7))
    total = " + ".join(f"{5**n} * t{n}.d" for n in range(7))
    with source_of(place, sync) as source:
        place.app.run(f"INSERT INTO orders SELECT {total}, 'x' FROM {seven}")

        found = delivered(source)

    told = [key for delivery in found for key in delivery.keys]
    assert len(told) == len(set(told)) == 5**7
    assert len(found) > 1


@every_sync
@every_server()
def test_changes_of_other_tables_are_not_told(place: Place, sync: Sync) -> None:
    place.app.run("CREATE TABLE orders_2 (id INT PRIMARY KEY, note VARCHAR(100))")
    with source_of(place, sync) as source:
        place.app.run("INSERT INTO orders_2 VALUES (1, 'a')")
        place.app.run(
            "BEGIN",
            "INSERT INTO orders_2 VALUES (2, 'a')",
            "INSERT INTO orders VALUES (7, 'a')",
            "COMMIT",
        )

        assert keys(source) == number(place, 7)


@every_sync
@every_server()
def test_the_shadows_own_rows_are_not_told(place: Place, sync: Sync) -> None:
    job = place.job(PLAIN)
    place.app.run("INSERT INTO orders VALUES (1, 'a')")
    with place.source(job, sync) as source:
        place.copy(job)

        assert keys(source) == []


@every_sync
@every_server()
def test_a_mark_passes_though_nothing_changes(place: Place, sync: Sync) -> None:
    with source_of(place, sync) as source:
        assert keys(source) == []
        assert keys(source) == []


@every_sync
@every_server()
def test_marks_grow_and_any_thread_may_set_them(place: Place, sync: Sync) -> None:
    marks: list[int] = []
    with source_of(place, sync) as source:
        threads = [threading.Thread(target=lambda: marks.append(source.mark())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        last = delivered(source)[-1].barrier
    assert last is not None
    assert len(set(marks)) == 8
    assert last > max(marks)


@every_sync
@every_server()
def test_a_barrier_comes_by_itself_after_a_change(place: Place, sync: Sync) -> None:
    """The follower only reads; nobody else may set a mark for a long time."""
    with source_of(place, sync) as source:
        place.app.run("INSERT INTO orders VALUES (1, 'a')")

        found = read_until(source, lambda all_: any(one.keys for one in all_))
        if not found[-1].barrier:
            found += read_until(source, lambda all_: any(one.barrier for one in all_))

    assert found[-1].barrier


@every_sync
@every_server()
def test_reading_does_not_wait_longer_than_it_may(place: Place, sync: Sync) -> None:
    with source_of(place, sync) as source:
        delivered(source)
        started = time.monotonic()
        while source.read(0.0):
            pass

        assert time.monotonic() - started < SOON


@every_sync
@every_server()
def test_the_source_can_be_opened_before_the_first_row_and_misses_nothing_after(
    place: Place,
    sync: Sync,
) -> None:
    """Writers never stop; whoever committed after `mark` returned once is told."""
    stop = threading.Event()
    wrote: list[int] = []
    writer_app = place.another_app()

    def write() -> None:
        while not stop.is_set():
            writer_app.run(f"INSERT INTO orders VALUES ({len(wrote)}, 'x')")
            wrote.append(len(wrote))

    job = place.job(PLAIN)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with place.source(job, sync) as source:
            seen: set[KeyValue] = set()
            delivered(source)
            first = len(wrote) + 1
            until(lambda: len(wrote) > first + 50)
            stop.set()
            writer.join()
            seen |= set(keys(source))
            missing = set(number(place, *range(first, len(wrote)))) - seen
    finally:
        stop.set()
        writer.join()
    # `delivered` above may have taken some of them in already: then they came before `first`.
    assert missing == set()


@every_sync
@every_server()
@pytest.mark.parametrize("statement", ["TRUNCATE TABLE orders"])
def test_a_truncate_is_never_skipped(place: Place, sync: Sync, statement: str) -> None:
    with source_of(place, sync) as source:
        place.app.run("INSERT INTO orders VALUES (1, 'a')", statement)

        with pytest.raises(TableChanged):
            delivered(source)
        with pytest.raises(TableChanged):
            source.read(0.0)


@every_sync
@every_server("mysql", "mariadb")
def test_an_alter_is_never_skipped(place: Place, sync: Sync) -> None:
    with source_of(place, sync) as source:
        place.app.run("ALTER TABLE orders ADD COLUMN other INT")

        with pytest.raises(TableChanged):
            delivered(source)


@every_server("mysql", "mariadb")
def test_a_session_that_logs_statements_is_never_skipped(place: Place) -> None:
    with source_of(place) as source:
        place.app.run(
            "SET SESSION binlog_format = 'STATEMENT'", "INSERT INTO orders VALUES (1, 'a')"
        )

        with pytest.raises(TableChanged, match="STATEMENT"):
            delivered(source)


@every_sync
@every_server("mysql", "mariadb")
def test_a_session_with_another_row_image_is_understood(place: Place, sync: Sync) -> None:
    with source_of(place, sync) as source:
        place.app.run(
            "SET SESSION binlog_row_image = 'MINIMAL'",
            "INSERT INTO orders (id) VALUES (1)",
            "UPDATE orders SET note = 'x' WHERE id = 1",
            "UPDATE orders SET id = 2 WHERE id = 1",
            "DELETE FROM orders WHERE id = 2",
        )

        assert keys(source) == number(place, 1, 2)

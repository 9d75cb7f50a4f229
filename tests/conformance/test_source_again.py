"""A change source that is opened again at a position it gave tells all that came after it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from osc.engine import ChangeSource, Job, Sync
from osc.model.change import Delivery, Position
from tests.conformance.place import App, Place, delivered, keys
from tests.conformance.sources import PLAIN, number
from tests.servers import every_server


@contextmanager
def again(
    place: Place, job: Job, position: Position, generation: int = 2
) -> Iterator[ChangeSource]:
    """As a later process of the same migration opens it."""
    later = replace(job, generation=generation)
    source = place.engine.sources[Sync.LOG](later, position)
    try:
        yield source
    finally:
        source.close()


@every_server()
def test_what_came_while_nobody_listened_is_told(place: Place) -> None:
    job = place.job(PLAIN)
    with place.source(job) as source:
        place.app.run("INSERT INTO orders VALUES (1, 'a')")
        last = delivered(source)[-1].position
    place.app.run("INSERT INTO orders VALUES (2, 'b')")

    with again(place, job, last) as source:
        found = keys(source)

    assert found == number(place, 2)


@every_server()
def test_a_source_may_be_opened_again_where_it_was_opened(place: Place) -> None:
    job = place.job(PLAIN)
    with place.source(job) as source:
        first = source.position
        place.app.run("INSERT INTO orders VALUES (1, 'a')")
        delivered(source)

    with again(place, job, first) as source:
        assert source.position == first
        assert set(keys(source)) == set(number(place, 1))


@every_server()
def test_the_marks_of_a_dead_process_are_not_taken_for_our_own(place: Place) -> None:
    """They stand in the log that is read again: mark 1 of the first process comes before key 2, and
    key 2 would be missing behind a barrier 1."""
    job = place.job(PLAIN)
    with place.source(job) as source:
        first = source.position
        source.mark()
        source.mark()
        place.app.run("INSERT INTO orders VALUES (2, 'b')")

    with again(place, job, first) as source:
        assert set(keys(source)) == set(number(place, 2))


@every_server()
def test_in_the_middle_of_a_huge_transaction_all_of_it_is_told_again(place: Place) -> None:
    job = place.job(PLAIN)
    unlimited(place.app, place)
    with place.source(job) as source:
        place.app.run(bulk(place, 60_000))
        found = delivered(source)
    middle = next(at for at, one in enumerate(found) if one.keys)
    undelivered = {key for one in found[middle + 1 :] for key in one.keys}

    with again(place, job, found[middle].position) as source:
        assert undelivered <= set(keys(source))
    assert len(undelivered) > 10_000


def bulk(place: Place, rows: int) -> str:
    if not place.mysql:
        return f"INSERT INTO orders SELECT n, 'x' FROM generate_series(1, {rows}) AS n"
    return (
        "INSERT INTO orders WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r "
        f"WHERE n < {rows}) SELECT {LIMITS[place.lease.engine]} n, 'x' FROM r"
    )


LIMITS = {"mysql": "/*+ SET_VAR(cte_max_recursion_depth = 1000000) */", "mariadb": ""}


def unlimited(app: App, place: Place) -> None:
    if place.lease.engine == "mariadb":
        app.run("SET SESSION max_recursive_iterations = 1000000")


@every_server()
def test_every_position_tells_all_that_comes_after_it(place: Place) -> None:
    """Compressed, prepared, in another file: wherever a process dies, the next one misses none."""
    job = place.job(PLAIN)
    with place.source(job) as source:
        found: list[Delivery] = [Delivery((), None, source.position)]
        flushing = place.another_app()  # not in the session of a prepared transaction
        for statements in story(place):
            for statement in statements:
                (flushing if "FLUSH" in statement else place.app).run(statement)
            found += delivered(source)

    for at, delivery in enumerate(found):
        later = {key for one in found[at + 1 :] for key in one.keys}
        with again(place, job, delivery.position, generation=at + 2) as source:
            assert later <= set(keys(source)), f"opened again at {delivery.position}"


def story(place: Place) -> Iterator[list[str]]:
    insert = "INSERT INTO orders VALUES ({}, 'x')".format
    yield [insert(1)]
    yield ["BEGIN", insert(2), "UPDATE orders SET note = 'y' WHERE id = 1", "COMMIT"]
    yield ["CREATE TABLE other (id INT PRIMARY KEY)", "INSERT INTO other VALUES (1)"]
    if place.mysql:
        yield ["XA START 'a'", insert(3), "XA END 'a'", "XA PREPARE 'a'"]
        yield ["XA COMMIT 'a'"]
        yield ["XA START 'b'", insert(4), "XA END 'b'", "XA PREPARE 'b'"]
        yield ["XA ROLLBACK 'b'", "FLUSH BINARY LOGS"]
        yield ["XA START 'c'", "INSERT INTO other VALUES (2)", "XA END 'c'", "XA PREPARE 'c'"]
        yield ["FLUSH BINARY LOGS", "XA COMMIT 'c'", insert(5)]
    else:
        yield ["BEGIN", insert(3), "PREPARE TRANSACTION 'a'"]
        yield ["COMMIT PREPARED 'a'"]
        yield ["SELECT pg_switch_wal()", "CHECKPOINT", insert(5)]
    if place.lease.engine == "mysql":
        yield ["SET SESSION binlog_transaction_compression = ON", insert(6), insert(7)]
        yield ["DELETE FROM orders WHERE id = 6"]
    yield ["DELETE FROM orders WHERE id < 3"]


@every_server("mysql", "mariadb")
def test_a_transaction_that_is_prepared_when_the_process_dies_is_told_at_its_commit(
    place: Place,
) -> None:
    """Its PREPARE lies files before its COMMIT, and before everything that was delivered."""
    job, app = place.job(PLAIN), place.another_app()
    with place.source(job) as source:
        app.run("XA START 'x'", "INSERT INTO orders VALUES (1, 'a')", "XA END 'x'")
        app.run("XA PREPARE 'x'")
        app.close()
        place.app.run("INSERT INTO orders VALUES (2, 'b')", "FLUSH BINARY LOGS")
        place.app.run("INSERT INTO orders VALUES (3, 'c')")
        last = delivered(source)[-1].position

    place.app.run("XA COMMIT 'x'")
    with again(place, job, last) as source:
        assert (1,) in keys(source)


@every_server("postgres")
def test_a_transaction_that_is_prepared_when_the_process_dies_is_told_by_the_slot(
    place: Place,
) -> None:
    job = place.job(PLAIN)
    with place.source(job) as source:
        place.app.run("BEGIN", "INSERT INTO orders VALUES (1, 'a')", "PREPARE TRANSACTION 'x'")
        place.app.run("INSERT INTO orders VALUES (2, 'b')")
        last = delivered(source)[-1].position

    place.app.run("COMMIT PREPARED 'x'")
    with again(place, job, last) as source:
        assert keys(source) == number(place, 1)


@every_server()
def test_a_source_of_a_process_that_is_still_there_does_not_keep_us_out(place: Place) -> None:
    """On PostgreSQL a slot has one reader: the older process loses it."""
    job = place.job(PLAIN)
    with place.source(job) as older:
        place.app.run("INSERT INTO orders VALUES (1, 'a')")

        with again(place, job, older.position) as source:
            assert set(keys(source)) == set(number(place, 1))


@pytest.mark.parametrize("size", [200_000])
@every_server()
def test_a_huge_transaction_takes_little_memory(place: Place, size: int) -> None:
    """The keys of one delivery, and of those that wait for `read`; not all of them."""
    job = place.job(PLAIN)
    unlimited(place.app, place)
    with place.source(job) as source:
        place.app.run(bulk(place, size))
        tracemalloc.start()
        try:
            told, mark = 0, source.mark()
            while True:
                delivery = source.read(1.0)
                if delivery is not None:
                    told += len(delivery.keys)
                    if (delivery.barrier or 0) >= mark:
                        break
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert told == size
    assert peak < 100 * 2**20

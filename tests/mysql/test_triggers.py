"""The changelog and its triggers: read without a gap, made and removed without a wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from osc import errors
from osc.engine import Job, Session, Statement, Sync
from osc.model.change import KeyValue, Position
from osc.model.table import TableName
from osc.mysql import changelog, locking, naming
from osc.mysql.triggers import TriggerSource
from tests.conformance.place import SOON, App, Place, delivered, keys, until
from tests.servers import every_server

pytestmark = every_server("mysql", "mariadb")

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))"


def open_source(place: Place, job: Job, start: Position | None = None) -> TriggerSource:
    source = place.open_source(job, Sync.TRIGGERS, start)
    assert isinstance(source, TriggerSource)
    return source


def triggers(place: Place) -> list[str]:
    return [str(row[0]) for row in place.app.rows("SHOW TRIGGERS")]


def logs(place: Place) -> list[str]:
    return [str(row[0]) for row in place.app.rows(r"SHOW TABLES LIKE '\_osc\_log\_%'")]


# Nothing is passed over.


def test_a_row_with_a_low_number_that_commits_late_is_told(place: Place) -> None:
    job = place.job(PLAIN)
    with place.source(job, Sync.TRIGGERS) as source:
        slow = place.another_app()
        slow.run("BEGIN", "INSERT INTO orders VALUES (1, 'first')")
        place.app.run("INSERT INTO orders VALUES (2, 'second')")
        before = keys(source)
        slow.run("COMMIT")

        assert before == [(2,)]
        assert keys(source) == [(1,)]


def test_what_commits_late_is_told_unasked_after_a_while(place: Place) -> None:
    with place.source(place.job(PLAIN), Sync.TRIGGERS) as source:
        slow = place.another_app()
        slow.run("BEGIN", "INSERT INTO orders VALUES (1, 'first')")
        place.app.run("INSERT INTO orders VALUES (2, 'second')")
        keys(source)
        slow.run("COMMIT")

        found: set[KeyValue] = set()
        deadline = time.monotonic() + SOON
        while not found and time.monotonic() < deadline:
            if delivery := source.read(0.1):
                found |= set(delivery.keys)
        assert found == {(1,)}


def test_writers_that_commit_in_any_order_are_told_to_the_last_key(place: Place) -> None:
    """Long and short transactions, while we poll and look as fast as we can."""
    stop = threading.Event()
    wrote: list[list[int]] = [[] for _ in range(4)]

    def write(app: App, mine: list[int], offset: int) -> None:
        while not stop.is_set():
            some = [offset + len(mine) + n for n in range(1 + offset // 1_000_000)]
            app.run("BEGIN", *(f"INSERT INTO orders VALUES ({one}, 'x')" for one in some))
            app.run("COMMIT")
            mine.extend(some)

    with place.source(place.job(PLAIN), Sync.TRIGGERS) as source:
        crew = [
            threading.Thread(target=write, args=(place.another_app(), wrote[n], n * 1_000_000))
            for n in range(4)
        ]
        for writer in crew:
            writer.start()
        told: set[KeyValue] = set()
        until_at = time.monotonic() + 2.0
        while time.monotonic() < until_at:
            found = delivered(source)
            told |= {key for one in found for key in one.keys}
            source.confirm(found[-1].position)
        stop.set()
        for writer in crew:
            writer.join()
        told |= set(keys(source))

    assert told == {(number,) for mine in wrote for number in mine}
    assert len(told) > 100


def test_what_is_confirmed_is_deleted_and_nothing_else(place: Place) -> None:
    with place.source(place.job(PLAIN), Sync.TRIGGERS) as source:
        slow = place.another_app()
        slow.run("BEGIN", "INSERT INTO orders VALUES (1, 'x')")
        place.app.run("INSERT INTO orders VALUES (2, 'x')")
        first = delivered(source)[-1].position
        place.app.run("INSERT INTO orders VALUES (3, 'x')")
        delivered(source)
        slow.run("COMMIT")
        source.confirm(first)

        left = place.app.rows(f"SELECT k0 FROM {logs(place)[0]} ORDER BY k0")
        assert left == [(1,), (3,)]
        assert keys(source) == [(1,)]


def test_what_is_confirmed_goes_at_once_though_others_are_still_in_their_transactions(
    place: Place,
) -> None:
    """The servers read all of a small table for a list of its keys, and wait for each such row."""
    with place.source(place.job(PLAIN), Sync.TRIGGERS) as source:
        slow = place.another_app()
        slow.run("BEGIN", "INSERT INTO orders VALUES (100, 'x')")
        place.app.run(*(f"INSERT INTO orders VALUES ({number}, 'x')" for number in range(20)))
        slow.run("INSERT INTO orders VALUES (101, 'x')")
        done = delivered(source)[-1].position
        wait = Statement("SET innodb_lock_wait_timeout = 1")
        source._own.execute(wait)  # type: ignore[attr-defined]
        source.confirm(done)

        assert place.app.rows(f"SELECT k0 FROM {logs(place)[0]}") == []
        slow.run("COMMIT")
        assert set(keys(source)) == {(100,), (101,)}


def test_a_lock_on_the_changelog_delays_and_loses_nothing(place: Place) -> None:
    with place.source(place.job(PLAIN), Sync.TRIGGERS) as source:
        place.app.run("INSERT INTO orders VALUES (1, 'x')")
        source._own.execute(Statement("SET lock_wait_timeout = 1"))  # type: ignore[attr-defined]
        place.app.run(f"LOCK TABLES {logs(place)[0]} WRITE")
        source.mark()
        while_locked = source.read(0.0)
        place.app.run("UNLOCK TABLES")

        assert while_locked is None
        assert keys(source) == [(1,)]


def test_a_killed_session_is_an_error_that_stays(place: Place) -> None:
    with place.source(place.job(PLAIN), Sync.TRIGGERS) as source:
        place.end(source._own.id)  # type: ignore[attr-defined]

        with pytest.raises(errors.ConnectionLost):
            delivered(source)
        with pytest.raises(errors.ConnectionLost):
            source.read(0.0)


# Opened again.


def test_a_source_that_is_opened_again_tells_what_was_not_confirmed_and_what_came(
    place: Place,
) -> None:
    job = place.job(PLAIN)
    first = open_source(place, job)
    place.app.run("INSERT INTO orders VALUES (1, 'x')")
    done = delivered(first)[-1].position
    place.app.run("INSERT INTO orders VALUES (2, 'x')")
    delivered(first)
    first.confirm(done)
    first.close()
    place.app.run("INSERT INTO orders VALUES (3, 'x')")

    with open_again(place, job, done) as second:
        assert second.position == done
        assert keys(second) == [(2,), (3,)]


@contextmanager
def open_again(place: Place, job: Job, start: Position) -> Iterator[TriggerSource]:
    source = open_source(place, job, start)
    try:
        yield source
    finally:
        source.close()
        place.engine.workshop.sweep(job.original.name, execute=True)


def test_a_position_of_an_earlier_life_confirms_nothing_of_this_one(place: Place) -> None:
    job = place.job(PLAIN)
    first = open_source(place, job)
    place.app.run("INSERT INTO orders VALUES (1, 'x')")
    old = delivered(first)[-1].position
    first.close()

    with open_again(place, job, old) as second:
        place.app.run("INSERT INTO orders VALUES (2, 'x')")
        delivered(second)
        second.confirm(old)

        assert place.app.value(f"SELECT COUNT(*) FROM {logs(place)[0]}") == 2


@pytest.mark.parametrize("lost", ["ins", "upd", "del", "log", "another body", "made anew"])
def test_a_source_whose_triggers_are_not_what_they_were_is_not_opened_again(
    place: Place, lost: str
) -> None:
    job = place.job(PLAIN)
    first = open_source(place, job)
    first.close()
    _lose(place, job, lost)

    with pytest.raises(errors.PositionGone, match=_named(lost)):
        open_source(place, job, first.position)
    place.engine.workshop.sweep(job.original.name, execute=True)


@pytest.mark.parametrize("lost", ["ins", "upd", "del", "log", "another body", "made anew"])
def test_triggers_that_are_lost_meanwhile_let_no_mark_pass(place: Place, lost: str) -> None:
    job = place.job(PLAIN)
    with place.source(job, Sync.TRIGGERS) as source:
        delivered(source)
        _lose(place, job, lost)

        with pytest.raises(errors.PositionGone, match=_named(lost)):
            delivered(source)


def _lose(place: Place, job: Job, what: str) -> None:
    log = changelog.of(job, place.database)
    if what == "log":
        place.app.run(f"DROP TABLE {log.name.name}")
        return
    name = naming.trigger(
        job.original.name, job.id, {"upd": "UPDATE", "del": "DELETE"}.get(what, "INSERT")
    )
    later = "SELECT NOW(2) > MAX(created) FROM information_schema.triggers WHERE trigger_name = "
    until(lambda: place.app.value(f"{later}'{name}'"))  # The servers tell hundredths of a second.
    place.app.run(f"DROP TRIGGER {name}")
    if what == "another body":
        place.app.run(f"CREATE TRIGGER {name} AFTER INSERT ON orders FOR EACH ROW SET @a = 1")
    if what == "made anew":
        place.app.run("SET sql_mode = 'ALLOW_INVALID_DATES'", log.trigger(name).sql)


def _named(lost: str) -> str:
    return {"log": "table .*_osc_log", "upd": "_upd", "del": "_del"}.get(lost, "_ins|others")


# Made, or not at all.


def test_a_transaction_that_stays_open_costs_the_budget_and_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "ATTEMPTS", 2)
    job = replace(place.job(PLAIN), lock_budget_seconds=0.2)
    reader, writer = place.another_app(), place.another_app()
    reader.run("BEGIN")
    reader.rows("SELECT * FROM orders")
    slowest, stop = [0.0], threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            started = time.monotonic()
            writer.run(f"INSERT INTO orders VALUES ({number}, 'x')")
            slowest[0] = max(slowest[0], time.monotonic() - started)

    thread = threading.Thread(target=write)
    thread.start()
    with pytest.raises(errors.CutOverNotObtained, match=f"connection {reader.id} "):
        open_source(place, job)
    stop.set()
    thread.join()

    assert slowest[0] < 0.9
    assert (triggers(place), logs(place)) == ([], [])


def test_triggers_are_made_as_soon_as_nobody_is_in_the_way(place: Place) -> None:
    job = place.job(PLAIN)
    reader = place.another_app()
    reader.run("BEGIN")
    reader.rows("SELECT * FROM orders")
    opened: list[TriggerSource] = []
    opening = threading.Thread(target=lambda: opened.append(open_source(place, job)))
    opening.start()
    until(lambda: place.app.rows(
        "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'LOCK TABLES%'"
    ))  # fmt: skip
    reader.run("COMMIT")
    opening.join()

    assert len(triggers(place)) == 3
    opened[0].close()
    place.engine.workshop.sweep(job.original.name, execute=True)


@pytest.mark.parametrize("event", ["INSERT", "UPDATE", "DELETE"])
def test_when_one_trigger_cannot_be_made_none_stays(place: Place, event: str) -> None:
    job = place.job(PLAIN)
    place.app.run(
        "CREATE TABLE other (id INT)",
        f"CREATE TRIGGER {naming.trigger(job.original.name, job.id, event)} AFTER INSERT ON other "
        "FOR EACH ROW SET @a = 1",
    )

    with pytest.raises(errors.BadStatement, match="already exists"):
        open_source(place, job)

    assert len(triggers(place)) == 1
    assert logs(place) == []
    place.app.run("INSERT INTO orders VALUES (1, 'x')", "DROP TABLE other")


# Removed, and only ours.


def test_a_sweep_names_first_and_removes_then(place: Place) -> None:
    job = place.job(PLAIN)
    open_source(place, job).close()
    workshop = place.engine.workshop

    found = workshop.sweep(job.original.name, execute=False)

    assert len(found) == 4
    assert (len(triggers(place)), len(logs(place))) == (3, 1)
    assert workshop.sweep(job.original.name, execute=True) == found
    assert workshop.sweep(job.original.name, execute=True) == []
    assert (triggers(place), logs(place)) == ([], [])


def test_a_sweep_leaves_what_others_have_made(place: Place) -> None:
    job = place.job(PLAIN)
    open_source(place, job).close()
    place.app.run(
        "CREATE TABLE orders_2 LIKE orders",
        "CREATE TRIGGER theirs AFTER INSERT ON orders FOR EACH ROW SET @a = 1",
        "CREATE TABLE _osc_log_999 (id INT)",
    )
    neighbour = replace(place.reading("orders_2"), id=77)
    open_source(place, neighbour).close()

    place.engine.workshop.sweep(job.original.name, execute=True)

    assert len(triggers(place)) == 4
    assert set(logs(place)) == {"_osc_log_77", "_osc_log_999"}
    place.app.run("INSERT INTO orders VALUES (1, 'x')", "INSERT INTO orders_2 VALUES (1, 'x')")


def test_a_sweep_finds_the_triggers_on_an_archive_and_a_changelog_without_them(
    place: Place,
) -> None:
    job = place.job(PLAIN)
    open_source(place, job).close()
    place.app.run(
        f"RENAME TABLE orders TO {job.names.archive.name}",
        f"CREATE TABLE orders LIKE {job.shadow.name.name}",
    )
    archived = place.engine.workshop.sweep(job.original.name, execute=False)
    for name in triggers(place):
        place.app.run(f"DROP TRIGGER {name}")

    alone = place.engine.workshop.sweep(job.original.name, execute=True)

    assert len(archived) == 4
    assert job.names.archive.name in archived[0]
    assert alone == [f"table {place.database}.{changelog.of(job, place.database).name.name}"]
    assert logs(place) == []


def test_a_sweep_lets_no_statement_of_an_application_fail(place: Place) -> None:
    job = place.job(PLAIN)
    failed: list[Exception] = []
    stop = threading.Event()
    app = place.another_app()

    def write() -> None:
        try:
            number = 0
            while not stop.is_set():
                number += 1
                app.run(f"REPLACE INTO orders VALUES ({number % 50}, 'x')")
        except Exception as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(10):
        open_source(place, job).close()
        place.engine.workshop.sweep(job.original.name, execute=True)
    stop.set()
    writer.join()

    assert failed == []
    assert (triggers(place), logs(place)) == ([], [])


# Under the lock of the cut-over.


def test_the_changelog_is_read_through_the_session_that_holds_the_lock(place: Place) -> None:
    job = place.job(PLAIN)
    with place.source(job, Sync.TRIGGERS) as source:
        place.app.run("INSERT INTO orders VALUES (1, 'x')")
        told: list[KeyValue] = []
        place.engine.swapper(job).swap(lambda session: told.extend(keys(source)), 2.0)

        assert told == [(1,)]


def test_swaps_under_writers_with_triggers_in_place_bury_no_row(place: Place) -> None:
    """The drain acts on what the changelog says: a key that it misses is missing in the table."""
    app_numbers = iter(range(1_000_000))
    stop, failed, wrote = threading.Event(), list[Exception](), list[int]()
    apps = [place.another_app() for _ in range(3)]
    job = place.job(PLAIN, "FORCE")

    def write(app: App) -> None:
        try:
            while not stop.is_set():
                number = next(app_numbers)
                app.run(f"INSERT INTO orders VALUES ({number}, 'x')")
                wrote.append(number)
        except Exception as error:
            failed.append(error)

    with place.source(job, Sync.TRIGGERS) as source:
        writers = [threading.Thread(target=write, args=(app,)) for app in apps]
        for writer in writers:
            writer.start()
        dialect, pending = place.engine.dialect(job), set[KeyValue]()
        until(lambda: len(wrote) > 200)

        def drain(session: Session) -> None:
            pending.update(keys(source))
            session.execute(dialect.insert_keys(sorted(pending)))

        deadline = time.monotonic() + SOON
        while True:
            try:
                place.engine.swapper(job).swap(drain, 1.0)
                break
            except (errors.LockTimeout, errors.Conflict):
                assert time.monotonic() < deadline
        swapped_at = len(wrote)
        until(lambda: len(wrote) > swapped_at + 50)
        stop.set()
        for writer in writers:
            writer.join()

    assert failed == []
    assert {row[0] for row in place.app.rows("SELECT id FROM orders")} == set(wrote)


def test_an_archive_in_another_database_gets_there_without_its_triggers(place: Place) -> None:
    """Where the server takes a RENAME under the lock; elsewhere names stand beside each other."""
    if place.engine.name == "mariadb":
        pytest.skip("an archive stands beside the new table here")
    job = place.job(PLAIN)
    elsewhere = f"{place.database}_elsewhere"
    place.app.run(f"CREATE DATABASE {elsewhere}")
    job = replace(job, names=replace(job.names, archive=TableName(elsewhere, "orders")))
    try:
        with place.source(job, Sync.TRIGGERS):
            place.engine.swapper(job).swap(lambda session: None, 2.0)

            assert place.app.rows(f"SELECT * FROM {elsewhere}.orders") == []
            assert triggers(place) == []
    finally:
        place.app.run(f"DROP DATABASE {elsewhere}")

"""A change source tells every key that changed, once it is visible, and nothing else (rule 2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from osc.engine import ChangeSource, Sync
from osc.errors import OscError, TableChanged
from osc.model.change import Delivery, KeyValue
from tests.conformance import key_types
from tests.conformance.key_types import Keyed
from tests.conformance.place import (
    SOON,
    App,
    Place,
    delivered,
    every_key,
    every_sync,
    keys,
    until,
)
from tests.servers import every_server, names

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100))"
KINDS = {
    "mysql": key_types.MYSQL + key_types.MYSQL_COMPOSITE,
    "mariadb": key_types.MARIADB + key_types.MYSQL_COMPOSITE,
    "postgres": key_types.POSTGRES + key_types.POSTGRES_COMPOSITE,
}

NEWEST = [name for name in names() if name not in ("postgres-15", "postgres-16")]


def number(place: Place, *ids: int) -> list[KeyValue]:
    """Keys of `orders`, as this engine writes them."""
    return [(one,) if place.mysql else (str(one),) for one in ids]


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


@contextmanager
def source_of(place: Place, sync: Sync = Sync.LOG) -> Iterator[ChangeSource]:
    with place.source(place.job(PLAIN), sync) as source:
        yield source


def read_until(source: ChangeSource, enough: Callable[[list[Delivery]], bool]) -> list[Delivery]:
    found: list[Delivery] = []
    deadline = time.monotonic() + SOON
    while not enough(found):
        assert time.monotonic() < deadline, f"only {found}"
        if delivery := source.read(0.1):
            found.append(delivery)
    return found


# Somebody else alters the table.


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


@every_sync
@every_server("mysql", "mariadb")
def test_a_prepared_transaction_is_told_when_it_is_committed(place: Place, sync: Sync) -> None:
    with source_of(place, sync) as source:
        app = place.another_app()
        app.run(
            "XA START 'x'", "INSERT INTO orders VALUES (1, 'a')", "XA END 'x'", "XA PREPARE 'x'"
        )
        app.close()
        before = keys(source)
        place.app.run("XA COMMIT 'x'")

        assert before == []
        assert keys(source) == number(place, 1)


@every_sync
@every_server("postgres")
def test_a_prepared_transaction_of_postgres_is_told_when_it_is_committed(
    place: Place, sync: Sync
) -> None:
    if place.app.value("SHOW max_prepared_transactions") == "0":
        pytest.skip("this server has no prepared transactions")
    with source_of(place, sync) as source:
        place.app.run("BEGIN", "INSERT INTO orders VALUES (1, 'a')", "PREPARE TRANSACTION 'x'")
        before = keys(source)
        place.app.run("COMMIT PREPARED 'x'")

        assert before == []
        assert keys(source) == number(place, 1)


# A commit that is in the log and not yet visible.


@every_server("postgres")
def test_a_commit_that_waits_for_a_standby_gets_no_barrier_before_it_is_visible(
    place: Place,
) -> None:
    """The commit record is in the stream long before the row can be seen."""
    admin, app = place.another_app(), place.another_app()
    with source_of(place) as source, an_absent_standby(admin):
        waiting = threading.Thread(
            target=lambda: app.run(
                "SET synchronous_commit = on", "INSERT INTO orders VALUES (1, 'a')"
            )
        )
        waiting.start()
        try:
            until(
                lambda: admin.rows(
                    f"SELECT 1 FROM pg_stat_activity WHERE pid = {app.id} "
                    "AND wait_event = 'SyncRep'"
                )
            )
            mark = source.mark()
            while_invisible = [one for one in (source.read(0.1) for _ in range(10)) if one]
            visible = admin.rows("SELECT * FROM orders")
        finally:
            admin.run(f"SELECT pg_cancel_backend({app.id})")
            waiting.join()
        after = read_until(source, lambda all_: any((one.barrier or 0) >= mark for one in all_))

    assert visible == []
    assert [one.barrier for one in while_invisible if one.keys] in ([], [None])
    assert all((one.barrier or 0) < mark for one in while_invisible)
    assert {key for one in [*while_invisible, *after] for key in one.keys} == {("1",)}


@contextmanager
def an_absent_standby(admin: App) -> Iterator[None]:
    admin.run("ALTER SYSTEM SET synchronous_standby_names = 'absent'", "SELECT pg_reload_conf()")
    try:
        until(lambda: admin.value("SHOW synchronous_standby_names") == "absent")
        yield
    finally:
        admin.run("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        until(lambda: admin.value("SHOW synchronous_standby_names") == "")


@every_sync
@every_server("mysql", "mariadb")
def test_a_commit_that_waits_for_a_replica_gets_no_barrier_before_it_is_visible(
    place: Place,
    sync: Sync,
) -> None:
    """Semi-sync holds the engine's commit back after the log has been sent."""
    admin, app = place.another_app(), place.another_app()
    with source_of(place, sync) as source, semi_sync(admin, place.lease.engine, milliseconds=1_500):
        waiting = threading.Thread(target=lambda: app.run("INSERT INTO orders VALUES (1, 'a')"))
        waiting.start()
        visible: list[bool] = []
        told: set[KeyValue] = set()
        invisible_when_told = False
        deadline = time.monotonic() + SOON
        while not visible:
            assert time.monotonic() < deadline
            delivery = source.read(0.05)
            if delivery is None:
                continue
            told |= set(delivery.keys)
            seen = bool(admin.rows("SELECT 1 FROM orders"))
            invisible_when_told |= bool(delivery.keys) and not seen
            if told and delivery.barrier:
                visible.append(seen)
        waiting.join()

    assert visible == [True]
    assert told == {(1,)}


@contextmanager
def semi_sync(admin: App, engine: str, milliseconds: int) -> Iterator[None]:
    source, replica = ("source", "replica") if engine == "mysql" else ("master", "slave")
    if engine == "mysql" and not admin.rows(
        "SELECT 1 FROM information_schema.plugins WHERE plugin_name = 'rpl_semi_sync_source'"
    ):
        try:
            admin.run("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")
        except Exception as error:
            pytest.skip(f"this server has no semi-sync plugin: {error}")
    prefix = f"SET GLOBAL rpl_semi_sync_{source}"
    admin.run(
        f"{prefix}_timeout = {milliseconds}",
        f"{prefix}_wait_no_{replica} = ON",
        f"{prefix}_wait_point = 'AFTER_SYNC'",
        f"{prefix}_enabled = ON",
    )
    try:
        yield
    finally:
        admin.run(f"{prefix}_enabled = OFF")


# Nothing stays.


@every_server("postgres")
def test_nobody_of_a_closed_source_is_connected_and_its_slot_stays(place: Place) -> None:
    with source_of(place) as source:
        delivered(source)

    until(lambda: connected_to_postgres(place) == [])
    assert len(kept_on_postgres(place)) == 2


@every_server("postgres")
def test_a_sweep_removes_slot_and_publication(place: Place) -> None:
    job = place.job(PLAIN)
    with place.source(job) as source:
        delivered(source)

    told = place.engine.workshop.sweep(job.original.name, execute=False)
    after_telling = len(kept_on_postgres(place))
    place.engine.workshop.sweep(job.original.name, execute=True)

    assert ("slot" in " ".join(told), after_telling) == (True, 2)
    assert kept_on_postgres(place) == []


def kept_on_postgres(place: Place) -> list[tuple[object, ...]]:
    return place.app.rows(
        "SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database() "
        "UNION ALL SELECT pubname::text FROM pg_publication"
    )


def connected_to_postgres(place: Place) -> list[tuple[object, ...]]:
    return place.app.rows(
        "SELECT application_name FROM pg_stat_activity "
        "WHERE datname = current_database() AND (backend_type = 'walsender' "
        "OR application_name IN ('osc marks', 'osc visibility'))"
    )


@every_server("postgres")
def test_nobody_of_a_source_that_has_failed_is_connected(place: Place) -> None:
    with source_of(place) as source:
        place.app.run("TRUNCATE TABLE orders")
        with pytest.raises(OscError):
            delivered(source)

    until(lambda: connected_to_postgres(place) == [])


@every_server("mysql", "mariadb")
def test_neither_dump_thread_nor_heartbeat_outlives_the_source(place: Place) -> None:
    dumps = "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
    with source_of(place) as source:
        delivered(source)
        assert len(place.app.rows(dumps)) == 1

    until(lambda: place.app.rows(dumps) == [])
    assert place.app.rows("SELECT * FROM _osc_heartbeat") == []


@every_sync
@every_server()
def test_closing_twice_or_in_the_middle_of_a_stream_is_harmless(place: Place, sync: Sync) -> None:
    job = place.job(PLAIN)
    source = place.open_source(job, sync)
    place.app.run("INSERT INTO orders VALUES (1, 'a')")

    source.close()
    source.close()
    place.engine.workshop.sweep(job.original.name, execute=True)


@every_server()
def test_a_lost_stream_is_an_error_and_no_silence(place: Place) -> None:
    with source_of(place) as source:
        delivered(source)
        if place.mysql:
            ((dump,),) = place.app.rows(
                "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
            )
            place.app.run(f"KILL {dump}")
        else:
            place.app.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'walsender' AND datname = current_database()"
            )

        with pytest.raises(OscError):
            delivered(source)

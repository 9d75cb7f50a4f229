"""A change is told when it is visible, however long after it was written to the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from osc.engine import Sync
from osc.model.change import KeyValue
from tests.conformance.place import (
    SOON,
    App,
    Place,
    every_sync,
    keys,
    until,
)
from tests.conformance.sources import number, read_until, source_of
from tests.servers import every_server


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

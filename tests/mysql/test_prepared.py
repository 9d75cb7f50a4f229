"""A transaction prepared before the log is read leaves our table alone, or keeps us out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pymysql
import pytest

from osc.engine import ChangeSource, Sync
from osc.engines import engine_at
from osc.errors import Precondition, TableChanged
from osc.mysql import position, prepared
from osc.sandbox.server import Unavailable
from tests.conformance.place import App, Place, delivered, keys, open_place
from tests.servers import START, WANTED, Lease, every_server, names

PLAIN = "CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(100))"
OTHER = "CREATE TABLE other (id INT PRIMARY KEY)"


@pytest.fixture
def place(server: Lease) -> Iterator[Place]:
    with open_place(server) as found:
        found.app.run(PLAIN, OTHER)
        yield found


@contextmanager
def prepares(place: Place, statement: str, *, stays: bool = False) -> Iterator[None]:
    """A session has prepared a transaction and, unless it stays, is gone."""
    app = App(place.url)
    app.run("XA START 'p'", statement, "XA END 'p'", "XA PREPARE 'p'")
    if not stays:
        app.close()
    try:
        yield
    finally:
        app.close()
        with suppress(pymysql.err.MySQLError):
            place.another_app().run("XA ROLLBACK 'p'")


@contextmanager
def opened(place: Place) -> Iterator[ChangeSource]:
    place.engine.ledger.prepare()
    source = place.engine.sources[Sync.LOG](place.reading("orders"), None)
    try:
        yield source
    finally:
        source.close()


@every_server("mysql", "mariadb")
@pytest.mark.parametrize("stays", [False, True], ids=["detached", "connected"])
def test_one_that_changes_the_table_is_waited_for_and_then_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    monkeypatch.setattr(prepared, "PATIENCE_SECONDS", 0.5)

    with (
        prepares(place, "INSERT INTO orders VALUES (1, 'a')", stays=stays),
        pytest.raises(Precondition, match=r"prepared with XA.*: p\b"),
        opened(place),
    ):
        pass


@every_server("mysql", "mariadb")
def test_one_that_changes_the_table_and_ends_in_time_lets_us_in(place: Place) -> None:
    app = place.another_app()
    with prepares(place, "INSERT INTO orders VALUES (1, 'a')"):
        ending = threading.Timer(1.5, lambda: app.run("XA COMMIT 'p'"))
        ending.start()
        with opened(place) as source:
            ending.join()
            delivered(source)

            assert [row[0] for row in place.app.rows("SELECT id FROM orders")] == [1]


@every_server("mysql", "mariadb")
def test_one_that_changes_other_tables_may_be_committed_at_any_time(place: Place) -> None:
    app = place.another_app()
    with prepares(place, "INSERT INTO other VALUES (1)"), opened(place) as source:
        app.run("XA COMMIT 'p'", "INSERT INTO orders VALUES (2, 'b')")

        assert keys(source) == [(2,)]


@every_server("mysql", "mariadb")
def test_nobody_waits_long_behind_the_question(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock is asked for within the budget, and everybody queues behind it."""
    monkeypatch.setattr(prepared, "PATIENCE_SECONDS", 2.5)
    app, slowest, stop = place.another_app(), [0.0], threading.Event()

    def write() -> None:
        number = 10
        while not stop.is_set():
            begun = time.monotonic()
            app.run(f"INSERT INTO orders VALUES ({number}, 'w')")
            slowest.append(time.monotonic() - begun)
            number += 1

    writer = threading.Thread(target=write)
    with prepares(place, "INSERT INTO orders VALUES (1, 'a')"):
        writer.start()
        try:
            with pytest.raises(Precondition), opened(place):
                pass
        finally:
            stop.set()
            writer.join()

    assert max(slowest) < 1.0


@pytest.mark.parametrize("name", names("mysql", "mariadb"))
def test_one_that_a_restarted_server_has_found_is_seen_too(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "PATIENCE_SECONDS", 0.5)
    wanted = WANTED[name]
    if wanted.variable in os.environ:
        pytest.skip("its server belongs to somebody else")
    with ExitStack() as stack:
        try:
            running = stack.enter_context(START[wanted.engine](wanted.version))
        except Unavailable as reason:
            pytest.skip(str(reason))
        admin = App(running.url("mysql"))
        admin.run("CREATE DATABASE shop", "USE shop", PLAIN, "XA START 'p'")
        admin.run("INSERT INTO orders VALUES (1, 'a')", "XA END 'p'", "XA PREPARE 'p'")
        running.restart()
        url = running.url("shop")
        lease = Lease(running.server.engine, running.server.version, running.url(""), running)
        place = Place(lease, "shop", engine_at(url), App(url))

        with pytest.raises(Precondition, match="prepared with XA"), opened(place):
            pass


@every_server("mysql")
def test_who_may_not_ask_is_told_by_the_lock(place: Place) -> None:
    """XA_RECOVER_ADMIN is missing: a table that is free is asked all the same."""
    others = "INSERT INTO other VALUES (1)"
    with limited(place), prepares(place, others), opened(place) as source:
        place.another_app().run("XA COMMIT 'p'")

        assert position.read(source.position).xa
        assert keys(source) == []


@every_server("mysql")
def test_who_may_not_ask_and_finds_the_table_in_use_stops_at_a_commit(place: Place) -> None:
    ours = "INSERT INTO orders VALUES (1, 'a')"
    with limited(place), prepares(place, ours), opened(place) as source:
        place.another_app().run("XA COMMIT 'p'")

        with pytest.raises(TableChanged, match="prepared before this run"):
            delivered(source)


@contextmanager
def limited(place: Place) -> Iterator[None]:
    """The engine's user has what the documentation asks for, and no more."""
    place.app.run(
        "CREATE USER IF NOT EXISTS osc_limited@'%' IDENTIFIED WITH caching_sha2_password BY ''",
        f"GRANT ALL ON {place.database}.* TO osc_limited@'%'",
        "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO osc_limited@'%'",
    )
    whole = place.engine
    place.engine = engine_at(place.url.replace("root@", "osc_limited@"))
    try:
        yield
    finally:
        place.engine.close()
        place.engine = whole
        place.app.run("DROP USER osc_limited@'%'")

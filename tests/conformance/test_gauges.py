"""What a server says of its load."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from osc import errors
from osc.engine import Gauges, Sync
from osc.model import alter
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server()


@pytest.fixture
def gauges(place: Place) -> Iterator[Gauges]:
    with closing(place.engine.gauges()) as made:
        yield made


@pytest.fixture
def migration(place: Place) -> int:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    place.engine.ledger.prepare()
    statement = "ALTER TABLE orders ADD x INT"
    table = place.engine.catalog.find(alter.parse(statement, mysql=place.mysql))
    return place.engine.ledger.begin(table, statement, Sync.LOG, "me@here")


def test_every_gauge_that_is_known_shows_a_number(gauges: Gauges) -> None:
    assert {"running", "connections", "oldest-transaction", "history"} <= set(gauges.known)
    for name in gauges.known:
        assert gauges.read(name) >= 0, name


def test_connections_are_counted(place: Place, gauges: Gauges) -> None:
    assert gauges.read("connections") >= 1


def test_a_transaction_that_was_begun_long_ago_is_seen(place: Place, gauges: Gauges) -> None:
    place.app.run("CREATE TABLE waiting (id INT PRIMARY KEY)")
    with closing(place.another_app()) as app:
        app.run("BEGIN", "INSERT INTO waiting VALUES (1)")
        began = time.monotonic()
        while (age := gauges.read("oldest-transaction")) <= 0.05:
            assert time.monotonic() - began < 20, age
        app.run("ROLLBACK")


def test_the_disk_of_a_server_on_this_host_is_known(place: Place, gauges: Gauges) -> None:
    free = gauges.free_disk()

    if free is None:
        pytest.skip("this server is on another host")
    assert free > 0


def test_the_log_is_told_by_what_was_written_since_the_first_look(
    place: Place, gauges: Gauges
) -> None:
    place.app.run("CREATE TABLE logged (id INT PRIMARY KEY, words VARCHAR(2000))")

    began = gauges.log_written()
    place.app.run(f"INSERT INTO logged VALUES (1, '{'x' * 1000}')")
    after = gauges.log_written()

    assert began == 0
    assert after is not None
    assert 1000 <= after < 1_000_000


def test_a_name_that_the_server_does_not_know_is_refused(gauges: Gauges) -> None:
    with pytest.raises(errors.Usage, match="no_such_thing"):
        gauges.read("no_such_thing")


def test_a_beat_is_read_as_it_was_written(gauges: Gauges, migration: int) -> None:
    assert gauges.beaten(migration) is None

    gauges.beat(migration, 1_700_000_000.25)
    gauges.beat(migration, 1_700_000_001.75)

    assert gauges.beaten(migration) == 1_700_000_001.75


def test_a_query_of_the_operator_s_gives_its_first_value(gauges: Gauges) -> None:
    assert gauges.value("SELECT 7, 'x%'") == 7
    assert gauges.value("SELECT NULL") == 0
    assert gauges.value("SELECT 1 WHERE 1 = 0") == 0
    gauges.probe("SELECT 1")


def test_a_gauge_whose_connection_was_lost_makes_another(place: Place, gauges: Gauges) -> None:
    gauges.read("connections")
    mine = place.connections() - {place.app.id}

    for connection in mine:
        place.end(connection)
    answers = []
    for _ in range(3):
        try:
            answers.append(gauges.read("connections"))
        except errors.ServerError:
            continue

    assert answers

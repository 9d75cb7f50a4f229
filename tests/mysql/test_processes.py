"""The lists of sessions and transactions, while somebody says what utf8mb3 has no letters for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pymysql
import pytest

from osc import errors
from osc.engine import Statement
from osc.mysql import unreadable
from tests.conformance.place import App, Place, until
from tests.conformance.swapping import made
from tests.servers import every_server

both = every_server("mysql", "mariadb")

SAYING = "UPDATE words SET word = '\N{GRINNING FACE}' WHERE id = 1 AND SLEEP(60) = 0"
"""In a transaction, and not the first statement of it."""


@contextmanager
def saying(place: Place) -> Iterator[App]:
    place.app.run("CREATE TABLE words (id INT PRIMARY KEY, word VARCHAR(9))")
    place.app.run("INSERT INTO words VALUES (1, 'a')")
    speaker = place.another_app()

    def say() -> None:
        with suppress(pymysql.err.Error):
            speaker.run("BEGIN", "INSERT INTO words VALUES (2, 'b')", SAYING)

    thread = threading.Thread(target=say)
    thread.start()
    try:
        until(lambda: any("SLEEP" in str(row) for row in place.app.rows("SHOW FULL PROCESSLIST")
                          if row[0] == speaker.id))  # fmt: skip
        yield speaker
    finally:
        place.app.run(f"KILL {speaker.id}")
        thread.join(30)


@both
def test_the_list_of_processes_is_read_whatever_others_say(place: Place) -> None:
    job = made(place)
    holder = place.another_app()
    holder.run("BEGIN", "UPDATE orders SET note = 'z'")

    with saying(place) as speaker:
        blockers = place.engine.swapper(job).blockers()
        with place.session() as session:
            found = session.query(
                Statement(
                    "SELECT id FROM information_schema.processlist "
                    "WHERE LOCATE('SLEEP', info) AND id = %s",
                    (speaker.id,),
                )
            )

    assert holder.id in [one.id for one in blockers if one.idle]
    assert found == [(speaker.id,)]


@both
def test_a_snapshot_is_known_again_whatever_others_say_in_between(place: Place) -> None:
    job = made(place)
    holder = place.another_app()
    holder.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "BEGIN")
    holder.rows("SELECT COUNT(*) FROM orders")
    onlookers = place.engine.swapper(job).onlookers()
    assert holder.id in [one.id for one in onlookers.left()]

    with saying(place):
        assert holder.id in [one.id for one in onlookers.left()]

    if place.lease.engine == "mysql":
        # MariaDB tells when a transaction began by the second only.
        holder.run("COMMIT", "BEGIN")
        holder.rows("SELECT COUNT(*) FROM orders")
        assert holder.id not in [one.id for one in onlookers.left()]


@both
def test_open_transactions_are_counted_whatever_others_say(place: Place) -> None:
    made(place)
    holder = place.another_app()
    holder.run("BEGIN", "UPDATE orders SET note = 'z'")
    gauges = place.engine.gauges()
    before = gauges.read("oldest-transaction")

    with saying(place):
        # InnoDB's view is made anew only when nobody has read it for 0.1 s.
        until(lambda: gauges.read("transactions") >= 2, every=0.12)
        # One list knows the second in which it began, the other the moment.
        assert gauges.read("oldest-transaction") >= before - 1


@every_server("mysql")
def test_without_the_performance_schema_it_is_asked_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreadable, "_HAS_PROCESSES", "SELECT 0")
    asked = Statement("SELECT COUNT(*) FROM information_schema.processlist")

    with place.session() as session:
        with saying(place), pytest.raises(errors.ServerError, match="3854"):
            session.query(asked)
        assert session.query(asked)

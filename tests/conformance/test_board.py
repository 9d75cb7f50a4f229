"""What operators say to a run through the database, and what it shows there."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from osc import errors
from osc.config import settings
from osc.engine import Sync
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.ops import desk
from osc.ops.desk import Desk
from osc.ops.words import Words, asks
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server()


@pytest.fixture
def migration(place: Place) -> int:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    place.engine.ledger.prepare()
    statement = "ALTER TABLE orders ADD x INT"
    table = place.engine.catalog.find(alter.parse(statement, mysql=place.mysql))
    return place.engine.ledger.begin(table, statement, Sync.LOG, "me@here")


@pytest.fixture
def controls() -> Controls:
    return Controls()


def a_desk(place: Place, controls: Controls) -> Desk:
    """Of a run that copies."""
    tracker = Tracker()
    tracker.note(phase=Phase.COPY)
    return Desk(place.engine.board, place.engine.ledger, Words(tracker, controls), settings())


@pytest.fixture
def at_the_desk(place: Place, migration: int, controls: Controls) -> Iterator[Desk]:
    made = a_desk(place, controls)
    with made.sitting(migration):
        yield made


def test_an_order_is_obeyed_and_answered(
    place: Place, migration: int, controls: Controls, at_the_desk: Desk
) -> None:
    answer = desk.say(place.engine.board, migration, "pause", "ann@far")

    assert answer == "paused; changes are still followed"
    assert controls.steering.paused_by == "paused by ann@far, through the ledger"


def test_an_order_that_makes_no_sense_is_answered_too(
    place: Place, migration: int, at_the_desk: Desk
) -> None:
    assert "error: " in desk.say(place.engine.board, migration, "threads=lots of 100 %s", "ann")


def test_orders_of_another_migration_are_left_alone(place: Place, migration: int) -> None:
    number = place.engine.board.order(migration, "pause", "ann")

    assert [order.number for order in place.engine.board.orders(migration)] == [number]
    assert place.engine.board.orders(migration + 1) == []
    assert place.engine.board.answered(number) is None


def test_an_order_that_nobody_hears_is_taken_back(
    place: Place, migration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "ANSWER_SECONDS", 0.2)

    with pytest.raises(errors.Precondition, match="did not answer"):
        desk.say(place.engine.board, migration, "panic", "ann")

    assert place.engine.board.orders(migration) == []


def test_a_run_that_dies_before_it_answers_is_not_waited_for(
    place: Place, migration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "ALIVE_SECONDS", 0.0)

    with pytest.raises(errors.Precondition, match="is gone"):
        desk.say(place.engine.board, migration, "panic", "ann", is_alive=lambda: False)

    assert place.engine.board.orders(migration) == []


def test_who_said_what_and_how_is_kept(place: Place, migration: int, at_the_desk: Desk) -> None:
    desk.say(place.engine.board, migration, "pause", "ann@far")
    at_the_desk.hear("no-throttle", "bob@here, through the socket")
    at_the_desk.hear("sup", "bob@here, through the socket")
    for _ in range(2):  # By the second it has looked once more since.
        desk.say(place.engine.board, migration, "sup", "ann@far")

    said = place.engine.board.said(migration)
    first, second = (one for one in said if not asks(one.words))

    assert (first.words, first.by) == ("pause", "ann@far")
    assert first.answer == "paused; changes are still followed"
    assert (second.words, second.by) == ("no-throttle", "bob@here, through the socket")
    assert second.at >= first.at
    assert place.engine.board.said(migration + 1) == []


def test_the_last_words_are_kept_too(place: Place, migration: int) -> None:
    made = a_desk(place, Controls())
    with made.sitting(migration):
        made.hear("panic", "bob@here, through the socket")

    assert [one.words for one in place.engine.board.said(migration)] == ["panic"]


def test_what_was_said_before_there_was_a_number_is_kept_with_it(
    place: Place, migration: int
) -> None:
    made = a_desk(place, Controls())

    answer = made.hear("postpone", "bob@here, through the socket")
    with made.sitting(migration):
        pass

    (said,) = place.engine.board.said(migration)
    assert (said.words, said.answer) == ("postpone", answer)


def test_no_password_comes_into_the_ledger(
    place: Place, migration: int, at_the_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.Usage, match="password"):
        desk.say(place.engine.board, migration, "replica=mysql://me:secret@db2/", "ann")
    monkeypatch.setattr(Words, "obey", lambda *_: "watched")
    at_the_desk.hear("replica=mysql://me:secret@db2/", "bob")
    for _ in range(2):
        desk.say(place.engine.board, migration, "sup", "ann")

    said = [one.words for one in place.engine.board.said(migration)]
    assert "replica=mysql://me:***@db2/" in said
    assert "secret" not in str(said)


def test_a_run_shows_where_it_is(place: Place, migration: int) -> None:
    assert place.engine.board.shown(migration) is None

    with a_desk(place, Controls()).sitting(migration):
        desk.say(place.engine.board, migration, "sup", "ann")

    record, age = place.engine.board.shown(migration) or ("", 99.0)
    assert json.loads(record)["phase"] == "copy"
    assert 0 <= age < 10
    place.engine.board.clear(migration)
    assert place.engine.board.shown(migration) is None

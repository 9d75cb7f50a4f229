"""What holds a run back is changed while it is under way, by words that mean what options do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

import pytest

from osc import errors
from osc.config import settings
from osc.engine import Sync
from osc.model import alter
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.ops import bridge
from osc.ops.words import Words
from tests.conformance.place import Place
from tests.servers import every_server

pytestmark = every_server()
PATIENCE_SECONDS = 60.0

Steered = Callable[[], AbstractContextManager[Words]]


@pytest.fixture
def controls() -> Controls:
    return Controls()


@pytest.fixture
def tracker() -> Tracker:
    return Tracker()


@pytest.fixture
def steered(place: Place, controls: Controls, tracker: Tracker) -> Steered:
    place.app.run("CREATE TABLE orders (id INT PRIMARY KEY)")
    engine, statement = place.engine, "ALTER TABLE orders ADD x INT"
    engine.ledger.prepare()
    table = engine.catalog.find(alter.parse(statement, mysql=place.mysql))
    migration = engine.ledger.begin(table, statement, Sync.LOG, "me@here")
    chosen = settings(max_load="running=100000")
    return lambda: bridge.steered(engine, migration, chosen, tracker, controls)


@pytest.fixture
def words(steered: Steered) -> Iterator[Words]:
    with steered() as made:
        yield made


def test_a_limit_that_is_changed_holds_the_copy_and_lets_it_go(
    words: Words, controls: Controls, tracker: Tracker
) -> None:
    assert words.obey("max-load=?", "ann") == "running=100000"
    assert controls.steering.held_by == ""

    assert words.obey("max-load=connections=0,running=0", "ann").endswith("running=0")

    assert tracker.wait_until(lambda _: bool(controls.steering.held_by), PATIENCE_SECONDS)
    assert words.obey("max-load=", "ann") == "max-load is taken away"
    assert tracker.wait_until(lambda _: not controls.steering.held_by, PATIENCE_SECONDS)


@pytest.mark.parametrize(
    "line",
    [
        "max-load=no-such-number=1", "max-load=running", "max-lag=0", "max-lag=nan",
        "max-lag-millis=soon", "only-between=noon", "throttle-control-replicas=127.0.0.1:1",
        "latency-query=SELECT 1", "critical-load-hibernate=5",
    ],
)  # fmt: skip
def test_what_makes_no_sense_leaves_all_as_it_was(words: Words, line: str) -> None:
    names = ("max-load", "max-lag", "only-between", "replica", "latency-query")
    before = [words.obey(f"{name}=?", "ann") for name in names]

    with pytest.raises(errors.OscError):
        words.obey(line, "ann")

    assert [words.obey(f"{name}=?", "ann") for name in names] == before


def test_what_was_changed_holds_for_the_attempts_that_follow(
    steered: Steered, controls: Controls
) -> None:
    with steered() as words:
        assert words.obey("max-lag-millis=500", "ann") == "max-lag-millis is 500"
        assert words.obey("nice-ratio=0.5", "ann") == "nice-ratio is 0.5"

    with steered() as words:
        assert words.obey("max-lag=?", "ann") == "0.5"
        assert controls.steering.rest(2, 2.0) == 1.0


def test_hours_that_are_taken_away_give_leave_in_the_name_of_who_did_it(
    words: Words, controls: Controls
) -> None:
    closed = f"{(datetime.now().hour + 2) % 24:02}:00-{(datetime.now().hour + 3) % 24:02}:00"
    words.obey(f"cut-over-between={closed}", "bob")
    assert "waits for its hours" in controls.steering.cut_over_waits_for

    words.obey("cut-over-between=", "ann")

    assert controls.steering.cut_over_waits_for == ""
    assert controls.steering.cut_over_allowed_by == "ann"


def test_where_a_resume_would_go_on_is_told(words: Words) -> None:
    assert words.obey("coordinates", "ann") == "none is saved yet"

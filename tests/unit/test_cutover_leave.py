"""When a cut-over may begin, who has allowed it, and who is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from osc import errors
from osc.engine import Session, Swapped
from osc.model.blocker import Blocker
from osc.model.forecast import forecast
from osc.model.lags import Lags
from osc.model.reading import Reading
from osc.stages import cutover
from osc.stages.leave import Leave
from osc.stages.onlooking import LOOK_SECONDS
from tests.fakes import (
    REPORT,
)
from tests.unit.cutting_over import (
    LOCKED,
    Bench,
)


def test_an_attempt_says_before_it_what_the_lock_would_meet_and_who_allowed_it(
    bench: Bench,
) -> None:
    bench.swapper.in_the_way = []
    bench.run()

    now = bench.tracker.read()
    assert now.forecast == "lock expected free: yes; 0 transactions older than 10 s"
    assert now.allowed_by == "ann@here, who runs it"


def test_a_wish_that_comes_while_it_catches_up_holds_this_very_attempt(bench: Bench) -> None:
    caught_up, held = [], []
    leave = Leave(bench.tracker, bench.controls, blockers=list)
    note = bench.tracker.note

    def let_go(**values: Any) -> None:
        note(**values)
        if values.get("waiting_for") == "held by ann":
            held.append(True)
            bench.controls.steer(lambda now: now.postponed("operator", ""))

    def catch_up() -> None:
        caught_up.append(True)
        if len(caught_up) == 1:
            bench.controls.steer(lambda now: now.postponed("operator", "held by ann"))

    bench.tracker.note = let_go  # type: ignore[method-assign]

    with leave.taken("cut-over", catch_up):
        assert (len(caught_up), len(held)) == (2, 1)
        assert bench.controls.steering.attempting
    assert not bench.controls.steering.attempting


@pytest.mark.parametrize(
    ("certain", "said"), [(True, "lock expected free: no"), (False, "free: not known")]
)
def test_whoever_has_a_lock_makes_the_forecast_worse(certain: bool, said: str) -> None:
    holder = replace(REPORT, certain=certain)

    told = str(forecast([holder], 2))

    assert said in told
    assert "2 transactions older than 10 s" in told
    assert (str(holder) in told) is certain


def test_a_cut_over_that_was_held_back_looks_at_the_table_again_and_names_who_let_it_go(
    bench: Bench,
) -> None:
    """Days may lie between: the table may be another one by then."""
    bench.controls.steer(lambda now: now.postponed("operator", "held back"))

    def recheck() -> None:
        if not bench.controls.steering.postponements:
            raise errors.TableChanged("orders was altered")

    def bob_allows(seconds: float) -> None:
        assert bench.tracker.read().forecast
        bench.controls.steer(lambda now: now.postponed("operator", "", "bob@far"))

    bench.controls.pause = bob_allows  # type: ignore[method-assign]
    with pytest.raises(errors.TableChanged):
        bench.run(recheck=recheck)
    bench.run()

    assert bench.tracker.read().allowed_by == "bob@far"


def test_nothing_is_prepared_before_there_is_leave(bench: Bench) -> None:
    """Twins of materialized views have the rows of the moment when they are filled."""
    bench.controls.steer(lambda now: now.postponed("operator", "held back"))
    prepared = []

    def somebody_allows(seconds: float) -> None:
        prepared.append(bench.swapper.prepared)
        bench.controls.steer(lambda now: now.postponed("operator", ""))

    bench.controls.pause = somebody_allows  # type: ignore[method-assign]
    bench.run()

    assert (prepared[0], bench.swapper.prepared) == (0, 1)


def test_nobody_has_a_turn_with_the_source_while_an_attempt_swaps(bench: Bench) -> None:
    swap, others = bench.swapper.swap, []

    def swapping(drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        swapped = swap(drain, budget_seconds)
        other = threading.Thread(target=bench.follower.step)
        other.start()
        other.join(0.1)
        others.append((other, other.is_alive()))
        return swapped

    bench.swapper.swap = swapping  # type: ignore[method-assign]
    bench.run()

    ((other, was_waiting),) = others
    other.join()
    assert was_waiting, "keys that were drained wait for the outcome"


def test_a_run_that_is_to_stop_makes_no_attempt(bench: Bench) -> None:
    bench.controls.stop(errors.Interrupted(15))

    with pytest.raises(errors.Interrupted):
        bench.run()

    assert bench.swapper.budgets == []


def test_a_table_that_is_altered_while_the_cut_over_is_held_back_is_told_at_once(
    bench: Bench,
) -> None:
    bench.controls.steer(lambda now: now.postponed("operator", "held back"))

    def recheck() -> None:
        raise errors.TableChanged("orders was altered")

    def somebody_allows(seconds: float) -> None:
        bench.controls.steer(lambda now: now.postponed("operator", ""))

    bench.controls.pause = somebody_allows  # type: ignore[method-assign]
    with pytest.raises(errors.TableChanged):
        bench.run(recheck=recheck)

    assert bench.controls.steering.postponements, "nobody had to give leave first"


def test_who_allowed_it_is_written_down_once_for_all_attempts(bench: Bench) -> None:
    bench.swapper.before = [LOCKED, LOCKED]

    bench.run()

    assert bench.allowed == ["ann@here, who runs it"]


def test_replicas_are_watched_through_the_swap(bench: Bench) -> None:
    def reads(lag: float) -> None:
        signal = Reading("lag of replica r", lag, 1.5, "s", holds_following=True)
        bench.tracker.note(signals=(signal,))

    reads(0.1)
    with cutover.replicas_watched(bench.tracker, bench.controls):
        reads(0.9)
        time.sleep(2 * cutover.LAG_LOOK_SECONDS)
        reads(0.2)

    assert str(bench.tracker.read().lags) == "0.10 s before the swap, 0.90 s during, 0.20 s after"
    assert str(Lags()) == ""


READER = Blocker(77, "analyst", "'psql'", "idle in transaction", 90.0, "SELECT 1", idle=True)


NEWCOMER = replace(READER, id=78)


def test_who_reads_by_an_old_snapshot_is_waited_for_and_no_newer_one(bench: Bench) -> None:
    bench.swapper.readers = [[READER], [READER, NEWCOMER], [READER, NEWCOMER], [NEWCOMER]]

    bench.run(snapshot_wait_seconds=60)

    assert bench.controls.waits.count(LOOK_SECONDS) == 2
    assert "missing" not in bench.tracker.read().forecast


def test_it_is_not_waited_longer_than_allowed_and_that_is_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.swapper.readers = [[READER]]

    bench.run(snapshot_wait_seconds=3 * LOOK_SECONDS)

    assert bench.swapper.swapped
    assert bench.controls.waits.count(LOOK_SECONDS) == 3
    assert "connection 77 (analyst" in caplog.text
    assert "connection 77 (analyst" in bench.tracker.read().forecast


def test_who_has_a_lock_on_the_table_is_in_the_way_and_not_waited_for_before(bench: Bench) -> None:
    bench.swapper.readers, bench.swapper.in_the_way = [[READER]], [READER]

    bench.run(snapshot_wait_seconds=60)

    assert LOOK_SECONDS not in bench.controls.waits

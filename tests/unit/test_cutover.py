"""An attempt either swaps or is undone (rule 9)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from osc import errors
from osc.engine import Session, Swapped
from osc.model.blocker import Blocker, Kill
from osc.model.convergence import Convergence
from osc.model.forecast import forecast
from osc.model.lags import Lags
from osc.model.progress import Tracker
from osc.model.reading import Reading
from osc.model.watermark import Watermark
from osc.stages import cutover
from osc.stages.cutover import CutOver
from osc.stages.leave import Leave
from osc.stages.onlooking import LOOK_SECONDS, Onlooking
from osc.stages.sync import Follower
from tests.fakes import (
    FENCE,
    JOB,
    REPORT,
    FakeDialect,
    FakeLedger,
    FakeServer,
    FakeSource,
    FakeSwapper,
    Hurried,
)

A, B = (1,), (2,)
LOCKED = errors.LockTimeout("no lock within 250 ms")


@dataclass
class Bench:
    """A cut-over with its fakes, after the copy."""

    server: FakeServer
    follower: Follower
    source: FakeSource
    swapper: FakeSwapper
    tracker: Tracker
    controls: Hurried
    told: list[list[str]] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def run(
        self,
        attempts: int = 3,
        kill: Kill = Kill.NEVER,
        recheck: Callable[[], None] = lambda: None,
        snapshot_wait_seconds: float = 0.0,
        complete: Callable[[cutover.Alone], bool] = lambda alone: False,
    ) -> Swapped:
        onlooking = Onlooking(
            self.swapper, self.swapper.onlookers(), self.tracker, self.controls,
            snapshot_wait_seconds,
        )  # fmt: skip
        return CutOver(
            job=JOB,
            swapper=self.swapper,
            follower=self.follower,
            tracker=self.tracker,
            controls=self.controls,
            leave=Leave(
                self.tracker,
                self.controls,
                self.swapper.blockers,
                onlookers=onlooking.left,
                recheck=recheck,
                by="ann@here",
                on_allowed=self.allowed.append,
            ),
            budget_seconds=0.25,
            attempts=attempts,
            kill=kill,
            by="ann@here",
            on_blocked=self.told.append,
            await_onlookers=onlooking.wait,
            on_ended=self.ended.append,
            complete=complete,
        ).run()


@pytest.fixture
def bench() -> Iterator[Bench]:
    server, source, tracker, controls = FakeServer(), FakeSource(), Tracker(), Hurried()
    watermark = Watermark(ordered=True)
    watermark.finish()
    follower = Follower(
        job=JOB,
        source=source,
        dialect=FakeDialect(),
        ledger=FakeLedger(),
        connect=server.connect,
        watermark=watermark,
        probe=lambda: None,
        tracker=tracker,
        controls=controls,
        fence=FENCE,
    )
    with follower.workers_ready():
        yield Bench(server, follower, source, FakeSwapper(server), tracker, controls)


def test_what_is_left_is_drained_under_the_lock_and_then_swapped(bench: Bench) -> None:
    bench.server.original = {A: "late"}
    bench.source.on_mark = lambda: bench.source.change(A)

    swapped = bench.run()

    assert bench.swapper.swapped
    assert bench.server.shadow == {A: "late"}
    assert swapped == Swapped(0.01, 0.02)
    assert bench.tracker.read().lock_held_seconds == 0.02


def test_the_backlog_is_caught_up_with_before_the_lock_is_asked_for(bench: Bench) -> None:
    bench.source.change(A)
    bench.swapper.before = [LOCKED, LOCKED]

    with pytest.raises(errors.CutOverNotObtained):
        bench.run(attempts=2)

    assert bench.server.did("delete") == [(A,)]


def completing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A run whose shadow is completed while B is changed. What was done, in order: the keys that
    were acted on when completing began and before the lock was asked for, and what was called."""
    done: list[object] = []
    swap, bench.server.original = bench.swapper.swap, {A: "a", B: "b"}
    bench.source.change(A)

    def complete(alone: cutover.Alone) -> bool:
        with alone():
            done.append(bench.server.did("delete"))
            bench.source.change(B)
            bench.source.mark()
            bench.follower.step()
            assert bench.server.did("delete") == [(A,)]
        return True

    def swapped(drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        done.append(bench.server.did("delete"))
        return swap(drain, budget_seconds)

    monkeypatch.setattr(bench.swapper, "swap", swapped)
    monkeypatch.setattr(bench.swapper, "prepare", lambda check: done.append("prepared"))
    bench.run(complete=complete)
    assert bench.server.shadow == {A: "a", B: "b"}
    return done


def test_nobody_acts_while_the_shadow_is_completed_and_what_comes_is_drained_under_the_lock(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completing(bench, monkeypatch) == [[(A,)], "prepared", [(A,)]]


def test_nobody_acts_any_more_where_completing_the_shadow_has_failed(bench: Bench) -> None:
    def complete(alone: cutover.Alone) -> bool:
        with alone():
            raise errors.ConnectionLost("gone")

    with pytest.raises(errors.ConnectionLost):
        bench.run(complete=complete)
    bench.source.change(A)
    bench.source.mark()

    assert not bench.follower.step()
    assert bench.server.did("delete") == []


def test_too_much_for_the_lock_is_acted_on_before_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutover, "MOST_TO_DRAIN", 0)
    assert completing(bench, monkeypatch) == [[(A,)], "prepared", [(A,), (B,)]]


def test_nothing_is_followed_after_the_swap(bench: Bench) -> None:
    bench.run()
    bench.source.change(A)

    assert not bench.follower.step()


def test_an_attempt_waits_for_its_budget_and_no_longer(bench: Bench) -> None:
    bench.run()

    assert bench.swapper.budgets == [0.25]


def test_a_lock_that_is_not_granted_is_tried_again_after_a_while(bench: Bench) -> None:
    bench.swapper.before = [LOCKED, errors.Conflict("deadlock"), None]

    bench.run()

    assert bench.swapper.swapped
    assert bench.tracker.read().cut_over_attempts == 3
    first, second = bench.controls.waits
    assert 0.2 <= first <= 0.4 <= second <= 0.8


def test_the_wait_between_attempts_has_a_limit(bench: Bench) -> None:
    bench.swapper.before = [LOCKED] * 20

    with pytest.raises(errors.CutOverNotObtained):
        bench.run(attempts=20)

    assert max(bench.controls.waits) <= cutover.LONGEST_BACK_OFF_SECONDS


def test_who_is_in_the_way_is_told(bench: Bench) -> None:
    bench.swapper.before = [LOCKED]

    bench.run()

    assert bench.told == [[str(REPORT)]]
    assert "connection 42 (report, db7)" in str(REPORT)
    assert bench.tracker.read().waiting_for == (f"no lock within 250 ms; in the way: {REPORT}")


def test_after_the_last_attempt_it_says_so_and_nothing_has_changed(bench: Bench) -> None:
    bench.swapper.before = [LOCKED] * 3

    with pytest.raises(errors.CutOverNotObtained) as given_up:
        bench.run(attempts=3)

    assert given_up.value.exit_code == 8
    assert "connection 42 (report, db7)" in given_up.value.happened
    assert "250 ms in 3 attempts" in given_up.value.happened
    assert given_up.value.still_true == "shop.orders still serves and is untouched"
    assert not bench.swapper.swapped


def test_an_operator_ends_the_waiting(bench: Bench) -> None:
    bench.swapper.before = [LOCKED] * 3
    bench.controls.stop(errors.Aborted("operator"))

    with pytest.raises(errors.Aborted):
        bench.run()


def test_duplicates_under_the_lock_are_those_of_the_new_definition(bench: Bench) -> None:
    bench.source.on_mark = lambda: bench.source.change(A)
    bench.server.fail("insert", None, errors.DuplicateKey("note x"))

    with pytest.raises(errors.DataWouldBeLost, match="note x") as found:
        bench.run()

    assert found.value.exit_code == 6
    assert not bench.swapper.swapped


def test_a_value_that_does_not_fit_under_the_lock_is_data_that_would_be_lost(bench: Bench) -> None:
    bench.source.on_mark = lambda: bench.source.change(A)
    bench.server.fail("insert", None, errors.BadValue("out of range"))

    with pytest.raises(errors.DataWouldBeLost, match="out of range") as found:
        bench.run()

    assert found.value.exit_code == 6


@pytest.mark.parametrize(
    "error",
    [
        errors.LockTimeout("the source is silent"),
        errors.Conflict("deadlock"),
        errors.ConnectionLost("gone"),
        errors.TableChanged("altered"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_error_puts_the_drained_keys_back(bench: Bench, error: Exception) -> None:
    bench.server.original = {A: "a"}
    bench.swapper.after = [error]
    bench.source.on_mark = lambda: bench.source.change(A)

    with pytest.raises((errors.OscError, KeyboardInterrupt)):
        bench.run(attempts=1)

    bench.server.shadow = {}  # what the lock's session had done is rolled back
    bench.follower.settle()
    assert bench.server.shadow == {A: "a"}


def test_a_swap_that_could_not_be_finished_is_not_tried_again(bench: Bench) -> None:
    bench.swapper.after = [errors.SwappedButUnfinished("the archive is still locked")]

    with pytest.raises(errors.SwappedButUnfinished):
        bench.run()

    assert bench.swapper.budgets == [0.25]
    bench.source.change(A)
    assert not bench.follower.step()


def test_catching_up_goes_on_until_a_round_is_short(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, told = iter([5.0, 1.0, 0.1]), list[str]()

    def settle(_: Convergence) -> float:
        told.append(bench.tracker.read().waiting_for)
        return next(rounds)

    monkeypatch.setattr(bench.follower, "settle", settle)

    cutover.catch_up(bench.follower, bench.tracker, bench.controls)

    assert next(rounds, None) is None
    assert told[1:] == [f"catching up: the last round took {s} s" for s in (5.0, 1.0)]
    assert bench.tracker.read().waiting_for == ""


def test_rounds_that_do_not_get_shorter_are_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(rounds: Convergence) -> float:
        now = time.monotonic()
        rounds.begin(now - 1.0)
        return rounds.end(now)

    monkeypatch.setattr(bench.follower, "settle", settle)
    bench.follower.catch_up_limit_seconds = 0.0

    with pytest.raises(errors.Guarded, match=r"changes of shop.orders come in faster"):
        cutover.catch_up(bench.follower, bench.tracker, bench.controls)


LOCKED_FIVE_TIMES = [LOCKED] * 5
WORKING = Blocker(43, "app", "db8", "active", 9.0, "UPDATE orders SET x = 1")


def test_nobody_is_ended_unless_the_operator_says_so(bench: Bench) -> None:
    bench.swapper.before = [*LOCKED_FIVE_TIMES]

    bench.run(attempts=6)

    assert bench.swapper.ended == []


def test_an_idle_transaction_is_ended_after_a_few_attempts_and_that_is_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.swapper.before = [LOCKED] * cutover.PATIENT_ATTEMPTS
    bench.swapper.in_the_way = [REPORT, WORKING]

    caplog.set_level(logging.INFO)

    bench.run(attempts=6, kill=Kill.IDLE)

    assert bench.swapper.ended == [42]
    assert "as ann@here allowed" in caplog.text
    assert bench.ended == [str(REPORT)]
    told = [one for one in caplog.records if getattr(one, "action", "") == "blocked"]
    assert [one.attempt for one in told] == [1, 2, 3]  # type: ignore[attr-defined]
    assert str(WORKING) in told[0].getMessage()
    assert told[0].getMessage().endswith("it is tried again")


def test_a_working_session_is_ended_only_if_all_may_be(bench: Bench) -> None:
    bench.swapper.before = [LOCKED] * cutover.PATIENT_ATTEMPTS
    bench.swapper.in_the_way = [REPORT, WORKING]

    bench.run(attempts=6, kill=Kill.ALL)

    assert bench.swapper.ended == [42, 43]


@pytest.mark.parametrize(
    "spared",
    [
        replace(WORKING, system=True),
        replace(WORKING, certain=False),
        replace(WORKING, place="'pg_dump' from 10.0.0.1"),
        replace(WORKING, statement="SELECT /* mysqldump */ 1"),
        replace(WORKING, statement=" alter table orders add x int"),
        replace(WORKING, statement="VACUUM orders"),
    ],
    ids=lambda blocker: blocker.spared,
)
def test_some_are_never_ended(bench: Bench, spared: Blocker) -> None:
    bench.swapper.before = [LOCKED] * cutover.PATIENT_ATTEMPTS
    bench.swapper.in_the_way = [spared]

    bench.run(attempts=6, kill=Kill.ALL)

    assert bench.swapper.ended == []


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

"""An attempt either swaps or is undone (rule 9)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from osc import errors
from osc.engine import Session, Swapped
from osc.model.convergence import Convergence
from osc.stages import cutover
from tests.fakes import (
    REPORT,
)
from tests.unit.cutting_over import (
    LOCKED,
    Bench,
)

A, B = (1,), (2,)


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

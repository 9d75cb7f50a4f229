"""Rounds of catching up get shorter, or the run says so."""

from __future__ import annotations

import pytest

from osc import errors
from osc.model.convergence import WINDOW_SECONDS, Convergence, Reading


def after(rounds: Convergence, *seconds: float, start: float = 0.0) -> float:
    """The moment at which rounds of so many seconds each have ended."""
    now = start
    for lasted in seconds:
        rounds.begin(now)
        now += lasted
        rounds.end(now)
    return now


def test_a_round_tells_how_long_it_took() -> None:
    rounds = Convergence(10)
    rounds.begin(5.0)

    assert rounds.end(7.5) == 2.5


def test_rounds_that_get_shorter_may_take_longer_than_the_limit() -> None:
    rounds = Convergence(limit_seconds=10)
    now = 0.0
    for lasted in (64, 32, 16, 8, 4, 2):
        now = after(rounds, lasted, start=now)
        rounds.check(now, "orders")


def test_the_first_round_may_take_as_long_as_it_likes() -> None:
    rounds = Convergence(limit_seconds=10)
    rounds.begin(0.0)

    rounds.check(1_000_000.0, "orders")


def test_rounds_that_do_not_get_shorter_end_after_the_limit() -> None:
    rounds = Convergence(limit_seconds=10)
    now = after(rounds, 2, 2, 2, 2, 2)
    rounds.check(now, "orders")
    now = after(rounds, 2, 2, start=now)

    with pytest.raises(errors.Guarded, match="faster than they can be applied") as hopeless:
        rounds.check(now, "orders")

    assert hopeless.value.exit_code == 9
    assert "--most-threads" in hopeless.value.todo


def test_a_round_that_has_no_end_is_ended_in_its_midst() -> None:
    rounds = Convergence(limit_seconds=10)
    now = after(rounds, 2)
    rounds.begin(now)
    rounds.check(now + 9, "orders")

    with pytest.raises(errors.Guarded):
        rounds.check(now + 11, "orders")


def test_a_round_that_may_still_be_shorter_is_let_run() -> None:
    rounds = Convergence(limit_seconds=10)
    now = after(rounds, 8, 8)
    rounds.begin(now)

    rounds.check(now + 4, "orders")


def test_the_rates_are_those_of_the_last_minute() -> None:
    rounds = Convergence(10)
    for second in range(3 * int(WINDOW_SECONDS)):
        rounds.read(Reading(second, second * 100, second * 30, waiting=second))

    assert rounds.told() == (
        f"{3 * int(WINDOW_SECONDS) - 1} keys wait, 100 a second come in, 30 a second are applied"
    )
    assert len(rounds._readings) <= WINDOW_SECONDS + 1


def test_readings_stay_few_however_often_they_are_taken() -> None:
    rounds = Convergence(10)
    for moment in range(10_000):
        rounds.read(Reading(moment / 1_000, moment, moment))

    assert len(rounds._readings) <= 11


def test_nothing_is_told_before_one_can_tell() -> None:
    assert Convergence(10).told() == ""

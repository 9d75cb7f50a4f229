"""More connections act on changes while the backlog gets no shorter, and only then."""

from __future__ import annotations

from osc.model.convergence import Reading
from osc.model.effort import MANY_KEYS, WINDOW_SECONDS, Effort


def asked(*waiting: int, most: int = 16) -> list[int]:
    """The connections after each reading, a window apart."""
    effort = Effort(2, most)
    return [
        effort.read(Reading(number * WINDOW_SECONDS, 0, 0, keys))
        for number, keys in enumerate(waiting)
    ]


def test_more_and_more_act_while_the_backlog_grows_or_stays() -> None:
    assert asked(20_000, 20_000, 21_000, 19_500, 20_000) == [2, 3, 4, 6, 9]


def test_there_are_never_more_than_are_allowed() -> None:
    assert asked(*[20_000] * 6, most=5) == [2, 3, 4, 5, 5, 5]
    assert asked(*[20_000] * 3, most=1) == [2, 2, 2]


def test_while_it_gets_shorter_nobody_joins() -> None:
    assert asked(60_000, 50_000, 40_000, 30_000) == [2, 2, 2, 2]


def test_once_the_backlog_is_short_one_goes_after_the_other() -> None:
    """Not all at once: writers who are faster than those that are left would soon be ahead."""
    few = MANY_KEYS - 1
    assert asked(20_000, 20_000, 20_000, few, few, few, few) == [2, 3, 4, 3, 2, 2, 2]
    assert asked(20_000, 20_000, 20_000, few, 20_000) == [2, 3, 4, 3, 4]


def test_a_moment_tells_nothing() -> None:
    effort = Effort(2, 16)
    for tick in range(10):
        assert effort.read(Reading(tick / 10, 0, 0, 20_000 + 1_000 * tick)) == 2

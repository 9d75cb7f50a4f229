"""How old what waits is."""

from __future__ import annotations

from osc.model import arrivals
from osc.model.arrivals import Arrivals


def test_what_came_last_is_as_old_as_the_first_of_its_moment() -> None:
    came = Arrivals()
    for number, at in ((1, 10.0), (2, 10.2), (3, 11.0), (4, 11.1)):
        came.came(number, at)

    assert [came.since(number) for number in (1, 2, 3, 4)] == [10.0, 10.0, 11.0, 11.0]


def test_nobody_knows_when_something_came_that_was_never_seen() -> None:
    assert Arrivals().since(1) is None


def test_of_a_long_time_few_moments_are_remembered_and_none_is_told_as_younger() -> None:
    came = Arrivals()
    for number in range(1, 10_000):
        came.came(number, float(number))

    found = came.since(6_000)

    assert found is not None
    assert 5_000 < found <= 6_000
    assert len(came._marks) <= arrivals.MOST_MARKS

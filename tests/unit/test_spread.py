"""How long chunks took, in a few numbers."""

from __future__ import annotations

from osc.model.spread import BOUNDS, Spread


def test_each_is_counted_up_to_the_first_bound_that_it_does_not_exceed() -> None:
    took = Spread()
    for seconds in (0.005, 0.2, 0.25, 0.3, 99.0):
        took = took.with_one(seconds)

    counted = dict(took.cumulative())

    assert (counted["0.005"], counted["0.1"], counted["0.25"], counted["0.5"]) == (1, 1, 3, 4)
    assert (counted["30.0"], counted["+Inf"]) == (4, 5)
    assert round(took.seconds, 3) == 99.755


def test_a_quantile_is_a_bound_or_nothing_where_the_last_one_was_exceeded() -> None:
    took = Spread().with_one(0.2).with_one(0.2).with_one(99.0)

    assert (took.quantile(0.5), took.quantile(0.95)) == (0.25, None)
    assert Spread().quantile(0.5) is None
    assert len(took.counts) == len(BOUNDS) + 1

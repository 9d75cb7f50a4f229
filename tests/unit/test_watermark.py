"""Where a key lies, seen from the copy (rule 3)."""

from __future__ import annotations

import pytest

from osc.model.chunk import Chunk
from osc.model.coverage import coverage
from osc.model.watermark import Place, Watermark

FIRST = Chunk(1, None, (10,))
SECOND = Chunk(2, (10,), (20,))
LAST = Chunk(3, (20,), None)


def dispatched(*chunks: Chunk, ordered: bool = True) -> Watermark:
    mark = Watermark(ordered=ordered)
    for chunk in chunks:
        mark.dispatch(chunk)
    return mark


def test_before_the_first_chunk_everything_lies_ahead() -> None:
    assert dispatched().place((5,)) is Place.AHEAD
    assert dispatched(ordered=False).place((5,)) is Place.AHEAD


def test_a_key_beyond_the_last_dispatched_chunk_lies_ahead() -> None:
    assert dispatched(FIRST).place((11,)) is Place.AHEAD


def test_an_upper_bound_belongs_to_its_chunk_and_a_lower_bound_does_not() -> None:
    mark = dispatched(FIRST, SECOND)

    mark.commit(FIRST)

    assert mark.place((10,)) is Place.COPIED
    assert mark.place((11,)) is Place.IN_FLIGHT
    assert mark.place((20,)) is Place.IN_FLIGHT


def test_a_key_of_a_committed_chunk_is_copied() -> None:
    mark = dispatched(FIRST)

    mark.commit(FIRST)

    assert mark.place((1,)) is Place.COPIED


def test_chunks_commit_in_any_order() -> None:
    mark = dispatched(FIRST, SECOND)

    mark.commit(SECOND)

    assert mark.place((5,)) is Place.IN_FLIGHT
    assert mark.place((15,)) is Place.COPIED


def test_nothing_lies_ahead_of_the_last_chunk() -> None:
    mark = dispatched(FIRST, SECOND, LAST)

    assert mark.place((1_000,)) is Place.IN_FLIGHT
    mark.commit(LAST)
    assert mark.place((1_000,)) is Place.COPIED


def test_the_frontier_never_goes_back() -> None:
    mark = dispatched(SECOND)

    mark.dispatch(FIRST)

    assert mark.place((15,)) is Place.IN_FLIGHT


def test_composite_keys_are_compared_part_by_part() -> None:
    mark = dispatched(Chunk(1, (1, "b"), (2, "a")))

    assert mark.place((1, "c")) is Place.IN_FLIGHT
    assert mark.place((2, "a")) is Place.IN_FLIGHT
    assert mark.place((2, "b")) is Place.AHEAD
    assert mark.place((1, "b")) is Place.COPIED


def test_what_python_cannot_order_is_held_until_the_copy_is_over() -> None:
    mark = dispatched(FIRST, ordered=False)

    mark.commit(FIRST)

    assert mark.place((1,)) is Place.IN_FLIGHT
    assert mark.holds_everything
    mark.finish()
    assert mark.place((1,)) is Place.COPIED
    assert not mark.holds_everything


def test_an_ordered_copy_never_holds_everything() -> None:
    assert not dispatched(FIRST).holds_everything


def test_nothing_is_held_before_an_unordered_copy_begins() -> None:
    assert not dispatched(ordered=False).holds_everything


def test_the_copy_is_not_over_while_a_chunk_is_in_flight() -> None:
    with pytest.raises(AssertionError, match="in flight"):
        dispatched(FIRST).finish()


def test_after_a_resume_what_is_missing_is_in_flight_and_what_was_not_begun_ahead() -> None:
    watermark = Watermark(ordered=True)

    watermark.resume(coverage([Chunk(1, None, (10,)), Chunk(3, (20,), (30,))]))

    places = {n: watermark.place((n,)) for n in (10, 11, 20, 21, 30, 31)}
    assert places == {
        10: Place.COPIED, 11: Place.IN_FLIGHT, 20: Place.IN_FLIGHT,
        21: Place.COPIED, 30: Place.COPIED, 31: Place.AHEAD,
    }  # fmt: skip


def test_after_a_resume_before_the_first_chunk_everything_lies_ahead() -> None:
    watermark = Watermark(ordered=False)

    watermark.resume(coverage([]))

    assert watermark.place((1,)) is Place.AHEAD and not watermark.holds_everything


def test_after_a_resume_keys_that_nobody_can_order_are_held() -> None:
    watermark = Watermark(ordered=False)

    watermark.resume(coverage([Chunk(1, None, (10,))]))

    assert watermark.place((1,)) is Place.IN_FLIGHT and watermark.holds_everything


def test_after_a_resume_of_a_copy_that_reached_the_end_nothing_lies_ahead() -> None:
    watermark = Watermark(ordered=True)

    watermark.resume(coverage([Chunk(1, None, (10,)), Chunk(2, (10,), None)]))

    assert watermark.place((99,)) is Place.COPIED

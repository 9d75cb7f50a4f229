"""Where a key lies, seen from the copy (rule 3)."""

from __future__ import annotations

import pytest

from osc.model.chunk import Chunk
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

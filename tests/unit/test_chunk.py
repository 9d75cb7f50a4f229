"""The chunk's size follows its duration: down at once, up slowly."""

from __future__ import annotations

import pytest

from osc.model.chunk import Chunk, ChunkSize

SIZE = ChunkSize(size=1_000, target_seconds=0.5, least=50, most=10_000)


def test_the_last_chunk_has_no_upper_bound() -> None:
    assert Chunk(2, (5,), None).is_last
    assert not Chunk(1, None, (5,)).is_last


def test_a_chunk_that_took_too_long_shrinks_the_next_at_once() -> None:
    assert SIZE.after(1_000, 5.0).size == 100


def test_a_quick_chunk_makes_the_next_half_as_large_again_and_no_more() -> None:
    assert SIZE.after(1_000, 0.001).size == 1_500


def test_even_the_smallest_size_grows() -> None:
    single = ChunkSize(size=1, target_seconds=0.5, least=1)

    assert single.after(1, 0.001).size == 2


def test_growth_stops_at_the_size_that_fits() -> None:
    assert SIZE.after(1_000, 0.4).size == 1_250


def test_a_chunk_of_an_instant_is_no_division_by_zero() -> None:
    assert SIZE.after(1_000, 0.0).size == 1_500


def test_no_chunk_is_smaller_than_the_least() -> None:
    assert SIZE.after(1_000, 500.0).size == 50


def test_no_chunk_is_larger_than_the_most() -> None:
    assert ChunkSize(size=9_000, most=10_000).after(9_000, 0.001).size == 10_000


def test_a_late_result_of_a_larger_chunk_does_not_undo_a_shrinking() -> None:
    shrunk = SIZE.after(1_000, 5.0)

    assert shrunk.after(1_000, 4.0).size == 125


def test_an_empty_chunk_says_nothing() -> None:
    assert SIZE.after(0, 1.0) is SIZE


def test_another_target_keeps_the_size_and_its_limits() -> None:
    assert SIZE.lasting(2.0) == ChunkSize(1_000, 2.0, 50, 10_000)


@pytest.mark.parametrize(
    ("width", "first", "least"),
    [(0, 1_000, 50), (100, 1_000, 50), (1 << 20, 4, 1), (100 << 20, 1, 1), (64 << 10, 64, 4)],
)
def test_rows_that_are_wide_begin_with_fewer_of_them(width: int, first: int, least: int) -> None:
    size = ChunkSize(size=1_000, least=50, most=100_000).of_width(width)

    assert (size.size, size.least, size.most) == (first, least, 100_000)

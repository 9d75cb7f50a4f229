"""What of a changelog has been delivered, whatever the order in which its rows appear."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from osc.model.change import KeyValue, Position
from osc.model.changelog import BLOCK, Delivered


def rows(*numbers: int) -> list[tuple[int, KeyValue]]:
    return [(number, (number % 10,)) for number in numbers]


def counts(numbers: set[int], newest: int) -> dict[int, int]:
    """What the server counts."""
    return dict(Counter(number // BLOCK for number in numbers if number <= newest))


def test_a_row_is_delivered_once() -> None:
    delivered = Delivered()

    assert delivered.take(rows(1, 2)) == ((1,), (2,))
    assert delivered.take(rows(1, 2, 3)) == ((3,),)


def test_a_key_that_changed_twice_is_told_once_and_both_rows_count() -> None:
    delivered = Delivered()

    assert delivered.take([(1, ("a",)), (2, ("a",))]) == (("a",),)
    assert len(delivered) == 2


def test_a_row_that_appears_below_the_newest_shows_in_the_counts() -> None:
    delivered = Delivered()
    delivered.take(rows(2, 4))

    assert delivered.newest == 4
    assert delivered.incomplete(counts({2, 4}, 4)) == []
    assert delivered.incomplete(counts({1, 2, 4}, 4)) == [0]


def test_only_the_block_with_the_hole_is_looked_into() -> None:
    delivered = Delivered()
    delivered.take(rows(5, BLOCK + 5, 2 * BLOCK + 5))
    there = {5, BLOCK + 4, BLOCK + 5, 2 * BLOCK + 5}

    assert delivered.incomplete(counts(there, delivered.newest)) == [1]


def test_a_row_below_the_newest_is_taken_and_the_newest_stays() -> None:
    delivered = Delivered()
    delivered.take(rows(9))

    assert delivered.take(rows(3)) == ((3,),)
    assert delivered.newest == 9
    assert 3 in delivered
    assert 4 not in delivered


def test_a_confirmed_delivery_may_be_deleted_oldest_first() -> None:
    delivered = Delivered()
    delivered.take(rows(1, 3))
    first = delivered.position
    delivered.take(rows(2))
    second = delivered.position

    assert delivered.oldest(Position("0")) is None
    assert delivered.oldest(second) == (first, (1, 3))
    assert delivered.confirmed(first) == (1, 3)
    delivered.deleted(first)
    assert delivered.oldest(first) is None
    assert delivered.oldest(second) == (second, (2,))


def test_what_is_deleted_is_forgotten_and_nothing_else() -> None:
    delivered = Delivered()
    delivered.take(rows(1, 2))
    first = delivered.position
    delivered.take(rows(3))
    delivered.deleted(first)

    assert (1 in delivered, 3 in delivered, len(delivered)) == (False, True, 1)
    assert delivered.incomplete({0: 1}) == []


def test_a_position_does_not_move_where_nothing_new_came() -> None:
    delivered = Delivered()
    delivered.take(rows(1))
    before = delivered.position

    delivered.take(rows(1))

    assert delivered.position == before


def test_a_later_process_counts_on_from_the_position_that_it_was_opened_at() -> None:
    delivered = Delivered(deliveries=7)
    delivered.take(rows(1))

    assert delivered.position == "8"
    assert delivered.oldest(Position("7")) is None


def test_many_rows_without_holes_take_no_room() -> None:
    delivered = Delivered()
    for first in range(1, 1_000_001, 20_000):
        delivered.take(rows(*range(first, first + 20_000)))

    assert len(delivered) == 1_000_000
    assert sum(len(runs) for runs in delivered._blocks.values()) <= 3 * 1_000_000 // BLOCK


SOME = st.sets(st.integers(1, 3 * BLOCK), max_size=30)


@given(st.lists(st.tuples(SOME, st.booleans())))
def test_looks_at_any_moments_deliver_each_row_once(moments: list[tuple[set[int], bool]]) -> None:
    """Rows appear in any order; some looks are complete ones, and what was told is deleted."""
    delivered, table, seen, told = Delivered(), set[int](), set[int](), list[int]()

    def take(numbers: set[int]) -> None:
        new = {number for number in numbers if number not in delivered}
        told.extend(sorted(new))
        delivered.take(rows(*sorted(numbers)))

    def look() -> None:
        take({number for number in table if number > delivered.newest})
        for block in delivered.incomplete(counts(table, delivered.newest)):
            take({number for number in table if number // BLOCK == block})

    for appeared, complete in moments:
        table |= appeared - seen
        seen |= appeared
        if complete:
            look()
            assert set(told) == seen
            if batch := delivered.oldest(delivered.position):
                table -= set(batch[1])
                delivered.deleted(batch[0])
        else:
            take({number for number in table if number > delivered.newest})
    look()

    assert sorted(told) == sorted(seen)

"""Keys between their delivery and the shadow (rules 3 and 6)."""

from __future__ import annotations

from osc.model.backlog import MOST_POSITIONS, Backlog
from osc.model.change import Delivery, KeyValue, Position
from osc.model.watermark import Place

A, B, C = (1,), (2,), (3,)


def copied(_: KeyValue) -> Place:
    return Place.COPIED


def ahead(_: KeyValue) -> Place:
    return Place.AHEAD


def in_flight(_: KeyValue) -> Place:
    return Place.IN_FLIGHT


def delivery(*keys: KeyValue, at: str, barrier: int | None = 1) -> Delivery:
    return Delivery(keys, barrier, Position(at))


def backlog() -> Backlog:
    return Backlog(Position("start"))


def test_a_key_without_a_barrier_is_not_acted_on() -> None:
    waiting = backlog()

    waiting.add(delivery(A, at="1", barrier=None), copied)

    assert waiting.take(10, copied) == ()
    assert repr(waiting) == "<Backlog fresh=1 ripe=0 acting=0>"


def test_a_barrier_ripens_every_key_that_was_delivered_before_it() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1", barrier=None), copied)

    waiting.add(delivery(B, at="2"), copied)

    assert waiting.take(10, copied) == (A, B)


def test_a_barrier_without_keys_ripens_too() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1", barrier=None), copied)

    waiting.add(delivery(at="2"), copied)

    assert waiting.ripe == 1


def test_a_visible_key_ahead_of_the_copy_is_forgotten() -> None:
    waiting = backlog()

    forgotten = waiting.add(
        delivery(A, B, at="1"), lambda key: ahead(key) if key == A else Place.COPIED
    )

    assert forgotten == 1
    assert waiting.take(10, copied) == (B,)


def test_a_key_ahead_of_the_copy_is_kept_while_it_may_be_invisible() -> None:
    waiting = backlog()

    forgotten = waiting.add(delivery(A, at="1", barrier=None), ahead)

    assert (forgotten, len(waiting)) == (0, 1)


def test_a_key_whose_chunk_is_in_flight_is_held() -> None:
    waiting = backlog()
    waiting.add(delivery(A, B, at="1"), in_flight)

    taken = waiting.take(10, lambda key: Place.COPIED if key == B else Place.IN_FLIGHT)

    assert taken == (B,)
    assert waiting.ripe_keys() == (A,)


def test_no_more_keys_are_taken_than_asked_for() -> None:
    waiting = backlog()
    waiting.add(delivery(A, B, C, at="1"), copied)

    assert waiting.take(2, copied) == (A, B)
    assert waiting.take(2, copied) == (C,)


def test_a_key_that_is_acted_on_is_not_taken_twice() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    waiting.take(10, copied)

    waiting.add(delivery(A, at="2"), copied)

    assert waiting.take(10, copied) == ()


def test_a_key_that_arrives_again_while_it_is_acted_on_is_acted_on_again() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    taken = waiting.take(10, copied)
    waiting.add(delivery(A, at="2"), copied)

    waiting.done(taken)

    assert waiting.take(10, copied) == (A,)


def test_a_hot_row_is_one_key() -> None:
    waiting = backlog()

    for number in range(1_000):
        waiting.add(delivery(A, at=str(number), barrier=None), copied)

    assert len(waiting) == 1


def test_what_is_put_back_waits_before_younger_keys() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    taken = waiting.take(10, copied)
    waiting.add(delivery(B, at="2"), copied)

    waiting.put_back(taken)

    assert waiting.take(10, copied) == (A, B)


def test_a_key_that_is_put_back_after_it_arrived_again_keeps_its_first_age() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    taken = waiting.take(10, copied)
    waiting.add(delivery(A, at="2"), copied)

    waiting.put_back(taken)

    assert waiting.safe_position() == "start"
    assert len(waiting) == 1


def test_all_that_is_acted_on_can_be_put_back_at_once() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    waiting.add(delivery(B, at="2"), copied)
    waiting.take(1, copied)

    waiting.put_back_all()

    assert waiting.take(10, copied) == (A, B)


def test_every_key_is_listed_whatever_its_state() -> None:
    waiting = backlog()
    waiting.add(delivery(A, B, at="1"), copied)
    waiting.take(1, copied)
    waiting.add(delivery(C, at="2", barrier=None), copied)

    assert set(waiting.keys()) == {A, B, C}


def test_the_position_moves_on_when_nothing_waits() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)

    waiting.done(waiting.take(10, copied))

    assert waiting.safe_position() == "1"


def test_the_position_never_passes_a_key_that_may_be_invisible() -> None:
    waiting = backlog()
    waiting.add(delivery(at="1"), copied)
    waiting.add(delivery(A, at="2", barrier=None), copied)

    assert waiting.safe_position() == "1"


def test_the_position_never_passes_a_ripe_key() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), in_flight)
    waiting.add(delivery(at="2"), copied)

    assert waiting.safe_position() == "start"


def test_the_position_never_passes_a_key_that_is_acted_on() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    waiting.take(10, copied)
    waiting.add(delivery(at="2"), copied)

    assert waiting.safe_position() == "start"


def test_the_position_never_passes_a_key_that_was_put_back() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    taken = waiting.take(10, copied)
    waiting.add(delivery(B, at="2"), copied)
    waiting.done(waiting.take(10, copied))

    waiting.put_back(taken)

    assert waiting.safe_position() == "start"


def test_the_position_stands_before_the_oldest_of_many() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    waiting.add(delivery(B, at="2"), copied)
    waiting.add(delivery(C, at="3"), copied)

    waiting.done(waiting.take(1, copied))

    assert waiting.safe_position() == "1"


def test_a_forgotten_key_does_not_hold_the_position() -> None:
    waiting = backlog()

    waiting.add(delivery(A, at="1"), ahead)

    assert waiting.safe_position() == "1"


def test_spilled_keys_count_as_resolved() -> None:
    waiting = backlog()
    waiting.add(delivery(A, B, at="1"), in_flight)
    waiting.add(delivery(C, at="2", barrier=None), copied)

    given = waiting.spill()

    assert given == (A, B, C)
    assert (len(waiting), waiting.safe_position()) == (0, "2")


def test_a_key_that_waits_twice_is_spilled_once() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), in_flight)
    waiting.add(delivery(A, at="2", barrier=None), in_flight)

    assert waiting.spill() == (A,)


def test_a_key_that_is_acted_on_is_not_spilled() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    taken = waiting.take(1, copied)
    waiting.add(delivery(B, at="2"), copied)

    assert waiting.spill() == (B,)
    assert waiting.safe_position() == "start"
    waiting.done(taken)


def test_what_waits_is_what_is_fresh_or_ripe() -> None:
    waiting = backlog()
    waiting.add(delivery(A, B, at="1"), copied)
    waiting.take(1, copied)
    waiting.add(delivery(C, at="2", barrier=None), copied)

    assert (waiting.fresh, waiting.ripe, waiting.waiting, len(waiting)) == (1, 1, 2, 3)


def test_a_spilled_key_that_arrives_again_waits_again() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    waiting.spill()

    waiting.add(delivery(A, at="2"), copied)

    assert waiting.take(10, copied) == (A,)
    assert waiting.safe_position() == "1"


# Nothing grows with time.


def test_positions_are_bounded_and_the_newest_is_kept() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="held"), copied)
    for number in range(5 * MOST_POSITIONS):
        waiting.add(delivery(at=str(number)), copied)

    assert len(waiting._positions) <= MOST_POSITIONS + 1
    assert waiting.safe_position() == "start"
    waiting.done(waiting.take(1, copied))
    assert waiting.safe_position() == str(5 * MOST_POSITIONS - 1)


def test_a_position_that_was_thinned_out_is_answered_by_an_older_one() -> None:
    """One that is newer would pass a key that still waits."""
    waiting = backlog()
    for number in range(3 * MOST_POSITIONS):
        keys = (A,) if number == 2 * MOST_POSITIONS else ()
        waiting.add(delivery(*keys, at=str(number)), copied)

    found = waiting.safe_position()

    assert found == "start" or int(found) < 2 * MOST_POSITIONS


def test_long_keys_fill_the_memory_sooner_than_short_ones() -> None:
    short, long = backlog(), backlog()
    keys = [(f"{n:06}",) for n in range(1_000)]
    short.add(delivery(*keys, at="1"), copied)
    long.add(delivery(*((part * 10_000,) for (part,) in keys), at="1"), copied)

    assert not short.full(1_000)
    assert long.full(1_000)


def test_it_is_full_when_more_wait_than_are_let_in() -> None:
    waiting = backlog()
    waiting.add(delivery(A, B, at="1", barrier=None), copied)

    assert waiting.full(1)
    assert not waiting.full(2)


def test_it_holds_what_came_until_then_and_not_what_came_later() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    then = waiting.newest
    waiting.add(delivery(B, at="2"), copied)

    held = waiting.holds(then)
    waiting.done(waiting.take(1, copied))

    assert held
    assert not waiting.holds(then)
    assert waiting.holds(waiting.newest)


def test_a_key_that_is_acted_on_is_still_held() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)
    waiting.take(1, copied)

    assert waiting.holds(waiting.newest)


def test_keys_that_arrive_are_counted_once_while_they_wait_and_not_when_forgotten() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1", barrier=None), copied)
    waiting.add(delivery(A, B, at="2"), copied)
    waiting.add(delivery(A, at="3"), copied)
    waiting.add(delivery(C, at="4"), ahead)

    assert waiting.arrived == 2


def test_a_key_that_nobody_delivered_can_be_made_to_wait() -> None:
    waiting = backlog()
    waiting.add(delivery(A, at="1"), copied)

    waiting.again([B])

    assert waiting.holds(waiting.newest)
    assert waiting.take(10, copied) == (A, B)

"""Keys that memory has no room for."""

from __future__ import annotations

import pytest

from osc import errors
from osc.model.backlog import Backlog
from osc.model.watermark import Watermark
from osc.stages import apply, saving
from osc.stages.spill import Spill
from tests.unit.sync.bench import ALL, A, B, Bench, C, D


def test_what_memory_has_no_room_for_goes_to_the_ledger(bench: Bench, small_memory: None) -> None:
    bench.watermark = Watermark(ordered=False)
    bench.watermark.dispatch(ALL)
    bench.copied = False
    bench.source.change(A, B, C)
    bench.source.mark()

    with bench.following() as follower:
        follower.step()

        assert len(follower.backlog) == 0
    assert list(bench.ledger.backlog.values()) == [A, B, C]


def test_a_huge_transaction_is_spilled_before_it_is_known_to_be_visible(
    bench: Bench, small_memory: None
) -> None:
    bench.server.original = {A: "a", B: "b", C: "c"}
    bench.source.change(A, B, C)

    with bench.following() as follower:
        follower.step()
        follower.step()
        early = bench.server.did("delete")
        follower.settle()

    assert early == []
    assert bench.server.shadow == bench.server.original


def test_what_can_be_acted_on_is_not_spilled(bench: Bench, small_memory: None) -> None:
    bench.server.original = {(n,): "new" for n in range(30)}
    for first in range(0, 30, 3):
        bench.source._deliver(tuple((first + n,) for n in range(3)), 0)

    with bench.following() as follower:
        follower.settle()

    assert bench.server.shadow == bench.server.original
    assert bench.ledger.spilled_ever == 0


def test_memory_is_bounded_though_what_comes_can_be_acted_on(
    bench: Bench, small_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery may bring more than one turn acts on."""
    monkeypatch.setattr(apply.Applier, "most", 1)
    for first in range(0, 300, 3):
        bench.source._deliver(tuple((first + n,) for n in range(3)), 0)
    most = 0

    with bench.following() as follower:
        for _ in range(120):
            follower.step()
            most = max(most, len(follower.backlog))

    assert most <= 2


def test_a_spilled_key_ahead_of_the_copy_is_forgotten(bench: Bench, small_memory: None) -> None:
    bench.copied = False
    bench.source.change(A, B, C)

    with bench.following() as follower:
        follower.step()
        bench.source.mark()
        follower.step()

    assert bench.server.did("delete") == []
    assert bench.ledger.backlog == {}


def test_spilled_keys_come_back_when_the_copy_is_over(bench: Bench, small_memory: None) -> None:
    bench.server.original = {A: "a", B: "b", C: "c"}
    bench.watermark = Watermark(ordered=False)
    bench.watermark.dispatch(ALL)
    bench.copied = False
    bench.source.change(A, B, C)
    bench.source.mark()

    with bench.following() as follower:
        follower.step()
        bench.watermark.commit(ALL)
        bench.watermark.finish()
        follower.settle()

    assert bench.server.shadow == bench.server.original
    assert bench.ledger.backlog == {}


def test_spilled_keys_are_purged_too(bench: Bench, small_memory: None) -> None:
    bench.server.shadow = {A: "stale", B: "stale", C: "stale", D: "fine"}
    bench.source.change(A, B, C)
    bench.source.mark()

    with bench.following() as follower, follower.suspended():
        follower.step()
        follower.purge()

    assert bench.server.shadow == {D: "fine"}
    assert list(bench.ledger.backlog.values()) == [A, B, C]


def test_a_spilled_key_is_kept_until_acting_on_it_has_succeeded(
    bench: Bench, small_memory: None
) -> None:
    bench.server.original = {A: "a", B: "b", C: "c"}
    bench.source.change(A, B, C)
    bench.source.mark()
    bench.server.fail("insert", errors.Conflict("deadlock"))

    with bench.following() as follower:
        with follower.suspended():
            follower.step()
        follower.step()
        kept = list(bench.ledger.backlog.values())
        follower.settle()

    assert kept == [A, B, C]
    assert bench.server.shadow == bench.server.original


def test_a_spilled_key_whose_chunk_is_in_flight_is_held(bench: Bench, small_memory: None) -> None:
    """The row was deleted, the chunk's snapshot still has it: acting now would delete nothing, and
    then the chunk would bring the row back for good."""
    bench.copied = False
    bench.watermark.dispatch(ALL)
    bench.source.change(A, B, C)
    bench.source.mark()

    with bench.following() as follower:
        follower.step()
        follower.step()
        held = bench.server.did("delete")
        bench.server.shadow = {A: "from the chunk's snapshot"}
        bench.watermark.commit(ALL)
        follower.step()

    assert held == []
    assert bench.server.shadow == {}


def test_a_spilled_key_that_may_be_invisible_holds_the_position(
    bench: Bench, small_memory: None
) -> None:
    """Whoever resumes behind it would never hear of its transaction, and so not wait for it."""
    bench.source.change(A, B, C)

    with bench.following() as follower:
        follower.step()
        saved_early = list(bench.ledger.saved)
        bench.source.mark()
        follower.step()

    assert saved_early == []
    assert bench.ledger.saved[-1]["position"] == "2"


def test_keys_that_are_held_for_long_do_not_hold_the_position(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server would have to keep its log for as long as the copy lasts."""
    monkeypatch.setattr(saving, "SAVE_SECONDS", -1.0)
    monkeypatch.setattr(saving, "LONGEST_AT_ONE_POSITION_SECONDS", -1.0)
    bench.watermark = Watermark(ordered=False)
    bench.watermark.dispatch(ALL)
    bench.copied = False
    bench.source.change(A)
    bench.source.mark()

    with bench.following() as follower:
        follower.step()
        follower.step()

    assert list(bench.ledger.backlog.values()) == [A]
    assert bench.ledger.saved[0]["position"] == "0"
    assert bench.ledger.saved[-1]["position"] == "2"


def test_spilled_keys_are_reached_though_new_ones_always_wait(
    bench: Bench, small_memory: None
) -> None:
    bench.source.change(A, B, C)
    bench.source.mark()

    with bench.following() as follower:
        with follower.suspended():
            follower.step()
        for number in range(10, 20):
            bench.source.change((number,))
            bench.source.mark()
            follower.step()

    assert bench.ledger.backlog == {}


def test_pages_begin_where_the_last_one_ended(bench: Bench) -> None:
    spill = Spill(bench.ledger, 7)
    waiting = Backlog(bench.source.position)
    waiting.again([A, B, C])
    spill.take_in(waiting, since=5.0)

    first = spill.oldest(2)
    assert first is not None
    spill.forget(first)

    assert spill.oldest_came_at == 5.0
    assert (first.keys, spill.count, spill.holds(2), spill.holds(3)) == ((A, B), 1, False, True)
    assert [page.keys for page in spill.pages(2)] == [(C,)]

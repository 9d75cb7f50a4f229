"""The last changes, acted on under the lock of the cut-over."""

from __future__ import annotations

import time

import pytest

from osc import errors
from osc.stages import apply
from tests.unit.sync.bench import PAST, A, B, Bench, C, close, lock, soon


def test_a_drain_acts_on_all_that_had_committed_before_the_lock(bench: Bench) -> None:
    bench.server.original, bench.server.shadow = {A: "new"}, {A: "old", B: "gone"}
    bench.source.on_mark = lambda: bench.source.change(A, B)

    with bench.following() as follower:
        drained = follower.drain(lock(bench), soon())

    assert drained == 2
    assert bench.server.shadow == {A: "new"}


def test_a_drain_deletes_every_key_before_it_inserts_one(bench: Bench) -> None:
    """Unique values that two rows of different batches exchange meet no stale row."""
    keys = [(n,) for n in range(apply.BATCH + 1)]
    bench.server.unique = True
    bench.server.shadow = {key: str(key) for key in keys}
    bench.server.original = {**bench.server.shadow, keys[0]: "x", keys[-1]: "y"}
    bench.server.shadow |= {keys[0]: "y", keys[-1]: "x"}
    bench.source.change(*keys)

    with bench.following() as follower:
        follower.drain(lock(bench), soon())

    assert bench.server.shadow == bench.server.original


def test_a_drain_runs_through_the_session_that_holds_the_lock(bench: Bench) -> None:
    bench.source.change(A)

    with bench.following() as follower:
        session = lock(bench)
        others = bench.server.opened[:-1]
        bench.server.on["fence"] = lambda: close(others)
        follower.drain(session, soon())

    assert bench.server.did("delete") == [(A,)]


def test_a_process_that_another_one_has_taken_over_from_writes_nothing(bench: Bench) -> None:
    bench.server.original, bench.server.shadow = {A: "new"}, {A: "old"}
    bench.source.change(A)
    bench.server.generation = 2

    with bench.following() as follower:
        for act in (follower.settle, follower.purge, lambda: follower.drain(lock(bench), soon())):
            with pytest.raises(errors.TakenOver):
                act()

    assert bench.server.shadow == {A: "old"}


def test_what_an_earlier_process_has_spilled_is_acted_on(bench: Bench) -> None:
    bench.server.original = {A: "a"}
    bench.ledger.backlog = {1: A}

    with bench.following(spilled=1) as follower:
        follower.settle()

    assert (bench.server.shadow, bench.ledger.backlog) == ({A: "a"}, {})


def test_a_drain_that_was_undone_is_done_again(bench: Bench) -> None:
    bench.server.original = {A: "a"}
    bench.source.change(A)

    with bench.following() as follower:
        follower.drain(lock(bench), soon())
        bench.server.shadow = {}  # the lock's session rolled back
        follower.undo_drain()
        follower.settle()

    assert bench.server.shadow == {A: "a"}


def test_a_drain_gives_up_when_the_source_is_silent(bench: Bench) -> None:
    bench.source.silent = True

    with bench.following() as follower, pytest.raises(errors.LockTimeout):
        follower.drain(lock(bench), PAST)


def test_a_drain_gives_up_when_acting_takes_too_long(bench: Bench) -> None:
    deadline = time.monotonic() + 0.01
    bench.source.change(A)

    def take_long() -> None:
        while time.monotonic() <= deadline:
            pass

    with bench.following() as follower:
        bench.server.on["delete"] = take_long
        with pytest.raises(errors.LockTimeout, match="too long"):
            follower.drain(lock(bench), deadline)

    assert bench.server.did("insert") == []


def test_keys_that_were_spilled_are_never_left_out_of_a_drain(
    bench: Bench, small_memory: None
) -> None:
    """A bulk update that commits just before the lock is granted: more than memory takes."""
    bench.server.original = dict.fromkeys((A, B, C), "new")
    bench.server.shadow = dict.fromkeys((A, B, C), "old")
    bench.source.on_mark = lambda: bench.source.change(A, B, C)

    with bench.following() as follower:
        try:
            follower.drain(lock(bench), soon())
        except errors.LockTimeout:
            follower.undo_drain()
            bench.source.on_mark = lambda: None
            follower.settle()
            follower.drain(lock(bench), soon())

    assert bench.server.shadow == bench.server.original


def test_keys_that_were_spilled_before_the_lock_are_never_left_out_of_a_drain(
    bench: Bench, small_memory: None
) -> None:
    bench.source.change(A, B, C)
    bench.source.mark()

    with bench.following() as follower:
        with follower.suspended():
            follower.step()
        with pytest.raises(errors.LockTimeout, match="more keys"):
            follower.drain(lock(bench), soon())

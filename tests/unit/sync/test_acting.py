"""The follower: keys in, rows made equal; never one forgotten (rules 1, 3, 6, 7)."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from osc import errors
from osc.stages import apply, sync
from tests.unit.sync.bench import ALL, A, B, Bench, C, D, E


def test_a_changed_row_is_made_equal(bench: Bench) -> None:
    bench.server.original, bench.server.shadow = {A: "new"}, {A: "old"}
    bench.source.change(A)

    with bench.following() as follower:
        follower.settle()

    assert bench.server.shadow == {A: "new"}
    assert bench.tracker.read().changes_applied == 1


def test_a_deleted_row_is_deleted_and_a_new_one_inserted(bench: Bench) -> None:
    bench.server.original, bench.server.shadow = {B: "b"}, {A: "a"}
    bench.source.change(A, B)

    with bench.following() as follower:
        follower.settle()

    assert bench.server.shadow == {B: "b"}


def test_a_key_is_deleted_and_inserted_in_one_transaction(bench: Bench) -> None:
    bench.source.change(A)

    with bench.following() as follower:
        follower.settle()

    verbs = [verb for verb, _ in bench.server.log if verb != "setting"]
    assert verbs == ["fence", "delete", "insert", "commit"]


def test_no_key_is_acted_on_before_a_barrier(bench: Bench) -> None:
    bench.source.change(A)

    with bench.following() as follower:
        follower.step()

    assert bench.server.did("delete", "insert") == []


def test_the_first_barrier_takes_in_what_was_under_way(bench: Bench) -> None:
    bench.copied = False
    bench.source.change(A)

    with bench.following() as follower:
        follower.first_barrier()

        assert len(follower.backlog) == 0
    assert bench.tracker.read().changes_forgotten == 1


def test_a_key_whose_chunk_is_in_flight_is_held_until_it_has_committed(bench: Bench) -> None:
    bench.copied = False
    bench.watermark.dispatch(ALL)
    bench.source.change(A)
    bench.source.mark()

    with bench.following() as follower:
        follower.step()
        held = bench.server.did("delete")
        bench.watermark.commit(ALL)
        follower.step()

    assert held == []
    assert bench.server.did("delete") == [(A,)]


def test_a_lagging_replica_holds_what_was_taken_in_until_it_has_caught_up(bench: Bench) -> None:
    bench.source.change(A)
    bench.source.mark()
    bench.controls.steer(lambda now: replace(now, following_held_by="lag of db2"))

    with bench.following() as follower:
        follower.step()
        held = (bench.server.did("delete"), bench.tracker.read().changes_delivered)
        bench.controls.steer(lambda now: replace(now, following_held_by=""))
        follower.step()

    assert held == ([], 1), "it is taken in, so that the server need not keep it"
    assert bench.server.did("delete") == [(A,)]


def test_the_oldest_change_that_waits_is_told_by_the_time_when_it_was_read(bench: Bench) -> None:
    bench.copied = False
    bench.watermark.dispatch(ALL)
    bench.source.change(A)
    bench.source.mark()

    with bench.following() as follower:
        began = time.monotonic()
        follower.step()
        read_at = bench.tracker.read().oldest_change_at
        bench.source.change(B)
        follower.step()
        held_at = bench.tracker.read().oldest_change_at
        bench.watermark.commit(ALL)
        follower.settle()
        follower.step()

    assert began <= read_at <= time.monotonic()
    assert held_at == read_at
    assert bench.tracker.read().oldest_change_at == 0.0


def test_while_suspended_changes_are_taken_in_and_the_shadow_is_left_alone(bench: Bench) -> None:
    bench.source.change(A)
    bench.source.mark()

    with bench.following() as follower:
        with follower.suspended():
            follower.step()
            meanwhile = bench.server.did("delete"), len(follower.backlog)
        follower.step()

    assert meanwhile == ([], 1)
    assert bench.server.did("delete") == [(A,)]


def test_a_step_after_the_end_does_nothing(bench: Bench) -> None:
    bench.source.change(A)
    bench.source.mark()

    with bench.following() as follower:
        follower.end()

        assert not follower.step()
    assert bench.server.did("delete") == []


def test_every_session_gets_the_dialects_settings_and_is_closed(bench: Bench) -> None:
    with bench.following():
        pass

    assert len(bench.server.did("setting")) == 2
    assert all(session.closed for session in bench.server.opened)


def test_a_deadlock_is_tried_again(bench: Bench) -> None:
    bench.server.original = {A: "a"}
    bench.source.change(A)
    bench.server.fail("insert", errors.Conflict("deadlock"))

    with bench.following() as follower:
        follower.settle()

    assert bench.server.shadow == {A: "a"}
    assert bench.tracker.read().conflicts == 1


def test_a_lost_connection_stops_the_migration(bench: Bench) -> None:
    bench.source.change(A)
    bench.server.fail("insert", errors.ConnectionLost("gone"))

    with bench.following() as follower, pytest.raises(errors.ConnectionLost):
        bench.source.mark()
        follower.run()

    with pytest.raises(errors.ConnectionLost):
        bench.controls.check()


def test_a_value_that_does_not_fit_is_data_that_would_be_lost(bench: Bench) -> None:
    bench.source.change(A)
    bench.server.fail("insert", errors.BadValue("too long"))

    with (
        bench.following() as follower,
        pytest.raises(errors.DataWouldBeLost, match=r"written meanwhile.*too long"),
    ):
        follower.settle()


def test_a_unique_value_that_moved_between_rows_is_followed(bench: Bench) -> None:
    """x went from row 2 to row 1; row 1 comes first and meets x in the stale row 2."""
    bench.server.unique = True
    bench.server.original, bench.server.shadow = {A: "x", B: "y"}, {A: "z", B: "x"}
    bench.source.change(A)
    bench.source.mark()
    bench.source.change(B)

    with bench.following() as follower:
        follower.step()
        met = bench.tracker.read().conflicts
        follower.settle()

    assert met == 1
    assert bench.server.shadow == {A: "x", B: "y"}


def test_after_a_duplicate_all_keys_are_read_in_one_snapshot(bench: Bench) -> None:
    """Two rows of two batches exchange a unique value again and again: read one after the other,
    both may seem to have it."""
    keys = [(n,) for n in range(apply.BATCH + 1)]
    bench.server.unique = True
    bench.server.original = {key: str(key) for key in keys}
    first, last = keys[0], keys[-1]

    def exchange() -> None:
        original = bench.server.original
        original[first], original[last] = original[last], original[first]
        bench.source.change(*keys)

    bench.source.change(*keys)
    with bench.following() as follower:
        bench.server.on["insert"] = exchange
        follower._read_to(bench.source.mark())
        for _ in range(3):
            follower._act()
        bench.server.on.clear()
        follower.settle()

    assert bench.tracker.read().conflicts == 1
    assert bench.server.shadow == bench.server.original


def test_a_duplicate_that_stays_is_looked_for_in_the_original() -> None:
    def probe() -> None:
        raise errors.DataWouldBeLost("two rows have note x", still_true="nothing was touched")

    bench = Bench(probe=probe)
    bench.server.unique = True
    bench.server.original = {A: "x", B: "x"}
    bench.source.change(A, B)

    with (
        bench.following() as follower,
        pytest.raises(errors.DataWouldBeLost, match="two rows") as found,
    ):
        follower.settle()

    assert found.value.still_true == "shop.orders still serves and is untouched"
    assert isinstance(found.value.__cause__, errors.DuplicateKey)


def test_a_duplicate_that_stays_and_that_no_probe_knows_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An exclusion constraint has none; it went on until the limit on catching up, an hour."""
    monkeypatch.setattr(sync, "LONGEST_CONFLICT_SECONDS", 0.0)
    bench = Bench(probe=lambda: None)
    bench.server.unique = True
    bench.server.original = {A: "x", B: "x"}
    bench.source.change(A, B)

    with (
        bench.following() as follower,
        pytest.raises(errors.DataWouldBeLost, match="in each other's way") as found,
    ):
        follower.settle()

    assert bench.tracker.read().conflicts >= sync.MOST_CONFLICTS
    assert isinstance(found.value.__cause__, errors.DuplicateKey)


def test_a_purge_deletes_every_key_of_the_backlog_and_keeps_them(bench: Bench) -> None:
    bench.copied = False
    bench.watermark.dispatch(ALL)
    bench.server.shadow = {A: "stale", B: "stale", C: "fine"}
    bench.source.change(A, B)

    with bench.following() as follower:
        follower.purge()

        assert set(follower.backlog.keys()) == {A, B}
    assert bench.server.shadow == {C: "fine"}


def test_a_purge_catches_up_first(bench: Bench) -> None:
    bench.server.shadow = {A: "stale"}
    bench.source.on_mark = lambda: bench.source.change(A)

    with bench.following() as follower:
        follower.purge()

    assert bench.server.shadow == {}


def test_a_purge_deletes_no_more_keys_at_once_than_the_dialect_takes(bench: Bench) -> None:
    bench.source.change(A, B, C, D, E)

    with bench.following() as follower:
        follower.purge()

    assert bench.server.did("delete") == [(A, B, C), (D, E)]


def test_a_purge_that_meets_a_deadlock_goes_on(bench: Bench) -> None:
    bench.server.shadow = {A: "stale"}
    bench.source.change(A)
    bench.server.fail("delete", errors.Conflict("deadlock"))

    with bench.following() as follower:
        follower.purge()

    assert bench.server.shadow == {}


def test_settling_acts_on_what_arrives_while_it_acts(bench: Bench) -> None:
    bench.server.original = {A: "a", B: "b"}
    arriving = iter([(B,)])
    bench.source.change(A)

    def arrive() -> None:
        if key := next(arriving, None):
            bench.source.change(*key)
            bench.source.mark()

    with bench.following() as follower:
        bench.server.on["delete"] = arrive
        follower.settle()
        follower.settle()

    assert bench.server.shadow == {A: "a", B: "b"}


def test_settling_can_be_stopped(bench: Bench) -> None:
    bench.source.silent = True
    bench.controls.stop(errors.Aborted("operator"))

    with bench.following() as follower, pytest.raises(errors.Aborted):
        follower.settle()


def test_keys_that_nobody_changed_are_made_equal_when_asked_to(bench: Bench) -> None:
    bench.server.original, bench.server.shadow = {A: "a"}, {A: "wrong", B: "too many"}

    with bench.following() as follower:
        follower.reapply([A, B])

    assert bench.server.shadow == {A: "a"}


def test_who_watches_sees_what_comes_while_it_watches(bench: Bench) -> None:
    bench.source.change(A)

    with bench.following() as follower:
        follower.step()
        with follower.watching() as watch, follower.watching() as another:
            bench.source.change(B)
            follower.step()
        bench.source.change(C)
        follower.step()

    assert watch.seen() == another.seen() == {B}


def test_nobody_waits_for_a_turn_to_watch(bench: Bench) -> None:
    with bench.following() as follower, follower.turn():
        watching = threading.Event()

        def watch() -> None:
            with follower.watching():
                watching.set()

        threading.Thread(target=watch).start()

        assert watching.wait(10)


def test_the_saved_position_is_confirmed_and_passes_nothing_that_waits(bench: Bench) -> None:
    bench.copied = False
    bench.watermark.dispatch(ALL)
    bench.source.mark()
    bench.source.change(A)

    with bench.following() as follower:
        follower.step()

    assert bench.ledger.saved[-1]["position"] == "1"
    assert bench.source.confirmed == ["1"]


def test_the_position_is_not_saved_at_every_step(bench: Bench) -> None:
    with bench.following() as follower:
        follower.step()
        follower.step()

    assert len(bench.ledger.saved) == 1

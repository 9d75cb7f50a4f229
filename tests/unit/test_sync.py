"""The follower: keys in, rows made equal; never one forgotten (rules 1, 3, 6, 7)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from osc import errors
from osc.engine import Session
from osc.model.backlog import Backlog
from osc.model.change import Delivery, Position
from osc.model.chunk import Chunk
from osc.model.convergence import Convergence
from osc.model.progress import Tracker
from osc.model.watermark import Watermark
from osc.stages import apply, sync
from osc.stages.spill import Spill
from osc.stages.sync import Follower
from tests.fakes import (
    FENCE,
    JOB,
    FakeDialect,
    FakeLedger,
    FakeServer,
    FakeSession,
    FakeSource,
    Hurried,
)

A, B, C, D, E = (1,), (2,), (3,), (4,), (5,)
PAST = 1.0
ALL = Chunk(1, None, None)


@dataclass
class Bench:
    """A follower with its fakes; the copy is over unless a test wants otherwise."""

    server: FakeServer = field(default_factory=FakeServer)
    source: FakeSource = field(default_factory=FakeSource)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    tracker: Tracker = field(default_factory=Tracker)
    controls: Hurried = field(default_factory=Hurried)
    watermark: Watermark = field(default_factory=lambda: Watermark(ordered=True))
    copied: bool = True
    probe: Callable[[], None] = lambda: None

    @contextmanager
    def following(self, spilled: int = 0) -> Iterator[Follower]:
        if self.copied:
            self.watermark.finish()
        follower = Follower(
            job=JOB,
            source=self.source,
            dialect=FakeDialect(),
            ledger=self.ledger,
            connect=self.server.connect,
            watermark=self.watermark,
            probe=self.probe,
            tracker=self.tracker,
            controls=self.controls,
            fence=FENCE,
            spilled=spilled,
        )
        with follower.workers_ready():
            yield follower


def lock(bench: Bench) -> Session:
    return bench.server.connect("lock")


def close(sessions: Sequence[FakeSession]) -> None:
    for session in sessions:
        session.close()


def soon() -> float:
    return time.monotonic() + 60


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys fit; the third makes all that are ripe spill."""
    monkeypatch.setattr(sync, "MOST_IN_MEMORY", 2)


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


# Keys that memory has no room for.


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
    monkeypatch.setattr(sync, "SAVE_SECONDS", -1.0)
    monkeypatch.setattr(sync, "LONGEST_AT_ONE_POSITION_SECONDS", -1.0)
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
    spill.take_in(waiting)

    first = spill.oldest(2)
    assert first is not None
    spill.forget(first)

    assert (first.keys, spill.count, spill.holds(2), spill.holds(3)) == ((A, B), 1, False, True)
    assert [page.keys for page in spill.pages(2)] == [(C,)]


# Changes that come in faster than they are applied.


def test_a_source_that_always_has_more_keeps_nobody_from_acting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "TAKE_IN_SECONDS", 0.0)
    bench.server.original = {A: "a"}
    reads = 0

    def endless(timeout_seconds: float) -> Delivery | None:
        nonlocal reads
        reads += 1
        assert reads < 1_000, "it never ends to read"
        return Delivery((A,), reads, Position(str(reads)))

    monkeypatch.setattr(bench.source, "read", endless)

    with bench.following() as follower:
        follower.step()

    assert bench.server.shadow == {A: "a"}


def test_settling_ends_though_each_key_that_is_acted_on_is_followed_by_another(
    bench: Bench,
) -> None:
    bench.source.change(A)
    deletes = 0

    def arrive() -> None:
        nonlocal deletes
        deletes += 1
        assert deletes < 100, "it never ends"
        bench.source.change((deletes,), (deletes + 1_000,))
        bench.source.mark()

    with bench.following() as follower:
        bench.server.on["delete"] = arrive
        follower.settle()

    assert deletes == 1


def test_settling_ends_though_what_arrives_is_spilled_again_and_again(
    bench: Bench, small_memory: None
) -> None:
    bench.source.change(A, B, C)
    deletes = 0

    def arrive() -> None:
        nonlocal deletes
        deletes += 1
        assert deletes < 1_000, "it never ends"
        bench.source.change(*((10 * deletes + n,) for n in range(5)))
        bench.source.mark()

    with bench.following() as follower:
        bench.server.on["delete"] = arrive
        follower.settle()

    assert deletes == 1


def test_settling_acts_on_what_is_spilled_in_its_midst(bench: Bench, small_memory: None) -> None:
    """The key's chunk is in flight, and then there is no room for it any more."""
    bench.server.original = {A: "a"}
    bench.copied = False
    bench.watermark.dispatch(ALL)
    bench.source.change(A)
    read, reads = bench.source.read, 0

    def later(timeout_seconds: float) -> Delivery | None:
        nonlocal reads
        reads += 1
        if reads == 4:
            bench.source._deliver((B, C, D), 0)
        if reads == 8:
            bench.watermark.commit(ALL)
        return read(timeout_seconds)

    bench.source.read = later  # type: ignore[method-assign]

    with bench.following() as follower:
        follower.settle()

    assert bench.ledger.spilled_ever == 4
    assert bench.server.shadow == {A: "a"}


def test_a_source_that_is_far_behind_is_waited_for_while_it_delivers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "LONGEST_SILENCE_SECONDS", 0.05)
    read, reads = bench.source.read, 0

    def slow(timeout_seconds: float) -> Delivery | None:
        nonlocal reads
        reads += 1
        time.sleep(0.01)
        return Delivery((A,), None, Position("0")) if reads < 20 else read(timeout_seconds)

    monkeypatch.setattr(bench.source, "read", slow)
    monkeypatch.setattr(sync, "TAKE_IN_SECONDS", 0.0)

    with bench.following() as follower:
        follower.settle()

    assert reads >= 20


def test_a_round_that_is_no_shorter_is_given_up_in_its_midst(bench: Bench) -> None:
    rounds = Convergence(limit_seconds=0.0)
    rounds.begin(0.0)
    rounds.end(1e-9)
    bench.source.change(A)

    with (
        bench.following() as follower,
        pytest.raises(errors.Guarded, match=r"changes of shop.orders come in faster"),
    ):
        follower.settle(rounds)


# Repairs.


def test_keys_that_nobody_changed_are_made_equal_when_asked_to(bench: Bench) -> None:
    bench.server.original, bench.server.shadow = {A: "a"}, {A: "wrong", B: "too many"}

    with bench.following() as follower:
        follower.reapply([A, B])

    assert bench.server.shadow == {A: "a"}


# Under the lock.


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


# What others watch.


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


# The position.


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

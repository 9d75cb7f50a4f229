"""The copy never overwrites and never ignores (rules 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import pytest

from osc import errors
from osc.engine import Session
from osc.model.chunk import Chunk, ChunkSize
from osc.model.coverage import Coverage, coverage
from osc.model.progress import Tracker
from osc.model.reading import LATENCY, Reading
from osc.model.watermark import Place, Watermark
from osc.model.width import Width
from osc.stages import copier
from osc.stages.copier import LONGEST_REST_SECONDS, MOST_TRIES, TRIES_BEFORE_PROBE, Copier
from tests.fakes import FENCE, JOB, FakeDialect, FakeLedger, FakeServer, Hurried, Rows

FIVE: Rows = {(n,): f"note {n}" for n in range(1, 6)}


@dataclass
class Bench:
    """A copier with its fakes; chunks of two rows."""

    server: FakeServer = field(default_factory=lambda: FakeServer(original=dict(FIVE)))
    watermark: Watermark = field(default_factory=lambda: Watermark(ordered=True))
    tracker: Tracker = field(default_factory=Tracker)
    controls: Hurried = field(default_factory=Hurried)
    purge: Callable[[], None] = lambda: None
    probe: Callable[[], None] = lambda: None
    done: Coverage = field(default_factory=Coverage)
    alone: Callable[[], AbstractContextManager[None]] = nullcontext

    def copy(self, threads: int = 1) -> None:
        Copier(
            job=JOB,
            dialect=FakeDialect(),
            ledger=FakeLedger(),
            connect=self.server.connect,
            watermark=self.watermark,
            purge=self.purge,
            alone=self.alone,
            probe=self.probe,
            tracker=self.tracker,
            controls=self.controls,
            size=ChunkSize(size=2, least=2, most=2),
            fence=FENCE,
            done=self.done,
        ).run(threads)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("threads", [1, 4])
def test_every_row_is_copied_once(bench: Bench, threads: int) -> None:
    bench.copy(threads)

    assert bench.server.shadow == FIVE
    assert (bench.tracker.read().rows_copied, bench.tracker.read().chunks_copied) == (5, 3)


def with_one_connection(bench: Bench, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that three connections may do, of which `threads` were asked for."""
    bench.controls.steer(lambda now: replace(now, threads=3))
    connect = bench.server.connect

    def one(purpose: str) -> Session:
        if bench.server.opened:
            raise errors.Unreachable("too many connections")
        return connect(purpose)

    monkeypatch.setattr(bench.server, "connect", one)
    bench.copy(threads)


def test_one_connection_more_than_the_server_has_is_done_without(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_one_connection(bench, 1, monkeypatch)

    assert bench.server.shadow == FIVE


def test_a_connection_that_was_asked_for_is_needed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(errors.Unreachable):
        with_one_connection(bench, 2, monkeypatch)


def test_the_width_is_told_what_commits_take_and_whether_others_write(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, bool]] = []

    class Told(Width):
        def done(
            self, now: float, rows: int, commit_seconds: float, *, is_shared: bool = False
        ) -> None:
            told.append((commit_seconds, is_shared))

    def others_write() -> None:
        if len(bench.server.did("copy")) == 2:
            bench.tracker.add(changes_delivered=1)

    monkeypatch.setattr(copier, "Width", Told)
    bench.server.on["copy"] = others_write
    bench.tracker.note(signals=(Reading(LATENCY, 0.03, 0.0),))

    bench.copy()

    assert told == [(0.03, False), (0.03, True), (0.03, False)]


def test_chunks_leave_no_gap_and_the_last_one_has_no_end(bench: Bench) -> None:
    bench.copy()

    assert bench.server.did("copy") == [
        Chunk(1, None, (2,)),
        Chunk(2, (2,), (4,)),
        Chunk(3, (4,), None),
    ]


def test_an_empty_table_is_one_chunk(bench: Bench) -> None:
    bench.server.original = {}

    bench.copy(4)

    assert bench.server.did("copy") == [Chunk(1, None, None)]


def test_a_chunk_is_dispatched_before_its_snapshot_is_taken(bench: Bench) -> None:
    places: list[Place] = []
    bench.server.on["copy"] = lambda: places.append(bench.watermark.place((1,)))

    bench.copy()

    assert places == [Place.IN_FLIGHT, Place.COPIED, Place.COPIED]
    assert bench.watermark.place((99,)) is Place.COPIED


def test_a_chunk_and_its_ledger_row_commit_together(bench: Bench) -> None:
    bench.copy()

    done = [verb for verb, _ in bench.server.log if verb in ("copy", "done", "commit")]
    assert done == ["copy", "done", "commit"] * 3


def test_a_chunk_whose_ledger_row_fails_is_not_copied(bench: Bench) -> None:
    bench.server.fail("done", errors.ConnectionLost("gone"))

    with pytest.raises(errors.ConnectionLost):
        bench.copy()

    assert (bench.server.shadow, bench.server.copied) == ({}, [])
    assert bench.watermark.place((1,)) is Place.IN_FLIGHT


def test_a_rest_that_is_no_longer_wanted_ends(bench: Bench) -> None:
    bench.controls.steer(lambda now: replace(now, nice_ratio=1e12))
    rests: list[float] = []

    def nobody_wants_it(seconds: float) -> None:
        rests.append(seconds)
        bench.controls.steer(lambda now: replace(now, nice_ratio=0.0))

    bench.controls.pause = nobody_wants_it  # type: ignore[method-assign]
    bench.copy()

    assert rests == [LONGEST_REST_SECONDS]
    assert bench.server.shadow == FIVE


def test_a_deadlock_is_tried_again(bench: Bench) -> None:
    bench.server.fail("copy", errors.Conflict("deadlock"), errors.Conflict("again"))

    bench.copy()

    assert bench.server.shadow == FIVE
    assert bench.tracker.read().conflicts == 2
    assert len(bench.controls.waits) == 2


def test_a_deadlock_that_never_ends_is_not_called_a_loss_of_data(bench: Bench) -> None:
    bench.server.fail("copy", *[errors.Conflict("lock wait")] * MOST_TRIES)

    with pytest.raises(errors.Conflict, match="lock wait"):
        bench.copy()


def test_a_duplicate_is_purged_and_tried_again(bench: Bench) -> None:
    """x moved from row 5, which is copied, to row 1, which is not."""
    bench.server.unique = True
    bench.server.shadow = {(9,): "note 1"}
    bench.purge = lambda: bench.server.shadow.clear()

    bench.copy()

    assert bench.server.shadow == FIVE
    assert bench.tracker.read().conflicts == 1


def test_nothing_is_overwritten(bench: Bench) -> None:
    bench.server.shadow = {(1,): "somebody else's"}
    bench.probe = refuse

    with pytest.raises(errors.DataWouldBeLost):
        bench.copy()

    assert bench.server.shadow == {(1,): "somebody else's"}


def refuse() -> None:
    raise errors.DataWouldBeLost("two rows have note x", still_true="nothing was touched")


def test_nobody_acts_on_keys_between_a_purge_and_the_chunk_that_is_tried_again(
    bench: Bench,
) -> None:
    is_alone = [False]
    seen = []

    @contextmanager
    def alone() -> Iterator[None]:
        is_alone[0] = True
        yield
        is_alone[0] = False

    bench.alone = alone
    bench.purge = lambda: seen.append(("purge", is_alone[0]))
    bench.server.on["copy"] = lambda: seen.append(("copy", is_alone[0]))
    bench.server.fail("copy", errors.DuplicateKey("note 1"))

    bench.copy()

    assert seen[:3] == [("copy", False), ("purge", True), ("copy", True)]
    assert seen[3:] == [("copy", False), ("copy", False)]


def test_a_duplicate_that_stays_is_looked_for_in_the_original(bench: Bench) -> None:
    purged: list[int] = []
    bench.server.unique = True
    bench.server.original[(2,)] = "note 1"
    bench.purge = lambda: purged.append(1)
    bench.probe = refuse

    with pytest.raises(errors.DataWouldBeLost, match="two rows") as found:
        bench.copy()

    assert len(purged) == TRIES_BEFORE_PROBE - 1
    assert found.value.still_true == "shop.orders still serves and is untouched"
    assert isinstance(found.value.__cause__, errors.DuplicateKey)


def test_a_duplicate_that_no_probe_finds_ends_at_last(bench: Bench) -> None:
    bench.server.fail("copy", *[errors.DuplicateKey("x")] * MOST_TRIES)

    with pytest.raises(errors.DataWouldBeLost, match=f"{MOST_TRIES} times"):
        bench.copy()


def test_a_value_that_does_not_fit_is_data_that_would_be_lost(bench: Bench) -> None:
    bench.server.fail("copy", None, errors.BadValue("out of range"))

    with pytest.raises(errors.DataWouldBeLost, match=r"after \(2,\), up to \(4,\).*out of range"):
        bench.copy()


def test_the_first_error_stops_every_thread(bench: Bench) -> None:
    bench.server.fail("copy", errors.ConnectionLost("gone"))

    with pytest.raises(errors.ConnectionLost):
        bench.copy(4)

    assert bench.controls.stopping


def test_an_operator_stops_the_copy_between_two_chunks(bench: Bench) -> None:
    bench.server.on["done"] = lambda: bench.controls.stop(errors.Aborted("operator"))

    with pytest.raises(errors.Aborted):
        bench.copy()

    assert bench.server.copied == [1]


def test_every_session_gets_the_dialects_settings_and_is_closed(bench: Bench) -> None:
    bench.copy(2)

    assert len(bench.server.did("setting")) == 2
    assert all(session.closed for session in bench.server.opened)


def test_a_process_that_another_one_has_taken_over_from_copies_nothing(bench: Bench) -> None:
    bench.server.generation = 2

    with pytest.raises(errors.TakenOver):
        bench.copy()

    assert not bench.server.shadow


def test_only_what_an_earlier_process_has_not_copied_is_copied(bench: Bench) -> None:
    bench.server.original = {(n,): f"note {n}" for n in range(1, 10)}
    bench.server.shadow = {(n,): f"note {n}" for n in (1, 2, 5, 6)}
    bench.done = coverage([Chunk(1, None, (2,)), Chunk(3, (4,), (6,))])
    bench.watermark.resume(bench.done)

    bench.copy(threads=2)

    assert bench.server.shadow == bench.server.original
    assert sorted(bench.server.copied) == [2, 4, 5]


def test_a_copy_that_was_whole_is_not_begun_again(bench: Bench) -> None:
    bench.server.shadow = dict(FIVE)
    bench.done = coverage([Chunk(1, None, None)])
    bench.watermark.resume(bench.done)

    bench.copy()

    assert bench.server.did("copy") == []

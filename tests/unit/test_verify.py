"""A difference that stays vetoes the swap; one that is on its way does not (rule 8)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from osc import errors
from osc.model.progress import Tracker
from osc.stages import compare, verify
from osc.stages import watch as watching
from osc.stages.sync import Follower
from osc.stages.verify import LIMIT_SECONDS, SHOWN, Verified, Verifier, first_size
from tests.fakes import JOB, FakeDialect, FakeServer, FakeSource, Hurried, Rows
from tests.unit.following import following

A, B, C = (1,), (2,), (3,)


def numbered(count: int) -> Rows:
    return {(n,): str(n) for n in range(count)}


@dataclass
class Bench:
    """A verifier with its fakes, after the copy."""

    server: FakeServer
    source: FakeSource
    follower: Follower
    tracker: Tracker
    controls: Hurried

    def verify(self, **wanted: Any) -> Verified:
        return Verifier(
            JOB,
            FakeDialect(),
            self.server.connect,
            self.follower,
            self.tracker,
            self.controls,
            **wanted,
        ).run()

    def hold(self, original: Rows, shadow: Rows) -> None:
        self.server.original, self.server.shadow = original, shadow


@pytest.fixture
def bench() -> Iterator[Bench]:
    server, source, tracker, controls = FakeServer(), FakeSource(), Tracker(), Hurried()
    follower = following(server, source, tracker, controls)
    with follower.workers_ready():
        yield Bench(server, source, follower, tracker, controls)


def test_equal_tables_pass(bench: Bench) -> None:
    rows = numbered(5_000)
    bench.hold(rows, dict(rows))

    bench.verify()

    assert bench.tracker.read().rows_verified == 5_000
    assert bench.server.did("differing") == []


@pytest.mark.parametrize(
    ("original", "shadow"),
    [({A: "a"}, {A: "b"}), ({A: "a"}, {}), ({}, {A: "a"}), ({A: "a", B: "b"}, {A: "b", B: "a"})],
)
def test_a_real_difference_vetoes_the_swap(bench: Bench, original: Rows, shadow: Rows) -> None:
    bench.hold(original, shadow)

    with pytest.raises(errors.VerificationFailed, match=r"\(id\) = \(1,\)") as veto:
        bench.verify()

    assert veto.value.exit_code == 7
    assert "_orders_new" in veto.value.todo
    assert bench.tracker.read().differences == len({*original, *shadow})


def test_it_stands_still_while_the_run_is_paused(bench: Bench) -> None:
    bench.hold({A: "a"}, {A: "a"})
    bench.controls.steer(lambda now: now.paused("operator", "paused by ann"))
    compared = []

    def somebody_lets_it_go(seconds: float) -> None:
        compared.append(bench.server.did("checksum"))
        bench.controls.steer(lambda now: now.paused("operator", ""))

    bench.controls.pause = somebody_lets_it_go  # type: ignore[method-assign]
    bench.verify()

    assert compared == [[]]
    assert len(bench.server.did("checksum")) == 1


def test_a_difference_in_a_later_span_is_found(bench: Bench) -> None:
    rows = numbered(5_000)
    bench.hold(rows, {**rows, (4_999,): "wrong"})

    with pytest.raises(errors.VerificationFailed, match=r"4999"):
        bench.verify()


def test_many_differences_are_counted_and_a_few_are_shown(bench: Bench) -> None:
    bench.hold(numbered(25), {})

    with pytest.raises(errors.VerificationFailed, match=f"and {25 - SHOWN} more"):
        bench.verify()


def test_a_change_that_waits_to_be_acted_on_is_excused(bench: Bench) -> None:
    bench.hold({A: "new"}, {A: "old"})
    bench.source.change(A)

    bench.verify()

    assert bench.server.shadow == {A: "new"}


def test_a_change_that_comes_in_after_the_first_look_is_excused(bench: Bench) -> None:
    """The row changes again and again: whenever we look, the shadow is one version behind."""
    bench.hold({A: "0"}, {A: "old"})

    def write() -> None:
        bench.server.original = {A: bench.server.original[A] + "!"}
        bench.source.change(A)

    bench.server.on["differing"] = write

    bench.verify()


def test_a_changed_row_does_not_excuse_the_one_beside_it(bench: Bench) -> None:
    bench.hold({A: "new", B: "right"}, {A: "old", B: "wrong"})
    bench.source.change(A)

    with pytest.raises(errors.VerificationFailed, match=r"= \(2,\)") as veto:
        bench.verify()

    assert "(1,)" not in veto.value.happened


def test_a_difference_that_is_gone_at_the_last_look_is_none(bench: Bench) -> None:
    bench.hold({A: "new"}, {A: "old"})
    looks = iter([False, True])

    def heal() -> None:
        if next(looks):
            bench.server.shadow = {A: "new"}

    bench.server.on["differing"] = heal

    bench.verify()


def test_a_span_that_is_equal_is_not_scanned_again(bench: Bench) -> None:
    bench.hold({A: "a"}, {A: "a"})

    bench.verify()

    assert len(bench.server.did("checksum")) == 1


def test_an_operator_stops_it_between_two_spans(bench: Bench) -> None:
    rows = numbered(5_000)
    bench.hold(rows, dict(rows))
    bench.server.on["checksum"] = lambda: bench.controls.stop(errors.Aborted("operator"))

    with pytest.raises(errors.Aborted):
        bench.verify()

    assert len(bench.server.did("checksum")) == 1


def test_the_session_is_set_up_and_closed(bench: Bench) -> None:
    bench.verify()

    session = bench.server.opened[-1]
    assert (session.purpose, session.closed) == ("verify", True)
    assert len(bench.server.did("setting")) == 3


def test_what_was_compared_is_told(bench: Bench) -> None:
    rows = numbered(10)
    bench.hold(rows, dict(rows))

    assert bench.verify() == Verified(rows=10, differing=0, repaired=0)


def test_several_connections_compare_each_row_once(bench: Bench) -> None:
    rows = numbered(5_000)
    bench.hold(rows, {**rows, (4_998,): "wrong"})

    with pytest.raises(errors.VerificationFailed, match="4998"):
        bench.verify(threads=3)

    assert bench.tracker.read().rows_verified == 5_000
    spans = bench.server.did("checksum")
    assert len({span.number for span in spans}) == len(spans)
    assert sum(session.purpose == "verify" for session in bench.server.opened) == 3


def test_differences_of_all_spans_are_told_together(bench: Bench) -> None:
    rows = numbered(5_000)
    bench.hold(rows, {**rows, (3,): "wrong", (4_999,): "wrong"})

    with pytest.raises(errors.VerificationFailed, match=r"\(3,\), \(4999,\)"):
        bench.verify()


def test_very_many_differences_end_it_early(bench: Bench) -> None:
    bench.hold(numbered(20_000), {})

    with pytest.raises(errors.VerificationFailed, match="more"):
        bench.verify()

    assert bench.tracker.read().rows_verified < 20_000


# More on its way than a look can tell.


def test_a_wrong_row_is_found_among_very_many_that_are_on_their_way(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look tells a limited number of keys; that all of these are excused says nothing about the
    others."""
    monkeypatch.setattr(compare, "MOST_DIFFERENCES", 5)
    changing = [(n,) for n in range(40)]
    bench.hold({**numbered(50)}, {**numbered(50), (45,): "wrong"})
    looks = 0

    def write() -> None:
        nonlocal looks
        looks += 1
        if looks < 4:
            bench.server.original |= dict.fromkeys(changing, f"new {looks}")
            bench.source.change(*changing)

    bench.server.on["differing"] = write

    with pytest.raises(errors.VerificationFailed, match=r"= \(45,\)\n"):
        bench.verify()


def test_a_span_all_of_whose_rows_change_all_the_time_comes_to_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "MOST_DIFFERENCES", 50)
    rows = numbered(200)
    bench.hold(rows, dict(rows))
    version = 0

    def write() -> None:
        nonlocal version
        version += 1
        assert version < 10_000, "it never ends"
        bench.server.original = {key: str(version) for key in rows}
        bench.source.change(*rows)

    bench.server.on["differing"] = write
    bench.server.on["checksum"] = write

    assert bench.verify().rows >= 200


def test_more_changes_than_can_be_watched_are_told_in_smaller_spans(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_KEYS", 10)
    rows = numbered(40)
    bench.hold(rows, {**rows, (39,): "wrong"})
    arriving = iter([tuple((n,) for n in range(39))] * 3)
    bench.source.on_mark = lambda: bench.source.change(*next(arriving, ()))

    with pytest.raises(errors.VerificationFailed, match=r"= \(39,\)\n"):
        bench.verify()

    assert len(bench.server.did("checksum")) > 1


def test_a_row_that_changes_too_often_to_be_told_stops_it_in_words(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_KEYS", 0)
    bench.hold({A: "a"}, {A: "b"})

    def write() -> None:
        bench.server.original = {A: bench.server.original[A] + "!"}
        bench.source.change(A)

    bench.server.on |= {"checksum": write, "differing": write}

    with pytest.raises(errors.Guarded, match="faster than it can be compared"):
        bench.verify()


# Statements that take too long.


def test_a_span_that_takes_too_long_is_cut_in_two(bench: Bench) -> None:
    rows = numbered(40)
    bench.hold(rows, {**rows, (17,): "wrong"})
    bench.server.fail("checksum", *[errors.Conflict("it took too long")] * 3)

    with pytest.raises(errors.VerificationFailed, match=r"= \(17,\)\n"):
        bench.verify()

    assert bench.tracker.read().rows_verified == 40
    assert bench.server.did("limit") == [LIMIT_SECONDS]


def test_after_a_span_that_took_too_long_shorter_ones_are_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = numbered(400)
    bench.hold(rows, dict(rows))
    bench.server.fail("checksum", errors.Conflict("it took too long"))
    seconds = 0.0

    def read() -> None:
        nonlocal seconds
        seconds += 10.0 if len(bench.server.did("checksum")) == 1 else 0.01

    bench.server.on["checksum"] = read
    monkeypatch.setattr(verify, "time", SimpleNamespace(monotonic=lambda: seconds))

    bench.verify()

    second = next(span for span in bench.server.did("checksum") if span.number == 2)
    assert second.upper[0] - second.lower[0] < 10


def test_a_span_that_cannot_be_cut_may_take_longer(bench: Bench) -> None:
    bench.hold({A: "a"}, {A: "a"})
    bench.server.fail("checksum", *[errors.Conflict("it took too long")] * 2)

    assert bench.verify().rows == 1
    first, *longer = bench.server.did("limit")
    assert longer == sorted(longer)
    assert longer[0] > first == LIMIT_SECONDS


def test_a_bound_that_takes_too_long_is_looked_for_nearer(bench: Bench) -> None:
    rows = numbered(400)
    bench.hold(rows, dict(rows))
    bench.server.fail("bound", *[errors.Conflict("it took too long")] * 2)

    assert bench.verify().rows == 400


def test_spans_shrink_when_they_are_slow(bench: Bench) -> None:
    rows = numbered(300)
    bench.hold(rows, dict(rows))

    bench.verify(target_seconds=1e-9, calm_seconds=1e-9)

    # The first has what nothing is known about, every other one a single row.
    assert len(bench.server.did("checksum")) > 200


@pytest.mark.parametrize(
    ("rows", "size", "expected"),
    [
        (0, 0, 50),
        (0, 20_000_000, 50),
        (1_000, 1_000_000, 1_000),
        (100, 100_000_000, 4),
        (10, 10**9, 1),
    ],
)
def test_the_first_span_is_small_where_rows_are_wide(rows: int, size: int, expected: int) -> None:
    job = replace(JOB, original=replace(JOB.original, rows=rows, bytes=size))

    assert first_size(job, 0.1).size == expected


# Right after settling.


def test_while_rows_change_a_span_is_compared_right_after_settling(bench: Bench) -> None:
    """Little is on its way then, and a span that holds none of it is read once."""
    rows = numbered(500)
    bench.hold(rows, {**rows, (0,): "old"})
    bench.source.change((0,))

    bench.verify()

    spans = len(bench.server.did("checksum"))
    assert spans > 2
    assert bench.source.marks >= spans


def test_waiting_for_what_is_on_its_way_does_not_make_spans_shorter(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under heavy writes each span has some of it. Were its time the waiting too, the spans would
    shrink to single rows, each with as long a wait."""
    rows = numbered(2_000)
    bench.hold(rows, dict(rows))
    seconds = 0.0

    def wait() -> None:
        nonlocal seconds
        seconds += 1.0

    def write() -> None:
        nonlocal seconds
        seconds += 0.1
        written = random.sample([*rows], 50)
        bench.server.original = bench.server.original | dict.fromkeys(written, f"at {seconds}")
        bench.source.change(*written)

    bench.source.on_mark, bench.server.on["checksum"] = wait, write
    monkeypatch.setattr(verify, "time", SimpleNamespace(monotonic=lambda: seconds))

    bench.verify()

    assert len(bench.server.did("checksum")) < 20


def test_while_nothing_changes_nobody_waits_for_a_mark(bench: Bench) -> None:
    rows = numbered(500)
    bench.hold(rows, dict(rows))

    bench.verify()

    assert bench.source.marks == 0


# Repairs.


def test_rows_that_differ_are_repaired_where_that_is_wanted(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.hold({A: "a", B: "b"}, {A: "wrong", C: "too many"})

    verified = bench.verify(repair=True)

    assert bench.server.shadow == bench.server.original
    assert verified == Verified(rows=2, differing=3, repaired=3)
    assert bench.tracker.read().rows_repaired == 3
    assert "repaired 3 rows of the shadow, with (id) = (1,), (2,), (3,)" in caplog.text


def test_very_many_rows_are_repaired_page_by_page(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "MOST_DIFFERENCES", 7)
    bench.hold(numbered(100), {(n,): "too many" for n in range(50, 150)})

    assert bench.verify(repair=True).repaired == 150
    assert bench.server.shadow == bench.server.original


def test_a_repair_that_does_not_last_is_given_up(bench: Bench) -> None:
    bench.hold({A: "a"}, {A: "wrong"})

    def break_it() -> None:
        bench.server.shadow[A] = "wrong"

    bench.server.on["differing"] = break_it

    with pytest.raises(errors.VerificationFailed, match=r"= \(1,\)"):
        bench.verify(repair=True)

    assert bench.tracker.read().rows_repaired == 1

"""A difference that stays vetoes the swap; one that is on its way does not (rule 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from osc import errors
from osc.model.progress import Tracker
from osc.model.watermark import Watermark
from osc.stages.sync import Follower
from osc.stages.verify import SHOWN, Verified, Verifier
from tests.fakes import FENCE, JOB, FakeDialect, FakeLedger, FakeServer, FakeSource, Hurried, Rows

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
    watermark = Watermark(ordered=True)
    watermark.finish()
    follower = Follower(
        job=JOB,
        source=source,
        dialect=FakeDialect(),
        ledger=FakeLedger(),
        connect=server.connect,
        watermark=watermark,
        probe=lambda: None,
        tracker=tracker,
        controls=controls,
        fence=FENCE,
    )
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

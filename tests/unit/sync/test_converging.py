"""Changes that come in faster than they are applied."""

from __future__ import annotations

import threading
import time

import pytest

from osc import errors
from osc.engine import Session
from osc.model import effort
from osc.model.change import Delivery, Position
from osc.model.convergence import Convergence
from osc.stages import sync
from tests.unit.sync.bench import ALL, A, B, Bench, C, D


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


def test_the_source_is_read_while_keys_are_acted_on(bench: Bench) -> None:
    bench.server.original = {A: "a", B: "b"}
    bench.source.change(A)
    bench.source.mark()

    def arrive() -> None:
        bench.server.on["delete"] = lambda: None
        bench.source.change(B)
        assert bench.source.taken.wait(10), "nobody reads while a key is acted on"

    with bench.following() as follower:
        bench.server.on["delete"] = arrive
        bench.source.taken.clear()
        follower.step()

        assert list(follower.backlog.keys()) == [B]


def test_what_memory_has_no_room_for_is_left_unread_while_keys_are_acted_on(
    bench: Bench, small_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source.change(A, B)
    bench.source.mark()
    looks = threading.Semaphore(0)

    def arrive() -> None:
        for number in range(10, 20):
            bench.source.change((number,))
        for _ in range(20):
            assert looks.acquire(timeout=10), "nobody reads while a key is acted on"

    with bench.following() as follower, follower.turn():
        read_on = follower._read_on

        def counted() -> bool:
            looks.release()
            return read_on()

        monkeypatch.setattr(follower, "_read_on", counted)
        follower._take_in(0.0)
        bench.server.on["delete"] = arrive
        follower._act()

        assert len(follower.backlog) == 3, "one more than two, and no further"


def test_what_came_before_a_mark_is_acted_on_before_the_mark_comes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "BATCH", 1)
    monkeypatch.setattr(sync, "LONGEST_SILENCE_SECONDS", 2.0)
    bench.server.original = {A: "a", B: "b"}
    bench.source.change(A, B)
    bench.source.mark()
    bench.source.silent = True
    bench.server.on["insert"] = lambda: bench.source.come_back()

    with bench.following() as follower:
        follower.settle()

    assert bench.server.shadow == {A: "a", B: "b"}


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

    assert deletes <= 2


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


def test_more_connections_act_while_the_backlog_stays_as_long_and_no_more_than_allowed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effort, "MANY_KEYS", 1)
    monkeypatch.setattr(effort, "WINDOW_SECONDS", 0.0)
    connect, opened = bench.server.connect, list[str]()

    def counted(purpose: str) -> Session:
        opened.append(purpose)
        return connect(purpose)

    monkeypatch.setattr(bench.server, "connect", counted)
    widths = []

    with bench.following() as follower:
        for number in range(6):
            bench.source.change((number,), (number + 100,))
            bench.source.mark()
            follower.step()
            widths.append(opened.count("apply"))

    assert (widths[0], max(widths)) == (2, 4)

"""Keys in disjoint batches, in parallel: fewer at a time while they are in each other's way."""

from __future__ import annotations

import threading

import pytest

from osc import errors
from osc.engine import Session
from osc.model.change import KeyValue
from osc.model.progress import Tracker
from osc.stages.apply import Applier
from tests.fakes import FENCE, JOB, FakeDialect, FakeServer, Hurried

BATCHES: list[list[KeyValue]] = [[(n,)] for n in range(8)]
DEADLOCK = errors.Conflict("deadlock")


def made(server: FakeServer) -> Applier:
    return Applier(JOB, FakeDialect(), server.connect, FENCE, Tracker(), Hurried(), workers=8)


def acting(*rounds: int) -> list[int]:
    """The width after each round; a round is the number of deadlocks that it meets."""
    server, widths = FakeServer(), []
    applier = made(server)
    with applier.ready():
        for deadlocks in rounds:
            server.fail("delete", *[DEADLOCK] * deadlocks, *[None] * (8 - deadlocks))
            applier.act(BATCHES, lambda batch, done: None)
            widths.append(applier.width)
    return widths


def test_a_deadlock_halves_the_connections_and_each_round_without_one_adds_one() -> None:
    assert acting(1, 3, 0, 0, 1, 1, 1, 0) == [4, 2, 3, 4, 2, 1, 1, 2]


def test_there_are_never_more_than_were_asked_for() -> None:
    assert acting(0, 0) == [8, 8]


def test_so_many_connections_act_as_the_width_says() -> None:
    server, acted = FakeServer(), set[str]()
    server.on["delete"] = lambda: acted.add(threading.current_thread().name)
    applier = made(server)
    applier.width = 1

    with applier.ready():
        applier.act(BATCHES, lambda batch, done: None)

    assert len(acted) == 1


def test_who_waits_for_batches_may_do_something_else_meanwhile() -> None:
    server, looked = FakeServer(), threading.Event()
    server.on["delete"] = lambda: refuse(not looked.wait(10))
    applier = made(server)

    def meanwhile() -> bool:
        looked.set()
        return False

    with applier.ready():
        applier.act(BATCHES, lambda batch, done: None, meanwhile)


def refuse(alone: bool) -> None:
    assert not alone, "nobody looked while this batch was under way"


@pytest.mark.parametrize(
    ("keys", "width", "sizes"),
    [
        (1_000, 2, [500, 500]),
        (1_000, 8, [125] * 8),
        (250, 8, [100, 100, 50]),
        (3_000, 2, [500] * 6),
    ],
)
def test_a_few_keys_are_cut_into_smaller_batches_so_that_all_act(
    keys: int, width: int, sizes: list[int]
) -> None:
    applier = made(FakeServer())
    applier.width = width

    assert [len(batch) for batch in applier.cut([(n,) for n in range(keys)])] == sizes


def test_where_the_server_has_no_more_connections_those_act_that_there_are() -> None:
    server = FakeServer()
    connect = server.connect

    def few(purpose: str) -> Session:
        if len(server.opened) == 3:
            raise errors.Unreachable("too many connections")
        return connect(purpose)

    applier = Applier(JOB, FakeDialect(), few, FENCE, Tracker(), Hurried(), workers=2)
    with applier.ready():
        applier.workers = 8
        for _ in range(6):
            applier.act(BATCHES, lambda batch, done: None)

    assert len(server.did("delete")) == 6 * len(BATCHES)
    assert len(server.opened) == 3


def test_the_connections_that_were_asked_for_are_needed() -> None:
    def none(purpose: str) -> Session:
        raise errors.Unreachable("too many connections")

    applier = Applier(JOB, FakeDialect(), none, FENCE, Tracker(), Hurried(), workers=2)
    with pytest.raises(errors.Unreachable), applier.ready():
        pass

"""Keys in disjoint batches, in parallel: fewer at a time while they are in each other's way."""

from __future__ import annotations

import threading

from osc import errors
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

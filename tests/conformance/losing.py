"""Cut-overs through a proxy that loses something, and what must be true afterwards."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from osc import engines, errors
from osc.engine import Engine, Job, Swapper
from osc.model import patience
from osc.mysql import attempt, watchdog
from osc.postgres import outcome
from osc.postgres import session as sessions
from osc.postgres.line import PARAMETERS, Line
from osc.postgres.swap import PostgresSwapper
from tests.conformance.place import Place, back
from tests.conformance.swapping import everything, exists, made, new_table_serves, swap_at_last
from tests.conformance.writing import Writer, writing
from tests.proxy import Fault, How, Proxy, Way

LONGEST_STALL_SECONDS = 15.0
"""What a writer may wait in the worst case: the line is half-open with the lock in hand."""


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second where it is a quarter of a minute otherwise."""
    quick = {purpose: limit and 1.0 for purpose, limit in patience._OF_A_PURPOSE.items()}
    monkeypatch.setattr(patience, "_OF_A_PURPOSE", quick)
    monkeypatch.setattr(patience, "HANDSHAKE_SECONDS", 1)
    monkeypatch.setattr(Line, "patience", 1.0)
    monkeypatch.setitem(PARAMETERS, "connect_timeout", "2")  # libpq takes no less
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.2)
    for module in (attempt, outcome):
        monkeypatch.setattr(module, "UNCERTAIN_SECONDS", 3)


@dataclass
class Lossy:
    """A job that is cut over, through the proxy and back again, while applications write."""

    place: Place
    proxy: Proxy
    engine: Engine
    job: Job
    writers: list[Writer]
    target: PostgresSwapper | None

    def swapper(self) -> Swapper:
        if self.target is None:
            return self.engine.swapper(self.job)
        opened = sessions.address(self.proxy.url).opened
        target = self.target.target
        return PostgresSwapper(opened, self.job, lambda: target)

    def attempt(self, fault: Fault | None) -> bool | None:
        """What the swapper says: swapped, undone, or (None) that it can't be known."""
        swapper = self.swapper()
        self.proxy.plan(fault)
        try:
            swapper.swap(everything(self.place, self.job), 1.0)
        except errors.SwappedButUnfinished:
            return True
        except errors.OscError as error:
            return None if "can't be asked" in error.happened else False
        return True

    def survives(self, fault: Fault) -> bool:
        """One attempt with the fault: what was said is true, nobody waits, nothing is lost, and the
        next attempt succeeds. Says whether the fault has come to pass."""
        said = self.attempt(fault)
        struck = self.proxy.struck.is_set()
        assert said is not None, f"{fault}: unknown"
        self.require_the_truth(said, fault)
        self.proxy.plan(None)
        if not said:
            swap_at_last(self.place, self.job)
        self.turn_round()
        return struck

    def require_the_truth(self, swapped: bool, fault: Fault) -> None:
        assert new_table_serves(self.place, self.job) is swapped, fault
        assert swapped or not exists(self.place, self.job.names.archive), fault
        assert swapped or exists(self.place, self.job.shadow.name), fault
        self.require_every_row(fault)

    def require_every_row(self, fault: Fault) -> None:
        """Each writer goes on, soon; and what it was told to be written is there."""
        for writer in self.writers:
            await_another_row(writer, fault)
            assert writer.failed == [], fault
        wrote = {number for writer in self.writers for number in list(writer.wrote)}
        last = {number for writer in self.writers for number in writer.wrote[-1:]}
        rows = dict(self.place.app.rows("SELECT id, note FROM orders WHERE id >= 0"))
        assert wrote - rows.keys() == set(), fault
        assert {number for number in wrote - last if rows[number] != "y"} == set(), fault
        assert max(writer.slowest for writer in self.writers) < LONGEST_STALL_SECONDS, fault

    def turn_round(self) -> None:
        self.job = back(self.job, self.place)


def await_another_row(writer: Writer, fault: Fault) -> None:
    before, deadline = len(writer.wrote), time.monotonic() + LONGEST_STALL_SECONDS
    while len(writer.wrote) == before and not writer.failed:
        assert time.monotonic() < deadline, f"{fault}: a writer waits for ever"
        writer.stop.wait(0.01)


@contextmanager
def line(place: Place) -> Iterator[Lossy]:
    job = made(place)
    with Proxy.to(place.url) as proxy:
        engine = engines.engine_at(proxy.url)
        own = place.engine.swapper(job)
        target = own if isinstance(own, PostgresSwapper) else None
        try:
            with writing(place, how_many=2, pause=0.02) as writers:
                yield Lossy(place, proxy, engine, job, writers, target)
        finally:
            engine.close()


def sampled(line: Lossy, how_many: int, seed: int) -> Iterator[Fault]:
    """Bytes of one clean swap, drawn by connection, way and offset."""
    chosen = random.Random(seed)
    assert line.attempt(None) is True
    profile = line.proxy.passed()
    line.turn_round()
    for _ in range(how_many):
        connection = chosen.randrange(len(profile))
        way = chosen.choice(list(Way))
        how = chosen.choice([How.RESET, How.RESET, How.FINISH, How.HALF_OPEN, How.DEAF])
        offset = chosen.randrange(max(1, profile[connection][way]))
        yield Fault(how, way, connection=connection, offset=offset)

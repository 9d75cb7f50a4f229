"""A follower on fakes, and what its tests need in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from osc.engine import Session
from osc.model.chunk import Chunk
from osc.model.progress import Tracker
from osc.model.watermark import Watermark
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
            most_workers=4,
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

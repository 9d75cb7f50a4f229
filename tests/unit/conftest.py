"""The fakes that more than one room of tests asks for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from osc.model.progress import Tracker
from osc.model.watermark import Watermark
from osc.stages.sync import Follower
from tests.fakes import (
    FENCE,
    JOB,
    FakeDialect,
    FakeLedger,
    FakeServer,
    FakeSource,
    FakeSwapper,
    Hurried,
)
from tests.unit.commands import (
    Server,
)
from tests.unit.cutting_over import (
    Bench,
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in [name for name in os.environ if name.startswith("OSC_")]:
        monkeypatch.delenv(name)
    server = Server()
    server.replace_migration(monkeypatch)
    yield server


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
        yield Bench(server, follower, source, FakeSwapper(server), tracker, controls)

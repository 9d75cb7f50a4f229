"""The fakes that more than one room of tests asks for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from osc.model.progress import Tracker
from tests.fakes import (
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
from tests.unit.following import following


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
    follower = following(server, source, tracker, controls)
    with follower.workers_ready():
        yield Bench(server, follower, source, FakeSwapper(server), tracker, controls)

"""The bench of each test, and a memory that is soon full."""

from __future__ import annotations

import pytest

from osc.stages import sync
from tests.unit.sync.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys fit; the third makes all that are ripe spill."""
    monkeypatch.setattr(sync, "MOST_IN_MEMORY", 2)

"""What every test may ask for: real servers, each with its tests in one process."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import hypothesis
import pytest

from osc.ops import events
from osc.ops.log import formatter
from tests.servers import WANTED, server, servers

__all__ = ["server", "servers"]

# How long an example takes says more of the machine than of the code: timings are for benchmarks.
hypothesis.settings.register_profile("osc", deadline=None)
hypothesis.settings.load_profile("osc")


class _Held(logging.Handler):
    """Every record to the schema of the events."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.setFormatter(formatter("json"))

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        try:
            events.check(line)
        except ValueError as error:
            self.wrong.append(f"{line}: {error}")


@pytest.fixture(autouse=True)
def lines_for_machines_are_as_told() -> Iterator[None]:
    """Whatever a test makes happen, the log tells of it as its schema says."""
    ours, held = logging.getLogger("osc"), _Held()
    ours.addHandler(held)
    yield
    ours.removeHandler(held)
    assert held.wrong == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one server go to one worker, so that it isn't started for each; but to two where
    there are many, so that no worker has much to do when the others are done."""
    for item in items:
        named = re.search("|".join(map(re.escape, WANTED)), item.name)
        if named:
            half = "whole migrations" if "scenarios" in item.path.parts else "parts"
            item.add_marker(pytest.mark.xdist_group(f"{named.group()}, {half}"))

"""What every test may ask for: real servers, each with its tests in one process."""

from __future__ import annotations

import re

import hypothesis
import pytest

from tests.servers import WANTED, server, servers

__all__ = ["server", "servers"]

# How long an example takes says more of the machine than of the code: timings are for benchmarks.
hypothesis.settings.register_profile("osc", deadline=None)
hypothesis.settings.load_profile("osc")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one server go to one worker, so that it isn't started for each; but to two where
    there are many, so that no worker has much to do when the others are done."""
    for item in items:
        named = re.search("|".join(map(re.escape, WANTED)), item.name)
        if named:
            half = "whole migrations" if "scenarios" in item.path.parts else "parts"
            item.add_marker(pytest.mark.xdist_group(f"{named.group()}, {half}"))

"""Options: the cases proven without osc, or all of them with one way to follow changes."""

from __future__ import annotations

import pytest

from tests.scenarios.case import SYNCS
from tests.scenarios.tools import TOOLS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tool", choices=sorted(TOOLS), default="osc", help="what migrates")
    parser.addoption("--sync", choices=SYNCS, help="how changes are followed, in every case")

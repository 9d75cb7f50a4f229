"""The option that lets the cases be proven without osc."""

from __future__ import annotations

import pytest

from tests.scenarios.tools import TOOLS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tool", choices=sorted(TOOLS), default="osc", help="what migrates")

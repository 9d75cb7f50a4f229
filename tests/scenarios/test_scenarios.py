"""Every case on every server: the answer is the native ALTER's, or the refusal it names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenarios.case import Case, every_case
from tests.scenarios.runner import play
from tests.scenarios.tools import TOOLS
from tests.servers import Lease


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("case", every_case(metafunc.config.getoption("--sync", None)), ids=str)


def test_scenario(case: Case, servers: Callable[[str], Lease], pytestconfig: pytest.Config) -> None:
    tool = TOOLS[pytestconfig.getoption("--tool", "osc")](case)

    play(case, servers(case.server), tool)

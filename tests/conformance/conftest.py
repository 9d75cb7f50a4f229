"""A database for each test, on the server that `every_server` names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.place import Place, open_place
from tests.servers import Lease


@pytest.fixture
def place(server: Lease) -> Iterator[Place]:
    with open_place(server) as found:
        yield found

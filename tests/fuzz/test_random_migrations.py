"""Random tables, ALTERs and writes: osc's answer is the native ALTER's, or an honest refusal."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given

from tests.fuzz import profile
from tests.fuzz.cases import WORDS, cases
from tests.fuzz.tally import Tally
from tests.fuzz.verdict import MIGRATED, judged
from tests.scenarios.case import SERVERS, Case
from tests.servers import Lease

LEAST_SHARE = 0.4
"""Of the examples must be migrated: a tool that refuses everything is right every time."""


@pytest.mark.parametrize("server", SERVERS.values())
def test_any_migration_ends_as_the_native_alter_does(
    server: str, servers: Callable[[str], Lease]
) -> None:
    lease, tally = servers(server), Tally()
    end = time.monotonic() + profile.SECONDS_EACH_ENGINE
    duplicate = WORDS[lease.engine].duplicate

    @profile.SUITE
    @given(case=cases(server))
    def migrates(case: Case) -> None:
        if time.monotonic() < end:
            tally.add(server, *judged(case, lease, duplicate, None))

    try:
        migrates()
    finally:
        print("\n".join(tally.lines()))

    assert tally.share(server, MIGRATED) >= LEAST_SHARE

"""Random tables, ALTERs and writes: osc's answer is the native ALTER's, or an honest refusal."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from osc.engine import Sync
from tests.fuzz import profile
from tests.fuzz.cases import WORDS
from tests.fuzz.rounds import play_at_random
from tests.fuzz.tally import Tally
from tests.fuzz.verdict import MIGRATED, judged, modes
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

    def play(case: Case, sync: Sync) -> None:
        tally.add(server, *judged(case, lease, duplicate, sync))

    try:
        play_at_random(server, modes(lease), play, profile.SUITE, end)
    finally:
        print("\n".join(tally.lines()))

    assert tally.share(server, MIGRATED) >= LEAST_SHARE

"""Of a partitioned table, and of a partition, all or nothing is swapped, wherever a run ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from osc import errors
from osc.engine import Engine
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.scenarios.case import CASES, read
from tests.scenarios.site import Site
from tests.scenarios.test_resume import MID_COPY, at, begin, go_on, play_with
from tests.servers import Lease


@pytest.mark.parametrize(
    ("name", "sync", "moment"),
    [
        ("partitioned-tree", "triggers", MID_COPY),
        ("partitioned-tree", "log", Phase.VERIFY),
        ("partition-leaf", "log", Phase.CUT_OVER),
    ],
)
def test_a_family_that_was_stopped_goes_on(
    name: str, sync: str, moment: Phase | str, servers: Callable[[str], Lease]
) -> None:
    case = replace(next(iter(read(CASES / name))), sync=sync)

    def migrate(site: Site, engine: Engine, statement: str, tracker: Tracker) -> str:
        controls = Controls()
        at(tracker, moment, lambda: controls.stop(errors.Interrupted(15)))
        with pytest.raises(errors.Interrupted):
            begin(engine, statement, sync, tracker, controls)
        return go_on(engine)

    play_with(case, servers(case.server), migrate)

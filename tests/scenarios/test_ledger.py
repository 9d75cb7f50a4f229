"""What the ledger says of a run once it is over, however it ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from osc.engines import engine_at
from osc.errors import DataWouldBeLost
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.scenarios.case import SERVERS, Case
from tests.scenarios.runner import set_up, site_of
from tests.scenarios.site import run_script
from tests.scenarios.tools import osc
from tests.servers import Lease

CREATE = """
CREATE TABLE {t} (id INT NOT NULL PRIMARY KEY, v VARCHAR(20) NOT NULL);
INSERT INTO {t} SELECT n, 'x' FROM {numbers 500};
"""
ALTER = {"mysql": "MODIFY v VARCHAR(9) NOT NULL", "postgres": "ALTER v TYPE varchar(9)"}


@pytest.mark.parametrize("server", SERVERS.values())
def test_a_run_that_is_done_has_an_end(server: str, servers: Callable[[str], Lease]) -> None:
    case = _case(server)
    with site_of(case, servers(server)) as site, closing(engine_at(site.url)) as engine:
        set_up(site, case)

        osc(case)(site, case.alter, Tracker())

        (run,) = engine.ledger.runs()
        assert (run.phase, run.rows_copied, run.message) == ("done", 500, "")
        assert run.finished_at is not None


@pytest.mark.parametrize("server", SERVERS.values())
def test_a_run_that_failed_has_an_end_and_a_reason(
    server: str, servers: Callable[[str], Lease]
) -> None:
    case = _case(server)

    class Spoilt(Tracker):
        """Writes a row that does not fit as soon as the probe cannot see it any more."""

        def at(self, phase: Phase) -> None:
            super().at(phase)
            if phase is Phase.SHADOW:
                run_script(site, site.original, ["UPDATE {t} SET v = 'far too long' WHERE id = 9"])

    with site_of(case, servers(server)) as site, closing(engine_at(site.url)) as engine:
        set_up(site, case)

        with pytest.raises(DataWouldBeLost):
            osc(case)(site, case.alter, Spoilt())

        (run,) = engine.ledger.runs()
        assert run.phase == "failed" and "copy" in run.message
        assert run.finished_at is not None


def _case(server: str) -> Case:
    clauses = ALTER["postgres" if server.startswith("postgres") else "mysql"]
    return Case("ledger", server, "", CREATE, f"ALTER TABLE t {clauses}")

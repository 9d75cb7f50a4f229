"""Somebody else's DROP and TRUNCATE of the original and the shadow while a migration runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from osc import errors
from osc.config import settings
from osc.engine import Engine, Statement
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.table import TableName
from tests.conformance.place import App
from tests.scenarios.runner import set_up, site_of
from tests.scenarios.site import Site, run_script
from tests.scenarios.test_resume import (
    MID_COPY,
    at,
    begin,
    case_on,
    engine_of,
    every_server,
)
from tests.servers import Lease


@dataclass
class Meddled:
    """A migration in whose midst somebody meddles with its tables."""

    site: Site
    engine: Engine
    statement: str
    original: TableName

    @property
    def shadow(self) -> TableName:
        (shadow,) = self.engine.workshop.leftovers(self.original)
        return shadow

    def run(self, *statements: str) -> None:
        run_script(self.site, self.site.original, list(statements))

    def refused(self, when: Phase | str, meddle: Callable[[], None]) -> str:
        """What the run says that ends by it; it leaves nothing to be gone on with."""
        tracker = Tracker()
        at(tracker, when, meddle)
        with pytest.raises(errors.TableChanged) as told:
            begin(self.engine, self.statement, "log", tracker, Controls())
        assert not told.value.kept
        assert self.engine.workshop.leftovers(self.original) == []
        return str(told.value)


@pytest.fixture
def meddled(server: str, servers: Callable[[str], Lease]) -> Iterator[Meddled]:
    case = case_on(server, "log")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        statement = case.alter.replace("{t}", site.original.quoted)
        original = engine.catalog.find(alter.parse(statement, mysql=engine.mysql)).name
        yield Meddled(site, engine, statement, original)


@pytest.mark.parametrize("gone", ["original", "shadow"])
@every_server
def test_a_table_that_somebody_drops_meanwhile_is_told_as_such(
    server: str, gone: str, meddled: Meddled
) -> None:
    """The next chunk finds no table: that is no fault of ours, and nothing to be gone on with."""

    def drop() -> None:
        names = {"original": meddled.original, "shadow": meddled.shadow}
        meddled.engine.workshop.drop([names[gone]])

    told = meddled.refused(MID_COPY, drop)

    assert re.search(r"is gone|somebody else: DROP", told)
    assert meddled.engine.ledger.runs()[-1].phase == Phase.FAILED


@every_server
def test_a_shadow_that_somebody_alters_is_told_as_such(server: str, meddled: Meddled) -> None:
    """Whatever it looks like first: a fault of ours, or of the rows."""
    what = "COLUMN other INT" if meddled.engine.mysql else "CHECK (1 = 0) NOT VALID"

    told = meddled.refused(
        MID_COPY, lambda: meddled.run(f"ALTER TABLE {meddled.shadow} ADD {what}")
    )

    assert "shadow" in told and "start again" in told


@every_server
def test_a_shadow_that_somebody_empties_while_the_cut_over_waits_is_not_swapped_in(
    server: str, meddled: Meddled
) -> None:
    """It was compared before that, and row by row it was right."""
    told = meddled.refused(Phase.CUT_OVER, lambda: meddled.run(f"TRUNCATE TABLE {meddled.shadow}"))

    assert "truncated" in told and f"{meddled.original} serves" in told


@every_server
def test_a_database_that_somebody_drops_is_told_as_such(
    server: str, servers: Callable[[str], Lease]
) -> None:
    """It doesn't come back by waiting, and there is nothing to go on with. Who looks while it is
    being dropped may see another table first."""
    case = case_on(server, "triggers")
    with site_of(case, servers(server)) as site, engine_of(site, "triggers") as engine:
        set_up(site, case)
        tracker, patient = Tracker(), settings(force_copy=True, reconnect_for=60)
        how, database = ("", site.original.schema) if engine.mysql else (" WITH (FORCE)", "")
        database = database or urlsplit(site.url).path.lstrip("/")
        elsewhere = urlsplit(site.url)._replace(path="/mysql" if engine.mysql else "/postgres")

        def drop() -> None:
            app = App(elsewhere.geturl())
            app.run(f"DROP DATABASE {database}{how}")
            app.close()

        at(tracker, MID_COPY, drop)
        try:
            with pytest.raises(
                errors.TableChanged, match=r"is gone|replaced by somebody else"
            ) as told:
                begin(
                    engine, case.alter.replace("{t}", "t"), "triggers", tracker, Controls(), patient
                )
        finally:
            app = App(elsewhere.geturl())
            app.run(f"CREATE DATABASE {database}")
            app.close()

        assert not told.value.kept


@every_server
def test_a_run_whose_ledger_is_dropped_leaves_nothing_that_nobody_would_find_again(
    server: str, servers: Callable[[str], Lease]
) -> None:
    """Above all no slot: it would retain the log for ever."""
    case = case_on(server, "log")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        before, tracker = site.inventory(), Tracker()

        def forget() -> None:
            run_script(site, site.original, _dropped_ledger(engine))

        at(tracker, Phase.VERIFY, forget)

        with pytest.raises(errors.BadStatement) as told:
            begin(engine, case.alter.replace("{t}", "t"), "log", tracker, Controls())

        assert not told.value.kept and "does not know" in told.value.still_true
        assert [it for it in site.inventory() - before if not site.may_stay(it, "")] == []


def _dropped_ledger(engine: Engine) -> list[str]:
    if not engine.mysql:
        return ["DROP SCHEMA osc CASCADE"]
    with closing(engine.connect("tests")) as session:
        tables = session.query(Statement(r"SHOW TABLES LIKE '\_osc\_%'"))
    return [f"DROP TABLE {', '.join(str(name) for (name,) in tables)}"]

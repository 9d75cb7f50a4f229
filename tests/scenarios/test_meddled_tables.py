"""Somebody else's DROP and TRUNCATE of the original and the shadow while a migration runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from osc import errors
from osc.config import settings
from osc.engine import Engine, Statement
from osc.model import alter
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.conformance.place import App
from tests.scenarios.runner import set_up, site_of
from tests.scenarios.site import run_script
from tests.scenarios.test_resume import (
    MID_COPY,
    at,
    begin,
    case_on,
    engine_of,
    every_server,
)
from tests.servers import Lease


@pytest.mark.parametrize("gone", ["original", "shadow"])
@every_server
def test_a_table_that_somebody_drops_meanwhile_is_told_as_such(
    server: str, gone: str, servers: Callable[[str], Lease]
) -> None:
    """The next chunk finds no table: that is no fault of ours, and nothing to be gone on with."""
    case = case_on(server, "log")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        statement, tracker = case.alter.replace("{t}", site.original.quoted), Tracker()
        original = engine.catalog.find(alter.parse(statement, mysql=engine.mysql)).name

        def drop() -> None:
            (shadow,) = engine.workshop.leftovers(original)
            engine.workshop.drop([original if gone == "original" else shadow])

        at(tracker, MID_COPY, drop)

        with pytest.raises(errors.TableChanged, match=r"is gone|somebody else: DROP") as told:
            begin(engine, statement, "log", tracker, Controls())

        assert not told.value.kept
        assert engine.ledger.runs()[-1].phase == Phase.FAILED
        assert engine.workshop.leftovers(original) == []


@every_server
def test_a_shadow_that_somebody_alters_is_told_as_such(
    server: str, servers: Callable[[str], Lease]
) -> None:
    """Whatever it looks like first: a fault of ours, or of the rows."""
    case = case_on(server, "log")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        statement, tracker = case.alter.replace("{t}", site.original.quoted), Tracker()
        original = engine.catalog.find(alter.parse(statement, mysql=engine.mysql)).name

        def meddle() -> None:
            (shadow,) = engine.workshop.leftovers(original)
            what = "CHECK (1 = 0) NOT VALID" if not engine.mysql else "COLUMN other INT"
            run_script(site, site.original, [f"ALTER TABLE {shadow} ADD {what}"])

        at(tracker, MID_COPY, meddle)

        with pytest.raises(errors.TableChanged, match="shadow") as told:
            begin(engine, statement, "log", tracker, Controls())

        assert not told.value.kept and "start again" in told.value.todo
        assert engine.workshop.leftovers(original) == []


@every_server
def test_a_database_that_somebody_drops_is_told_as_such(
    server: str, servers: Callable[[str], Lease]
) -> None:
    """It doesn't come back by waiting, and there is nothing to go on with."""
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
            with pytest.raises(errors.TableChanged, match="is gone") as told:
                begin(
                    engine, case.alter.replace("{t}", "t"), "triggers", tracker, Controls(), patient
                )
        finally:
            app = App(elsewhere.geturl())
            app.run(f"CREATE DATABASE {database}")
            app.close()

        assert not told.value.kept


@every_server
def test_a_shadow_that_somebody_empties_while_the_cut_over_waits_is_not_swapped_in(
    server: str, servers: Callable[[str], Lease]
) -> None:
    """It was compared before that, and row by row it was right."""
    case = case_on(server, "log")
    with site_of(case, servers(server)) as site, engine_of(site, "log") as engine:
        set_up(site, case)
        statement, tracker = case.alter.replace("{t}", site.original.quoted), Tracker()
        original = engine.catalog.find(alter.parse(statement, mysql=engine.mysql)).name

        def empty() -> None:
            (shadow,) = engine.workshop.leftovers(original)
            run_script(site, site.original, [f"TRUNCATE TABLE {shadow}"])

        at(tracker, Phase.CUT_OVER, empty)

        with pytest.raises(errors.TableChanged, match="truncated") as told:
            begin(engine, statement, "log", tracker, Controls())

        assert str(original) in told.value.still_true


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

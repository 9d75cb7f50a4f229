"""Who changes the table of a case: osc, or the server itself, to prove the cases without osc."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

import pytest

from osc.config import settings
from osc.engine import Dialect, Engine, Sync
from osc.engines import engine_at
from osc.errors import DataWouldBeLost, OscError
from osc.migration import Request, migrate
from osc.model import alter
from osc.model.chunk import ChunkSize
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.removal import abort
from tests.scenarios.case import Case
from tests.scenarios.runner import Tool, native
from tests.scenarios.site import Site, SqlError

ROWS_A_CHUNK, BLOCKS_A_CHUNK = 50, 1
CLIMBING = (Phase.PREFLIGHT, Phase.NATIVE)
COPYING = (Phase.PREFLIGHT, Phase.SHADOW, Phase.COPY, Phase.LOAD, Phase.CATCH_UP)
SWAPPING = (Phase.CUT_OVER, Phase.AFTERCARE, Phase.CLEANUP, Phase.DONE)


class InSmallChunks:
    """A dialect that cuts a small table into as many chunks as a large one has."""

    def __init__(self, dialect: Dialect, size: int) -> None:
        self._dialect = dialect
        self.chunk_size = ChunkSize(size=size, least=size, most=size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)


def osc(case: Case, adapted: Callable[[Engine], Engine] = lambda engine: engine) -> Tool:
    """A whole migration in this process, in chunks as small as they get; one that stopped and could
    go on is aborted."""

    def run(site: Site, statement: str, tracker: Tracker) -> str:
        with closing(engine_at(site.url)) as found:
            engine = adapted(in_small_chunks(found))
            if Sync(case.sync) not in engine.sources:
                pytest.skip(f"{engine.name} has no --sync {case.sync}")
            parsed = alter.parse(statement, mysql=engine.mysql)
            request = Request(alter=parsed, sync=Sync(case.sync), statement=statement, by="tests")
            wanted = settings(force_copy=not case.climbs, small_table=0, reconnect_for=0)
            try:
                return migrate(engine, request, wanted, tracker, Controls()).archive
            except OscError as error:
                if error.kept:
                    abort(engine, None, "tests")
                raise

    return run


def in_small_chunks(engine: Engine) -> Engine:
    size = ROWS_A_CHUNK if engine.mysql else BLOCKS_A_CHUNK
    return replace(
        engine, dialect=lambda job: cast(Dialect, InSmallChunks(engine.dialect(job), size))
    )


class Refused(OscError):
    """What only osc refuses, in the words that the case wants to read."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.message)
        self.exit_code = case.refused[0]  # type: ignore[misc]


def native_alter(case: Case) -> Tool:
    """The server's own ALTER in the place of osc: cases must pass with it too."""

    def run(site: Site, statement: str, tracker: Tracker) -> str:
        if case.refused and DataWouldBeLost.exit_code not in case.refused:
            raise Refused(case)
        for phase in CLIMBING if case.climbs else COPYING:
            tracker.at(phase)
        try:
            native(site, case, site.original)
        except SqlError as error:
            raise DataWouldBeLost(str(error)) from error
        for phase in (Phase.DONE,) if case.climbs else SWAPPING:
            tracker.at(phase)
        return ""

    return run


TOOLS: dict[str, Callable[[Case], Tool]] = {"osc": osc, "native": native_alter}

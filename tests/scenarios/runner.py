"""The story of one case: make both tables, write to both, migrate one, compare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from typing import Protocol

from osc.errors import OscError
from osc.model.phase import Phase
from osc.model.progress import Tracker
from tests.scenarios.case import Case
from tests.scenarios.mysql_site import mysql_site
from tests.scenarios.postgres_site import postgres_site
from tests.scenarios.script import numbers, statements
from tests.scenarios.site import Place, Site, SqlError, run_script
from tests.scenarios.twin import differences
from tests.scenarios.writers import Writers
from tests.servers import Lease

BEFORE_AND_AFTER = 12
EACH_PHASE = 6
EACH_CHUNK = 1
LONGEST_WAIT_SECONDS = 10.0
ENOUGH: dict[str, int] = {
    Phase.PLAN: 12, Phase.PREFLIGHT: 6, Phase.SHADOW: 30, Phase.COPY: 120, Phase.LOAD: 30,
    Phase.CATCH_UP: 30, Phase.VERIFY: 50, Phase.CUT_OVER: 60, Phase.NATIVE: 200,
}  # fmt: skip
"""Transactions that rush into each phase; those after them come one by one."""
WRITERS_MAY = frozenset(
    {Phase.NATIVE, Phase.COPY, Phase.LOAD, Phase.CATCH_UP, Phase.VERIFY, Phase.CUT_OVER}
)


class Tool(Protocol):
    """What changes the original of a case and returns the archive's name; raises OscError."""

    def __call__(self, site: Site, statement: str, tracker: Tracker) -> str: ...


class Paced(Tracker):
    """A whiteboard that lets the writers in as each phase begins and after each chunk.

    So that a table of a few thousand rows sees writes in every phase, however fast the tool is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writers: Writers | None = None

    def at(self, phase: Phase) -> None:
        super().at(phase)
        if self.writers:
            self.writers.wake()
            if phase in WRITERS_MAY:
                self.writers.let_in(EACH_PHASE)

    def add(self, **counts: int) -> None:
        super().add(**counts)
        if self.writers and counts.get("chunks_copied"):
            self.writers.let_in(EACH_CHUNK)


def play(case: Case, lease: Lease, tool: Tool) -> None:
    """Raises AssertionError with everything that is not as the case wants it."""
    with site_of(case, lease) as site:
        set_up(site, case)
        before = site.inventory()
        tracker = Paced()
        with writing(site, case, tracker) as writers:
            archive, error = _migrate(site, case, tool, tracker)
            writers.without_limit()
            writers.let_in(BEFORE_AND_AFTER)
        problems = [*_of_writers(case, writers, error), *_of_outcome(case, error)]
        if not problems:
            problems = _untouched(site, case) if case.refused else _as_native(site, case)
        problems += left_behind(site, before, archive)
        assert not problems, _report(case, problems, writers)


def site_of(case: Case, lease: Lease) -> AbstractContextManager[Site]:
    """Fresh places for the case on its server."""
    return postgres_site(case, lease) if lease.engine == "postgres" else mysql_site(case, lease)


def set_up(site: Site, case: Case) -> None:
    """Creates the table in both places."""
    for place in (site.original, site.twin):
        run_script(site, place, _statements(site, case.create))


def native(site: Site, case: Case, place: Place) -> None:
    """The server's own ALTER, as somebody would type it."""
    run_script(site, place, [*_statements(site, case.native_session), case.alter])


def _statements(site: Site, script: str) -> list[str]:
    return statements(numbers(script, site.engine))


@contextmanager
def writing(site: Site, case: Case, tracker: Paced) -> Iterator[Writers]:
    """The writers at work; they are stopped when the block ends."""
    filled = replace(case, writes=numbers(case.writes, site.engine))
    writers = Writers(site, filled, lambda: tracker.read().phase, ENOUGH)
    writers.start()
    try:
        writers.let_in(BEFORE_AND_AFTER)
        tracker.writers = writers
        yield writers
    finally:
        writers.stop()


def _migrate(site: Site, case: Case, tool: Tool, tracker: Tracker) -> tuple[str, OscError | None]:
    try:
        return tool(site, case.alter.replace("{t}", _as_written(site)), tracker), None
    except OscError as error:
        return "", error


def _as_written(site: Site) -> str:
    """The original as a user writes it: without its schema if that is the default one."""
    plain = site.engine != "postgres" or site.original.schema == "public"
    return site.original.quoted.partition(".")[2] if plain else site.original.quoted


def _of_writers(case: Case, writers: Writers, error: OscError | None) -> Iterator[str]:
    yield from writers.failures
    if writers.slowest_seconds > LONGEST_WAIT_SECONDS:
        yield f"a transaction of the application took {writers.slowest_seconds:.1f} s"
    if case.writes and not case.refused and error is None:
        for phase in (Phase.NATIVE if case.climbs else Phase.COPY, Phase.DONE):
            if not writers.committed[phase]:
                yield f"nothing was written in phase {phase}: the case proves nothing"


def _of_outcome(case: Case, error: OscError | None) -> Iterator[str]:
    if error is None:
        if case.refused:
            yield f"it was to be refused with exit code {case.refused}, and it was done"
    elif error.exit_code not in case.refused:
        yield f"{type(error).__name__}, exit code {error.exit_code}: {error}"
    elif not re.search(case.message, str(error), re.IGNORECASE):
        yield f"the refusal does not say {case.message!r}: {error}"


def _untouched(site: Site, case: Case) -> list[str]:
    """After a refusal: the original equals its twin, and the server judges as we did."""
    found = differences(site)
    if case.native == "fails" and not _native_fails(site, case):
        found.append("the native ALTER succeeds where osc refused")
    return found


def _native_fails(site: Site, case: Case) -> bool:
    try:
        native(site, case, site.twin)
    except SqlError:
        return True
    return False


def _as_native(site: Site, case: Case) -> list[str]:
    """After a migration: the original equals the twin that got the native ALTER."""
    native(site, case, site.twin)
    return [*differences(site, case.differs), *_unlike(site, case)]


def _unlike(site: Site, case: Case) -> Iterator[str]:
    for column, condition in case.differs.items():
        for place in (site.original, site.twin):
            bad = _count(site, place, f"NOT coalesce(({condition}), FALSE)")
            if bad:
                yield f"{column}: {bad} rows of {place.schema} don't fulfil {condition}"


def _count(site: Site, place: Place, condition: str) -> int:
    with closing(site.connect(place)) as session:
        return int(session.run(f"SELECT count(*) FROM {place.quoted} WHERE {condition}")[0][0])


def left_behind(site: Site, before: set[str], archive: str) -> list[str]:
    """Objects that are new, except the archive and the ledger, and those that are gone."""
    after = site.inventory()
    new = [thing for thing in after - before if not site.may_stay(thing, archive)]
    return [f"left behind: {thing}" for thing in sorted(new)] + [
        f"gone: {thing}" for thing in sorted(before - after)
    ]


def _report(case: Case, problems: list[str], writers: Writers) -> str:
    written = ", ".join(f"{phase} {count}" for phase, count in writers.committed.items())
    return "\n  ".join(
        [f"{case}: {case.shows}", *problems, f"(transactions: {written}; {writers.repeated} again)"]
    )

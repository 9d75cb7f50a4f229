"""Plays one random case and judges it by what the native ALTER does on the twin.

Right is: done, and equal to the twin that got the same writes and the native ALTER; or refused,
with the original untouched. A refusal because of the rows is right only where the native ALTER
fails too, or where a second try on the quiet table succeeds: then a write had been in the way,
which was gone in the end.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, cast

from osc.engine import Sync
from osc.engines import engine_at
from osc.errors import OscError
from osc.model.progress import Tracker
from tests.fuzz.guard import UntilTheSwap
from tests.fuzz.linger import lingering
from tests.fuzz.tally import Outcome
from tests.scenarios import tools
from tests.scenarios.case import Case
from tests.scenarios.runner import (
    BEFORE_AND_AFTER,
    Paced,
    left_behind,
    native,
    set_up,
    site_of,
    writing,
)
from tests.scenarios.site import Place, Site, SqlError
from tests.scenarios.twin import differences
from tests.servers import Lease

MIGRATED, BY_WRITES = "migrated", "refused for a write"
MAY_REFUSE_ALONE = frozenset({3})
"""Preconditions may be stricter than the server: they are counted and shown, not failed."""
AS_THE_SERVER = frozenset({2, 3, 5, 6})
"""What osc may answer to an ALTER that the server refuses as well."""


class Wrong(AssertionError):
    """osc's answer is not the right one; the message has the case as the files of a scenario."""

    def __init__(self, case: Case, problems: Iterable[str]) -> None:
        files = {"create": case.create, "alter": case.alter + ";\n", "writes": case.writes}
        shown = [f"-- {name}.{case.engine}.sql\n{text}" for name, text in files.items()]
        super().__init__(
            "\n  ".join([f"{case.name} on {case.server}", *problems]) + "\n\n" + "\n".join(shown)
        )
        self.case = case


def modes(lease: Lease) -> list[Sync]:
    """The ways to follow changes that osc has for this server."""
    database = "postgres" if lease.engine == "postgres" else "mysql"
    with closing(engine_at(lease.url(database))) as engine:
        return list(engine.sources)


def judged(case: Case, lease: Lease, duplicate: str, sync: Sync) -> tuple[Outcome, int]:
    """What came of the case, and how many transactions were committed beside it."""
    with site_of(case, lease) as made:
        site = cast(Site, _Meaningful(made))
        try:
            set_up(site, case)
        except SqlError as unfit:
            return Outcome("no such table", str(unfit)), 0
        before = site.inventory()
        tracker = Paced()
        guarded = UntilTheSwap(site, duplicate)
        with writing(cast(Site, guarded), case, tracker) as writers:
            archive, error = _migrated(case, site, tracker, sync)
            writers.without_limit()
            writers.let_in(BEFORE_AND_AFTER)
        count = writers.committed.total()
        if writers.failures:
            raise Wrong(case, ["a writer failed", *writers.failures])
        if problems := left_behind(site, before, archive):
            raise Wrong(case, [*problems, str(error or "")])
        if error is None:
            return _compared(case, site), count
        return _refused(case, site, error, sync), count


def _migrated(case: Case, site: Site, tracker: Tracker, sync: Sync) -> tuple[str, OscError | None]:
    try:
        statement = case.alter.replace("{t}", "t")
        followed = replace(case, sync=str(sync))
        tool = tools.osc(followed, lambda engine: lingering(engine, tracker))
        return tool(site, statement, tracker), None
    except OscError as error:
        return "", error
    except Exception as error:
        trace = "".join(traceback.format_exception(error)[-6:])
        raise Wrong(
            case, [f"a bug, exit code 1: {type(error).__name__}: {error}", trace]
        ) from error


def _compared(case: Case, site: Site) -> Outcome:
    try:
        native(site, case, site.twin)
    except SqlError as error:
        raise Wrong(case, [f"osc did what the server refuses: {error}"]) from None
    if found := differences(site):
        raise Wrong(case, found)
    return Outcome(MIGRATED)


def _refused(case: Case, site: Site, error: OscError, sync: Sync) -> Outcome:
    said = f"{type(error).__name__}, exit code {error.exit_code}: {error}"
    if error.exit_code not in AS_THE_SERVER:
        raise Wrong(case, [said, *_causes(error)])
    if found := differences(site):
        raise Wrong(case, [f"not untouched after {said}", *found])
    if refusal := _native_refusal(case, site):
        return Outcome(f"refused by both ({error.exit_code})", refusal)
    if error.exit_code in MAY_REFUSE_ALONE:
        return Outcome(f"refused ({error.exit_code})", error.happened)
    return _tried_again(case, site, said, sync)


def _native_refusal(case: Case, site: Site) -> str:
    try:
        native(site, case, site.twin)
    except SqlError as error:
        return str(error)
    return ""


def _tried_again(case: Case, site: Site, said: str, sync: Sync) -> Outcome:
    """The twin has got the ALTER by now; nobody writes any more."""
    _, error = _migrated(case, site, Tracker(), sync)
    if error is not None:
        raise Wrong(case, [f"the server does it, osc refuses: {said}", *_causes(error)])
    if found := differences(site):
        raise Wrong(case, [f"at the second try, after {said}", *found])
    return Outcome(BY_WRITES, said)


def _causes(error: BaseException) -> Iterator[str]:
    cause = error.__cause__
    while cause is not None:
        yield f"caused by {type(cause).__name__}: {cause}"
        cause = cause.__cause__


class _Meaningful:
    """A site whose definitions leave out what means nothing.

    A transaction that was rolled back for a duplicate has moved the counter of AUTO_INCREMENT on
    one side only, with every tool and with none. PostgreSQL lists a table's options in the order in
    which they were last set.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site, name)

    def definition(self, place: Place) -> list[str]:
        return [_meant(line) for line in self._site.definition(place)]


def _meant(line: str) -> str:
    plain = re.sub(r" AUTO_INCREMENT=\d+", "", line)
    return re.sub(r"options=\{(.*?)\}", lambda at: str(sorted(at[1].split(","))), plain)

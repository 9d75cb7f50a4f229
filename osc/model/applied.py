"""Whether a statement was applied before, and the table has stayed since what it made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Protocol

from osc.model.phase import Phase

IDENTITY = "identity"
"""Where the result of a run keeps what the catalog said of the table at its end."""


class Ran(Protocol):
    """What the ledger remembers of a run."""

    @property
    def id(self) -> int: ...
    @property
    def phase(self) -> str: ...
    @property
    def statement(self) -> str: ...
    @property
    def result(self) -> str: ...


def by(
    runs: Iterable[Ran], statement: str, identity: str | None, same: Callable[[str, str], bool]
) -> int | None:
    """The number of the newest finished run of a table, if it was of this very statement and the
    table is what it left: then whatever the server says against the statement (a column that is to
    be added is there) only says that it was done. None where anybody has touched the table since.
    `same` says of two statements on this table that they are one.
    """
    done = [run for run in runs if run.phase == Phase.DONE]
    if not done or not same(done[-1].statement, statement):
        return None
    result = json.loads(done[-1].result or "{}")
    return done[-1].id if identity and result.get(IDENTITY) == identity else None

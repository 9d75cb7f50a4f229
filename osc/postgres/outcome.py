"""What became of a cut-over whose connection was lost.

The server may have received our COMMIT or not, and may receive it later. It is known for certain
only when the backend that could still do it is gone: so it is ended first, which lets its lock go
as well, and then the catalog is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from osc.errors import ConnectionLost, OscError, Unreachable
from osc.model.table import TableName
from osc.postgres.definition import oid_of
from osc.postgres.session import Connection, Open

T = TypeVar("T")

UNCERTAIN_SECONDS = 30
"""How long we ask what became of a swap."""


@dataclass(frozen=True)
class Backend:
    """A pid is given to somebody else one day; with the time of its start it is unique."""

    pid: int
    started_at: str


def backend(session: Connection) -> Backend:
    """Who serves this session."""
    found = session.value(
        "SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    )
    return Backend(session.id, str(found))


def settle(
    opened: Open,
    original: TableName,
    attempt: Backend,
    shadow: int,
    error: BaseException,
    *,
    sent: bool,
) -> None:
    """Returns where the shadow serves as the original all the same; otherwise raises the error, and
    the backend of the attempt is gone with all its locks. `sent` says that a COMMIT may be on its
    way: without one it is undone, whether somebody can be asked or not."""

    def serving(session: Connection) -> int | None:
        _end(session, attempt)
        return oid_of(session, original)

    serves = None
    try:
        serves = insist(opened, "outcome of the swap", serving)
    except Unreachable as unanswered:
        if sent:
            raise _unknown(original, unanswered) from error
    if serves != shadow:
        raise error


def insist(opened: Open, purpose: str, ask: Callable[[Connection], T]) -> T:
    """Asks by one connection after the other until one has the answer, or time is up."""
    deadline = time.monotonic() + UNCERTAIN_SECONDS
    while True:
        try:
            with opened(purpose) as session:
                return ask(session)
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _end(session: Connection, attempt: Backend) -> None:
    """Returns when the server has undone what the backend had begun, or done what it could not
    undo any more."""
    deadline = time.monotonic() + UNCERTAIN_SECONDS
    while session.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid = $1 AND backend_start = $2::timestamptz",
        attempt.pid,
        attempt.started_at,
    ):
        if time.monotonic() > deadline:
            raise ConnectionLost("the server is still at it")
        time.sleep(0.02)


def _unknown(original: TableName, unanswered: OscError) -> ConnectionLost:
    return ConnectionLost(
        f"the connection was lost during the cut-over of {original}, and the server can't be asked"
        f" how it ended: {unanswered.happened}",
        still_true="either the new table serves or the old one; no row was lost in either case",
        todo=f"look at \\d {original}: if it has the new definition, the swap took place",
    )

"""Ends a statement that waits for a lock, and lets one alone that works.

An ALTER in place takes the exclusive metadata lock twice, at its beginning and at its end, for a
moment each. While it waits for that lock, every later statement on the table waits behind it; while
it builds an index, nobody does. So the clock runs only while the server says that it waits:

    application A    application B       our ALTER                  this watch
    BEGIN; SELECT                        builds for a minute        sees it work, waits
    (thinks)                             wants the lock, waits ───► sees it wait, takes the time
                     SELECT, waits
                     goes on ◄────────── is undone ◄─────────────── budget nearly over: KILL QUERY

The server undoes what was killed. Should the watch lose its own connection, the server itself ends
the waiting after `lock_wait_timeout`, which knows only whole seconds.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from osc import errors
from osc.engine import Session, Statement

LOOKS_IN_A_BUDGET = 8
"""Behind the kill, whoever queued up still waits for as long as two looks take at most."""
_FOR_A_LOCK = re.compile(r"^Waiting for .*(lock|flush)$", re.IGNORECASE)
"""States of a thread in MySQL and MariaDB. `Waiting for semi-sync ACK from replica` is none: the
statement is done, and nobody waits for it but us."""


@dataclass
class Watched:
    """A statement that is watched: how long it has waited, and what has ended it, if anything."""

    waited_seconds: float = 0.0
    expired: bool = False
    stopped: BaseException | None = None
    finished: threading.Event = field(default_factory=threading.Event)


@contextmanager
def at_most(
    connect: Callable[[str], Session],
    session: Session,
    budget_seconds: float,
    *,
    work: bool = False,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Watched]:
    """LockTimeout where the block's statement would have waited longer for a lock at a stretch, or,
    with `work`, would have waited and worked longer. What `check` raises ends it, too."""
    watched = Watched()
    with closing(connect("watchdog")) as watcher:
        thread = threading.Thread(
            target=_watch,
            args=(watcher, session.id, budget_seconds, work, check, watched),
            name="osc lock watch",
            daemon=True,
        )
        thread.start()
        try:
            yield watched
        except (errors.LockTimeout, errors.Conflict) as error:
            if watched.stopped:
                raise watched.stopped from error
            ours = watched.expired or isinstance(error, errors.Conflict)
            raise _explained(error, budget_seconds, ours=ours) from error
        finally:
            watched.finished.set()
            thread.join()


def _watch(
    watcher: Session,
    connection: int,
    budget_seconds: float,
    work: bool,
    check: Callable[[], None],
    watched: Watched,
) -> None:
    pause = budget_seconds / LOOKS_IN_A_BUDGET
    last = time.monotonic()
    since = last if work else None
    with suppress(errors.ServerError):
        while not watched.finished.wait(pause):
            now = time.monotonic()
            waits = is_waiting(watcher, connection)
            watched.waited_seconds += (now - last) * waits
            last = now
            if not work:
                since = (since or now) if waits else None
            watched.expired = since is not None and now - since >= budget_seconds - 2 * pause
            watched.stopped = _stopped(check)
            if watched.expired or watched.stopped:
                watcher.execute(Statement(f"KILL QUERY {connection}"))
                return


def _stopped(check: Callable[[], None]) -> BaseException | None:
    """What the check raises, to be raised where the statement runs."""
    try:
        check()
    except Exception as error:
        return error
    return None


def is_waiting(watcher: Session, connection: int) -> bool:
    """Whether the connection's statement waits for a lock, in the server's own words."""
    rows = watcher.query(
        Statement("SELECT state FROM information_schema.processlist WHERE id = %s", (connection,))
    )
    return bool(rows) and _FOR_A_LOCK.match(str(rows[0][0] or "")) is not None


def _explained(
    error: errors.ServerError, budget_seconds: float, *, ours: bool
) -> errors.LockTimeout:
    if ours:
        return errors.LockTimeout(f"no lock within {budget_seconds * 1000:.0f} ms", code=error.code)
    return errors.LockTimeout(f"somebody ended our statement: {error.happened}", code=error.code)

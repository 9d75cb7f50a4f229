"""Tables that stay locked while the lock is let go: each has a session in its queue that is next.

A waiting LOCK TABLES … WRITE goes before every reader and writer that waits for the same table,
whoever came first (measured on MariaDB 10.11): no gap between the session that lets
go and the one that takes over. Each session waits for one table: with two it could get the first
and wait for the second while others pass.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from osc import errors
from osc.engine import Session, Statement
from osc.mysql.carried import Kept
from osc.mysql.locking import LONGEST_HELD_SECONDS, limit_silence

POLL_SECONDS = 0.002


class Keeper(threading.Thread):
    """The session of one `Kept`."""

    def __init__(self, connect: Callable[[str], Session], kept: Kept, seconds: int) -> None:
        super().__init__(name="osc keeper of a table", daemon=True)
        self._kept = kept
        self._error: errors.ServerError | None = None
        self.session = connect("kept table")
        limit_silence(self.session, seconds)

    def run(self) -> None:
        try:
            self.session.execute(self._kept.lock)
        except errors.ServerError as error:
            self._error = error

    def finish(self) -> None:
        """Its part after the RENAME; then the table is everybody's again."""
        self.join()
        if self._error is not None:
            raise self._error
        for statement in self._kept.then:
            self.session.execute(statement)

    def let_go(self) -> None:
        self.session.execute(Statement("UNLOCK TABLES"))

    def close(self) -> None:
        if self.ident is not None:
            self.join()
        self.session.close()


class Keeping:
    """All keepers of one attempt."""

    def __init__(
        self, connect: Callable[[str], Session], kept: tuple[Kept, ...], budget_seconds: float
    ) -> None:
        seconds = math.ceil(budget_seconds) + 2 * LONGEST_HELD_SECONDS
        self._keepers = [Keeper(connect, one, seconds) for one in kept]

    @property
    def session_ids(self) -> tuple[int, ...]:
        return tuple(keeper.session.id for keeper in self._keepers)

    def await_queued(self, observer: Session, timeout_seconds: float = 2.0) -> None:
        """Returns when each has what it wants, or waits for it in the queue."""
        for keeper in self._keepers:
            keeper.start()
        deadline = time.monotonic() + timeout_seconds
        for keeper in self._keepers:
            while keeper.is_alive() and not _waits(observer, keeper.session.id):
                if time.monotonic() > deadline:
                    raise errors.LockTimeout("a table was not seen waited for behind the lock")
                time.sleep(POLL_SECONDS)

    def finish(self) -> None:
        for keeper in self._keepers:
            keeper.finish()
        for keeper in self._keepers:
            keeper.let_go()

    def close(self) -> None:
        for keeper in self._keepers:
            keeper.close()


def _waits(observer: Session, connection: int) -> bool:
    rows = observer.query(
        Statement("SELECT state FROM information_schema.processlist WHERE id = %s", (connection,))
    )
    return bool(rows) and str(rows[0][0]).startswith("Waiting for table metadata lock")

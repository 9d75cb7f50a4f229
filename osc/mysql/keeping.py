"""Tables that nobody writes to until the RENAME of another session is done (MariaDB).

When the lock is let go the RENAME is next for the tables that it names, and the writers that wait
are next for all others. The children are tables that the RENAME is in need of (`carried_keys.py`),
so each of them is asked for before that, by a session of its own, and by the statement that comes
before all writers and takes nothing else: LOCK TABLES … WRITE takes the parents, too, and the table
that is renamed is one; LOCK TABLES … READ comes after writers.

It takes the privilege RELOAD. Without it the children are not kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from osc import errors
from osc.engine import Session, Statement
from osc.model.table import TableName
from osc.mysql import quoting
from osc.mysql.locking import LONGEST_HELD_SECONDS, limit_silence

POLL_SECONDS = 0.002
QUEUED_SECONDS = 2.0


class Keepers:
    """One for each table; their connections are made with them, before the lock is taken."""

    def __init__(self, connect: Callable[[str], Session], tables: Iterable[TableName]) -> None:
        self._keepers = [_Keeper(connect("cut-over keeper"), table) for table in tables]

    def queue(self, observer: Session) -> None:
        """Returns when all of them wait that may. LockTimeout where they are not seen to."""
        for keeper in self._keepers:
            keeper.start()
        deadline = time.monotonic() + QUEUED_SECONDS
        for keeper in self._keepers:
            while not keeper.is_queued(observer) and not keeper.may_not:
                if keeper.failed or time.monotonic() > deadline:
                    raise errors.LockTimeout("nobody was seen to keep writers out of the children")
                time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Once the RENAME is done or given up, and the lock that they wait for is gone."""
        for keeper in self._keepers:
            keeper.close()


class _Keeper(threading.Thread):
    def __init__(self, session: Session, table: TableName) -> None:
        super().__init__(name="osc keeper", daemon=True)
        self._session = session
        self._lock = Statement(f"FLUSH LOCAL TABLES {quoting.table(table)} WITH READ LOCK")
        limit_silence(session, 2 * LONGEST_HELD_SECONDS)
        longest = Statement(f"SET SESSION lock_wait_timeout = {2 * LONGEST_HELD_SECONDS}")
        session.execute(longest)
        self.may_not = self.failed = False

    def run(self) -> None:
        try:
            self._session.query(self._lock)
        except errors.NotAllowed:
            self.may_not = True
        except errors.ServerError:
            # Once the lock is gone it is no matter; before that, the lock is not to be held for it.
            self.failed = True

    def is_queued(self, observer: Session) -> bool:
        state = "SELECT state FROM information_schema.processlist WHERE id = %s"
        rows = observer.query(Statement(state, (self._session.id,)))
        return bool(rows) and str(rows[0][0]).startswith("Waiting for table metadata lock")

    def close(self) -> None:
        """A socket must not be closed under somebody who reads from it."""
        if self.ident is not None:
            self.join()
        self._session.close()

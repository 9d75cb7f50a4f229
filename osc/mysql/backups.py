"""Backups that let nobody alter a table while they run, kept away from the cut-over.

MySQL grants LOCK INSTANCE FOR BACKUP, which a backup may hold for hours, also while we hold a
table's lock, and the RENAME then waits for it with everybody behind us:

    backup  LOCK INSTANCE FOR BACKUP    is granted
    we      LOCK TABLES orders WRITE    is granted as well
    we      RENAME TABLE orders …       waits for the backup
    writer  INSERT INTO orders …        waits for us

So the cut-over waits until there is no such backup, and what waits for one all the same, under the
lock, is ended at once and undone.

MariaDB needs none of this: LOCK TABLES waits for a backup that has come to BACKUP STAGE BLOCK_DDL,
with no table in hand, and such a backup waits for whoever has a lock, and lets his RENAME pass
(measured on 10.11).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from osc import errors
from osc.engine import Session, Statement

STATE = "Waiting for backup lock"
"""Of a thread."""
LOOK_SECONDS = 0.02
POLL_SECONDS = 0.5
GRACE_SECONDS = 0.2
HOLDERS = """
SELECT DISTINCT t.processlist_id FROM performance_schema.metadata_locks l
JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
WHERE l.object_type = 'BACKUP LOCK' AND l.lock_type = 'SHARED' AND l.lock_status = 'GRANTED'
AND t.processlist_id IS NOT NULL
"""

log = logging.getLogger("osc.backups")


def holders(session: Session) -> list[int]:
    """The connections of backups that let nobody alter a table; none where the server doesn't show
    them (MariaDB, or without SELECT on performance_schema)."""
    with suppress(errors.BadStatement, errors.NotAllowed):
        return [int(one) for (one,) in session.query(Statement(HOLDERS))]
    return []


def await_none(connect: Callable[[str], Session], check: Callable[[], None]) -> None:
    """Returns when no backup is in the way that the server shows; `check` may end the waiting."""
    told = False
    with closing(connect("backups")) as session:
        while found := holders(session):
            if not told:
                names = ", ".join(map(str, found))
                log.info("waiting for a backup to end (LOCK INSTANCE FOR BACKUP): %s", names)
            told = True
            check()
            time.sleep(POLL_SECONDS)


class Vigil:
    """Looks, through a connection of its own, whether a statement of ours waits for a backup."""

    def __init__(self, connect: Callable[[str], Session]) -> None:
        self._observer = connect("backup vigil")

    def close(self) -> None:
        self._observer.close()

    def is_kept(self, session_id: int) -> bool:
        state = "SELECT state FROM information_schema.processlist WHERE id = %s"
        rows = self._observer.query(Statement(state, (session_id,)))
        return bool(rows) and str(rows[0][0]).startswith(STATE)

    @contextmanager
    def over(self, session: Session) -> Iterator[None]:
        """LockTimeout where one of the block's statements would have waited; it is killed."""
        finished, seen = threading.Event(), threading.Event()
        deciding = threading.Lock()

        def watch() -> None:
            with suppress(errors.ServerError):
                while not finished.wait(LOOK_SECONDS):
                    if self.is_kept(session.id):
                        with deciding:
                            if finished.is_set():
                                return
                            seen.set()
                        self._observer.execute(Statement(f"KILL QUERY {session.id}"))
                        return

        thread = threading.Thread(target=watch, name="osc backup vigil", daemon=True)
        thread.start()
        try:
            yield
        except errors.ServerError as error:
            if seen.is_set():
                raise errors.LockTimeout(
                    "a backup has begun that lets nobody alter a table"
                ) from error
            raise
        finally:
            with deciding:
                finished.set()
            # Not for ever: its line may be dead, and everybody waits for us.
            thread.join(GRACE_SECONDS)

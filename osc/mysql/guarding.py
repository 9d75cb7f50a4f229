"""Somebody who waits behind the lock, to put the triggers back should its session be killed.

Where shadow and archive are in databases of their own, a packet drops the application's triggers,
renames, and makes stand-ins (`stand_ins.py`). The server does it to its end though its client is
dead, but a KILL of that session in the midst of it lets the lock go, and the writers that wait for
it would be next, at a table without triggers. So before the packet is sent another session asks for
the lock. Whoever wants a table for himself comes before all who only write to it, so it is next
instead, whatever has become of the first one: it makes the triggers on whichever table serves then,
which is what has to be done after a swap, too, and lets the lock go.

What is left is a crash of the server in these milliseconds: then they are missing until `osc
resume` or `osc abort`. `tests/mysql/test_user_triggers.py` kills the session between any two
statements of the packet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from osc import errors
from osc.engine import Session, Statement
from osc.mysql.locking import LONGEST_HELD_SECONDS

POLL_SECONDS = 0.002
QUEUED_SECONDS = 2.0


class Guard:
    """Takes `lock` and does `body` under it once the lock that we have is gone."""

    def __init__(
        self,
        connect: Callable[[str], Session],
        lock: Statement,
        body: Callable[[Session], None],
    ) -> None:
        self._lock, self._body = lock, body
        self._session, self._observer = connect("cut-over guard"), connect("cut-over observer")
        self._thread = threading.Thread(target=self._run, name="osc guard", daemon=True)
        longest = 2 * LONGEST_HELD_SECONDS
        self._session.execute(Statement(f"SET SESSION lock_wait_timeout = {longest}"))

    def queue(self) -> None:
        """Returns when it waits. LockTimeout where it is not seen to; nothing was done then."""
        self._thread.start()
        deadline = time.monotonic() + QUEUED_SECONDS
        state = Statement(
            "SELECT state FROM information_schema.processlist WHERE id = %s", (self._session.id,)
        )
        while time.monotonic() < deadline and self._thread.is_alive():
            rows = self._observer.query(state)
            if rows and str(rows[0][0]).startswith("Waiting for table metadata lock"):
                return
            time.sleep(POLL_SECONDS)
        raise errors.LockTimeout("no guard of the triggers was seen waiting behind the lock")

    def _run(self) -> None:
        """What it can't do is found undone by whoever completes the swap or restores the table."""
        try:
            self._session.execute(self._lock)
            try:
                self._body(self._session)
            finally:
                self._session.execute(Statement("UNLOCK TABLES"))
        except errors.OscError:
            return

    def close(self) -> None:
        """Once nobody has the lock any more."""
        if self._thread.ident is not None:
            self._thread.join()
        self._session.close()
        self._observer.close()

"""Sessions that read the catalog and are used again within seconds.

Each new one learns the catalog and plans its queries anew: a migration of ten rows opened 50 of
them and kept the server busy for 0.97 s; with this it is 30, and 0.7 s. Only readers are kept, and
none that had an error; what one of them has set is gone before the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from osc.errors import ServerError
from osc.postgres.session import Address, Connection

READERS = frozenset(
    {"archives", "blockers", "catalog", "checks", "leftovers", "names", "plan", "rehearsal",
     "snapshots"}
)  # fmt: skip
AS_NEW = """
SET SESSION AUTHORIZATION DEFAULT; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP;
SELECT pg_advisory_unlock_all()
"""
"""What DISCARD ALL does (its manual page lists it), but for the prepared statements: what was
planned once is planned for the next, too."""
IDLE_SECONDS = 10.0
"""One that has been idle for longer may have settings that its role or database had then."""


class Sessions:
    """`opened` is an `Open`; `close` ends the session that is kept."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._kept: tuple[Connection, float] | None = None

    @contextmanager
    def opened(self, purpose: str) -> Iterator[Connection]:
        session = self._take(purpose) if purpose in READERS else None
        session = session or self._address.connect(purpose)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        if purpose in READERS:
            self._keep(session)
        else:
            session.close()

    def close(self) -> None:
        with self._lock:
            kept, self._kept = self._kept, None
        if kept:
            kept[0].close()

    def _take(self, purpose: str) -> Connection | None:
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is None:
            return None
        session, since = kept
        if time.monotonic() - since < IDLE_SECONDS:
            try:
                session.run(AS_NEW)
                self._address.settle(session, purpose)
            except ServerError:
                pass
            else:
                return session
        session.close()
        return None

    def _keep(self, session: Connection) -> None:
        with self._lock:
            before, self._kept = self._kept, (session, time.monotonic())
        if before:
            before[0].close()

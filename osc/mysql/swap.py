"""The short lock and the swap on MySQL and MariaDB (rule 9).

Two ways, chosen by what the server can do: `SentrySwapper` (sentry.py), and here

`LockedSwapper`, where RENAME TABLE works under LOCK TABLES (MySQL ≥ 8.0.13). One session:

    LOCK TABLES original, shadow WRITE → drain → RENAME → UNLOCK
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from osc import errors
from osc.engine import Job, Session, Statement, Swapped
from osc.mysql.attempt import Parts
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.locking import Lent, blockers, locking_session
from osc.mysql.sentry import SentrySwapper
from osc.mysql.watchdog import Watchdog


@dataclass(frozen=True)
class LockedSwapper:
    """The port `Swapper`, one session."""

    parts: Parts

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        with (
            closing(Watchdog(self.parts.connect)) as watchdog,
            locking_session(self.parts.connect, "cut-over lock") as session,
        ):
            asked = time.monotonic()
            with watchdog.over(session, budget_seconds):
                session.execute(self.parts.lock())
            held = time.monotonic()
            self._under_lock(session, drain)
            return Swapped(held - asked, time.monotonic() - held)

    def _under_lock(self, session: Session, drain: Callable[[Session], None]) -> None:
        self.parts.drain(session, drain)
        self.parts.keep_the_counter(session)
        try:
            session.execute(self.parts.rename)
        except errors.ConnectionLost:
            if not self.parts.was_swapped(session.id):
                raise
        with suppress(errors.ConnectionLost):
            session.execute(Statement("UNLOCK TABLES"))

    def was_swapped(self) -> bool:
        return self.parts.was_swapped()

    def blockers(self) -> list[str]:
        return blockers(self.parts.connect)


def swapper(
    job: Job,
    connect: Callable[[str], Session],
    catalog: Callable[[Session], MySQLCatalog],
    *,
    rename_under_lock: bool,
    lent: Lent | None = None,
) -> LockedSwapper | SentrySwapper:
    parts = Parts(job, connect, catalog, lent or Lent())
    return LockedSwapper(parts) if rename_under_lock else SentrySwapper(parts)

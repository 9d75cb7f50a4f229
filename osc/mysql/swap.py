"""The short lock and the swap on MySQL and MariaDB (rule 9).

Two ways, chosen by what the server can do: `SentrySwapper` (sentry.py), and here

`LockedSwapper`, where RENAME TABLE works under LOCK TABLES (MySQL ≥ 8.0.13). One session:

    LOCK TABLES original, shadow WRITE → drain → move → RENAME → UNLOCK → complete

Where it ends before RENAME it is undone, afterwards it is swapped; the lock goes with the session.
What is moved and completed is in `carried.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from osc.engine import Job, Session, Statement, Swapped
from osc.model.blocker import Blocker
from osc.model.onlookers import Onlookers
from osc.mysql import backups
from osc.mysql.attempt import Parts
from osc.mysql.blockers import blockers, end, onlookers
from osc.mysql.carried import Carried
from osc.mysql.carried_keys import CarriedKeys
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.gates import Gates
from osc.mysql.locking import LONGEST_HELD_SECONDS, Lent, let_go, locking_session
from osc.mysql.noted import Notes
from osc.mysql.sentry import SentrySwapper
from osc.mysql.session import PACKETS
from osc.mysql.surroundings import Surroundings
from osc.mysql.tagged import Tags
from osc.mysql.watchdog import Watchdog


@dataclass(frozen=True)
class LockedSwapper:
    """The port `Swapper`, one session."""

    parts: Parts

    def prepare(self, check: Callable[[], None]) -> None:
        """All that the swap needs is there; and no backup would keep it."""
        backups.await_none(self.parts.connect, check)

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        connect = self.parts.connect
        self.parts.prepare()
        with (
            closing(Watchdog(connect)) as watchdog,
            closing(backups.Vigil(connect)) as vigil,
            closing(Gates(connect, self.parts.gated())) as gates,
            self.parts.guards() as guards,
            locking_session(connect, PACKETS, budget_seconds) as session,
        ):
            sent, asked = False, time.monotonic()
            held = asked
            try:
                asked = time.monotonic()
                gates.lock(session, self.parts.lock(), watchdog, budget_seconds)
                held = time.monotonic()
                with watchdog.ending(session, LONGEST_HELD_SECONDS):
                    self.parts.drain(session, drain)
                    with vigil.over(session):
                        self.parts.keep_the_counter(session)
                        self.parts.move(session)
                        for guard in guards:
                            guard.queue()
                        sent = True
                        session.execute(self.parts.packet)
                    session.execute(Statement("UNLOCK TABLES"))
            except BaseException as error:
                self.parts.untie(session, sentry=False)
                let_go(session)
                self.parts.settle((session.id,), error, sent=sent)
            swapped = Swapped(held - asked, time.monotonic() - held)
        self.parts.complete()
        return swapped

    def was_swapped(self) -> bool:
        return self.parts.was_swapped()

    def recover(self) -> bool:
        return self.parts.recover()

    def blockers(self) -> list[Blocker]:
        return blockers(self.parts.connect, self.parts.job.original.name)

    def onlookers(self) -> Onlookers:
        return onlookers(self.parts.connect)

    def end(self, blocker: Blocker) -> None:
        end(self.parts.connect, blocker)


def swapper(
    job: Job,
    connect: Callable[[str], Session],
    catalog: Callable[[Session], MySQLCatalog],
    *,
    notes: Notes,
    rename_under_lock: bool,
    lent: Lent | None = None,
    carried: tuple[Carried, ...] = (),
) -> LockedSwapper | SentrySwapper:
    keys = CarriedKeys(job, connect, catalog, in_one_packet=rename_under_lock)
    every = (*carried, keys, Tags(job, connect, catalog), Surroundings(job, connect, notes))
    parts = Parts(job, connect, catalog, lent or Lent(), every)
    return LockedSwapper(parts) if rename_under_lock else SentrySwapper(parts)

"""What both ways of swapping share: their statements, the checks under the lock, the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.table import TableName
from osc.mysql import changelog, quoting
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.locking import Lent, lock

UNCERTAIN_SECONDS = 30
POLL_SECONDS = 0.002
SENTRY = "osc sentry"


@dataclass(frozen=True)
class Parts:
    """What both ways need."""

    job: Job
    connect: Callable[[str], Session]
    catalog: Callable[[Session], MySQLCatalog]
    lent: Lent

    @property
    def rename(self) -> Statement:
        original, shadow, archive = self._names()
        return Statement(f"RENAME TABLE {original} TO {archive}, {shadow} TO {original}")

    def lock(self, *more: TableName) -> Statement:
        return lock(self.job.original.name, self.job.shadow.name, *more)

    def drain(self, session: Session, drain: Callable[[Session], None]) -> None:
        self.refuse_a_changed_table(session)
        with self.lent.by(session):
            drain(session)
        session.execute(Statement("COMMIT"))
        self._let_go_of_triggers(session)

    def _let_go_of_triggers(self, session: Session) -> None:
        """No table goes into another database with triggers (error 1435). Should the swap fail
        after this, the source misses them at its next look and ends the run (PositionGone)."""
        if self.job.names.archive.schema != self.job.original.name.schema:
            changelog.drop_triggers(session, self.job.original.name)

    def _names(self) -> tuple[str, str, str]:
        job = self.job
        names = (job.original.name, job.shadow.name, job.names.archive)
        return quoting.table(names[0]), quoting.table(names[1]), quoting.table(names[2])

    def refuse_a_changed_table(self, session: Session) -> None:
        """Under the lock nobody can alter it any more: what we compare now is what we rename."""
        now = self.catalog(session).identity(self.job.original.name)
        if now != self.job.original.identity:
            raise errors.TableChanged(
                f"{self.job.original.name} was altered, truncated or replaced by somebody else",
                still_true="it still serves; the shadow does not follow that change",
                todo="remove our leftovers with `osc cleanup`, then start again",
            )

    def keep_the_counter(self, session: Session) -> None:
        """AUTO_INCREMENT goes on where the original's is: a deleted id must not come back."""
        if any(verbs[0] == "AUTO_INCREMENT" for verbs in self.job.alter.verbs):
            return
        catalog = self.catalog(session)
        before = catalog.auto_increment(self.job.original.name)
        after = catalog.auto_increment(self.job.shadow.name)
        if before is not None and after is not None and after < before:
            shadow = quoting.table(self.job.shadow.name)
            session.execute(Statement(f"ALTER TABLE {shadow} AUTO_INCREMENT = {before}"))

    def was_swapped(self, *sessions: int) -> bool:
        """Asks the catalog, once these sessions are gone or done: a statement may outlive the
        connection that it came through.

        After a swap the shadow's name is free, and the archive's is taken by no sentry.
        """
        archive, shadow = self.job.names.archive, self.job.shadow.name
        with closing(self.connect("outcome of the swap")) as session:
            self._await_idle(session, sessions)
            catalog = self.catalog(session)
            found = catalog.existing([shadow, archive])
            return found == [archive] and SENTRY not in catalog.definition(archive)

    def _await_idle(self, session: Session, sessions: tuple[int, ...]) -> None:
        busy = Statement(
            "SELECT id FROM information_schema.processlist WHERE command <> 'Sleep' AND id IN "
            f"({', '.join(str(identity) for identity in (*sessions, 0))})"
        )
        deadline = time.monotonic() + UNCERTAIN_SECONDS
        while session.query(busy):
            if time.monotonic() > deadline:
                raise errors.ConnectionLost(
                    "the outcome of the swap is unknown: the server is still at it",
                    still_true="either the old table serves or the new one; no row is lost",
                    todo=f"look at SHOW CREATE TABLE {self.job.original.name}",
                )
            time.sleep(POLL_SECONDS)

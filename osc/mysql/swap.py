"""The short lock and the swap on MySQL and MariaDB (rule 9).

Two ways, chosen by what the server can do:

`LockedSwapper`, where RENAME TABLE works under LOCK TABLES (MySQL ≥ 8.0.13). One session:

    LOCK TABLES original, shadow WRITE → drain → RENAME → UNLOCK

`SentrySwapper` elsewhere (MariaDB: error 1192). Two sessions and a sentry table that bears the
archive's name, so that a RENAME which runs too early fails:

    A: CREATE sentry; LOCK TABLES original, shadow, sentry WRITE; drain
    B: RENAME original → archive, shadow → original      waits for A's locks
    A: sees B wait; DROP sentry; UNLOCK                  B goes on

B must be in the queue of the *original* before A unlocks: otherwise a writer that waits there gets
its turn first, writes into the original after the drain, and the RENAME buries that row in the
archive. RENAME takes its metadata locks in the order of the names, one after another, and the list
of processes does not say which one it waits for. So the names of shadow and sentry sort after the
original's (`naming.py`): whatever B waits for, it is the original. With `_t_new` and `_t_old`, 30
cut-overs of this kind under four writers buried 21 rows on MariaDB 10.11; with ours none:
`tests/conformance/test_swapper.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from osc import errors
from osc.engine import Job, Session, Statement, Swapped
from osc.model.table import TableName
from osc.mysql import changelog, quoting
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.locking import Lent, Watchdog, blockers, lock, locking_session

UNCERTAIN_SECONDS = 30
POLL_SECONDS = 0.002
SENTRY = "osc sentry"


@dataclass(frozen=True)
class _Parts:
    """What both ways need."""

    job: Job
    connect: Callable[[str], Session]
    catalog: Callable[[Session], MySQLCatalog]
    lent: Lent

    @property
    def rename(self) -> Statement:
        original, shadow, archive = self._names()
        return Statement(f"RENAME TABLE {original} TO {archive}, {shadow} TO {original}")

    def lock(self, session: Session, *more: TableName) -> Statement:
        """The changelog too: the triggers' lock on it would close it to us."""
        names = self.job.original.name, self.job.shadow.name
        return lock(*names, *changelog.filled_from(session, names[0]), *more)

    def drain(self, session: Session, drain: Callable[[Session], None]) -> None:
        self.refuse_a_changed_table(session)
        with self.lent.by(session):
            drain(session)
        session.execute(Statement("COMMIT"))

    def let_go_of_triggers(self, session: Session) -> None:
        """Into another database no table goes with triggers (error 1435). Should the swap fail
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


@dataclass(frozen=True)
class LockedSwapper:
    """The port `Swapper`, one session."""

    parts: _Parts

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        with (
            closing(Watchdog(self.parts.connect)) as watchdog,
            locking_session(self.parts.connect, "cut-over lock") as session,
        ):
            locks = self.parts.lock(session)
            asked = time.monotonic()
            with watchdog.over(session, budget_seconds):
                session.execute(locks)
            held = time.monotonic()
            self._under_lock(session, drain)
            return Swapped(held - asked, time.monotonic() - held)

    def _under_lock(self, session: Session, drain: Callable[[Session], None]) -> None:
        self.parts.drain(session, drain)
        self.parts.let_go_of_triggers(session)
        self.parts.keep_the_counter(session)
        try:
            session.execute(self.parts.rename)
        except errors.ConnectionLost:
            if not self.parts.was_swapped(session.id):
                raise
        with suppress(errors.ConnectionLost):
            session.execute(Statement("UNLOCK TABLES"))

    def blockers(self) -> list[str]:
        return blockers(self.parts.connect)


@dataclass(frozen=True)
class SentrySwapper:
    """The port `Swapper`, two sessions and a sentry table."""

    parts: _Parts

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        """Every connection is made before the lock is taken: making one costs milliseconds."""
        with (
            closing(Watchdog(self.parts.connect)) as watchdog,
            closing(self.parts.connect("cut-over observer")) as observer,
            closing(_Renaming(self.parts)) as renaming,
            self._sentry(),
            locking_session(self.parts.connect, "cut-over lock") as session,
        ):
            locks = self.parts.lock(session, self.parts.job.names.archive)
            asked = time.monotonic()
            with watchdog.over(session, budget_seconds):
                session.execute(locks)
            held = time.monotonic()
            self.parts.drain(session, drain)
            self.parts.let_go_of_triggers(session)
            self.parts.keep_the_counter(session)
            self._rename_behind(session, renaming, observer)
            return Swapped(held - asked, time.monotonic() - held)

    @contextmanager
    def _sentry(self) -> Iterator[None]:
        """The table that bars the archive's name; its comment tells whoever finds it later."""
        sentry = quoting.table(self.parts.job.names.archive)
        session = self.parts.connect("sentry")
        try:
            session.execute(
                Statement(f"CREATE TABLE {sentry} (id INT PRIMARY KEY) COMMENT = '{SENTRY}'")
            )
            try:
                yield
            finally:
                if self._is_sentry(session):
                    session.execute(Statement(f"DROP TABLE IF EXISTS {sentry}"))
        finally:
            session.close()

    def _is_sentry(self, session: Session) -> bool:
        """The archive bears the sentry's name after the swap, and must not be taken for it."""
        catalog, archive = self.parts.catalog(session), self.parts.job.names.archive
        if not catalog.existing([archive]):
            return False
        return SENTRY in catalog.definition(archive)

    def _rename_behind(self, session: Session, renaming: _Renaming, observer: Session) -> None:
        """B's half in a thread; A lets go only when B is seen in the queue."""
        try:
            renaming.start()
            renaming.await_queued(observer)
            sentry = quoting.table(self.parts.job.names.archive)
            session.execute(Statement(f"DROP TABLE {sentry}"))
            session.execute(Statement("UNLOCK TABLES"))
            renaming.join()
            renaming.outcome()
        except BaseException:
            # Our locks may be gone already and the RENAME through: only the catalog knows.
            renaming.give_up(observer)
            if not self.parts.was_swapped(session.id, renaming.session_id):
                raise

    def blockers(self) -> list[str]:
        return blockers(self.parts.connect)


class _Renaming(threading.Thread):
    """The session that waits with its RENAME behind the lock."""

    def __init__(self, parts: _Parts) -> None:
        super().__init__(name="osc rename", daemon=True)
        self._parts = parts
        self._session = parts.connect("cut-over rename")
        self._error: errors.ServerError | None = None

    @property
    def session_id(self) -> int:
        return self._session.id

    def run(self) -> None:
        try:
            self._session.execute(self._parts.rename)
        except errors.ServerError as error:
            self._error = error

    def await_queued(self, observer: Session, timeout_seconds: float = 2.0) -> None:
        """Returns when the server shows the RENAME waiting for a metadata lock."""
        deadline = time.monotonic() + timeout_seconds
        state = Statement(
            "SELECT state FROM information_schema.processlist WHERE id = %s", (self._session.id,)
        )
        while time.monotonic() < deadline and self.is_alive():
            rows = observer.query(state)
            if rows and str(rows[0][0]).startswith("Waiting for table metadata lock"):
                return
            time.sleep(POLL_SECONDS)
        raise errors.LockTimeout("the RENAME was not seen waiting behind the lock")

    def outcome(self) -> None:
        """Raises what the RENAME raised, unless the catalog says that it has run."""
        if self._error is not None and not self._parts.was_swapped(self.session_id):
            raise self._error

    def give_up(self, observer: Session) -> None:
        with suppress(errors.ServerError):
            observer.execute(Statement(f"KILL QUERY {self._session.id}"))
        if self.ident is not None:
            self.join(timeout=10)
        # MariaDB shows a session as killed until its next statement, which would never come.
        self.close()

    def close(self) -> None:
        self._session.close()


def swapper(
    job: Job,
    connect: Callable[[str], Session],
    catalog: Callable[[Session], MySQLCatalog],
    *,
    rename_under_lock: bool,
    lent: Lent | None = None,
) -> LockedSwapper | SentrySwapper:
    parts = _Parts(job, connect, catalog, lent or Lent())
    return LockedSwapper(parts) if rename_under_lock else SentrySwapper(parts)

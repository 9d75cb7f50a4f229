"""The swap where RENAME does not work under LOCK TABLES (MariaDB: error 1192), rule 9.

Two sessions, and a sentry table that bears the archive's name, so that a RENAME which runs too
early fails:

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
from osc.engine import Session, Statement, Swapped
from osc.mysql import quoting
from osc.mysql.attempt import POLL_SECONDS, SENTRY, Parts
from osc.mysql.locking import blockers, locking_session
from osc.mysql.watchdog import Watchdog


@dataclass(frozen=True)
class SentrySwapper:
    """The port `Swapper`, two sessions and a sentry table."""

    parts: Parts

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        """Every connection is made before the lock is taken: making one costs milliseconds."""
        with (
            closing(Watchdog(self.parts.connect)) as watchdog,
            closing(self.parts.connect("cut-over observer")) as observer,
            closing(_Renaming(self.parts)) as renaming,
            self._sentry(),
            locking_session(self.parts.connect, "cut-over lock") as session,
        ):
            asked = time.monotonic()
            with watchdog.over(session, budget_seconds):
                session.execute(self.parts.lock(self.parts.job.names.archive))
            held = time.monotonic()
            self.parts.drain(session, drain)
            self.parts.keep_the_counter(session)
            self._rename_behind(session, renaming, observer)
            return Swapped(held - asked, time.monotonic() - held)

    @contextmanager
    def _sentry(self) -> Iterator[None]:
        """The table that bars the archive's name; its comment tells whoever finds it later."""
        sentry = quoting.table(self.parts.job.names.archive)
        session = self.parts.connect("sentry")
        try:
            if self._is_sentry(session):  # of a process that died
                session.execute(Statement(f"DROP TABLE IF EXISTS {sentry}"))
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

    def was_swapped(self) -> bool:
        return self.parts.was_swapped()

    def blockers(self) -> list[str]:
        return blockers(self.parts.connect)


class _Renaming(threading.Thread):
    """The session that waits with its RENAME behind the lock."""

    def __init__(self, parts: Parts) -> None:
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

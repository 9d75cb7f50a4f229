"""The swap where RENAME does not work under LOCK TABLES (MariaDB: error 1192), rule 9.

Two sessions, and a sentry table that bears the archive's name, so that a RENAME which runs too
early fails:

    A: CREATE sentry; LOCK TABLES original, shadow, sentry WRITE; drain; move (`carried.py`)
    B: RENAME original → archive, shadow → original      waits for A's locks
    A: sees B wait; DROP sentry; what must not be before the RENAME is certain (`carried.py`);
       UNLOCK, all in one packet                         B goes on

B must be in the queue of the *original* before A unlocks: otherwise a writer that waits there gets
its turn first, writes into the original after the drain, and the RENAME buries that row in the
archive. RENAME takes its metadata locks in the order of the names, one after another, and the list
of processes does not say which one it waits for. So the names of shadow and sentry sort after the
original's (`naming.py`): whatever B waits for, it is the original. With `_t_new` and `_t_old`, 30
cut-overs of this kind under four writers buried 21 rows on MariaDB 10.11; with ours none:
`tests/conformance/test_swapper.py`.

Whoever dies, and whenever, it is one of two (`tests/conformance/test_cut_over_losses.py`):

    A dies before DROP          its locks go; B, or a writer, is next; B's RENAME meets the sentry
                                and fails (1050): undone
    A dies after DROP, before   its locks go as they would with UNLOCK, and B, which was seen in the
    UNLOCK                      queue, is first: swapped; what A had left to do is completed
    B dies before A looks       A sees nobody wait, and the sentry is still there: undone
    B dies after A has looked   A drops the sentry and unlocks, and nobody renames: undone
    B's answer is lost          B renames, or meets the sentry: the catalog tells
    B's RENAME is held up in    A sees nobody wait and lets go. From then on writers write, so this
    the network                 RENAME must never be done: the sentry stays until the server has no
                                session B any more (`Parts.settle`)
    the observer dies           A does not see B wait: as if B were held up
    CREATE's answer is lost     no lock was taken; the sentry goes when its maker's session is gone
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from osc import errors
from osc.engine import Session, Statement, Swapped
from osc.model.blocker import Blocker
from osc.model.onlookers import Onlookers
from osc.mysql import quoting
from osc.mysql.attempt import POLL_SECONDS, SENTRY, Parts, is_sentry
from osc.mysql.blockers import blockers, end, onlookers
from osc.mysql.gates import Gates
from osc.mysql.keeping import Keepers
from osc.mysql.locking import (
    LONGEST_HELD_SECONDS,
    let_go,
    limit_silence,
    locking_session,
)
from osc.mysql.session import PACKETS
from osc.mysql.watchdog import Watchdog


@dataclass(frozen=True)
class SentrySwapper:
    """The port `Swapper`, two sessions and a sentry table."""

    parts: Parts

    def prepare(self, check: Callable[[], None]) -> None:
        """All that the swap needs is there."""

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        """Every connection is made before the lock is taken: making one costs milliseconds."""
        connect = self.parts.connect
        self.parts.prepare()
        with (
            closing(Watchdog(connect)) as watchdog,
            closing(Gates(connect, self.parts.gated())) as gates,
            closing(connect("cut-over observer")) as observer,
            closing(connect("sentry")) as maker,
            closing(_Renaming(self.parts, budget_seconds)) as renaming,
            closing(Keepers(connect, self.parts.kept_out_of)) as keepers,
            locking_session(connect, PACKETS, budget_seconds) as session,
        ):
            asked = held = time.monotonic()
            try:
                self._create_sentry(maker)
                asked = time.monotonic()
                statement = self.parts.lock(self.parts.job.names.archive)
                gates.lock(session, statement, watchdog, budget_seconds)
                held = time.monotonic()
                with watchdog.ending(session, LONGEST_HELD_SECONDS):
                    self._under_lock(session, drain, renaming, keepers, observer)
            except BaseException as error:
                self.parts.untie(session, sentry=True)
                let_go(session)
                ours = (session.id, renaming.session_id, maker.id)
                self.parts.settle(ours, error, sent=renaming.sent, before=keepers.close)
            swapped = Swapped(held - asked, time.monotonic() - held)
        self.parts.complete()
        return swapped

    def _create_sentry(self, session: Session) -> None:
        """The table that bars the archive's name; its comment tells whoever finds it later."""
        archive = self.parts.job.names.archive
        sentry = quoting.table(archive)
        if is_sentry(self.parts.catalog(session), archive):
            session.execute(Statement(f"DROP TABLE {sentry}"))
        session.execute(
            Statement(f"CREATE TABLE {sentry} (id INT PRIMARY KEY) COMMENT = '{SENTRY}'")
        )

    def _under_lock(
        self,
        session: Session,
        drain: Callable[[Session], None],
        renaming: _Renaming,
        keepers: Keepers,
        observer: Session,
    ) -> None:
        """B's half is done by a thread; A lets go only when B is seen in the queue."""
        self.parts.drain(session, drain)
        self.parts.keep_the_counter(session)
        self.parts.move(session)
        renaming.start()
        renaming.await_queued(observer)
        keepers.queue(observer)
        session.execute(self.parts.letting_go)
        renaming.require_done()

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


class _Renaming(threading.Thread):
    """The session that waits with its RENAME behind the lock."""

    def __init__(self, parts: Parts, budget_seconds: float) -> None:
        super().__init__(name="osc rename", daemon=True)
        self._rename = parts.rename
        self._session = parts.connect("cut-over rename")
        self._error: errors.ServerError | None = None
        # A RENAME that the network holds up for longer meets no session that would do it.
        limit_silence(self._session, math.ceil(budget_seconds) + 2 * LONGEST_HELD_SECONDS)
        # It waits with the original in hand (`carried_keys.py`).
        self._session.execute(Statement("SET SESSION innodb_lock_wait_timeout = 1"))

    @property
    def session_id(self) -> int:
        return self._session.id

    @property
    def sent(self) -> bool:
        return self.ident is not None

    def run(self) -> None:
        try:
            self._session.execute(self._rename)
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

    def require_done(self) -> None:
        """Raises what the RENAME raised."""
        self.join()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Its thread ends by itself, at the latest when it has not heard of the server for too
        long; a socket must not be closed under somebody who reads from it."""
        if self.sent:
            self.join()
        self._session.close()

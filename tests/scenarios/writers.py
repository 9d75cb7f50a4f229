"""Applications that write to both tables, in one transaction each, while the migration runs.

Both tables must end up with the same rows. So two writers never race for a key whose row one of
them makes or removes: a statement could find the row in one table and not yet in the other. They
draw keys of their own (`{own 1..500}`), or the case is `serial`.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from random import Random

from tests.scenarios.case import Case
from tests.scenarios.script import ONCE, Blanks, filled_in, on_both, statements, transactions
from tests.scenarios.site import Session, Site, SqlError

PATIENCE_SECONDS = 20.0
BEFORE_THE_COPY = frozenset({"plan", "preflight", "shadow"})
WAIT = re.compile(r"WAIT (\d+)")
WAIT_SECONDS = 0.08
LEISURE_SECONDS = 0.02
REPEATS = 100


class Writers:
    """Threads that run the transactions of `writes.sql` in turn, until they are stopped.

    `moment` names what goes on in the migration, to count the transactions by it; `most` are the
    transactions that come as fast as they can when a moment begins. Then they come at leisure.
    """

    def __init__(
        self, site: Site, case: Case, moment: Callable[[], str], most: Mapping[str, int]
    ) -> None:
        self.committed: Counter[str] = Counter()
        self.repeated = 0
        self.failures: list[str] = []
        self.slowest_seconds = 0.0
        self._site, self._case, self._moment, self._most = site, case, moment, most
        self._transactions = transactions(case.writes)
        self._changed = threading.Condition()
        self._stopped = False
        self._since_then = 0
        self._done: set[str] = set()
        self._turn = threading.Lock() if case.serial else None
        count = case.writers if self._transactions else 0
        self._threads = [
            threading.Thread(target=self._write, args=(w,), name=f"writer {w}")
            for w in range(count)
        ]

    def start(self) -> None:
        """Sets them to work."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends them after the transaction they are in."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def let_in(self, transactions: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Returns when so many more have been committed, or when no writer is left to do it."""
        with self._changed:
            wanted = self.committed.total() + transactions
            self._changed.wait_for(
                lambda: self.committed.total() >= wanted or not self._writing(), patience_seconds
            )

    def wake(self) -> None:
        """A new moment begins: those who have written enough for the last one go on."""
        with self._changed:
            self._since_then = 0
            self._changed.notify_all()

    def without_limit(self) -> None:
        """From now on nothing is ever enough."""
        self._most = {}
        self.wake()

    def _writing(self) -> bool:
        return not self.failures and any(thread.is_alive() for thread in self._threads)

    def _write(self, w: int) -> None:
        random = Random(f"{self._case.name} {w}")
        try:
            with closing(self._site.connect(self._site.original)) as session:
                for statement in statements(self._case.session):
                    session.run(statement)
                self._rounds(session, w, random)
        except SqlError as error:
            self._fail(f"writer {w} in {self._moment()}: {error}")

    def _rounds(self, session: Session, w: int, random: Random) -> None:
        turn = w
        while self._has_leave():
            copying = self._moment() not in BEFORE_THE_COPY
            blanks = Blanks(turn, w, self._case.writers, int(copying))
            template = self._transactions[(turn // blanks.writers + w) % len(self._transactions)]
            if self._is_due(template, copying):
                self._run(session, self._on_both(filled_in(template, blanks, random)))
            turn += blanks.writers

    def _is_due(self, template: list[str], copying: bool) -> bool:
        if not ONCE.match(template[0]):
            return True
        with self._changed:
            due = copying and template[0] not in self._done
            self._done |= {template[0]} if due else set()
            return due

    def _has_leave(self) -> bool:
        """Takes its time once enough has been written in this moment; False at the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopped or self.failures or not self._enough(), LEISURE_SECONDS
            )
            return not self._stopped and not self.failures

    def _enough(self) -> bool:
        return self._since_then >= self._most.get(self._moment(), sys.maxsize)

    def _on_both(self, transaction: Sequence[str]) -> list[str]:
        original, twin = self._site.original.quoted, self._site.twin.quoted
        plain = [ONCE.sub("", statement) for statement in transaction]
        return [s for statement in plain for s in on_both(statement, original, twin)]

    def _run(self, session: Session, transaction: Sequence[str]) -> None:
        began = time.monotonic()
        for _ in range(REPEATS):
            if self._is_done(session, transaction):
                return self._count(time.monotonic() - began)
        raise SqlError("", f"no end of conflicts after {REPEATS} tries", "; ".join(transaction))

    def _is_done(self, session: Session, transaction: Sequence[str]) -> bool:
        """False after a conflict, which an application answers by trying again."""
        turn = self._turn or threading.Lock()
        try:
            with turn:
                for statement in transaction:
                    self._do(session, statement)
        except SqlError as error:
            with suppress(SqlError):
                session.run("ROLLBACK")
            if error.code not in self._site.conflicts:
                raise
            self.repeated += 1
            return False
        return True

    def _do(self, session: Session, statement: str) -> None:
        if wait := WAIT.fullmatch(statement):
            self.let_in(int(wait[1]), WAIT_SECONDS)
        else:
            session.run(statement)

    def _count(self, seconds: float) -> None:
        with self._changed:
            self.committed[self._moment()] += 1
            self._since_then += 1
            self.slowest_seconds = max(self.slowest_seconds, seconds)
            self._changed.notify_all()

    def _fail(self, failure: str) -> None:
        with self._changed:
            self.failures.append(failure)
            self._changed.notify_all()

"""What MySQL and MariaDB do to a table by themselves: asked on a clone, done within the budget.

Each statement says its ALGORITHM and LOCK, so that the server refuses it rather than do anything
heavier than it has answered on the clone: the original may have a history that its clone has not.

An index build or a rebuild in place lets applications read and write, but replicas replay it as one
statement and lag as long, and its last lock may not be free: then the server undoes all of it, and
the work is lost. So it is left to the server only where a probe says that it is short, and tried
a few times only; what is longer is copied, in small transactions and with a lock that can be
tried again and again.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from osc import errors
from osc.engine import Climb, Session, Statement
from osc.model.alter import Alter
from osc.model.blocker import Blocker
from osc.model.ladder import Cost, Forecast, Outlook, Step, Taken
from osc.model.table import Table, TableName
from osc.mysql import forecasting, locking, naming, outlook, quoting, waiting
from osc.mysql.blockers import blockers
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.outlook import RENAMED, fingerprint
from osc.mysql.session import AS_THE_SERVER
from osc.mysql.trial import NOT_THIS_WAY

LONG_ATTEMPTS = 3
SHORT_ATTEMPTS = 15
"""A build needs the lock twice, a copy once: on a table that is hardly ever free that is better."""
LONG_SECONDS = 2.0
POLL_SECONDS = 0.05
_LOG_IS_FULL = "1799"
"""innodb_online_alter_log_max_size: writes came faster than the build could take them up."""

_ORPHAN = "1452"
_NO_SUCH_TABLE = "1146"
"""A row that the new foreign key has no parent for."""


@dataclass
class MySQLLadder:
    """The port `Ladder`."""

    connect: Callable[[str], Session]
    catalog: MySQLCatalog
    is_mariadb: bool
    here: str = ""
    _lost: Counter[tuple[int, int]] = field(default_factory=Counter)

    def find(self, alter: Alter) -> Table:
        return self.catalog.find(alter)

    def look(self, table: Table, alter: Alter, *, small_bytes: int) -> Outlook:
        return outlook.look(
            self.connect, self.catalog, table, alter,
            is_mariadb=self.is_mariadb, small_bytes=small_bytes, here=self.here,
        )  # fmt: skip

    def forecast(self, table: Table, found: Outlook) -> Forecast:
        return forecasting.forecast(
            self.connect, self.catalog, table, found, is_mariadb=self.is_mariadb
        )

    def probe(self, table: Table, found: Outlook) -> None:
        """Nothing to ask: what is done in an instant looks at no row, and what builds an index is
        undone by the server where it finds duplicates."""

    def take(self, climb: Climb, number: int, check: Callable[[], None]) -> Taken:
        if _shows(climb) and self._done(climb) > number:
            return Taken()
        step, began = climb.steps[number], time.monotonic()
        try:
            waited = self._run(climb, step, step.statements, check)
        except errors.LockTimeout:
            self._count_lost_work(climb, number, time.monotonic() - began)
            raise
        except errors.DuplicateKey as error:
            # Two rows that were never there at once (manual, "Online DDL Limitations").
            if step.cost is Cost.REWRITE and step.patient:
                raise errors.CopyNeeded(error.happened, code=error.code) from error
            raise
        except errors.BadStatement as error:
            if error.code in NOT_THIS_WAY | {_LOG_IS_FULL}:
                raise errors.CopyNeeded(error.happened, code=error.code) from error
            if error.code == _ORPHAN:
                raise errors.BadValue(error.happened, code=error.code) from error
            if error.code == _NO_SUCH_TABLE and self._is_done(climb, number):
                return Taken()
            raise
        held = 0.0 if step.patient else time.monotonic() - began - waited
        return Taken(lock_wait_seconds=waited, lock_held_seconds=held)

    def _run(
        self, climb: Climb, step: Step, statements: tuple[str, ...], check: Callable[[], None]
    ) -> float:
        """Seconds that were waited. Under the server's sql_mode, as in a new session."""
        budget, waited = climb.lock_budget_seconds, 0.0
        with closing(self.connect("native")) as session:
            for setting in (
                f"SET SESSION {AS_THE_SERVER}, lock_wait_timeout = {math.ceil(budget)}",
                f"USE {quoting.name(climb.table.name.schema)}",
            ):
                session.query(Statement(setting))
            is_brief = not step.patient and bool(step.locks) and not _is_online(step)
            for sql in statements:
                with waiting.at_most(
                    self.connect, session, budget, work=is_brief, check=check
                ) as watched:
                    session.query(Statement(f"{_mark(climb.table.name)} {sql}"))
                waited += watched.waited_seconds
        return waited

    def _count_lost_work(self, climb: Climb, number: int, seconds: float) -> None:
        """CopyNeeded where it has been in vain often enough."""
        if not climb.steps[number].patient:
            return
        self._lost[climb.id, number] += 1
        most = LONG_ATTEMPTS if seconds > LONG_SECONDS else SHORT_ATTEMPTS
        if self._lost[climb.id, number] >= most:
            raise errors.CopyNeeded(
                f"{climb.steps[number].does} needs the lock twice, and it was not free in "
                f"{self._lost[climb.id, number]} attempts"
            )

    def taken(self, climb: Climb) -> int:
        self._await_quiet(climb.table.name)
        return self._done(climb)

    def _is_done(self, climb: Climb, number: int) -> bool:
        """MySQL 9.7 says so of a table that others refer to, after an INSTANT ALTER that renames
        the column that they refer to, and has done it."""
        with suppress(errors.TableChanged):
            return self._done(climb) > number
        return False

    def _done(self, climb: Climb) -> int:
        """How many steps the catalog shows; what shows in no definition has another storage. The
        last of several that doesn't show (AUTO_INCREMENT = 9) counts as not done: it may be done
        again."""
        name, steps = climb.table.name, climb.steps
        identity = self.catalog.identity(name)
        if identity is None:
            return self._renamed(climb)
        if steps[-1].after.startswith(RENAMED):
            return 0
        if not _shows(climb):
            return len(steps) if identity != climb.table.identity else 0
        found = fingerprint(self.catalog.definition(name))
        known = [steps[0].name, *(step.after for step in steps)]
        if found in known:
            return known.index(found)
        raise errors.TableChanged(
            f"{name} was altered by somebody else",
            still_true="it serves as it is",
            todo="look at it, then start again",
        )

    def _renamed(self, climb: Climb) -> int:
        schema, _, name = climb.steps[-1].after.removeprefix(RENAMED).partition(".")
        if self.catalog.existing([TableName(schema, name)]):
            return len(climb.steps)
        raise errors.TableChanged(
            f"{climb.table.name} is gone: somebody else has dropped or renamed it",
            still_true="nothing of ours is left",
            todo="look for it, then start again",
        )

    def undo(self, climb: Climb) -> list[str]:
        with closing(self.connect("quiet")) as session:
            for connection in _statements(session, climb.table.name):
                _end(session, connection)
        said: list[str] = []
        for step in reversed(climb.steps[: self.taken(climb)]):
            self._take_back(climb, step)
            said += [f"undone: {step.does}"] if step.undo else []
        return said

    def _take_back(self, climb: Climb, step: Step) -> None:
        """As patiently as it was done: each attempt waits for the budget only."""
        attempts = Retrying(
            retry=retry_if_exception_type(errors.LockTimeout),
            stop=stop_after_attempt(locking.ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=locking.LONGEST_BACK_OFF_SECONDS),
            reraise=True,
        )
        attempts(self._run, climb, step, step.undo, lambda: None)

    def blockers(self, table: TableName) -> list[Blocker]:
        return blockers(self.connect, table)

    def _await_quiet(self, table: TableName) -> None:
        """A statement outlives the client that sent it, a build by minutes. One that waits for a
        lock has nobody left to watch it, and everybody queues behind it: it is ended."""
        with closing(self.connect("quiet")) as session:
            while orphans := list(_statements(session, table)):
                for connection in orphans:
                    if waiting.is_waiting(session, connection):
                        _end(session, connection)
                time.sleep(POLL_SECONDS)


def _end(session: Session, connection: int) -> None:
    """Its statement is undone by the server; no matter if it has ended by itself."""
    with suppress(errors.BadStatement):
        session.query(Statement(f"KILL QUERY {connection}"))


def _shows(climb: Climb) -> bool:
    """Whether the definition tells what is done: not after FORCE, nor TRUNCATE PARTITION, nor of a
    table whose clone is told in other words."""
    return all(step.name and step.after != step.name for step in climb.steps)


def _is_online(step: Step) -> bool:
    return not any(lock.blocks for lock in step.locks)


def _mark(table: TableName) -> str:
    """Stands before each statement on the table, so that one of a dead process is found again."""
    return f"/* osc {naming.digest(table)} */"


def _statements(session: Session, table: TableName) -> Iterator[int]:
    rows = session.query(
        Statement(
            "SELECT id FROM information_schema.processlist "
            "WHERE id <> CONNECTION_ID() AND LOCATE(%s, info) > 0",
            (_mark(table),),
        )
    )
    return (int(row[0]) for row in rows)

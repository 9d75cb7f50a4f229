"""Keys that changed, from a changelog that triggers fill: where the binlog can't be read.

A row of the changelog is visible when it is read, and with it the change that it tells of (rule 2):
there is nothing to wait for. But numbers are given before commits, so a low one may appear late.
Two kinds of look, therefore (`model/changelog.py`):

poll    rows beyond the newest number: cheap, many times a second, and it proves nothing
look    every row that was not delivered yet, however low its number: only then a mark passes

Triggers don't see a TRUNCATE, and whoever may drop them can. So each look also asks the catalog
whether the original and the triggers are the ones that we began with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from osc import errors
from osc.engine import Job, Session, Statement
from osc.model.change import Delivery, Position
from osc.model.changelog import BLOCK, Delivered
from osc.mysql import changelog, quoting
from osc.mysql.catalog import MySQLCatalog
from osc.mysql.dialect import MySQLDialect
from osc.mysql.locking import Lent

MOST_KEYS = 20_000
"""A delivery's size."""
POLL_SECONDS = 0.01
LOOK_SECONDS = 0.5
"""How often a look is taken unasked, so that what appears late is not left for the lock."""
LOOK_SHARE = 10
"""A look that takes long is taken so much more rarely that one part in ten of the time goes in."""
MOST_DELETED = 100_000
DELETED_AT_ONCE = 1_000


class TriggerSource:
    """The port `ChangeSource`. It has no thread of its own: who reads, asks the server.

    A LOCK TABLES on the original closes the changelog to all but the session that has the lock;
    `lent` is where that session is found then.
    """

    def __init__(
        self,
        job: Job,
        connect: Callable[[str], Session],
        database: str,
        start: Position | None,
        lent: Lent | None = None,
    ) -> None:
        self._job = job
        self._log = changelog.of(job, database)
        self._dialect = MySQLDialect(job)
        self._lent = lent or Lent()
        self._lock = threading.Lock()
        self._last_mark = 0
        self._passed = 0
        self._looking: Iterator[Delivery] | None = None
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._own = connect("changelog reader")
        try:
            self._open(connect, start)
        except BaseException:
            self._own.close()
            raise

    def _open(self, connect: Callable[[str], Session], start: Position | None) -> None:
        """The triggers write from now on; or they are still there and have never stopped."""
        for setting in self._dialect.session_settings:
            self._own.execute(setting)
        if start is None:
            self._log.create(connect, self._job.lock_budget_seconds)
            self._incarnation, deliveries = self._log.incarnation(self._own), 0
        else:
            self._incarnation, deliveries = start.rpartition(":")[0], _deliveries(start)
            self._refuse_lost_triggers(self._own)
        self._delivered = Delivered(deliveries)
        self._start = self._position

    @property
    def position(self) -> Position:
        return self._start

    @property
    def _position(self) -> Position:
        return Position(f"{self._incarnation}:{self._delivered.position}")

    def mark(self) -> int:
        with self._lock:
            self._last_mark += 1
            return self._last_mark

    def read(self, timeout_seconds: float) -> Delivery | None:
        try:
            return self._read(time.monotonic() + timeout_seconds)
        except errors.Conflict:
            # Somebody holds a lock on the changelog: nothing is lost, and no mark has passed.
            return None

    def _read(self, deadline: float) -> Delivery | None:
        while True:
            if self._looking is None and self._is_look_due():
                self._looking = self._look(self._last_mark)
            if self._looking is not None:
                if (found := next(self._looking, None)) is not None:
                    return found
                self._looking = None
            elif rows := self._beyond():
                return self._delivery(rows)
            elif time.monotonic() >= deadline:
                return None
            else:
                time.sleep(max(0.0, min(POLL_SECONDS, deadline - time.monotonic())))

    def _is_look_due(self) -> bool:
        if self._last_mark == self._passed and time.monotonic() > self._look_at:
            self.mark()
        return self._last_mark > self._passed

    def _look(self, mark: int) -> Iterator[Delivery]:
        """Everything that had committed when this began; the mark passes with the last delivery.

        After the polls nothing above the newest number can have been there from the beginning; what
        lies below it shows in the counts.
        """
        began = time.monotonic()
        self._refuse_a_changed_table(self._session)
        self._refuse_lost_triggers(self._session)
        while rows := self._beyond():
            yield self._delivery(rows)
            if len(rows) < MOST_KEYS:
                break
        for block in self._delivered.incomplete(self._counts()):
            yield self._delivery(self._block(block))
        self._passed = mark
        now = time.monotonic()
        self._look_at = now + max(LOOK_SECONDS, LOOK_SHARE * (now - began))
        yield Delivery((), mark, self._position)

    def _delivery(self, rows: Sequence[tuple[Any, ...]]) -> Delivery:
        keys = self._delivered.take(
            (int(number), self._dialect.key_value(tuple(key))) for number, *key in rows
        )
        return Delivery(keys, 0, self._position)

    @property
    def _session(self) -> Session:
        return self._lent.session or self._own

    def _beyond(self) -> list[tuple[Any, ...]]:
        where = f"number > {self._delivered.newest} ORDER BY number LIMIT {MOST_KEYS}"
        return self._session.query(self._rows(where))

    def _block(self, block: int) -> list[tuple[Any, ...]]:
        first = block * BLOCK
        return self._session.query(
            self._rows(f"number BETWEEN {first} AND {first + BLOCK - 1} ORDER BY number")
        )

    def _rows(self, where: str) -> Statement:
        return Statement(
            f"SELECT number, {self._log.selected} FROM {quoting.table(self._log.name)} "
            f"WHERE {where}"
        )

    def _counts(self) -> dict[int, int]:
        rows = self._session.query(
            Statement(
                f"SELECT number DIV {BLOCK}, COUNT(*) FROM {quoting.table(self._log.name)} "
                f"WHERE number <= {self._delivered.newest} GROUP BY 1"
            )
        )
        return {int(block): int(count) for block, count in rows}

    def _refuse_a_changed_table(self, session: Session) -> None:
        original = self._job.original
        if MySQLCatalog(session, original.name.schema).identity(original.name) != original.identity:
            raise errors.TableChanged(
                f"{original.name} was altered, truncated or replaced by somebody else",
                still_true="it serves as it is; the shadow did not follow that change",
                todo="start again",
            )

    def _refuse_lost_triggers(self, session: Session) -> None:
        lost = self._log.missing(session)
        if not lost and self._log.incarnation(session) != self._incarnation:
            lost = [f"the triggers on {self._log.original} that wrote it: others bear their names"]
        if lost:
            raise errors.PositionGone(
                f"changes of {self._log.original} were not written down: gone or changed by "
                f"somebody else is {', '.join(lost)}",
                still_true=f"{self._log.original} serves and is untouched",
                todo="remove what is left with `osc cleanup`, then start again",
            )

    def confirm(self, position: Position) -> None:
        """Deletes what may go, a delivery a transaction: a part of one would upset the counts."""
        upto, gone = Position(position.rpartition(":")[2]), 0
        while gone < MOST_DELETED and (batch := self._delivered.oldest(upto)):
            try:
                self._delete(batch[1])
            except errors.Conflict:
                return  # Next time.
            self._delivered.deleted(batch[0])
            gone += len(batch[1])

    def _delete(self, numbers: Sequence[int]) -> None:
        with self._own.transaction():
            for at in range(0, len(numbers), DELETED_AT_ONCE):
                self._own.execute(self._log.without(numbers[at : at + DELETED_AT_ONCE]))

    def close(self) -> None:
        self._own.close()


def _deliveries(position: Position) -> int:
    count = position.rpartition(":")[2]
    return int(count) if count.isdigit() else 0

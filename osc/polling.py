"""Keys that changed, from a changelog that triggers fill: the part that is alike on every server.

A row of the changelog is visible when it is read, and with it the change that it tells of (rule 2):
there is nothing to wait for. But numbers are given before commits, so a low one may appear late.
Two kinds of look, therefore (`model/changelog.py`):

poll    rows beyond the newest number: cheap, many times a second, and it proves nothing
look    every row that was not delivered yet, however low its number: only then a mark passes

Whoever may drop our triggers can, and not every server has one for TRUNCATE. So each look also asks
whether the original and the triggers are the ones that we began with.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from osc import errors
from osc.model.change import Delivery, KeyValue, Position
from osc.model.changelog import Delivered

MOST_KEYS = 20_000
"""A delivery's size."""
POLL_SECONDS = 0.01
LOOK_SECONDS = 0.5
"""How often a look is taken unasked, so that what appears late is not left for the lock."""
LOOK_SHARE = 10
"""A look that takes long is taken so much more rarely that one part in ten of the time goes in."""
MOST_DELETED = 100_000

Row = tuple[int, KeyValue]


class ChangelogRows(Protocol):
    """One server's changelog of one migration; used by one thread at a time."""

    incarnation: str
    """Tells these triggers from others of the same names, made later."""

    def beyond(self, number: int, most: int) -> Sequence[Row]:
        """The rows with higher numbers, lowest first."""
        ...

    def counts(self, upto: int) -> Mapping[int, int]:
        """How many rows up to this number each block of `model.changelog.BLOCK` numbers has."""
        ...

    def block(self, block: int) -> Sequence[Row]:
        """All rows of a block."""
        ...

    def require_unchanged(self) -> None:
        """TableChanged or PositionGone where changes were not written down."""
        ...

    def delete(self, numbers: Sequence[int]) -> None:
        """All of them or, with Conflict, none."""
        ...

    def close(self) -> None: ...


class PollingSource:
    """The port `ChangeSource`. It has no thread of its own: who reads, asks the server.

    A position is the changelog's incarnation and how many deliveries may be forgotten; whatever is
    in the table is delivered again by a source that is opened there.
    """

    def __init__(self, rows: ChangelogRows, start: Position | None) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._last_mark = 0
        self._passed = 0
        self._looking: Iterator[Delivery] | None = None
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._failed: errors.OscError | None = None
        self._delivered = Delivered(_deliveries(start))
        self._start = self._position

    @property
    def position(self) -> Position:
        return self._start

    @property
    def _position(self) -> Position:
        return Position(f"{self._rows.incarnation}:{self._delivered.position}")

    def mark(self) -> int:
        with self._lock:
            self._last_mark += 1
            return self._last_mark

    def read(self, timeout_seconds: float) -> Delivery | None:
        if self._failed is not None:
            raise self._failed
        try:
            return self._read(time.monotonic() + timeout_seconds)
        except errors.Conflict:
            # Somebody holds a lock on the changelog: nothing is lost, nothing has passed.
            self._looking = None
            return None
        except errors.OscError as error:
            self._failed = error
            raise

    def _read(self, deadline: float) -> Delivery | None:
        while True:
            if self._looking is None and self._is_look_due():
                self._looking = self._look(self._last_mark)
            if self._looking is not None:
                if (found := next(self._looking, None)) is not None:
                    return found
                self._looking = None
            elif rows := self._rows.beyond(self._delivered.newest, MOST_KEYS):
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
        self._rows.require_unchanged()
        while rows := self._rows.beyond(self._delivered.newest, MOST_KEYS):
            yield self._delivery(rows)
            if len(rows) < MOST_KEYS:
                break
        for block in self._delivered.incomplete(self._rows.counts(self._delivered.newest)):
            yield self._delivery(self._rows.block(block))
        self._passed = mark
        now = time.monotonic()
        self._look_at = now + max(LOOK_SECONDS, LOOK_SHARE * (now - began))
        yield Delivery((), mark, self._position)

    def _delivery(self, rows: Sequence[Row]) -> Delivery:
        return Delivery(self._delivered.take(rows), 0, self._position)

    def confirm(self, position: Position) -> None:
        """Deletes what may go, a delivery at a time: a part of one would upset the counts."""
        upto, gone = Position(position.rpartition(":")[2]), 0
        while gone < MOST_DELETED and (batch := self._delivered.oldest(upto)):
            try:
                self._rows.delete(batch[1])
            except errors.Conflict:
                return  # Next time.
            self._delivered.deleted(batch[0])
            gone += len(batch[1])

    def close(self) -> None:
        self._rows.close()


def incarnation_of(position: Position) -> str:
    return position.rpartition(":")[0]


def _deliveries(position: Position | None) -> int:
    count = (position or "").rpartition(":")[2]
    return int(count) if count.isdigit() else 0

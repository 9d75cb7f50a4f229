"""Copies the original into the shadow, chunk by chunk, on several connections.

The copy never overwrites and never ignores (rule 4): a plain INSERT … SELECT. A duplicate key means
that a unique value moved from one row to another and the shadow still has it at the old one: the
keys of the backlog are removed from the shadow and the chunk is tried again. Or it means that the
new definition really has duplicates: then the probe of the original says so.

A chunk and the ledger's row that it is done commit together (rule 5).

Before each chunk a connection asks what the signals and the operator leave to the copy at the
moment: some connections may stand still, or all of them. How many there are otherwise is found on
the way (`osc.model.width`).
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from osc import errors
from osc.engine import Dialect, Job, Ledger, Session
from osc.model.change import KeyValue
from osc.model.chunk import Chunk, ChunkSize
from osc.model.controls import Controls
from osc.model.coverage import Coverage
from osc.model.progress import Tracker
from osc.model.steering import Steering
from osc.model.watermark import Watermark
from osc.model.width import Width
from osc.stages.fence import Fence
from osc.threads import Crew

LONGEST_REST_SECONDS = 0.5
"""After so long it is asked again how long to rest."""
MOST_TRIES = 30
TRIES_BEFORE_PROBE = 3
BEHIND_OTHERS = "the connections that may copy"


@dataclass
class Copier:
    """`purge` makes the shadow forget the keys of the backlog; while `alone`, nobody acts on keys;
    `probe` raises DataWouldBeLost. What an earlier process has `done` is not copied again; what is
    missing in it, the watermark knows already as in flight.
    """

    job: Job
    dialect: Dialect
    ledger: Ledger
    connect: Callable[[str], Session]
    watermark: Watermark
    purge: Callable[[], None]
    alone: Callable[[], AbstractContextManager[None]]
    probe: Callable[[], None]
    tracker: Tracker
    controls: Controls
    size: ChunkSize
    fence: Fence
    done: Coverage = field(default_factory=Coverage)
    _missing: deque[Chunk] = field(init=False)
    _frontier: KeyValue | None = field(init=False)
    _number: int = field(init=False)
    _all_dispatched: bool = field(init=False)
    _cutting: threading.Lock = field(default_factory=threading.Lock)
    _crew: Crew = field(init=False)
    _width: Width = field(init=False)
    _hired: int = 0
    _wanted: int = 0
    _delivered: int = 0
    _target_seconds: float = field(init=False)

    def __post_init__(self) -> None:
        self._crew = Crew(on_error=self.controls.stop)
        self._target_seconds = self.size.target_seconds
        self._missing = deque(self.done.missing)
        self._frontier, self._number = self.done.frontier, self.done.next_number
        self._all_dispatched = self.done.reaches_the_end

    def run(self, threads: int, most: int = 0) -> int:
        """Returns when every chunk has committed, with the number of connections that was best. It
        begins with `threads` of them and tries no more than `most`."""
        before, self._wanted = self.tracker.read(), threads
        self._width = Width(threads, most, time.monotonic(), before.commit_seconds)
        self._delivered = before.changes_delivered
        self._hire()
        self._crew.join()
        return self._width.settled

    def _hire(self) -> None:
        """As many connections as there may be: an operator may ask for more while it runs."""
        with self._cutting:
            wanted = self.controls.steering.threads or self._width.width
            for number in range(self._hired, wanted):
                self._crew.start(f"copy {number + 1}", partial(self._work, number))
            self._hired = max(self._hired, wanted)

    def _work(self, number: int) -> None:
        """One connection more than at first may be more than the server has for us."""
        try:
            session = self.connect("copy")
        except errors.Unreachable:
            if number < self._wanted:
                raise
            return  # Where the server is gone, the others say so.
        try:
            for setting in self.dialect.session_settings:
                session.execute(setting)
            while (chunk := self._next(session, number)) is not None:
                self._copy(session, chunk)
        finally:
            session.close()

    def _await_turn(self, number: int) -> None:
        """Returns when the connection of this number may take a chunk, or none is left."""

        def waits_for(now: Steering) -> str:
            if self._all_dispatched and not self._missing:
                return ""
            if number < now.connections(self._width.width):
                return ""
            return now.copy_waits_for or BEHIND_OTHERS

        self.controls.wait_while(waits_for, self._tell)

    def _tell(self, reason: str) -> None:
        if reason != BEHIND_OTHERS:
            self.tracker.note(waiting_for=reason)

    def _next(self, session: Session, number: int) -> Chunk | None:
        """Cuts the next chunk and dispatches it in one step: chunks never leave a gap."""
        self._await_turn(number)
        if number == 0:
            self._hire()
        with self._cutting:
            self.controls.check()
            if self._missing:
                return self._missing.popleft()
            if self._all_dispatched:
                return None
            self.size = self.size.lasting(self.controls.steering.chunk_time(self._target_seconds))
            found = session.query(self.dialect.next_bound(self._frontier, self.size.size))
            upper = self.dialect.key_value(found[0]) if found else None
            chunk = Chunk(self._number, self._frontier, upper)
            self._number += 1
            self.watermark.dispatch(chunk)
            self._frontier, self._all_dispatched = upper, chunk.is_last
            return chunk

    def _copy(self, session: Session, chunk: Chunk) -> None:
        size, started = self.size.size, time.monotonic()
        rows = self._insert(session, chunk)
        self.watermark.commit(chunk)
        seconds = time.monotonic() - started
        if not chunk.is_last:
            self.size = self.size.after(size, seconds)
        self.tracker.chunk(rows, seconds)
        self.tracker.note(chunk_size=self.size.size)
        self._widen(rows)
        self._rest(seconds)

    def _rest(self, chunk_seconds: float) -> None:
        """As long as is wanted now: who takes the rest away need not wait for its end."""
        began = time.monotonic()
        while True:
            wanted = self.controls.steering.rest(self._width.width, chunk_seconds)
            if (left := wanted - (time.monotonic() - began)) <= 0:
                return
            self.controls.pause(min(left, LONGEST_REST_SECONDS))

    def _widen(self, rows: int) -> None:
        """A copy that is held back by signals or by an operator says nothing of what is best."""
        now, steering, seen = time.monotonic(), self.controls.steering, self.tracker.read()
        with self._cutting:
            is_shared = seen.changes_delivered > self._delivered
            self._delivered = seen.changes_delivered
            if steering.is_free:
                self._width.done(now, rows, seen.commit_seconds, is_shared=is_shared)
            else:
                self._width.disturbed(now)

    def _insert(self, session: Session, chunk: Chunk) -> int:
        for attempt in range(1, MOST_TRIES + 1):
            self.controls.check()
            try:
                return self._once(session, chunk) if attempt == 1 else self._purged(session, chunk)
            except errors.Conflict:
                if attempt == MOST_TRIES:
                    raise
                self.tracker.add(conflicts=1)
                self.controls.pause(random.uniform(0.0, 0.02 * attempt))
            except errors.DuplicateKey as error:
                self.tracker.add(conflicts=1)
                if attempt % TRIES_BEFORE_PROBE == 0:
                    self._probe(error)
            except errors.BadValue as error:
                raise _lost(self.job, chunk, error) from error
        raise errors.DataWouldBeLost(
            f"a chunk of {self.job.original.name} met a duplicate key {MOST_TRIES} times",
            still_true=f"{self.job.original.name} still serves and is untouched",
            todo="look for duplicates under the new definition's unique keys",
        )

    def _once(self, session: Session, chunk: Chunk) -> int:
        with self.fence.transaction(session):
            rows = session.execute(self.dialect.copy_chunk(chunk))
            session.execute(self.ledger.chunk_copied(self.job.id, chunk, rows))
        return rows

    def _purged(self, session: Session, chunk: Chunk) -> int:
        """Nobody may act on a key between the purge and the copy: a value that wanders from a row
        of this chunk to a copied one would be in the way again."""
        with self.alone():
            self.purge()
            return self._once(session, chunk)

    def _probe(self, met: errors.DuplicateKey) -> None:
        try:
            self.probe()
        except errors.DataWouldBeLost as found:
            found.still_true = f"{self.job.original.name} still serves and is untouched"
            raise found from met


def _lost(job: Job, chunk: Chunk, error: errors.BadValue) -> errors.DataWouldBeLost:
    return errors.DataWouldBeLost(
        f"a row of {job.original.name} (after {chunk.lower}, up to {chunk.upper}) does not fit the "
        f"new definition: {error.happened}",
        still_true=f"{job.original.name} still serves and is untouched",
        todo="change the row or the ALTER, then start again",
    )

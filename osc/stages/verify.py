"""Compares original and shadow, span by span; a difference that stays vetoes the swap (rule 8).

What a difference is, is told by `osc.stages.compare`. What is done to the shadow behind our back in
a span that has been compared already can't be seen: verification tells of each span as it was when
it passed by.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from osc import errors
from osc.engine import Dialect, Job, Session
from osc.model.change import KeyValue
from osc.model.chunk import Chunk, ChunkSize
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.stages.compare import MOST_DIFFERENCES, Comparison, TooMuch
from osc.stages.cutover import catch_up
from osc.stages.sync import Follower
from osc.threads import Crew

SPAN_SECONDS = 0.1
"""Short while rows change: a few of the whole table are always on their way, and a span that holds
one of them is read twice. Longer where each span has some of them anyway, and waits until they have
arrived: reading is to last no shorter than that waiting, or most of the time nothing is compared.
Of 500,000 rows under 3,800 transactions a second 750 were compared in a second before this rule."""
CALM_SPAN_SECONDS = 0.5
LIMIT_SECONDS = 10.0
"""A statement that lasts so long, because its rows are wide or cold, is given up, and its span is
cut in two."""
RESTLESS_SPANS = 20
"""After a span with a row on its way, so many spans are compared right after settling."""
FIRST_BYTES, FIRST_ROWS, FIRST_ROWS_UNKNOWN = 4_000_000, 1_000, 50
MOST_LOOKS = 10
MOST_REPAIRS = 3
SHOWN = 10

log = logging.getLogger("osc.verify")


@dataclass(frozen=True)
class Verified:
    """What a verification says that found the tables equal, or made them so."""

    rows: int
    differing: int
    repaired: int


@dataclass(frozen=True)
class Span:
    """A range of keys, and about how many rows of the original it has."""

    chunk: Chunk
    rows: int


@dataclass
class Verifier:
    """Walks both tables in key order, on `threads` connections.

    With `repair` the rows that differ are made equal by the follower, as if they had changed just
    now, and are compared again.
    """

    job: Job
    dialect: Dialect
    connect: Callable[[str], Session]
    follower: Follower
    tracker: Tracker
    controls: Controls
    threads: int = 1
    repair: bool = False
    target_seconds: float = SPAN_SECONDS
    calm_seconds: float = CALM_SPAN_SECONDS
    limit_seconds: float = LIMIT_SECONDS
    _size: ChunkSize = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _after: KeyValue | None = None
    _number: int = 0
    _all_cut: bool = False
    _restless: int = 0
    _rows: int = 0
    _found: set[KeyValue] = field(default_factory=set)
    _repaired: int = 0

    def __post_init__(self) -> None:
        self._size = first_size(self.job, self.target_seconds)

    def run(self) -> Verified:
        """VerificationFailed, naming keys, where the tables differ."""
        crew = Crew(on_error=self.controls.stop)
        for number in range(self.threads):
            crew.start(f"verify {number + 1}", self._work)
        crew.join()
        if self._found:
            raise self._failed()
        return Verified(self._rows, self._repaired, self._repaired)

    def _work(self) -> None:
        session = self.connect("verify")
        try:
            for setting in self.dialect.session_settings:
                session.execute(setting)
            session.execute(self.dialect.time_limit(self.limit_seconds))
            comparison = Comparison(session, self.dialect, self.follower)
            while (span := self._next(session)) is not None:
                self._timed(comparison, span)
        finally:
            session.close()

    # Cutting.

    def _next(self, session: Session) -> Span | None:
        self.controls.wait_while(
            lambda now: now.verification_waits_for,
            lambda reason: self.tracker.note(waiting_for=reason),
        )
        with self._lock:
            self.controls.check()
            if self._all_cut:
                return None
            upper, rows = self._bound(session, self._after, self._size.size)
            self._number += 1
            span = Span(Chunk(self._number, self._after, upper), rows)
            self._after, self._all_cut = upper, upper is None
            return span

    def _bound(
        self, session: Session, after: KeyValue | None, rows: int
    ) -> tuple[KeyValue | None, int]:
        """The key that ends a span of so many rows, or of fewer where that takes too long."""
        while True:
            try:
                found = session.query(self.dialect.next_key(after, rows))
                return (self.dialect.key_value(found[0]) if found else None), rows
            except errors.Conflict:
                if rows == 1:
                    # A single step along an index; the server must be very busy.
                    session.execute(self.dialect.time_limit(0))
                rows = max(1, rows // 2)

    def _timed(self, comparison: Comparison, span: Span) -> None:
        """Compares, and adapts the size of the spans to come to the time that reading took."""
        started = time.monotonic()
        reading = self._check(comparison, span)
        waiting = time.monotonic() - started - reading
        with self._lock:
            if not span.chunk.is_last:
                self._size = self._size.lasting(self._target(waiting)).after(span.rows, reading)

    def _target(self, waiting: float) -> float:
        """How long the next span should take to read, after one that waited so long for changes."""
        if not self._restless:
            return self.calm_seconds
        return max(self.target_seconds, min(self.calm_seconds, waiting))

    def _halves(self, session: Session, span: Span) -> list[Span]:
        """Empty where the span can't be cut. Rows may have gone since it was counted, so that the
        first half reaches beyond its end: then the second is empty, and nothing is left out."""
        rows = span.rows // 2
        while rows:
            found, rows = self._bound(session, span.chunk.lower, rows)
            if found is not None:
                return [
                    Span(replace(span.chunk, upper=found), rows),
                    Span(replace(span.chunk, lower=found), span.rows - rows),
                ]
            rows //= 2
        return []

    # Comparing.

    def _check(self, comparison: Comparison, span: Span) -> float:
        """A span of which too much is told at once is told in halves, and so on. Returns the
        seconds that reading took, and all of those that were spent on what was given up."""
        pending, tries, reading = [span], 0, 0.0
        while pending:
            self.controls.check()
            one, started = pending.pop(), time.monotonic()
            try:
                reading += self._compare(comparison, one.chunk)
            except (TooMuch, errors.Conflict) as reason:
                reading += time.monotonic() - started
                halves = self._halves(comparison.session, one)
                if not halves:
                    tries += 1
                    self._cannot_be_cut(comparison.session, tries, reason)
                pending += reversed(halves or [one])
        return reading

    def _cannot_be_cut(self, session: Session, tries: int, reason: Exception) -> None:
        """A single row, or a table whose key the shadow orders in another way: it may take its
        time. Or rows that come and go between two keys: they become fewer when we have caught up.
        """
        if tries > MOST_LOOKS:
            raise errors.Guarded(
                f"a span of {self.job.original.name} changes faster than it can be compared",
                still_true=f"{self.job.original.name} still serves and is untouched",
                todo="go on when fewer rows are written",
            ) from reason
        if isinstance(reason, errors.Conflict):
            session.execute(self.dialect.time_limit(self.limit_seconds * 4**tries))
        else:
            catch_up(self.follower, self.tracker, self.controls)

    def _compare(self, comparison: Comparison, span: Chunk) -> float:
        if self._restless:
            self.follower.settle()
        started = time.monotonic()
        rows, equal = comparison.count(span)
        reading = time.monotonic() - started
        with self._lock:
            self._restless = max(0, self._restless - 1) if equal else RESTLESS_SPANS
        if not equal:
            self._recheck(comparison, span)
        with self._lock:
            self._rows += rows
        self.tracker.add(rows_verified=rows)
        return reading

    def _recheck(self, comparison: Comparison, span: Chunk) -> None:
        """Until no key differs any more, or those that do are told of."""
        repaired: set[KeyValue] = set()
        failures = 0
        while real := comparison.differing(span):
            failures = failures + 1 if real & repaired else 0
            self._tell(real - repaired)
            if not self.repair or failures == MOST_REPAIRS:
                self._refuse(real)
                return
            self._make_equal(real, again=len(real & repaired))
            repaired = real

    def _tell(self, keys: set[KeyValue]) -> None:
        self.tracker.add(differences=len(keys))

    def _refuse(self, keys: set[KeyValue]) -> None:
        """Goes on with the other spans, so that the operator learns how much is wrong."""
        with self._lock:
            self._found |= keys
            if len(self._found) >= MOST_DIFFERENCES:
                raise self._failed()

    def _make_equal(self, keys: set[KeyValue], again: int) -> None:
        self.follower.reapply(sorted(keys, key=repr))
        with self._lock:
            self._repaired += len(keys) - again
        self.tracker.add(rows_repaired=len(keys) - again)
        log.warning(
            "%s: repaired %d rows of the shadow, with (%s) = %s",
            self.job.original.name,
            len(keys),
            ", ".join(self.job.columns.key),
            _shown(keys),
            extra={"action": "repair", "rows_repaired": len(keys)},
        )

    def _failed(self) -> errors.VerificationFailed:
        keys, name = self._found, self.job.original.name
        return errors.VerificationFailed(
            f"{name} and its shadow differ in the rows with "
            f"({', '.join(self.job.columns.key)}) = {_shown(keys)}",
            still_true=f"{name} still serves and is untouched; the shadow was not swapped in",
            todo=f"compare the rows with those of {self.job.shadow.name}, and report this; "
            "--repair makes them equal",
        )


def _shown(keys: Iterable[KeyValue]) -> str:
    every = sorted(keys, key=repr)
    shown = ", ".join(str(key) for key in every[:SHOWN])
    return shown + (f" and {len(every) - SHOWN:,} more" if len(every) > SHOWN else "")


def first_size(job: Job, target_seconds: float) -> ChunkSize:
    """Before anything is timed: a few megabytes by what the catalog knows of the rows' width."""
    table = job.original
    width = table.bytes // table.rows if table.rows > 0 else 0
    rows = max(1, min(FIRST_ROWS, FIRST_BYTES // width)) if width else FIRST_ROWS_UNKNOWN
    return ChunkSize(size=rows, target_seconds=target_seconds, least=1, most=200_000)

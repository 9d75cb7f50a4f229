"""Makes rows of the shadow equal to the original's, by key, on several connections (rule 3)."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil

from osc import errors
from osc.engine import Dialect, Job, Session
from osc.model.change import KeyValue
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.stages.fence import Fence

LEAST_BATCH, BATCH = 100, 500
GLANCE_SECONDS = 0.01

Outcome = Future[Exception | None]


@dataclass
class Applier:
    """Used by one thread at a time, which waits for its `workers`: fewer of them after a deadlock,
    half as many each time, and one more again after each round without one. How many there may be
    can be changed between two rounds."""

    job: Job
    dialect: Dialect
    connect: Callable[[str], Session]
    fence: Fence
    tracker: Tracker
    controls: Controls
    workers: int
    width: int = field(init=False)
    _sessions: list[Session] = field(default_factory=list)
    _to_be_had: int = 1 << 30
    _idle: queue.SimpleQueue[Session] = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self.width = self.workers

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Connections that act, for the length of the block."""
        try:
            self._hire(self.workers)
            yield
        finally:
            for session in self._sessions:
                session.close()

    def _hire(self, workers: int) -> None:
        while len(self._sessions) < workers:
            session = self.connect("apply")
            self._sessions.append(session)
            for setting in self.dialect.session_settings:
                session.execute(setting)
            self._idle.put(session)

    def _hire_more(self, workers: int) -> None:
        """One connection more than at first may be more than the server has for us; where it is
        gone, those that there are say so."""
        if workers <= self._to_be_had:
            try:
                self._hire(workers)
            except errors.Unreachable:
                self._to_be_had = self._idle.qsize()

    @property
    def most(self) -> int:
        """How many keys give all workers a while to do."""
        return BATCH * 4 * self.workers

    def cut(self, keys: Sequence[KeyValue]) -> list[Sequence[KeyValue]]:
        """Into batches of neighbours, for all who may act now: a few keys are acted on sooner in
        small ones."""
        size = min(BATCH, max(LEAST_BATCH, ceil(len(keys) / self.width)))
        return batches(neighbours(keys), size)

    def act(
        self,
        batches: Sequence[Sequence[KeyValue]],
        settled: Callable[[Sequence[KeyValue], bool], None],
        meanwhile: Callable[[], bool] = lambda: False,
    ) -> errors.DuplicateKey | None:
        """Acts on disjoint batches in parallel; `settled` hears of each whether it was done, and
        `meanwhile` is called again and again by the same thread while any is under way: False where
        it had nothing to do.

        A deadlock is only told; a duplicate is told and returned, and any other error raised.
        """
        duplicate: errors.DuplicateKey | None = None
        met = False
        self._hire_more(min(self.workers, self.width))
        self.width = min(self.workers, self.width, self._to_be_had)
        with ThreadPoolExecutor(self.width, "osc apply") as pool:
            under_way = {pool.submit(self._one_batch, batch): batch for batch in batches}
            for done in _finishing(under_way, meanwhile):
                outcome = done.result()
                settled(under_way[done], outcome is None)
                met = met or isinstance(outcome, errors.Conflict)
                if isinstance(outcome, errors.DuplicateKey):
                    duplicate = outcome
                elif isinstance(outcome, errors.BadValue):
                    raise self._lost(outcome) from outcome
                elif outcome is not None and not isinstance(outcome, errors.Conflict):
                    raise outcome
        self.width = max(1, self.width // 2) if met else min(self.workers, self.width + 1)
        return duplicate

    def _one_batch(self, keys: Sequence[KeyValue]) -> Exception | None:
        session = self._idle.get()
        try:
            with self.fence.transaction(session):
                session.execute(self.dialect.delete_keys(keys))
                session.execute(self.dialect.insert_keys(keys))
        except Exception as error:
            return error
        finally:
            self._idle.put(session)
        return None

    def _lost(self, error: errors.BadValue) -> errors.DataWouldBeLost:
        return errors.DataWouldBeLost(
            f"a row of {self.job.original.name} that was written meanwhile does not fit the new "
            f"definition: {error.happened}",
            still_true=f"{self.job.original.name} still serves and is untouched",
            todo="change the row or the ALTER, then start again",
        )

    def require_current(self) -> None:
        """TakenOver where another process has the migration. Asked through a connection of ours,
        because the session that holds the table's lock may read no other table."""
        session = self._idle.get()
        try:
            self.fence.require(session)
        finally:
            self._idle.put(session)

    def delete(self, keys: Sequence[KeyValue]) -> None:
        """From the shadow, on one connection; a deadlock is tried again."""
        session = self._idle.get()
        try:
            for batch in batches(keys, self.dialect.most_keys):
                self._delete_batch(session, batch)
        finally:
            self._idle.put(session)

    def _delete_batch(self, session: Session, keys: Sequence[KeyValue]) -> None:
        while True:
            self.controls.check()
            try:
                with self.fence.transaction(session):
                    session.execute(self.dialect.delete_keys(keys))
                return
            except errors.Conflict:
                self.tracker.add(conflicts=1)


def _finishing(under_way: Iterable[Outcome], meanwhile: Callable[[], bool]) -> Iterator[Outcome]:
    """Each as soon as it is done."""
    left = set(under_way)
    while left:
        had_something = meanwhile()
        done, left = wait(left, 0.0 if had_something else GLANCE_SECONDS, FIRST_COMPLETED)
        yield from done


def batches(keys: Sequence[KeyValue], size: int = BATCH) -> list[Sequence[KeyValue]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def neighbours(keys: Sequence[KeyValue]) -> list[KeyValue]:
    """Rows that lie beside each other share pages, and parallel batches share few: measured, that
    makes up to twice as many. Numbers may be texts; where the order is another than the server's it
    is only slower. A column's values are of one kind."""
    if not any(isinstance(part, str) for key in keys[:1] for part in key):
        return sorted(keys)
    return sorted(
        keys, key=lambda key: [(len(p), p) if isinstance(p, str) else (0, p) for p in key]
    )

"""Takes the lock, drains what is left, swaps (rule 9).

Everybody queues behind a lock that waits. So an attempt waits only for its budget, is undone, names
who was in the way, backs off with jitter and tries again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from osc import errors
from osc.engine import Job, Session, Swapped, Swapper
from osc.model.blocker import Blocker, Kill, named
from osc.model.controls import Controls
from osc.model.convergence import Convergence
from osc.model.lags import Lags, slowest
from osc.model.progress import Tracker
from osc.stages.leave import Leave
from osc.stages.sync import Follower
from osc.threads import beside

NEARLY_EMPTY_SECONDS = 0.3
"""The backlog counts as nearly empty when all of it is acted on within this time."""
MOST_TO_DRAIN = 6_000
"""Keys that are acted on in 0.4 s while nobody else writes: 4,308 took 0.29 s. So many wait only
where writers leave the server no time; they have to bear that lock, since who acts on changes of a
shadow that has just been completed may be slower than they are."""
LONGEST_HELD_SECONDS = 2.0
"""A drain that takes longer than this is given up, and the lock with it."""
LONGEST_BACK_OFF_SECONDS = 10.0
PATIENT_ATTEMPTS = 3
"""Before anybody is ended for us: most of those in the way are gone by themselves soon."""

LAG_LOOK_SECONDS = 0.1
LAG_AFTER_SECONDS = 0.5
"""When the lag after the swap is read: a beat has had the time to arrive."""

Alone = Callable[[], AbstractContextManager[None]]

log = logging.getLogger("osc.cutover")


def catch_up(follower: Follower, tracker: Tracker, controls: Controls) -> None:
    """Returns when the backlog is nearly empty; Guarded where it doesn't get shorter for long."""
    rounds, waited = Convergence(follower.catch_up_limit_seconds), False
    while (seconds := follower.settle(rounds)) > NEARLY_EMPTY_SECONDS:
        waited = True
        tracker.note(waiting_for=f"catching up: the last round took {seconds:.1f} s")
        controls.check()
        rounds.check(time.monotonic(), str(follower.job.original.name))
    if waited:
        tracker.note(waiting_for="")


def back_off(attempt: int) -> float:
    """Seconds to the next attempt: longer and longer, with jitter."""
    longest = min(LONGEST_BACK_OFF_SECONDS, 0.2 * 2 ** min(attempt, 10))
    return random.uniform(longest / 2, longest)


def blocked(
    at: str, attempt: int, attempts: int, error: errors.ServerError, blockers: Sequence[Blocker]
) -> None:
    """Says after an attempt that it came to nothing, who was in the way, and what comes now."""
    log.info(
        "attempt %d of %d at %s: %s; in the way: %s; %s",
        attempt, attempts, at, error.happened, named(blockers),
        "that was the last one" if attempt == attempts else "it is tried again",
        extra={
            "action": "blocked", "attempt": attempt, "attempts": attempts,
            "sessions": [blocker.id for blocker in blockers],
        },
    )  # fmt: skip


@contextmanager
def replicas_watched(tracker: Tracker, controls: Controls) -> Iterator[None]:
    """Notes how far the slowest replica is behind before, during and after the block. Where none
    is watched nothing waits for one."""
    before, over = slowest(tracker.read().signals), threading.Event()
    seen = Lags(before=before)

    def watch() -> None:
        nonlocal seen
        while True:
            seen = seen.seen(tracker.read().signals)
            if over.wait(LAG_LOOK_SECONDS):
                return

    with beside("replicas", watch, stop=over.set):
        yield
    if before is not None:
        controls.wait(LAG_AFTER_SECONDS)
    tracker.note(lags=replace(seen, after=slowest(tracker.read().signals)))


@dataclass
class CutOver:
    """Tries until it is done, or has been tried `attempts` times; before each it asks for leave."""

    job: Job
    swapper: Swapper
    follower: Follower
    tracker: Tracker
    controls: Controls
    leave: Leave
    budget_seconds: float
    attempts: int
    kill: Kill = Kill.NEVER
    by: str = ""
    on_blocked: Callable[[list[str]], None] = lambda blockers: None
    on_ended: Callable[[str], None] = lambda blocker: None
    await_onlookers: Callable[[], None] = lambda: None
    complete: Callable[[Alone], bool] = lambda alone: False
    """`Load.complete`."""
    _completed: bool = False

    def run(self) -> Swapped:
        self.leave.wait()
        self._completed = self.complete(self._alone)
        self.swapper.prepare(self.controls.check)
        self.await_onlookers()
        for attempt in range(1, self.attempts + 1):
            self.controls.check()
            try:
                with self.leave.taken(f"cut-over of {self.job.original.name}", self._catch_up):
                    self.tracker.add(cut_over_attempts=1)
                    with replicas_watched(self.tracker, self.controls):
                        swapped = self._attempt()
            except (errors.LockTimeout, errors.Conflict) as error:
                self._blocked(attempt, error)
            else:
                self.tracker.note(
                    lock_wait_seconds=swapped.lock_wait_seconds,
                    lock_held_seconds=swapped.lock_held_seconds,
                )
                return swapped
        in_the_way = named(self.swapper.blockers())
        raise errors.CutOverNotObtained(
            f"{self.job.original.name} could not be locked within {self.budget_seconds * 1000:.0f} "
            f"ms in {self.attempts} attempts; in the way: {in_the_way}",
            still_true=f"{self.job.original.name} still serves and is untouched",
            todo="end these transactions or wait for a quieter hour; raise "
            "--cut-over-lock-timeout only if applications can wait that long",
        )

    def _catch_up(self) -> None:
        """What came in while the shadow was completed is drained under the lock: acting on it may
        have become slower than those who write."""
        if not self._completed or self.follower.waiting > MOST_TO_DRAIN:
            catch_up(self.follower, self.tracker, self.controls)
        self._completed = False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Where the block fails, only the catalog knows where the shadow's rows are: nobody acts on
        a change any more until somebody has looked."""
        catch_up(self.follower, self.tracker, self.controls)
        with self.follower.suspended():
            try:
                yield
            except BaseException:
                self.follower.end()
                raise

    def _attempt(self) -> Swapped:
        """One attempt has its turn alone: nothing is read from the source beside it."""
        with self.follower.turn():
            try:
                swapped = self.swapper.swap(self._drain, self.budget_seconds)
            except errors.SwappedButUnfinished:
                self.follower.end()
                raise
            except (errors.DuplicateKey, errors.BadValue) as error:
                self.follower.undo_drain()
                raise self._lost(error) from error
            except BaseException:
                self.follower.undo_drain()
                raise
            self.follower.end()
            return swapped

    def _drain(self, session: Session) -> None:
        applied = self.follower.drain(session, time.monotonic() + LONGEST_HELD_SECONDS)
        self.tracker.add(changes_applied=applied)

    def _blocked(self, attempt: int, error: errors.ServerError) -> None:
        blockers = self.swapper.blockers()
        self.on_blocked(list(map(str, blockers)))
        self.tracker.note(waiting_for=f"{error.happened}; in the way: {named(blockers)}")
        if attempt >= PATIENT_ATTEMPTS:
            self._end(blockers)
        blocked(f"the lock of {self.job.original.name}", attempt, self.attempts, error, blockers)
        self.controls.pause(back_off(attempt))

    def _end(self, blockers: list[Blocker]) -> None:
        """Each that the operator lets us end, with a line for whoever asks later who did it."""
        for blocker in blockers:
            if blocker.may_be_ended(self.kill):
                log.warning(
                    "ended for the cut-over of %s, as %s allowed (--kill-blockers %s): %s",
                    self.job.original.name, self.by, self.kill, blocker,
                    extra={"action": "blocker-ended", "allowed_by": self.by, "session": blocker.id},
                )  # fmt: skip
                self.swapper.end(blocker)
                self.on_ended(str(blocker))

    def _lost(self, error: errors.ServerError) -> errors.DataWouldBeLost:
        what = "duplicates" if isinstance(error, errors.DuplicateKey) else "no room for a row"
        return errors.DataWouldBeLost(
            f"the new definition has {what}: {error.happened}",
            still_true=f"{self.job.original.name} still serves and is untouched",
            todo="change the rows or the ALTER, then start again",
        )

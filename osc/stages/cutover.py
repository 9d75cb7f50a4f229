"""Takes the lock, drains what is left, swaps (rule 9).

Everybody queues behind a lock that waits. So an attempt waits only for its budget, is undone, names
who was in the way, backs off with jitter and tries again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from osc import errors
from osc.engine import Job, Session, Swapped, Swapper
from osc.model.blocker import Blocker, Kill, named
from osc.model.controls import Controls
from osc.model.convergence import Convergence
from osc.model.forecast import forecast
from osc.model.lags import Lags, slowest
from osc.model.progress import Tracker
from osc.model.steering import Steering
from osc.stages.sync import Follower
from osc.threads import beside

NEARLY_EMPTY_SECONDS = 0.3
"""The backlog counts as nearly empty when all of it is acted on within this time."""
LONGEST_HELD_SECONDS = 2.0
"""A drain that takes longer than this is given up, and the lock with it."""
LONGEST_BACK_OFF_SECONDS = 10.0
PATIENT_ATTEMPTS = 3
"""Before anybody is ended for us: most of those in the way are gone by themselves soon."""

FORECAST_SECONDS = 5.0
"""How often whoever may give leave is told anew what the lock would meet."""
LAG_LOOK_SECONDS = 0.1
LAG_AFTER_SECONDS = 0.5
"""When the lag after the swap is read: a beat has had the time to arrive."""

log = logging.getLogger("osc.cutover")


def catch_up(follower: Follower, tracker: Tracker, controls: Controls) -> None:
    """Returns when the backlog is nearly empty; Guarded where it doesn't get shorter for long."""
    rounds, waited = Convergence(follower.catch_up_limit_seconds), False
    while (seconds := follower.settle(rounds)) > NEARLY_EMPTY_SECONDS:
        waited = True
        tracker.note(waiting_for=f"the backlog: the last round took {seconds:.1f} s")
        controls.check()
        rounds.check(time.monotonic(), str(follower.job.original.name))
    if waited:
        tracker.note(waiting_for="")


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
    """Tries until it is done, or has been tried `attempts` times."""

    job: Job
    swapper: Swapper
    follower: Follower
    tracker: Tracker
    controls: Controls
    budget_seconds: float
    attempts: int
    kill: Kill = Kill.NEVER
    by: str = ""
    on_blocked: Callable[[list[str]], None] = lambda blockers: None
    old_transactions: Callable[[], float] = lambda: 0.0
    """How many on the server are older than ten seconds."""
    recheck: Callable[[], None] = lambda: None
    """Raises TableChanged where the original was altered while the cut-over was held back."""
    _forecast_at: float = 0.0

    def run(self) -> Swapped:
        self._await_leave()
        self.swapper.prepare(self.controls.check)
        for attempt in range(1, self.attempts + 1):
            self.controls.check()
            self._await_leave()
            catch_up(self.follower, self.tracker, self.controls)
            self._tell_what_is_expected()
            self.tracker.add(cut_over_attempts=1)
            try:
                with replicas_watched(self.tracker, self.controls):
                    swapped = self._attempt()
            except (errors.LockTimeout, errors.Conflict) as error:
                self._blocked(attempt, error)
            else:
                self.tracker.note(lock_held_seconds=swapped.lock_held_seconds)
                return swapped
        in_the_way = named(self.swapper.blockers())
        raise errors.CutOverNotObtained(
            f"{self.job.original.name} could not be locked within {self.budget_seconds * 1000:.0f} "
            f"ms in {self.attempts} attempts; in the way: {in_the_way}",
            still_true=f"{self.job.original.name} still serves and is untouched",
            todo="end these transactions or wait for a quieter hour; raise "
            "--cut-over-lock-timeout only if applications can wait that long",
        )

    def _await_leave(self) -> None:
        """The cut-over may be held back, for a word of the operator or for an hour that he named;
        changes are followed meanwhile. He is shown what the lock would meet; and as this may last
        for days, the table is looked at again when it is over."""

        def waits_for(now: Steering) -> str:
            if now.cut_over_waits_for and time.monotonic() >= self._forecast_at:
                self._forecast()
            return now.cut_over_waits_for

        self.controls.wait_while(waits_for, lambda reason: self.tracker.note(waiting_for=reason))
        self.recheck()

    def _forecast(self) -> None:
        """To say what is to come is no reason to fail."""
        try:
            told = str(forecast(self.swapper.blockers(), self.old_transactions()))
        except errors.OscError as error:
            told = f"lock expected free: not known ({error.happened})"
        self.tracker.note(forecast=told)
        self._forecast_at = time.monotonic() + FORECAST_SECONDS

    def _tell_what_is_expected(self) -> None:
        self._forecast()
        allowed = self.controls.steering.cut_over_allowed_by or f"{self.by}, who started the run"
        self.tracker.note(allowed_by=allowed)
        told = self.tracker.read().forecast
        log.info(
            "cut-over of %s, allowed by %s: %s", self.job.original.name, allowed, told,
            extra={"action": "cut-over", "allowed_by": allowed, "forecast": told},
        )  # fmt: skip

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
        longest = min(LONGEST_BACK_OFF_SECONDS, 0.2 * 2 ** min(attempt, 10))
        self.controls.pause(random.uniform(longest / 2, longest))

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

    def _lost(self, error: errors.ServerError) -> errors.DataWouldBeLost:
        what = "duplicates" if isinstance(error, errors.DuplicateKey) else "no room for a row"
        return errors.DataWouldBeLost(
            f"the new definition has {what}: {error.happened}",
            still_true=f"{self.job.original.name} still serves and is untouched",
            todo="change the rows or the ALTER, then start again",
        )

"""Takes the steps of a way that needs no copy, one after the other.

Everybody queues behind a lock that waits. So an attempt at a step is over within its budget, or it
is undone; then those who were in the way are named, and after a back-off with jitter it is tried
again. What stays of a step that can't be done at all is for `undo`: the caller decides on that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from osc import errors
from osc.engine import Climb, Ladder
from osc.model.blocker import named
from osc.model.controls import Controls
from osc.model.ladder import Climbed, Step, Taken
from osc.model.progress import Tracker
from osc.model.table import TableName
from osc.stages.cutover import back_off, blocked
from osc.stages.leave import Leave


@dataclass
class Climber:
    """Each step is tried `attempts` times; `taken` is told how many are done."""

    climb: Climb
    ladder: Ladder
    tracker: Tracker
    controls: Controls
    leave: Leave
    attempts: int
    taken: Callable[[int], None] = lambda done: None

    def run(self, done: int = 0) -> tuple[Climbed, ...]:
        """The steps after the first `done`."""
        climbed = []
        for number in range(done, len(self.climb.steps)):
            climbed.append(self._step(number))
            self.taken(number + 1)
        return tuple(climbed)

    def _step(self, number: int) -> Climbed:
        step, began = self.climb.steps[number], time.monotonic()
        for attempt in range(1, self.attempts + 1):
            self.controls.check()
            if step.patient:
                self._await_calm()
            try:
                with self._leave(number):
                    self.tracker.add(cut_over_attempts=1)
                    self._say(number, step)
                    taken = self.ladder.take(self.climb, number, self.controls.check)
            except (errors.LockTimeout, errors.Conflict) as error:
                self._blocked(attempt, error)
            except (errors.DuplicateKey, errors.BadValue) as error:
                raise self._lost(error) from error
            except errors.BadStatement as error:
                raise self._refused(step, error) from error
            else:
                self._held(taken)
                return _climbed(step, attempt, time.monotonic() - began, taken)
        raise self._not_obtained(step)

    def _leave(self, number: int) -> AbstractContextManager[None]:
        """The operator may hold back what applications notice, and the step that ends it all."""
        of = len(self.climb.steps)
        if self.climb.steps[number].patient and number + 1 < of:
            return nullcontext()
        return self.leave.taken(f"step {number + 1} of {of} on {self._name}")

    def _await_calm(self) -> None:
        """A step that reads the whole table costs what a copy costs: it begins when one might."""
        self.controls.wait_while(
            lambda now: now.copy_waits_for, lambda reason: self.tracker.note(waiting_for=reason)
        )

    @property
    def _name(self) -> TableName:
        return self.climb.table.name

    def _say(self, number: int, step: Step) -> None:
        of = len(self.climb.steps)
        self.tracker.note(waiting_for=f"step {number + 1} of {of}: {step.does}" if of > 1 else "")

    def _held(self, taken: Taken) -> None:
        before = self.tracker.read()
        self.tracker.note(
            lock_wait_seconds=max(before.lock_wait_seconds, taken.lock_wait_seconds),
            lock_held_seconds=max(before.lock_held_seconds, taken.lock_held_seconds),
            waiting_for="",
        )

    def _blocked(self, attempt: int, error: errors.ServerError) -> None:
        blockers = self.ladder.blockers(self._name)
        self.tracker.note(waiting_for=f"{error.happened}; in the way: {named(blockers)}")
        blocked(f"a step on {self._name}", attempt, self.attempts, error, blockers)
        self.controls.pause(back_off(attempt))

    def _not_obtained(self, step: Step) -> errors.CutOverNotObtained:
        name, budget = self._name, self.climb.lock_budget_seconds * 1000
        return errors.CutOverNotObtained(
            f"{step.does}: not done within {budget:.0f} ms in {self.attempts} attempts;"
            f" in the way: {named(self.ladder.blockers(self._name))}",
            still_true=f"{name} serves as before",
            todo="end these transactions or wait for a quieter hour; raise "
            "--cut-over-lock-timeout only if applications can wait that long",
        )

    def _lost(self, error: errors.ServerError) -> errors.DataWouldBeLost:
        return errors.DataWouldBeLost(
            f"the new definition has no room for the rows: {error.happened}",
            still_true=f"{self._name} serves as before",
            todo="change the rows or the ALTER, then start again",
        )

    def _refused(self, step: Step, error: errors.ServerError) -> errors.Precondition:
        return errors.Precondition(
            f"the server refuses {step.sql}: {error.happened}",
            still_true=f"{self._name} serves as before",
            todo="correct the statement; the server itself would not run it either",
        )


def _climbed(step: Step, attempts: int, seconds: float, taken: Taken) -> Climbed:
    return Climbed(step.sql, attempts, seconds, taken.lock_wait_seconds, taken.lock_held_seconds)

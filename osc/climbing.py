"""One attempt without a copy: the steps, from wherever they stand to their end.

What it leaves behind is either nothing, or steps that are done and that the next attempt goes on
from. A row in the way, or a statement that the server refuses: the steps are taken back. A lock
that can't be had, a signal, a lost connection: they are kept, for `osc resume` or `osc abort`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from osc import errors
from osc.account import accounted
from osc.config import Settings
from osc.engine import Claim, Climb, Engine, Ladder, Sync
from osc.model.applied import IDENTITY
from osc.model.controls import Controls
from osc.model.ladder import Climbed, Way
from osc.model.phase import Phase
from osc.model.progress import Tracker
from osc.model.report import Report
from osc.ops.bridge import limited
from osc.ops.desk import Desk
from osc.ops.report import report_record
from osc.stages.fence import Fence
from osc.stages.keeper import Keeper
from osc.stages.leave import Leave
from osc.stages.native import Climber
from osc.threads import beside

GO_ON = "go on with `osc resume URL {0}`, or take back what was done with `osc abort URL {0}`"
NOTHING_LEFT = (errors.DataWouldBeLost, errors.Precondition, errors.CopyNeeded)
"""To go on can't help: so the steps are taken back at once."""


def ladder_of(engine: Engine) -> Ladder:
    """That of an engine which has begun a climb."""
    if engine.ladder is None:
        raise errors.Bug(f"{engine.name} has no ladder")
    return engine.ladder


@dataclass
class Climbing:
    """Who runs one holds the claim."""

    engine: Engine
    climb: Climb
    statement: str
    settings: Settings
    tracker: Tracker
    controls: Controls
    claim: Claim
    desk: Desk
    by: str = ""
    started: float = field(default_factory=time.monotonic)

    def from_the_beginning(self) -> Report:
        """No step is done."""
        return self._run(0)

    def from_where_it_stands(self) -> Report:
        """An earlier attempt may have done some of them."""
        with accounted(self._account_for):
            done = ladder_of(self.engine).taken(self.climb)
        return self._run(done)

    def _run(self, done: int) -> Report:
        with accounted(self._account_for):
            self.tracker.at(Phase.NATIVE)
            self.engine.ledger.save(self.climb.id, phase=str(Phase.NATIVE), message="")
            with self._alive(), closing(self.engine.gauges()) as gauges:
                climbed = self._climber(partial(gauges.read, "old-transactions")).run(done)
            self.engine.ledger.forget(self.climb.id)
            report = self._report(climbed)
            self._finish(report)
            self.tracker.at(Phase.DONE)
        return report

    def _finish(self, report: Report) -> None:
        self.engine.ledger.forget(self.climb.id)
        identity = self.engine.catalog.identity(self.climb.table.name)
        result = json.dumps({**report_record(report), IDENTITY: identity})
        self.engine.ledger.save(
            self.climb.id, phase=str(Phase.DONE), finished=True, message="", result=result
        )

    def _climber(self, old_transactions: Callable[[], float]) -> Climber:
        ladder, climb = ladder_of(self.engine), self.climb
        leave = Leave(
            tracker=self.tracker,
            controls=self.controls,
            blockers=partial(ladder.blockers, climb.table.name),
            old_transactions=old_transactions,
            recheck=partial(ladder.taken, climb),
            by=self.by,
            on_allowed=lambda by: self.engine.board.note(climb.id, "steps begin", by, ""),
        )
        return Climber(
            climb=climb,
            ladder=ladder,
            tracker=self.tracker,
            controls=self.controls,
            leave=leave,
            attempts=self.settings.cut_over_attempts,
            taken=lambda done: self.engine.ledger.save(self.climb.id, position=str(done)),
        )

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """The claim is renewed while a long step is under way."""
        fence = Fence(self.engine.ledger.fence(self.climb.id, self.climb.generation))
        keeper = Keeper(self.claim, fence, self.engine.connect, self.controls)
        with (
            beside("keeper", keeper.run, stop=keeper.end),
            limited(self.engine, self.settings, self.desk),
        ):
            yield

    # However it ends.

    def _account_for(self, error: errors.OscError) -> None:
        error.kept = error.resumable and not isinstance(error, NOTHING_LEFT)
        if not error.kept:
            error.kept = not self._undone(error)
        if error.kept:
            self._note(error.happened)
            told = error.todo and not isinstance(error, errors.Interrupted)
            error.todo = (f"{error.todo}; then " if told else "") + GO_ON.format(self.climb.id)
        if not error.still_true:
            error.still_true = f"{self.climb.table.name} still serves"

    def _undone(self, error: errors.OscError) -> bool:
        """Whether nothing is left of the steps; the first error counts, whatever comes of it."""
        with suppress(errors.OscError):
            ladder_of(self.engine).undo(self.climb)
            self.engine.ledger.forget(self.climb.id)
            self.engine.ledger.save(
                self.climb.id, phase=str(Phase.FAILED), finished=True, message=error.happened
            )
            return True
        return False

    def _note(self, message: str) -> None:
        with suppress(errors.Unreachable):
            self.engine.ledger.save(self.climb.id, phase=str(Phase.NATIVE), message=message)

    def _report(self, climbed: tuple[Climbed, ...]) -> Report:
        spent = {str(phase): self.tracker.seconds_in(phase) for phase in Phase}
        return Report(
            migration=self.climb.id,
            table=str(self.climb.table.name),
            statement=self.statement,
            archive="",
            sync=str(Sync.NONE),
            seconds=time.monotonic() - self.started,
            way=str(Way.SEQUENCE if len(self.climb.steps) > 1 else Way.NATIVE),
            steps=climbed,
            cut_over_attempts=sum(step.attempts for step in climbed),
            lock_wait_seconds=max((step.lock_wait_seconds for step in climbed), default=0.0),
            lock_held_seconds=max((step.lock_held_seconds for step in climbed), default=0.0),
            allowed_by=self.tracker.read().allowed_by,
            forecast=self.tracker.read().forecast,
            standstills=self.tracker.read().standstills,
            log_bytes=self.tracker.read().log_bytes,
            phases={phase: seconds for phase, seconds in spent.items() if seconds > 0},
        )

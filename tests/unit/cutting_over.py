"""A cut-over on fakes, one wish at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from osc import errors
from osc.engine import Swapped
from osc.model.blocker import Kill
from osc.model.progress import Tracker
from osc.stages import cutover
from osc.stages.cutover import CutOver
from osc.stages.leave import Leave
from osc.stages.onlooking import Onlooking
from osc.stages.sync import Follower
from tests.fakes import (
    JOB,
    FakeServer,
    FakeSource,
    FakeSwapper,
    Hurried,
)

LOCKED = errors.LockTimeout("no lock within 250 ms")


@dataclass
class Bench:
    """A cut-over with its fakes, after the copy."""

    server: FakeServer
    follower: Follower
    source: FakeSource
    swapper: FakeSwapper
    tracker: Tracker
    controls: Hurried
    told: list[list[str]] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def run(
        self,
        attempts: int = 3,
        kill: Kill = Kill.NEVER,
        recheck: Callable[[], None] = lambda: None,
        snapshot_wait_seconds: float = 0.0,
        complete: Callable[[cutover.Alone], bool] = lambda alone: False,
    ) -> Swapped:
        onlooking = Onlooking(
            self.swapper, self.swapper.onlookers(), self.tracker, self.controls,
            snapshot_wait_seconds,
        )  # fmt: skip
        return CutOver(
            job=JOB,
            swapper=self.swapper,
            follower=self.follower,
            tracker=self.tracker,
            controls=self.controls,
            leave=Leave(
                self.tracker,
                self.controls,
                self.swapper.blockers,
                onlookers=onlooking.left,
                recheck=recheck,
                by="ann@here",
                on_allowed=self.allowed.append,
            ),
            budget_seconds=0.25,
            attempts=attempts,
            kill=kill,
            by="ann@here",
            on_blocked=self.told.append,
            await_onlookers=onlooking.wait,
            on_ended=self.ended.append,
            complete=complete,
        ).run()

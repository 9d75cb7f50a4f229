"""The steps of a way without a copy: tried again, named, and each failure with its exit code."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from osc import errors
from osc.engine import Climb, Ladder
from osc.model.blocker import Blocker
from osc.model.ladder import Cost, Step, Taken
from osc.model.progress import Tracker
from osc.model.table import TableName
from osc.stages.leave import Leave
from osc.stages.native import Climber
from tests.fakes import ORDERS, Hurried

STEPS = tuple(Step((sql,), f"does {sql}", Cost.METADATA) for sql in ("one", "two"))


@dataclass
class FakeLadder:
    """The port `Ladder` as a climber uses it: `failures` are what the next attempts raise."""

    failures: deque[Exception | None] = field(default_factory=deque)
    took: list[int] = field(default_factory=list)

    def take(self, climb: Climb, number: int, check: Callable[[], None]) -> Taken:
        self.took.append(number)
        if self.failures and (error := self.failures.popleft()):
            raise error
        return Taken(0.01, 0.02)

    def blockers(self, table: TableName) -> list[Blocker]:
        return [Blocker(7, "ann", "a backup", "active", 12.0)]


def climber(ladder: FakeLadder, attempts: int = 3) -> tuple[Climber, Hurried, Tracker]:
    controls, tracker = Hurried(), Tracker()
    climb = Climb(7, ORDERS, STEPS)
    leave = Leave(tracker, controls, blockers=list, by="ann@here")
    made: Any = Climber(climb, cast(Ladder, ladder), tracker, controls, leave, attempts)
    return made, controls, tracker


def test_what_is_done_already_is_not_done_again() -> None:
    ladder = FakeLadder()
    made, _, tracker = climber(ladder)

    (climbed,) = made.run(done=1)

    assert ladder.took == [1]
    assert (climbed.sql, climbed.attempts, climbed.lock_held_seconds) == ("two", 1, 0.02)
    assert tracker.read().lock_held_seconds == 0.02


def test_a_long_step_waits_as_a_copy_would_and_the_last_one_for_leave_too() -> None:
    ladder = FakeLadder()
    made, controls, tracker = climber(ladder)
    made.climb = replace(made.climb, steps=(replace(STEPS[0], patient=True), STEPS[1]))
    told: list[str] = []
    note = tracker.note

    def listened(**values: Any) -> None:
        note(**values)
        if reason := values.get("waiting_for", ""):
            told.append(reason)
        if reason == "throttled: running":
            controls.steer(lambda now: replace(now, held_by=""))
        if reason == "not before two":
            controls.steer(lambda now: now.postponed("hours", ""))

    tracker.note = listened  # type: ignore[method-assign]
    controls.steer(lambda now: replace(now, held_by="throttled: running"))
    controls.steer(lambda now: now.postponed("hours", "not before two"))

    made.run()

    assert told == [
        "throttled: running", "step 1 of 2: does one", "not before two", "step 2 of 2: does two",
    ]  # fmt: skip


@pytest.mark.parametrize("error", [errors.LockTimeout("busy"), errors.Conflict("too slow")])
def test_a_step_is_tried_again_after_a_longer_and_longer_pause(error: Exception) -> None:
    ladder = FakeLadder(deque([error, error]))
    made, controls, _ = climber(ladder)

    first, second = made.run()

    assert (first.attempts, second.attempts) == (3, 1)
    assert 0.2 <= controls.waits[0] <= 0.4 <= controls.waits[1] <= 0.8


def test_a_lock_that_is_never_had_names_who_is_in_the_way() -> None:
    made, _, _ = climber(FakeLadder(deque([errors.LockTimeout("busy")] * 3)))

    with pytest.raises(errors.CutOverNotObtained, match=r"3 attempts.*a backup"):
        made.run()


@pytest.mark.parametrize(
    ("raised", "wanted"),
    [
        (errors.DuplicateKey("twice"), errors.DataWouldBeLost),
        (errors.BadValue("null"), errors.DataWouldBeLost),
        (errors.BadStatement("no such column"), errors.Precondition),
        (errors.CopyNeeded("too large"), errors.CopyNeeded),
        (errors.ConnectionLost("gone"), errors.ConnectionLost),
    ],
)
def test_what_does_not_pass_by_waiting_is_tried_once(
    raised: Exception, wanted: type[Exception]
) -> None:
    ladder = FakeLadder(deque([raised]))
    made, _, _ = climber(ladder)

    with pytest.raises(wanted):
        made.run()

    assert ladder.took == [0]


def test_a_signal_ends_it_between_two_attempts() -> None:
    ladder = FakeLadder(deque([errors.LockTimeout("busy")] * 3))
    made, controls, _ = climber(ladder)
    controls.stop(errors.Interrupted(15))

    with pytest.raises(errors.Interrupted):
        made.run()

    assert ladder.took == []


def test_who_allowed_a_step_that_applications_notice_is_told() -> None:
    made, _, tracker = climber(FakeLadder())

    made.run()

    assert tracker.read().allowed_by == "ann@here, who runs it"
    assert tracker.read().forecast.startswith("lock expected free: yes")


def test_a_table_that_is_altered_while_a_step_is_held_back_is_told_at_once() -> None:
    ladder = FakeLadder()
    made, controls, _ = climber(ladder)
    controls.steer(lambda now: now.postponed("operator", "held back"))

    def recheck() -> None:
        raise errors.TableChanged("orders was altered")

    def somebody_allows(seconds: float) -> None:
        controls.steer(lambda now: now.postponed("operator", ""))

    made.leave.recheck, controls.pause = recheck, somebody_allows  # type: ignore[method-assign]
    with pytest.raises(errors.TableChanged):
        made.run()

    assert controls.steering.postponements, "nobody had to give leave first"
    assert ladder.took == []

"""The table of phases: every way through it ends."""

from __future__ import annotations

import pytest

from osc.errors import Bug
from osc.model.phase import FINISHED, NEXT, Phase
from osc.model.progress import Tracker

STORY = [
    Phase.PREFLIGHT, Phase.SHADOW, Phase.COPY, Phase.LOAD, Phase.CATCH_UP, Phase.VERIFY,
    Phase.CUT_OVER, Phase.AFTERCARE, Phase.CLEANUP, Phase.DONE,
]  # fmt: skip


def reachable(start: Phase) -> set[Phase]:
    found, todo = {start}, [start]
    while todo:
        new = NEXT[todo.pop()] - found
        found |= new
        todo += new
    return found


def test_the_table_knows_every_phase() -> None:
    assert set(NEXT) == set(Phase)


def test_every_phase_can_be_reached() -> None:
    assert reachable(Phase.PLAN) == set(Phase)


@pytest.mark.parametrize("phase", sorted(set(Phase) - FINISHED))
def test_every_phase_reaches_done_and_may_fail_or_stop(phase: Phase) -> None:
    assert Phase.DONE in reachable(phase)
    assert {Phase.FAILED, Phase.STOPPED} <= NEXT[phase]


@pytest.mark.parametrize("phase", sorted(FINISHED))
def test_nothing_follows_the_end(phase: Phase) -> None:
    assert NEXT[phase] == frozenset()


def test_what_was_swapped_is_not_taken_up_again() -> None:
    assert reachable(Phase.CLEANUP) == {Phase.CLEANUP} | FINISHED


def test_the_story_can_be_walked() -> None:
    tracker = Tracker()

    for phase in STORY:
        tracker.at(phase)

    assert tracker.read().phase is Phase.DONE


def test_verification_may_be_left_out() -> None:
    tracker = Tracker()

    for phase in STORY:
        if phase is not Phase.VERIFY:
            tracker.at(phase)

    assert tracker.read().phase is Phase.DONE


@pytest.mark.parametrize(
    ("here", "there"),
    [(here, there) for here in Phase for there in sorted(set(Phase) - NEXT[here])],
)
def test_an_illegal_move_is_a_bug(here: Phase, there: Phase) -> None:
    tracker = Tracker()
    tracker.note(phase=here)

    with pytest.raises(Bug, match=f"{there} can't follow {here}"):
        tracker.at(there)

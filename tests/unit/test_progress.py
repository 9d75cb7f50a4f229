"""The whiteboards: what stages write and operators read, and the other way round."""

from __future__ import annotations

import threading

import pytest

from osc.errors import Aborted, Guarded
from osc.model.controls import Controls
from osc.model.phase import Phase
from osc.model.progress import Progress, Tracker


def test_counts_add_up() -> None:
    tracker = Tracker()

    tracker.add(rows_copied=5, chunks_copied=1)
    tracker.add(rows_copied=7, chunks_copied=1)

    assert (tracker.read().rows_copied, tracker.read().chunks_copied) == (12, 2)


def test_a_note_replaces_what_was_there() -> None:
    tracker = Tracker()

    tracker.note(backlog=9)
    tracker.note(backlog=3)

    assert tracker.read().backlog == 3


def test_a_reading_does_not_change_afterwards() -> None:
    tracker = Tracker()

    before = tracker.read()
    tracker.add(rows_copied=1)

    assert before.rows_copied == 0


def test_threads_that_count_together_lose_nothing() -> None:
    tracker = Tracker()

    def count() -> None:
        for _ in range(500):
            tracker.add(rows_copied=1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tracker.read().rows_copied == 2_000


def test_a_new_phase_is_told_to_every_listener_and_no_longer_waits_for_anything() -> None:
    tracker = Tracker()
    told: list[Phase] = []
    tracker.on_phase(told.append)
    tracker.note(waiting_for="a lock")

    tracker.at(Phase.PREFLIGHT)

    assert told == [Phase.PREFLIGHT]
    assert tracker.read().waiting_for == ""


def test_the_time_of_a_phase_is_known_when_it_is_over() -> None:
    tracker = Tracker()
    begun = tracker.read().phase_started_at

    tracker.at(Phase.PREFLIGHT)

    assert tracker.seconds_in(Phase.PLAN) == tracker.read().phase_started_at - begun
    assert tracker.seconds_in(Phase.PREFLIGHT) == 0.0


def test_two_visits_to_a_phase_are_added() -> None:
    tracker = Tracker()
    for phase in (Phase.PREFLIGHT, Phase.SHADOW, Phase.COPY, Phase.LOAD):
        tracker.at(phase)
    spent = []

    for _ in range(2):
        tracker.at(Phase.CATCH_UP)
        begun = tracker.read().phase_started_at
        tracker.at(Phase.VERIFY)
        spent.append(tracker.read().phase_started_at - begun)

    assert tracker.seconds_in(Phase.CATCH_UP) == pytest.approx(sum(spent))


def test_who_waits_for_progress_is_woken_by_it() -> None:
    tracker = Tracker()
    writer = threading.Thread(target=lambda: tracker.add(rows_copied=3))

    writer.start()

    assert tracker.wait_until(lambda seen: seen.rows_copied == 3, timeout_seconds=10)
    writer.join()


def test_who_waits_in_vain_is_told_so() -> None:
    def never(_: Progress) -> bool:
        return False

    assert not Tracker().wait_until(never, timeout_seconds=0.001)


def test_the_first_reason_to_stop_is_the_one_that_is_told() -> None:
    controls = Controls()

    controls.stop(Guarded("disk"))
    controls.stop(Aborted("operator"))

    with pytest.raises(Guarded, match="disk"):
        controls.check()


def test_nothing_is_raised_before_a_stop() -> None:
    controls = Controls()

    controls.check()
    controls.pause(0.0)

    assert not controls.stopping


def test_a_stop_ends_a_pause_and_raises_there() -> None:
    controls = Controls()
    stopper = threading.Thread(target=lambda: controls.stop(Aborted("operator")))
    stopper.start()

    with pytest.raises(Aborted):
        controls.pause(60)

    stopper.join()
    assert controls.stopping


def test_a_wait_ends_with_a_stop_but_does_not_raise() -> None:
    controls = Controls()
    controls.stop(Aborted("operator"))

    controls.wait(60)

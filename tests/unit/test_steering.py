"""What the signals and the operator leave to the copy."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from osc import errors
from osc.model.controls import Controls
from osc.model.steering import LEAST_SHARE, Steering, next_share


def test_a_calm_server_gives_the_copy_all_of_it_little_by_little() -> None:
    share, looks = LEAST_SHARE, 0

    while share < 1.0:
        grown = next_share(share, severity=0.2)
        assert share < grown <= share + 1 / 16 + 1e-9
        share, looks = grown, looks + 1

    assert looks == 15


def test_a_signal_near_its_limit_makes_the_copy_slower_before_the_limit_is_reached() -> None:
    assert next_share(1.0, severity=0.8) == pytest.approx(0.7)
    assert next_share(1.0, severity=1.0) == pytest.approx(0.5)
    assert next_share(LEAST_SHARE, severity=5.0) == LEAST_SHARE


def test_half_a_share_is_half_of_the_connections_and_shorter_chunks() -> None:
    half = Steering(share=0.5)

    assert half.connections(8) == 4
    assert half.chunk_time(0.6) == pytest.approx(0.3)
    assert half.rest(8, chunk_seconds=1.0) == 0.0


def test_less_than_one_connection_rests_between_its_chunks() -> None:
    little = Steering(share=LEAST_SHARE)

    assert little.connections(2) == 1
    assert little.rest(2, chunk_seconds=0.1) == pytest.approx(0.7)


def test_a_pause_holds_copy_and_verification_but_changes_are_followed() -> None:
    paused = Steering().paused("operator", "paused by ann")

    assert paused.connections(4) == 0
    assert paused.verification_waits_for == "paused by ann"
    assert paused.following_waits_for == ""


def test_a_lag_holds_everything() -> None:
    lagging = Steering(held_by="throttled: lag", following_held_by="throttled: lag")

    assert lagging.copy_waits_for
    assert lagging.following_waits_for
    assert lagging.verification_waits_for


def test_the_end_of_one_pause_is_not_the_end_of_another() -> None:
    steering = Steering().paused("operator", "paused by ann").paused("/run/stop", "a file")

    assert steering.paused("operator", "").paused_by == "a file"
    assert steering.paused("operator", "").paused("/run/stop", "") == Steering()


def test_an_operator_s_limits_win_over_the_start() -> None:
    steering = Steering(threads=6, chunk_seconds=0.2)

    assert steering.connections(2) == 6
    assert steering.chunk_time(0.5) == pytest.approx(0.2)


def test_who_stands_still_goes_on_when_the_reason_is_gone() -> None:
    controls, told, still = Controls(), [], threading.Event()
    controls.steer(partial(Steering.paused, source="operator", reason="paused by ann"))

    def stand() -> None:
        def tell(reason: str) -> None:
            told.append(reason)
            still.set()

        controls.wait_while(lambda now: now.copy_waits_for, tell)

    stage = threading.Thread(target=stand)
    stage.start()
    assert still.wait(10)
    controls.steer(partial(Steering.paused, source="operator", reason=""))
    stage.join(10)

    assert not stage.is_alive()
    assert told == ["paused by ann", ""]


def test_a_stop_ends_the_standing_still() -> None:
    controls = Controls()
    controls.steer(partial(Steering.paused, source="operator", reason="paused by ann"))
    controls.stop(errors.Aborted("enough"))

    with pytest.raises(errors.Aborted):
        controls.wait_while(lambda now: now.copy_waits_for, lambda reason: None)


def test_the_next_attempt_is_steered_as_the_one_before() -> None:
    controls = Controls()

    controls.for_attempt().steer(partial(Steering.paused, source="operator", reason="paused"))

    assert controls.for_attempt().steering.paused_by == "paused"

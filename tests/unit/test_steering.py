"""What the signals and the operator leave to the copy."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import pytest

from osc import errors
from osc.model.controls import Controls
from osc.model.steering import LEAST_SHARE, Steering, next_share


def after(now: Steering, *severities: float) -> Steering:
    for severity in severities:
        now = next_share(now, severity)
    return now


def test_a_calm_server_gives_the_copy_all_of_it_little_by_little() -> None:
    begun = Steering(share=0.5, fair=0.5)

    assert after(begun, 0.2).share == pytest.approx(0.5 + 1 / 128)
    assert after(begun, *[0.2] * 64).share == 1.0
    assert after(begun, *[0.2] * 99).share == 1.0


def test_a_signal_near_its_limit_makes_the_copy_slower_before_the_limit_is_reached() -> None:
    assert after(Steering(), 0.8).share == pytest.approx(0.7)
    assert after(Steering(), *[0.8] * 99).share == LEAST_SHARE


def test_after_the_limit_was_reached_half_of_it_comes_back_quickly_and_the_rest_slowly() -> None:
    hit = next_share(Steering(share=0.8), severity=1.3)
    assert hit.share == LEAST_SHARE

    quickly = after(hit, *[0.2] * 3)
    assert quickly.share == pytest.approx(0.4)
    assert after(quickly, 0.2).share == pytest.approx(0.4 + 1 / 128)


def test_what_was_too_much_is_learnt_once_however_long_a_signal_stays_beyond_its_limit() -> None:
    hit = replace(next_share(Steering(share=0.8), severity=1.3), held_by="throttled: latency")

    assert after(hit, 5.0, 1.0).fair == pytest.approx(0.4)


def test_what_stands_still_does_not_grow() -> None:
    held = Steering(share=LEAST_SHARE, fair=0.4, held_by="throttled: latency")

    assert after(held, 0.95, 0.95) == held


def test_half_a_share_is_half_of_the_connections_and_shorter_chunks() -> None:
    half = Steering(share=0.5)

    assert half.connections(8) == 4
    assert half.chunk_time(0.6) == pytest.approx(0.3)
    assert half.rest(8, chunk_seconds=1.0) == 0.0


@pytest.mark.parametrize(("share", "seconds"), [(1.0, 0.02), (0.5, 0.01), (1 / 16, 0.005)])
def test_a_chunk_takes_no_longer_than_a_commit_may(share: float, seconds: float) -> None:
    assert Steering(share=share, latency_seconds=0.02).chunk_time(0.5) == pytest.approx(seconds)


def test_less_than_one_connection_rests_between_its_chunks() -> None:
    little = Steering(share=LEAST_SHARE)

    assert little.connections(2) == 1
    assert little.rest(2, chunk_seconds=0.1) == pytest.approx(0.7)


def test_a_pause_holds_copy_and_verification_but_changes_are_followed() -> None:
    paused = Steering().paused("operator", "paused by ann")

    assert paused.connections(4) == 0
    assert paused.verification_waits_for == "paused by ann"
    assert paused.cut_over_waits_for == "paused by ann"
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

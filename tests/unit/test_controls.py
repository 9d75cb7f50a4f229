"""Who stops what."""

from __future__ import annotations

import pytest

from osc import errors
from osc.model.controls import Controls

REASON = errors.Aborted("enough")


def test_an_attempt_stops_with_the_run() -> None:
    controls = Controls()
    attempt = controls.for_attempt()

    controls.stop(REASON)

    with pytest.raises(errors.Aborted, match="enough"):
        attempt.check()


def test_an_attempt_that_stops_leaves_the_run_alone() -> None:
    controls = Controls()

    controls.for_attempt().stop(REASON)

    controls.check()
    controls.for_attempt().check()


def test_an_attempt_of_a_run_that_was_stopped_is_stopped() -> None:
    controls = Controls()
    controls.stop(REASON)

    with pytest.raises(errors.Aborted, match="enough"):
        controls.for_attempt().check()

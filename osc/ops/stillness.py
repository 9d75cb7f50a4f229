"""Keeps account of how long a run stands still, and says so in the log when that lasts.

A wait of a moment is how a throttle works, and no news; one that lasts is what whoever reads the
log in the morning wants to find there, with its reason and its end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from osc.model.phase import Phase
from osc.model.progress import Progress
from osc.model.reading import Reading, worst
from osc.model.standstill import Standstill
from osc.model.steering import Steering
from osc.ops.units import duration

LASTING_SECONDS = 5.0
WAITING_FOR_LEAVE = (Phase.CUT_OVER, Phase.NATIVE)

log = logging.getLogger("osc.throttle")


def standing(phase: Phase, now: Steering) -> str:
    """What a run in this phase stands still for, in words; empty while it goes on."""
    match phase:
        case Phase.COPY:
            return now.copy_waits_for
        case Phase.VERIFY:
            return now.verification_waits_for
        case _ if phase in WAITING_FOR_LEAVE:
            return now.cut_over_waits_for
        case _:
            return ""


def standstill(
    phase: Phase, now: Steering, readings: Sequence[Reading], seconds: float
) -> Standstill | None:
    """The moment that has just passed, where it was one of standing still."""
    reason = standing(phase, now)
    if not reason:
        return None
    is_wished = now.cut_over_waits_for if phase in WAITING_FOR_LEAVE else now.paused_by
    bad = None if is_wished else worst(readings)
    if bad is None:
        return Standstill(reason, seconds)
    return Standstill(bad.name, seconds, str(bad), bad.severity)


@dataclass
class Teller:
    """Hears of each moment, in order; `seconds` is how long the present standstill has lasted."""

    seconds: float = 0.0
    _has_told: bool = False

    def hear(self, progress: Progress, reason: str, passed: float) -> None:
        if reason:
            self.seconds += passed
            if self.seconds >= LASTING_SECONDS and not self._has_told:
                self._has_told = True
                self._tell("%s of %s stands still: %s", progress, reason)
            return
        if self._has_told:
            self._tell("%s of %s goes on after %s", progress, duration(self.seconds))
        self.seconds, self._has_told = 0.0, False

    def _tell(self, sentence: str, progress: Progress, more: str) -> None:
        log.info(
            sentence, progress.phase, progress.table, more,
            extra={
                "action": "throttled", "phase": str(progress.phase), "table": progress.table,
                "seconds": round(self.seconds, 1),
            },
        )  # fmt: skip

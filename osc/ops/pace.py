"""How fast it goes and how long it will take, from a few readings of the whiteboard."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from osc.model.phase import Phase
from osc.model.progress import Progress
from osc.ops.units import count, duration

WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class Step:
    """How much of a phase is done; `total` is 0 where nobody knows."""

    done: int
    total: int

    @property
    def share(self) -> float | None:
        return min(self.done / self.total, 1.0) if self.total > 0 else None


def step(progress: Progress) -> Step | None:
    """The rows of a phase that goes through rows; None for any other phase."""
    match progress.phase:
        case Phase.COPY:
            return Step(progress.rows_copied, max(progress.rows_estimated, 0))
        case Phase.VERIFY:
            return Step(progress.rows_verified, progress.rows_copied)
        case _:
            return None


class Pace:
    """Rows a second over the last ten seconds (or since the last two readings, if longer ago)."""

    def __init__(self) -> None:
        self._phase: Phase | None = None
        self._readings: deque[tuple[float, int]] = deque()

    def rate(self, progress: Progress, now: float) -> float | None:
        """Takes a reading in; None while there is nothing to compare it with."""
        if progress.phase is not self._phase:
            self._phase = progress.phase
            self._readings.clear()
            self._readings.append((progress.phase_started_at, 0))
        here = step(progress)
        if here is None:
            return None
        self._readings.append((now, here.done))
        while len(self._readings) > 2 and self._readings[1][0] <= now - WINDOW_SECONDS:
            self._readings.popleft()
        (before, rows), passed = self._readings[0], now - self._readings[0][0]
        return (here.done - rows) / passed if passed > 0 and before < now else None


def details(progress: Progress, rate: float | None) -> str:
    """What there is to say about the phase, what matters most first: a terminal may be narrow."""
    return ", ".join((*_rows(progress, rate), *_waiting(progress)))


def _rows(progress: Progress, rate: float | None) -> list[str]:
    here = step(progress)
    if here is None:
        return []
    parts = [f"{here.share:.0%}"] if here.share is not None else []
    if rate and here.total > here.done:
        parts.append(f"{_left((here.total - here.done) / rate)} left")
    about = "~" if progress.phase is Phase.COPY else ""
    of = f" of {about}{count(here.total)}" if here.total else ""
    parts.append(f"{count(here.done)}{of} rows")
    return [*parts, f"{count(round(rate))} rows/s"] if rate else parts


def _left(seconds: float) -> str:
    """An estimate has no tenths."""
    return f"{math.ceil(seconds)} s" if seconds < 59 else duration(seconds)


def _waiting(progress: Progress) -> list[str]:
    parts = [f"backlog {count(progress.backlog)}"] if progress.backlog else []
    if progress.phase is Phase.CUT_OVER and progress.cut_over_attempts > 1:
        parts.append(f"attempt {progress.cut_over_attempts}")
    if progress.differences:
        parts.append(f"{count(progress.differences)} differences")
    if progress.waiting_for:
        parts.append(f"waiting for {progress.waiting_for}")
    return parts


def outcome(before: Progress) -> str:
    """What a phase that just ended has done, from the last reading in it."""
    match before.phase:
        case Phase.COPY:
            return f"{count(before.rows_copied)} rows"
        case Phase.VERIFY:
            return f"{count(before.rows_verified)} rows"
        case Phase.CUT_OVER if before.cut_over_attempts > 1:
            return f"{before.cut_over_attempts} attempts"
        case _:
            return ""

"""How fast it goes and how long it will take, from a few readings of the whiteboard."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass

from osc.model.lags import slowest
from osc.model.phase import Phase
from osc.model.progress import Progress
from osc.ops.units import count, duration, size

WINDOW_SECONDS = 10.0
GROWTH_SECONDS = 60.0
MOST_RATES = 600
NARROW = 1.3
"""A range whose ends are nearer to each other than this is told as one number."""
SHORTEST_WAIT_SECONDS = 5.0
"""What has waited for less is no news."""
LONGEST_LEFT_SECONDS = 30 * 86_400.0
CONVERGING = frozenset({Phase.CATCH_UP, Phase.VERIFY, Phase.CUT_OVER})
"""Phases in which a backlog that grows is bad news; while rows are copied, keys may wait."""


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


@dataclass(frozen=True)
class Speed:
    """Rows a second: over the last ten seconds, and the slow and fast ends of the last minutes.
    `growth` is by how many changes a second the backlog has grown over the last minute; None while
    nobody can tell."""

    rate: float
    slow: float
    fast: float
    growth: float | None = None


class Pace:
    """Takes readings in and tells the speed; each phase has one of its own."""

    def __init__(self) -> None:
        self._phase: Phase | None = None
        self._readings: deque[tuple[float, int]] = deque()
        self._rates: deque[float] = deque(maxlen=MOST_RATES)
        self._backlogs: deque[tuple[float, int]] = deque()

    def speed(self, progress: Progress, now: float) -> Speed | None:
        """None while there is nothing to compare the reading with."""
        if progress.phase is not self._phase:
            self._begin(progress)
        growth = self._growth(progress.backlog, now)
        here = step(progress)
        rate = self._rate(here.done, now) if here is not None else None
        if rate is None:
            return None if growth is None else Speed(0.0, 0.0, 0.0, growth)
        self._rates.append(rate)
        ordered = sorted(self._rates)
        tail = len(ordered) // 10
        return Speed(rate, ordered[tail], ordered[-1 - tail], growth)

    def _begin(self, progress: Progress) -> None:
        self._phase = progress.phase
        self._rates.clear()
        self._backlogs.clear()
        self._readings.clear()
        self._readings.append((progress.phase_started_at, 0))

    def _rate(self, done: int, now: float) -> float | None:
        self._readings.append((now, done))
        while len(self._readings) > 2 and self._readings[1][0] <= now - WINDOW_SECONDS:
            self._readings.popleft()
        (before, rows), passed = self._readings[0], now - self._readings[0][0]
        return (done - rows) / passed if passed > 0 and before < now else None

    def _growth(self, backlog: int, now: float) -> float | None:
        self._backlogs.append((now, backlog))
        while len(self._backlogs) > 2 and self._backlogs[1][0] <= now - GROWTH_SECONDS:
            self._backlogs.popleft()
        before, least = self._backlogs[0]
        return (backlog - least) / (now - before) if now - before >= GROWTH_SECONDS else None


def details(progress: Progress, speed: Speed | None) -> str:
    """What there is to say about the phase, what matters most first: a terminal may be narrow."""
    return ", ".join(filter(None, (numbers(progress, speed), reasons(progress, speed))))


def numbers(progress: Progress, speed: Speed | None) -> str:
    """How far it is."""
    return ", ".join((*_rows(progress, speed), *_behind(progress)))


def reasons(progress: Progress, speed: Speed | None) -> str:
    """What it stands still for, or why it may not come to an end; empty while all is well."""
    return "; ".join(_waiting(progress, speed))


def signals(progress: Progress) -> str:
    """What it is held to, and how near to its limit each is; what has no limit holds nothing."""
    return "; ".join(
        str(reading)
        for reading in progress.signals
        if reading.trouble or (reading.limit > 0 and not math.isinf(reading.limit))
    )


def _behind(progress: Progress) -> list[str]:
    parts = [waiting(progress.backlog, progress.backlog_seconds(time.monotonic()))]
    lag = slowest(progress.signals)
    if lag is not None:
        parts.append(f"lag {lag:.1f} s")
    if progress.share < 1 and not progress.waiting_for:
        parts.append(f"slowed to {max(progress.share, 0.01):.0%}")
    return [part for part in parts if part]


def waiting(changes: int, seconds: float) -> str:
    """How many changes wait, and for how long the oldest has; empty where none does."""
    age = f" (the oldest for {_about(seconds)})" if seconds >= SHORTEST_WAIT_SECONDS else ""
    return f"backlog {count(changes)}{age}" if changes else ""


def _rows(progress: Progress, speed: Speed | None) -> list[str]:
    here = step(progress)
    if here is None:
        return []
    parts = [f"{here.share:.0%}"] if here.share is not None else []
    if speed and speed.rate and here.total > here.done:
        parts.append(f"{_left(here.total - here.done, speed)} left")
    about = "~" if progress.phase is Phase.COPY else ""
    of = f" of {about}{count(here.total)}" if here.total else ""
    parts.append(f"{count(here.done)}{of} rows")
    if progress.phase is Phase.COPY and progress.bytes_estimated and here.share is not None:
        parts[-1] += f" (~{size(round(here.share * progress.bytes_estimated))})"
    return [*parts, f"{count(round(speed.rate))} rows/s"] if speed and speed.rate else parts


def left(progress: Progress, speed: Speed | None) -> tuple[float, float] | None:
    """Seconds that the phase may take yet, at the speed of now and at that of its slowest tenth."""
    here = step(progress)
    if here is None or not (speed and speed.rate and here.total > here.done):
        return None
    rows = here.total - here.done
    return rows / speed.rate, rows / max(speed.slow, rows / LONGEST_LEFT_SECONDS)


def _left(rows: int, speed: Speed) -> str:
    """An estimate has no tenths, and it is a range where the speed has been one."""
    soon, late = rows / max(speed.fast, 1e-9), rows / max(speed.slow, rows / LONGEST_LEFT_SECONDS)
    if late <= soon * NARROW:
        return _about(rows / speed.rate)
    return f"{_about(soon)} to {_about(late)}"


def _about(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < 59 else duration(seconds)


def _waiting(progress: Progress, speed: Speed | None) -> list[str]:
    parts = []
    if progress.phase in CONVERGING and speed and (speed.growth or 0.0) > 0:
        parts.append(
            f"it grows by {count(round(speed.growth or 0))} a second: this does not converge at "
            "this write rate"
        )
    if progress.phase is Phase.CUT_OVER and progress.cut_over_attempts > 1:
        parts.append(f"attempt {progress.cut_over_attempts}")
    if progress.differences:
        parts.append(f"{count(progress.differences)} differences")
    if progress.waiting_for:
        parts.append(progress.waiting_for)
        if progress.phase is Phase.CUT_OVER and progress.forecast:
            parts.append(progress.forecast)
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

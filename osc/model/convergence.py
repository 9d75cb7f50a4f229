"""Whether the backlog gets shorter, or changes come in faster than they are applied.

Catching up goes in rounds: each acts on all that had come in when it began, and leaves to the next
what came in meanwhile. So rounds get shorter exactly while changes are applied faster than they
arrive. When no round has been shorter than the best so far for longer than a limit, waiting on is
no use: the load has to change, not the patience.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from osc import errors

WINDOW_SECONDS = 60.0
SHORTER = 0.9
"""A round counts as shorter when it took less than this part of the best one's time."""


@dataclass(frozen=True)
class Reading:
    """Counts since the start: keys that came to wait, and keys that were acted on; and how many
    wait now."""

    at: float
    arrived: int
    applied: int
    waiting: int = 0


@dataclass
class Convergence:
    """Times are a clock's that never goes back, in seconds."""

    limit_seconds: float
    _readings: deque[Reading] = field(default_factory=deque)
    _began_at: float = 0.0
    _best_seconds: float = float("inf")
    _best_at: float = 0.0

    def begin(self, now: float) -> None:
        """A round begins."""
        if self._best_seconds == float("inf"):
            self._best_at = now
        self._began_at = now

    def end(self, now: float) -> float:
        """The round has ended; how long it took."""
        seconds = now - self._began_at
        if seconds < self._best_seconds * SHORTER:
            self._best_seconds, self._best_at = seconds, now
        return seconds

    def read(self, reading: Reading) -> None:
        """Readings closer than a second to the last one are left out, so that they stay few."""
        if self._readings and reading.at - self._readings[-1].at < 1.0:
            return
        self._readings.append(reading)
        while self._readings[-1].at - self._readings[0].at > WINDOW_SECONDS:
            self._readings.popleft()

    def told(self) -> str:
        """What goes on, in words; empty before one can tell."""
        if len(self._readings) < 2:
            return ""
        first, last = self._readings[0], self._readings[-1]
        seconds = last.at - first.at
        arriving = (last.arrived - first.arrived) / seconds
        applying = (last.applied - first.applied) / seconds
        return (
            f"{last.waiting:,} keys wait, {arriving:,.0f} a second come in, "
            f"{applying:,.0f} a second are applied"
        )

    def check(self, now: float, table: str) -> None:
        """Guarded when the limit is over, and the round that runs or ends is no shorter."""
        if now - self._best_at <= self.limit_seconds:
            return
        if now - self._began_at <= self._best_seconds * SHORTER:
            return
        raise errors.Guarded(
            f"changes of {table} come in faster than they can be applied "
            f"({self.told() or 'too fast to tell'}), and for {self.limit_seconds:,.0f} s catching "
            "up has come no nearer to its end",
            still_true=f"{table} still serves and is untouched",
            todo="go on when fewer rows are written, or let more connections act on them "
            "(--most-threads); --catch-up-limit waits longer",
        )

"""How many connections copy: found by trying, with what the server makes of them as the answer.

The number that is best depends on cores, disks and neighbours that nobody tells us. So now and then
one connection more is tried, or one fewer, and kept when the rows that are copied in a second say
so: hill climbing. One more has to give a good part of what it would give on an idle machine, one
fewer may cost hardly anything; between the two, nothing changes. What users feel decides before
that: as soon as a small commit takes much longer than it did before, a try is over.

    rest ──► try w+1: rate up by a third of 1/w or more? ── yes: keep it, try the next at once
      ▲          └── no: back to w, rest
      └──────── rest, then try w-1: rate within 3 %? ── yes: keep it ── no: back to w

While others write to the table and a small commit takes much longer than it did before the copy,
one fewer is tried at once, and kept even where that costs a good part of what one connection does.
Measured on MySQL 9.7 with 2 cores and 300 transactions a second, twice each: with one connection
instead of two, 90 of 100 transactions ended within 9 and 11 ms instead of 44 and 59, and the run
took 15 and 20 s instead of 15.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_SECONDS = 4.0
"""How long a rate is measured; more where chunks are long."""
WINDOW_CHUNKS = 3
"""For each connection."""
REST_SECONDS = 30.0
"""Between two tries, because each one disturbs."""
PART_OF_IDEAL = 1 / 3
HARDLY_LESS = 0.97
SLOWER = 2.0
"""A commit that takes so many times as long as before is felt, …"""
FELT_SECONDS = 0.02
"""… if it takes longer than that at all."""
FELT_WINDOW_SECONDS = 1.0
"""How long a rate is measured that is about to be given up, since users feel it."""
PART_GIVEN_UP = 1 / 2
"""Of an idle machine's share of one connection: what calm may cost."""


@dataclass(frozen=True)
class _Measured:
    """Rows a second with so many connections, and the seconds that a small commit took; `hurts`
    says that this was too long for those who write meanwhile."""

    width: int
    rate: float
    commit_seconds: float
    hurts: bool = False


@dataclass
class _Window:
    """What has been counted since the number of connections changed."""

    chunks: int = 0
    rows: int = 0
    since: float = 0.0
    commit_seconds: float = 0.0
    is_shared: bool = False


class Width:
    """`width` is the number of connections that may copy now: at least 1, at most `most`.

    `done` is told of each chunk; the times are seconds on one clock. `quiet_seconds` is what a
    small commit took before the copy, 0 where nobody knows. Used under the copier's lock.
    """

    def __init__(self, start: int, most: int, now: float, quiet_seconds: float = 0.0) -> None:
        self.most = max(start, most)
        self._quiet_seconds = quiet_seconds
        self.width = start
        self._rested_at = now
        self._before: _Measured | None = None
        self._upwards = True
        self._window = _Window()

    @property
    def settled(self) -> int:
        """The number that has proved itself: the one before a try that is under way."""
        return self._before.width if self._before else self.width

    def done(
        self, now: float, rows: int, commit_seconds: float, *, is_shared: bool = False
    ) -> None:
        """A chunk of so many rows has ended; `commit_seconds` is the newest reading of what a small
        commit takes, 0 where nobody knows; others have written meanwhile where it `is_shared`."""
        seen = self._window
        seen.chunks += 1
        if seen.chunks <= self.width:
            seen.since = now  # Begun with another number of connections.
            return
        seen.rows += rows
        seen.commit_seconds = max(seen.commit_seconds, commit_seconds)
        seen.is_shared = seen.is_shared or is_shared
        lasted = now - seen.since
        if self._before and self._is_felt(self._before):
            self._back(now, self._before)
        elif self._hurts(now, lasted):
            self._relieve(_Measured(self.width, seen.rows / lasted, seen.commit_seconds, True))
        elif lasted >= WINDOW_SECONDS and seen.chunks > (1 + WINDOW_CHUNKS) * self.width:
            self._judge(now, _Measured(self.width, seen.rows / lasted, seen.commit_seconds))

    def disturbed(self, now: float) -> None:
        """The copy was held back meanwhile: what was measured says nothing."""
        if self._before:
            self._back(now, self._before)
        self._window = _Window()

    def _is_felt(self, before: _Measured) -> bool:
        allowed = max(FELT_SECONDS, SLOWER * before.commit_seconds)
        return self.width > before.width and self._window.commit_seconds > allowed

    def _hurts(self, now: float, lasted: float) -> bool:
        """Where fewer were too slow a while ago, they aren't tried again before a rest."""
        seen, may = self._window, self._before is None and now >= self._rested_at
        if self.width == 1 or not may or not seen.is_shared or lasted < FELT_WINDOW_SECONDS:
            return False
        is_felt = seen.commit_seconds > max(FELT_SECONDS, SLOWER * self._quiet_seconds)
        return is_felt and seen.chunks > 2 * self.width

    def _relieve(self, found: _Measured) -> None:
        self._before, self._upwards = found, False
        self.width -= 1
        self._window = _Window()

    def _judge(self, now: float, found: _Measured) -> None:
        before, self._before = self._before, None
        if before is None:
            if now >= self._rested_at:
                self._try(found)
        elif found.rate < _wanted(before, self.width):
            self._back(now, before)
        elif self.width < before.width:
            self._rested_at = now + REST_SECONDS
        else:
            self._try(found)
        self._window = _Window()

    def _try(self, found: _Measured) -> None:
        to = self.width + 1 if self._upwards else self.width - 1
        if 1 <= to <= self.most:
            self._before, self.width = found, to
        else:
            self._upwards = not self._upwards

    def _back(self, now: float, before: _Measured) -> None:
        self._upwards = self.width < before.width
        self.width, self._before = before.width, None
        self._rested_at = now + REST_SECONDS
        self._window = _Window()


def _wanted(before: _Measured, width: int) -> float:
    """Rows a second that make the new number of connections the better one."""
    if width < before.width:
        part = 1 - PART_GIVEN_UP / before.width if before.hurts else HARDLY_LESS
        return before.rate * part
    return before.rate * (1 + PART_OF_IDEAL / before.width)

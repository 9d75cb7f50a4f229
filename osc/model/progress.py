"""The whiteboard that stages write and operators read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from osc.errors import Bug
from osc.model.lags import NO_LAGS, Lags
from osc.model.phase import NEXT, Phase
from osc.model.reading import LATENCY, Reading
from osc.model.spread import NOTHING, Spread
from osc.model.standstill import Standstills


@dataclass(frozen=True)
class Progress:
    """One reading of the whiteboard; counts since the start, times in seconds. `share` is the part
    of its connections and time that the signals leave the copy; `log_bytes` what the server has
    written into its log meanwhile, whoever made it do so. Of the changes that wait, the oldest was
    read at `oldest_change_at`, a time of the monotonic clock; 0 where none waits."""

    phase: Phase = Phase.PLAN
    table: str = ""
    rows_estimated: int = 0
    bytes_estimated: int = 0
    rows_copied: int = 0
    chunks_copied: int = 0
    chunk_size: int = 0
    chunk_seconds: Spread = NOTHING
    changes_delivered: int = 0
    changes_forgotten: int = 0
    changes_applied: int = 0
    conflicts: int = 0
    backlog: int = 0
    oldest_change_at: float = 0.0
    log_bytes: int = 0
    rows_verified: int = 0
    differences: int = 0
    rows_repaired: int = 0
    cut_over_attempts: int = 0
    lock_wait_seconds: float = 0.0
    lock_held_seconds: float = 0.0
    waiting_for: str = ""
    forecast: str = ""
    allowed_by: str = ""
    lags: Lags = NO_LAGS
    signals: tuple[Reading, ...] = ()
    share: float = 1.0
    standstills: Standstills = ()
    started_at: float = 0.0
    phase_started_at: float = 0.0

    @property
    def commit_seconds(self) -> float:
        """What a small commit takes at the moment; 0 where nobody has looked."""
        return next((one.value for one in self.signals if one.name == LATENCY), 0.0)

    def backlog_seconds(self, now: float) -> float:
        """How long the oldest change that waits has been known to us; what the server's log has and
        nobody has read yet is not in it."""
        return max(0.0, now - self.oldest_change_at) if self.oldest_change_at else 0.0


class Tracker:
    """Thread-safe. `at(phase)` moves on; `add` counts; `note` sets; `read` gives a frozen copy."""

    def __init__(self) -> None:
        now = time.monotonic()
        self._changed = threading.Condition()
        self._progress = Progress(started_at=now, phase_started_at=now)
        self._seconds: dict[Phase, float] = {}
        self._listeners: list[Callable[[Phase], None]] = []
        self._on_leave: list[Callable[[], None]] = []

    def read(self) -> Progress:
        with self._changed:
            return self._progress

    def on_phase(self, listener: Callable[[Phase], None]) -> None:
        """`listener` is called in the stage's thread each time a phase begins."""
        self._listeners.append(listener)

    def on_leave(self, listener: Callable[[], None]) -> None:
        """`listener` is called in the stage's thread when the cut-over has leave; it may raise."""
        self._on_leave.append(listener)

    def leave(self) -> None:
        """Nobody holds the cut-over back, for the first time or again."""
        for listener in self._on_leave:
            listener()

    def at(self, phase: Phase) -> None:
        """The migration enters `phase`; raises Bug where `NEXT` doesn't allow it."""
        with self._changed:
            here, now = self._progress.phase, time.monotonic()
            if phase not in NEXT[here]:
                raise Bug(f"phase {phase} can't follow {here}")
            spent = now - self._progress.phase_started_at
            self._seconds[here] = self._seconds.get(here, 0.0) + spent
            self._progress = replace(
                self._progress, phase=phase, phase_started_at=now, waiting_for=""
            )
            self._changed.notify_all()
        for listener in self._listeners:
            listener(phase)

    def add(self, **counts: int) -> None:
        with self._changed:
            values: dict[str, Any] = {
                name: getattr(self._progress, name) + count for name, count in counts.items()
            }
            self._progress = replace(self._progress, **values)
            self._changed.notify_all()

    def chunk(self, rows: int, seconds: float) -> None:
        """A chunk of so many rows has committed, after so long."""
        with self._changed:
            took = self._progress.chunk_seconds.with_one(seconds)
            self._progress = replace(self._progress, chunk_seconds=took)
        self.add(rows_copied=rows, chunks_copied=1)

    def note(self, **values: Any) -> None:
        with self._changed:
            self._progress = replace(self._progress, **values)
            self._changed.notify_all()

    def seconds_in(self, phase: Phase) -> float:
        """How long the finished visits to a phase lasted."""
        with self._changed:
            return self._seconds.get(phase, 0.0)

    def wait_until(self, reached: Callable[[Progress], bool], timeout_seconds: float) -> bool:
        """Blocks until `reached` holds of the whiteboard; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: reached(self._progress), timeout_seconds)

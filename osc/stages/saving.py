"""Saves how far the changes have been acted on (rule 6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from osc.engine import ChangeSource, Job, Ledger
from osc.model.backlog import Backlog
from osc.model.progress import Tracker
from osc.stages.spill import Spill

LONGEST_AT_ONE_POSITION_SECONDS = 60.0
"""Keys that are held longer go to the ledger, so that the server need not keep its log for them."""
SAVE_SECONDS = 1.0


@dataclass
class Saver:
    """Used by whoever has the turn with the backlog. `came_at`: when the oldest key in memory was
    read."""

    job: Job
    ledger: Ledger
    source: ChangeSource
    backlog: Backlog
    spill: Spill
    tracker: Tracker
    came_at: Callable[[], float | None]
    _saved_at: float = 0.0
    _position: str = ""
    _moved_at: float = 0.0

    def save(self, *, at_once: bool = False) -> None:
        """The position never passes a key that is neither applied nor forgotten. Once in a while
        only, but where it is to be `at_once`."""
        now = time.monotonic()
        is_due = at_once or now - self._saved_at >= SAVE_SECONDS
        if not is_due or not self.spill.ripe:
            return
        position = self.backlog.safe_position()
        if position != self._position:
            self._position, self._moved_at = position, now
        elif self.backlog.waiting and now - self._moved_at > LONGEST_AT_ONE_POSITION_SECONDS:
            self.spill.take_in(self.backlog, self.came_at() or now)
            position = self.backlog.safe_position()
        progress = self.tracker.read()
        self.ledger.save(
            self.job.id,
            position=str(position),
            phase=str(progress.phase),
            rows_copied=progress.rows_copied,
        )
        self.source.confirm(position)
        self._saved_at = now

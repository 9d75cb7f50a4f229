"""What stands before a lock that applications notice: leave, a forecast, and a look at the table.

Whoever holds a cut-over back for a week wants to know before he gives it leave whether the lock can
be had; and at once, not then, that somebody has altered the table meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from osc import errors
from osc.model.blocker import Blocker
from osc.model.controls import Controls
from osc.model.forecast import forecast
from osc.model.progress import Tracker
from osc.model.steering import Steering

LOOK_SECONDS = 5.0
"""How often the table is looked at and the lock forecast anew while it is held back."""

log = logging.getLogger("osc.cutover")


@dataclass
class Leave:
    """`by` runs it, and so allows what nobody has held back. `old_transactions` counts those on the
    server that are older than ten seconds; `onlookers` are those to whom rows would be missing
    afterwards; `recheck` raises TableChanged where the table is not what it was. `on_allowed` hears
    who allowed what comes now, each of them once."""

    tracker: Tracker
    controls: Controls
    blockers: Callable[[], list[Blocker]]
    old_transactions: Callable[[], float] = lambda: 0.0
    onlookers: Callable[[], list[Blocker]] = list
    recheck: Callable[[], object] = lambda: None
    by: str = ""
    on_allowed: Callable[[str], None] = lambda allowed_by: None
    _look_at: float = 0.0
    _has_leave: bool = False

    def wait(self) -> None:
        """Returns when it is given and the table is still the same; changes are followed
        meanwhile."""

        def waits_for(now: Steering) -> str:
            if now.cut_over_waits_for and time.monotonic() >= self._look_at:
                self.recheck()
                self._forecast()
            return now.cut_over_waits_for

        def tell(reason: str) -> None:
            self._has_leave = False
            self.tracker.note(waiting_for=reason)

        self.controls.wait_while(waits_for, tell)
        self.recheck()
        if not self._has_leave:
            self.tracker.leave()
            self._has_leave = True

    @contextmanager
    def taken(self, what: str, ready: Callable[[], None] = lambda: None) -> Iterator[None]:
        """An attempt at `what`, for the length of the block. `ready` may take its time; so leave is
        asked for again after it, and taken in one step with that: a word that comes too late for
        this attempt is told so."""
        while True:
            self.wait()
            ready()
            if self.controls.steer(Steering.beginning).attempting:
                break
        try:
            self.tell(what)
            yield
        finally:
            self.controls.steer(Steering.ending)

    def tell(self, what: str) -> None:
        """Says, before an attempt at it, who allowed it and what its lock would meet."""
        self._forecast()
        now = self.tracker.read()
        allowed = self.controls.steering.cut_over_allowed_by or f"{self.by}, who runs it"
        if allowed != now.allowed_by:
            self.tracker.note(allowed_by=allowed)
            self.on_allowed(allowed)
        log.info(
            "%s, allowed by %s: %s", what, allowed, now.forecast,
            extra={"action": "cut-over", "allowed_by": allowed, "forecast": now.forecast},
        )  # fmt: skip

    def _forecast(self) -> None:
        """To say what is to come is no reason to fail."""
        try:
            told = str(forecast(self.blockers(), self.old_transactions(), self.onlookers()))
        except errors.OscError as error:
            told = f"lock expected free: not known ({error.happened})"
        self.tracker.note(forecast=told)
        self._look_at = time.monotonic() + LOOK_SECONDS

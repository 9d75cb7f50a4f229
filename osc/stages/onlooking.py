"""Waits for those to whom rows of the new table would be missing, by snapshots of before."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from osc.engine import Swapper
from osc.model.blocker import Blocker
from osc.model.controls import Controls
from osc.model.forecast import would_miss_rows
from osc.model.onlookers import Onlookers
from osc.model.progress import Tracker

LOOK_SECONDS = 0.2
"""How often it is looked at first whether they have ended: most have soon."""
BRIEFLY_SECONDS = 2.0
"""So long nothing is said of them; after that they are looked at once a second."""

log = logging.getLogger("osc.cutover")


@dataclass
class Onlooking:
    """`onlookers` are those of the moment at which the shadow was complete."""

    swapper: Swapper
    onlookers: Onlookers
    tracker: Tracker
    controls: Controls
    wait_seconds: float = 0.0

    def left(self) -> list[Blocker]:
        """Without those who have a lock on the table: they are waited for anyway, or ended."""
        left = self.onlookers.left()
        holders = {one.id for one in self.swapper.blockers() if one.certain} if left else ()
        return [one for one in left if one.id not in holders]

    def wait(self) -> None:
        """Whose snapshot is older than the rows of the new table would miss them, without an error.
        He is waited for, but not for ever: there may be a report that takes days and never looks
        at this table. Whoever comes later sees all, so this is asked once."""
        left, waited, pause = self.left(), 0.0, LOOK_SECONDS
        while left and waited < self.wait_seconds:
            self.tracker.note(waiting_for=would_miss_rows(left))
            if pause == LOOK_SECONDS and waited >= BRIEFLY_SECONDS:
                pause = 1.0
                log.info("waits up to %.0f s: %s", self.wait_seconds, would_miss_rows(left))
            self.controls.pause(pause)
            left, waited = self.left(), waited + pause
        self.tracker.note(waiting_for="")
        if left:
            log.warning(
                "waited %.0f s for old snapshots (--snapshot-wait), and go on: %s",
                waited, would_miss_rows(left),
                extra={"action": "onlookers", "sessions": [one.id for one in left]},
            )  # fmt: skip

"""Keeps the claim alive, and notices that another process has taken the migration over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from osc.engine import Claim, Session
from osc.model.controls import Controls
from osc.stages.fence import Fence

EVERY_SECONDS = 2.0


@dataclass
class Keeper:
    """A server takes a claim back when its connection is silent for a minute, so that a host that
    vanished doesn't bar the next one. Whoever wakes up after that stops by himself."""

    claim: Claim
    fence: Fence
    connect: Callable[[str], Session]
    controls: Controls
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `end`; an error stops the whole migration."""
        try:
            self._keep()
        except BaseException as error:
            self.controls.stop(error)
            raise

    def _keep(self) -> None:
        session = self.connect("keeper")
        try:
            while not self._ended.wait(EVERY_SECONDS):
                self.claim.renew()
                self.fence.require(session)
        finally:
            session.close()

    def end(self) -> None:
        self._ended.set()

"""How many connections act on changes: few while they keep up, more while the backlog stays long.

Writers that are faster than we are would be so for ever. Each connection more takes processor time
from them, so that they write less while we act on more: in the end it converges, and their pace is
theirs again. That is the price of swapping at all on a server that has nothing left to give, and so
it is paid by steps, and only while the backlog gets no shorter by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from osc.model.convergence import SHORTER, Reading

WINDOW_SECONDS = 3.0
MANY_KEYS = 1_000
"""Fewer are acted on in a moment, however fast they come."""


@dataclass
class Effort:
    """`least` connections, and up to `most`."""

    least: int
    most: int
    connections: int = field(init=False)
    _before: Reading | None = None

    def __post_init__(self) -> None:
        self.connections = self.least

    def read(self, reading: Reading) -> int:
        """How many there should be now; to be asked whenever some keys may be acted on."""
        before = self._before
        if before is not None and reading.at - before.at < WINDOW_SECONDS:
            return self.connections
        self._before = reading
        if reading.waiting < MANY_KEYS:
            self.connections = max(self.least, self.connections - 1)
        elif before is not None and reading.waiting > before.waiting * SHORTER:
            more = self.connections + max(1, self.connections // 2)
            self.connections = max(self.least, min(self.most, more))
        return self.connections

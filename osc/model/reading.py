"""What a gauge shows: a value, the limit that an operator has set for it, and how bad that is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LATENCY = "latency"
"""The signal that tells what a small commit takes at the moment."""
FREE_DISK = "free disk"
LOG_WRITTEN = "log written"


@dataclass(frozen=True)
class Reading:
    """`unit` is "s", "bytes" or empty for a number. `peak` is the worst value of the last moments,
    where one that was beyond the limit counts on. A lag `holds_following`, too: acting on changes
    makes it longer. Of what is free there is to be `at_least` the limit. `trouble` says why there
    is no value: a gauge that does not answer is bad. One that `is_awaited` could not have answered
    yet: nothing goes on before it has, but it says nothing of how much is too much."""

    name: str
    value: float = 0.0
    limit: float = 0.0
    unit: str = ""
    holds_following: bool = False
    at_least: bool = False
    trouble: str = ""
    is_awaited: bool = False
    peak: float = 0.0

    @property
    def severity(self) -> float:
        """The part of its limit: 1.0 where it is reached. Under a limit of 0 only 0 is good."""
        if self.trouble:
            return math.inf
        if self.at_least:
            return self.limit / self.value if self.value > 0 else math.inf
        if self.limit <= 0:
            return math.inf if self.value > 0 else 0.0
        return self._felt / self.limit

    @property
    def _felt(self) -> float:
        """A moment that was only near the limit is none to slow down for when it is over."""
        return max(self.value, self.peak) if self.peak >= self.limit else self.value

    def __str__(self) -> str:
        if self.trouble:
            return f"{self.name}: {self.trouble}"
        if self.at_least:
            least = f", at least {_number(self.limit, self.unit)}" if self.limit else ""
            return f"{self.name} {_number(self.value, self.unit)}{least}"
        if self.limit <= 0:
            return self.name if self.value > 0 else f"{self.name}: good"
        if math.isinf(self.limit):
            return f"{self.name} {_number(self.value, self.unit)}"
        return f"{self.name} {_number(self._felt, self.unit)} of {_number(self.limit, self.unit)}"


def _number(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 1e9:.1f} GB" if value >= 1e8 or not value else f"{value / 1e6:.1f} MB"
    text = f"{value:,.3f}".rstrip("0").rstrip(".") if value < 100 else f"{value:,.0f}"
    return f"{text} {unit}".rstrip()


def worst(readings: Iterable[Reading]) -> Reading | None:
    return max(readings, key=lambda reading: reading.severity, default=None)

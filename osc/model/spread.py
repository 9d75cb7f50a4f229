"""How long each of many things took: counted by its length, as Prometheus' histograms are."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import accumulate

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; what takes longer than the last is counted behind it."""


@dataclass(frozen=True)
class Spread:
    """`counts` are of those up to each bound, without those up to the bound before."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    seconds: float = 0.0

    def with_one(self, seconds: float) -> Spread:
        at = bisect_left(BOUNDS, seconds)
        counts = (*self.counts[:at], self.counts[at] + 1, *self.counts[at + 1 :])
        return replace(self, counts=counts, seconds=self.seconds + seconds)

    @property
    def count(self) -> int:
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """How many took no longer than each bound, the last of which has no end."""
        bounds = (*map(str, BOUNDS), "+Inf")
        return list(zip(bounds, map(float, accumulate(self.counts)), strict=True))

    def quantile(self, part: float) -> float | None:
        """The bound that so large a part of them did not exceed; None where there are none, or
        where the last bound was."""
        wanted = part * self.count
        for bound, below in zip(BOUNDS, accumulate(self.counts), strict=False):
            if self.count and below >= wanted:
                return bound
        return None


NOTHING = Spread()

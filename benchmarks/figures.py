"""Percentiles, medians and ratios: what a benchmark says about a list of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Spread", "median", "percentile", "ratio", "spread"]


@dataclass(frozen=True)
class Spread:
    """Percentiles of durations, in milliseconds; all 0 where there were none."""

    count: int
    p50: float
    p90: float
    p99: float
    slowest: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values don't exceed (nearest rank).

    It is always a value that was measured: no percentile lies between two of them.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a percentile of {share} of the values")
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(seconds: Iterable[float]) -> Spread:
    """The spread of durations given in seconds."""
    ordered = sorted(seconds)
    if not ordered:
        return Spread(0, 0.0, 0.0, 0.0, 0.0)
    shares = (percentile(ordered, share) for share in (0.5, 0.9, 0.99, 1.0))
    return Spread(len(ordered), *(round(one * 1000, 3) for one in shares))


def ratio(value: float, to: float) -> float | None:
    """How many times `to` the value is; None where that says nothing."""
    return round(value / to, 2) if to > 0 else None

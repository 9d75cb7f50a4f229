"""When each transaction of an open-loop load is meant to begin."""

from __future__ import annotations

import random
from collections.abc import Iterator


def intended(rate: float, begin: float, seed: int = 1) -> Iterator[float]:
    """Moments from `begin` on, `rate` a second on average, as independent users make them.

    The gaps are exponential, as in sysbench and pgbench. They never depend on how long anything
    took: a load that waits for its answers asks less as soon as the server stalls, and so hides
    the stall ("coordinated omission").
    """
    if rate <= 0:
        raise ValueError(f"a load of {rate} transactions a second")
    gap = random.Random(seed).expovariate
    moment = begin
    while True:
        moment += gap(rate)
        yield moment

"""How far the replicas were behind before, during and after a cut-over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from osc.model.reading import Reading


@dataclass(frozen=True)
class Lags:
    """Seconds of the slowest replica at each time; None where none is watched, or it is silent."""

    before: float | None = None
    during: float | None = None
    after: float | None = None

    def seen(self, readings: Iterable[Reading]) -> Lags:
        """With the worst of what is read while it lasts."""
        lag = slowest(readings)
        if lag is None:
            return self
        return replace(self, during=max(lag, self.during or 0.0))

    def __str__(self) -> str:
        if self.before is None and self.during is None and self.after is None:
            return ""
        told = (("before", self.before), ("during", self.during), ("after", self.after))
        return ", ".join(
            f"{_told(seconds)} {when} the swap" if when == "before" else f"{_told(seconds)} {when}"
            for when, seconds in told
        )


NO_LAGS = Lags()


def _told(seconds: float | None) -> str:
    return "not known" if seconds is None else f"{seconds:.2f} s"


def slowest(readings: Iterable[Reading]) -> float | None:
    """Only what a replica said counts: the server that knows of none reads 0, too."""
    lags = [
        reading.value for reading in readings if reading.holds_following and not reading.trouble
    ]
    return max(lags, default=None)

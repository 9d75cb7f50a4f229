"""What a cut-over may expect of the lock that it is about to ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from osc.model.blocker import Blocker, named


@dataclass(frozen=True)
class Forecast:
    """`holders` are those that have or await a lock on the table; `old` is how many transactions
    on the server are older than ten seconds: any of them may come to touch the table. `onlookers`
    have no lock, and snapshots from before the new table was complete."""

    holders: tuple[Blocker, ...]
    old: int
    onlookers: tuple[Blocker, ...] = ()

    @property
    def free(self) -> str:
        """ "yes", "no", or "not known" where the server doesn't show who has locks."""
        if not self.holders:
            return "yes"
        return "no" if any(holder.certain for holder in self.holders) else "not known"

    def __str__(self) -> str:
        plural = "" if self.old == 1 else "s"
        said = f"lock expected free: {self.free}; {self.old} transaction{plural} older than 10 s"
        if self.free == "no":
            said += f"; on the table: {named(self.holders)}"
        if self.onlookers:
            said += f"; {would_miss_rows(self.onlookers)}"
        return said


def would_miss_rows(onlookers: Sequence[Blocker]) -> str:
    return (
        "by snapshots from before the new table was complete, rows would be missing to:"
        f" {named(onlookers)}"
    )


def forecast(holders: Sequence[Blocker], old: float, onlookers: Sequence[Blocker] = ()) -> Forecast:
    return Forecast(tuple(holders), round(old), tuple(onlookers))

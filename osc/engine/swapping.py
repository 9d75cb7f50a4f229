"""The short lock, what happens under it, and what is left for afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from osc.engine.session import Session
from osc.model.blocker import Blocker
from osc.model.onlookers import Onlookers


@dataclass(frozen=True)
class Swapped:
    """A swap that took place."""

    lock_wait_seconds: float
    lock_held_seconds: float


class Swapper(Protocol):
    """The short lock and what happens under it (rule 9)."""

    def prepare(self, check: Callable[[], None]) -> None:
        """Makes ready beside the table what takes long and what the swap needs; changes are
        followed meanwhile. `check` raises where we are to stop. Doing it again is fine."""
        ...

    def swap(self, drain: Callable[[Session], None], budget_seconds: float) -> Swapped:
        """One attempt: lock, `drain` through the session that holds the lock, swap, release.

        Raises LockTimeout where the lock wasn't granted within the budget; whatever is raised, the
        attempt was undone, unless it is SwappedButUnfinished. A lost connection is answered by
        asking the catalog which of the two it was.
        """
        ...

    def was_swapped(self) -> bool:
        """Asks the catalog whether an earlier process has swapped; it must be quiet by now."""
        ...

    def recover(self) -> bool:
        """The same, and what an attempt of that process has left half done is completed where it
        has swapped, and put back where it has not."""
        ...

    def blockers(self) -> list[Blocker]:
        """Who holds or waits for locks on the original, the oldest transaction first."""
        ...

    def onlookers(self) -> Onlookers:
        """Who reads by a snapshot from before this moment, at which the shadow is complete, and has
        no lock on the original: rows of the new table would be missing to them."""
        ...

    def end(self, blocker: Blocker) -> None:
        """Ends that session; what its transaction did is undone. Fine where it is gone."""
        ...


class Aftercare(Protocol):
    """What only a serving table can be given, and what takes too long to be done under the lock."""

    def confirm(self) -> None:
        """Once, by whoever enters the phase first: SwappedButUnfinished where what serves is not
        what the ALTER makes of the original, for an engine whose `Swapper.swap` doesn't say so."""
        ...

    def finish(self, check: Callable[[], None]) -> None:
        """Does what the swap has left to do, within the lock budget; what that is, is asked of the
        catalog, so that it may be called again. `check` raises where we are to stop. Raises
        DataWouldBeLost where the rows contradict the new definition."""
        ...


class NoAftercare:
    """For a server whose swap leaves nothing to do."""

    def confirm(self) -> None:
        return

    def finish(self, check: Callable[[], None]) -> None:
        return

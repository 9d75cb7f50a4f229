"""Keys that memory has no room for: they wait in the ledger, in the order they came (rule 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from osc.engine import Ledger
from osc.model.arrivals import Arrivals
from osc.model.backlog import Backlog
from osc.model.change import KeyValue


@dataclass(frozen=True)
class Page:
    """Some of the oldest keys, each once; `upto` is the number of the last, `count` of how many
    entries they are."""

    keys: tuple[KeyValue, ...]
    upto: int
    count: int


@dataclass
class Spill:
    """Used by one thread at a time. `put` and `taken` count the entries that ever came and went.

    `ripe` says that each of them is visible. A huge transaction brings more keys than memory takes
    before it is known to be visible: these go to the ledger too, and then nothing of what is there
    is acted on before the next barrier.
    """

    ledger: Ledger
    migration: int
    put: int = 0
    taken: int = 0
    ripe: bool = True
    _done: int = 0
    _arrivals: Arrivals = field(default_factory=Arrivals)

    @property
    def count(self) -> int:
        """How many entries wait."""
        return self.put - self.taken

    def holds(self, upto: int) -> bool:
        """Whether one of the first so many entries still waits: the oldest go first."""
        return self.taken < upto

    @property
    def oldest_came_at(self) -> float | None:
        """When the oldest of them was read; None where nothing waits, or an earlier process has
        read all of it."""
        return self._arrivals.since(self.taken + 1) if self.count else None

    def take_in(self, backlog: Backlog, since: float) -> None:
        """All that waits in memory, where the oldest has been since then; it is durable when this
        returns."""
        self.ripe = self.ripe and backlog.fresh == 0
        keys = backlog.spill()
        self.ledger.spill(self.migration, keys)
        self._arrivals.came(self.put + 1, since)
        self.put += len(keys)

    def pages(self, most: int) -> Iterator[Page]:
        """All of it, oldest first; it stays."""
        after = self._done
        while self.count and (page := self._page(after, most)) is not None:
            yield page
            after = page.upto

    def oldest(self, most: int) -> Page | None:
        page = self._page(self._done, most) if self.count else None
        if page is None:
            self.taken = self.put
        return page

    def _page(self, after: int, most: int) -> Page | None:
        """From `after`, not from the beginning: an index is slow where its entries have just been
        deleted."""
        found = self.ledger.spilled(self.migration, after, most)
        if not found:
            return None
        return Page(tuple(dict.fromkeys(key for _, key in found)), found[-1][0], len(found))

    def forget(self, page: Page) -> None:
        """Its keys have been acted on."""
        self.ledger.unspill(self.migration, self._done, page.upto)
        self._done = page.upto
        self.taken = min(self.put, self.taken + page.count)

"""Keys read from the change source and not yet acted on.

    delivered ──► fresh ──barrier──► ripe ──take──► acting ──done──► gone
                            │                 ▲        │
                            └─ ahead: gone    └────────┘ put back

A key that arrives again while it is acted on is fresh again and will be acted on again: that is
all that "unless a newer change has arrived meanwhile" (rule 3) takes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from osc.model.change import Delivery, KeyValue, Position
from osc.model.watermark import Place


class Backlog:
    """Not thread-safe: one thread owns it.

    Each dict maps a key to the number of the delivery that brought it. `_fresh` and `_ripe` are in
    the order of these numbers, so their first value is their oldest.
    """

    def __init__(self, position: Position) -> None:
        self._fresh: dict[KeyValue, int] = {}
        self._ripe: dict[KeyValue, int] = {}
        self._acting: dict[KeyValue, int] = {}
        self._positions: deque[tuple[int, Position]] = deque([(0, position)])
        self._number = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._ripe) + len(self._acting)

    def __repr__(self) -> str:
        counts = f"fresh={len(self._fresh)} ripe={len(self._ripe)} acting={len(self._acting)}"
        return f"<Backlog {counts}>"

    @property
    def ripe(self) -> int:
        """How many keys are visible and wait to be acted on."""
        return len(self._ripe)

    @property
    def fresh(self) -> int:
        """How many keys may not be visible yet."""
        return len(self._fresh)

    @property
    def waiting(self) -> int:
        return len(self._fresh) + len(self._ripe)

    def add(self, delivery: Delivery, place: Callable[[KeyValue], Place]) -> int:
        """Takes a delivery in; returns how many keys its barrier let us forget."""
        self._number += 1
        for key in delivery.keys:
            self._fresh.setdefault(key, self._number)
        self._positions.append((self._number, delivery.position))
        return self._ripen(place) if delivery.barrier is not None else 0

    def _ripen(self, place: Callable[[KeyValue], Place]) -> int:
        """Every key delivered so far is visible: what lies ahead of the copy is forgotten."""
        fresh, self._fresh = self._fresh, {}
        forgotten = 0
        for key, number in fresh.items():
            if place(key) is Place.AHEAD:
                forgotten += 1
            else:
                self._ripe.setdefault(key, number)
        return forgotten

    def take(self, most: int, place: Callable[[KeyValue], Place]) -> tuple[KeyValue, ...]:
        """Ripe keys whose chunk has committed, at most so many; they are acted on from now."""
        taken: list[KeyValue] = []
        for key in self._ripe:
            if len(taken) == most:
                break
            if key not in self._acting and place(key) is Place.COPIED:
                taken.append(key)
        for key in taken:
            self._acting[key] = self._ripe.pop(key)
        return tuple(taken)

    def done(self, keys: Iterable[KeyValue]) -> None:
        """The shadow holds what the original held for these keys."""
        for key in keys:
            del self._acting[key]

    def put_back(self, keys: Iterable[KeyValue]) -> None:
        """Acting failed: the keys wait again, as old as they were."""
        returned = {key: self._acting.pop(key) for key in keys}
        merged = {**self._ripe, **returned}
        self._ripe = dict(sorted(merged.items(), key=lambda item: item[1]))

    def put_back_all(self) -> None:
        """Whatever is being acted on waits again."""
        self.put_back(tuple(self._acting))

    def keys(self) -> Iterator[KeyValue]:
        """Every key that is here, in whatever state."""
        yield from self._fresh
        yield from self._ripe
        yield from self._acting

    def ripe_keys(self) -> tuple[KeyValue, ...]:
        """All keys that are visible and wait, wherever they lie."""
        return tuple(self._ripe)

    def spill(self) -> tuple[KeyValue, ...]:
        """Gives up all keys that wait: the caller makes them durable before it does anything else,
        and acts on none of them before the next barrier."""
        given = tuple(dict.fromkeys((*self._ripe, *self._fresh)))
        self._ripe, self._fresh = {}, {}
        return given

    def safe_position(self) -> Position:
        """The newest position that passes no key which is still here (rule 6)."""
        waiting = [next(iter(keys.values())) for keys in (self._fresh, self._ripe) if keys]
        oldest = min((*waiting, *self._acting.values()), default=self._number + 1)
        while len(self._positions) > 1 and self._positions[1][0] < oldest:
            self._positions.popleft()
        return self._positions[0][1]

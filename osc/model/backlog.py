"""Keys read from the change source and not yet acted on.

    delivered ──► fresh ──barrier──► ripe ──take──► acting ──done──► gone
                            │                 ▲        │
                            └─ ahead: gone    └────────┘ put back

A key that arrives again while it is acted on is fresh again and will be acted on again: that is
all that "unless a newer change has arrived meanwhile" (rule 3) takes.

Nothing here grows with time: keys are as many as the caller lets in (`full`), and of the positions
that were passed a bounded number is remembered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from osc.model.change import Delivery, KeyValue, Position, bytes_of
from osc.model.watermark import Place

MOST_BYTES = 20_000_000
"""What the keys may take: long keys are fewer than short ones."""
MOST_POSITIONS = 1_000


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
        self._widest = 1
        self.arrived = 0
        """How many keys came in so far: each once while it waits, forgotten ones not at all."""

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

    def full(self, most: int) -> bool:
        """More keys wait than these, or than the memory for them allows."""
        return self.waiting > min(most, MOST_BYTES // self._widest)

    @property
    def newest(self) -> int:
        """The number of the newest delivery."""
        return self._number

    @property
    def oldest(self) -> int | None:
        """The number of the delivery that brought what has been here for longest."""
        return min(self._oldest(), default=None)

    def holds(self, upto: int) -> bool:
        """Whether a key that came with this delivery, or with one before it, is still here."""
        return any(number <= upto for number in self._oldest())

    def add(self, delivery: Delivery, place: Callable[[KeyValue], Place]) -> int:
        """Takes a delivery in; returns how many keys its barrier let us forget."""
        self._number += 1
        before = len(self._fresh)
        for key in delivery.keys:
            self._fresh.setdefault(key, self._number)
        self.arrived += len(self._fresh) - before
        self._weigh(delivery.keys)
        self._positions.append((self._number, delivery.position))
        self._thin_out()
        return self._ripen(place) if delivery.barrier is not None else 0

    def _weigh(self, keys: tuple[KeyValue, ...]) -> None:
        """By a few of them: to measure each would cost more than to store it."""
        for key in keys[:: 1 + len(keys) // 4]:
            self._widest = max(self._widest, bytes_of(key))

    def _thin_out(self) -> None:
        """Every second position goes: an older one than need be is safe (rule 6). A key that is
        held for days would otherwise keep the position of every delivery since."""
        if len(self._positions) > MOST_POSITIONS:
            first, *others = self._positions
            self._positions = deque([first, *others[1::2]])

    def _ripen(self, place: Callable[[KeyValue], Place]) -> int:
        """Every key delivered so far is visible: what lies ahead of the copy is forgotten."""
        fresh, self._fresh = self._fresh, {}
        forgotten, before = 0, len(self._ripe)
        for key, number in fresh.items():
            if place(key) is Place.AHEAD:
                forgotten += 1
            else:
                self._ripe.setdefault(key, number)
        self.arrived -= len(fresh) - (len(self._ripe) - before)
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

    def again(self, keys: Iterable[KeyValue]) -> None:
        """Keys that nobody delivered wait to be acted on, as if they had just come in."""
        for key in keys:
            self._ripe.setdefault(key, self._number)

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
        oldest = min(self._oldest(), default=self._number + 1)
        while len(self._positions) > 1 and self._positions[1][0] < oldest:
            self._positions.popleft()
        return self._positions[0][1]

    def _oldest(self) -> Iterator[int]:
        yield from (next(iter(keys.values())) for keys in (self._fresh, self._ripe) if keys)
        yield from self._acting.values()

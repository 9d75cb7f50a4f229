"""Keys that are delivered while somebody compares rows: a difference of theirs excuses itself."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from osc.model.change import KeyValue

MOST_KEYS = 50_000


class Watch:
    """Thread-safe: the follower tells it what comes, a verifier asks.

    It remembers every key until `only` says which matter; when they become more than `MOST_KEYS` it
    remembers none and has `overflowed`, and then it can excuse nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[KeyValue] = set()
        self._wanted: frozenset[KeyValue] | None = None
        self.overflowed = False

    def saw(self, keys: Iterable[KeyValue]) -> None:
        with self._lock:
            if self.overflowed:
                return
            wanted = self._wanted
            self._keys.update(keys if wanted is None else wanted.intersection(keys))
            if len(self._keys) > MOST_KEYS:
                self.overflowed, self._keys = True, set()

    def only(self, keys: Iterable[KeyValue]) -> None:
        """From now on no other key matters."""
        with self._lock:
            self._wanted = frozenset(keys)
            self._keys &= self._wanted

    def seen(self) -> frozenset[KeyValue]:
        with self._lock:
            return frozenset(self._keys)


class Watches:
    """All that look on at the moment; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: list[Watch] = []

    def saw(self, keys: Collection[KeyValue]) -> None:
        with self._lock:
            for watch in self._watches:
                watch.saw(keys)

    @contextmanager
    def one_more(self) -> Iterator[Watch]:
        watch = Watch()
        with self._lock:
            self._watches.append(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.remove(watch)

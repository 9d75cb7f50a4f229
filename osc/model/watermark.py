"""Which part of the original has been copied, is being copied, or lies ahead (rule 3).

Chunks are dispatched in key order and commit in any order:

    ────────────────┬─────────┬──────────┬───────────────►  key
        COPIED      │IN_FLIGHT│  COPIED  │     AHEAD
                    └─ chunk 7┘          └ frontier: upper bound of the last dispatched chunk

Dispatching is atomic with placing: a key that is AHEAD while its change is visible belongs to a
chunk whose snapshot is yet to be taken, so that chunk reads the change. Where Python can't order
the keys, or chunks aren't ranges of the key at all, every key counts as IN_FLIGHT from the first
dispatch until `finish`.
"""

from __future__ import annotations

import threading
from enum import Enum

from osc.model.change import KeyValue
from osc.model.chunk import Chunk
from osc.model.coverage import Coverage


class Place(Enum):
    """Where a key lies, seen from the copy."""

    AHEAD = "not dispatched: the copy will read it"
    IN_FLIGHT = "being copied: what the copy reads is uncertain"
    COPIED = "copied: the shadow must be told"


class Watermark:
    """Thread-safe; `ordered` says that chunks are ranges of a key that Python can compare."""

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._lock = threading.Lock()
        self._in_flight: dict[int, Chunk] = {}
        self._started = False
        self._frontier: KeyValue | None = None
        self._open_ended = False
        self._finished = False

    def resume(self, coverage: Coverage) -> None:
        """An earlier process has copied so much; what is missing in it is in flight from now."""
        with self._lock:
            self._started = not coverage.is_empty
            self._frontier = coverage.frontier if self._ordered else None
            self._open_ended = coverage.reaches_the_end
            self._in_flight = {chunk.number: chunk for chunk in coverage.missing}

    def dispatch(self, chunk: Chunk) -> None:
        """From now on the chunk's snapshot may be taken at any moment."""
        with self._lock:
            self._in_flight[chunk.number] = chunk
            self._started = True
            self._advance(chunk.upper)

    def _advance(self, upper: KeyValue | None) -> None:
        """The frontier never goes back: after a resume the missing chunks come in any order."""
        if upper is None:
            self._open_ended = True
        elif self._ordered and (self._frontier is None or upper > self._frontier):
            self._frontier = upper

    def commit(self, chunk: Chunk) -> None:
        """The chunk's rows are in the shadow."""
        with self._lock:
            del self._in_flight[chunk.number]

    def finish(self) -> None:
        """Every chunk has committed and the shadow can be acted upon anywhere."""
        with self._lock:
            assert not self._in_flight, f"finished with chunks in flight: {self._in_flight}"
            self._finished = True

    @property
    def holds_everything(self) -> bool:
        """Nothing can be acted upon yet, wherever it lies."""
        with self._lock:
            return not self._ordered and self._started and not self._finished

    def place(self, key: KeyValue) -> Place:
        with self._lock:
            if self._finished:
                return Place.COPIED
            if not self._started:
                return Place.AHEAD
            if not self._ordered:
                return Place.IN_FLIGHT
            if not self._open_ended and self._frontier is not None and key > self._frontier:
                return Place.AHEAD
            if any(_covers(chunk, key) for chunk in self._in_flight.values()):
                return Place.IN_FLIGHT
            return Place.COPIED


def _covers(chunk: Chunk, key: KeyValue) -> bool:
    return (chunk.lower is None or key > chunk.lower) and (
        chunk.upper is None or key <= chunk.upper
    )

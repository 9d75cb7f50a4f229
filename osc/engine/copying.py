"""The statements of a copy, and what makes the full shadow as good as the original."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from osc.engine.session import Statement
from osc.model.change import KeyValue
from osc.model.chunk import Chunk, ChunkSize


class Dialect(Protocol):
    """The statements of one migration, as values."""

    @property
    def session_settings(self) -> tuple[Statement, ...]:
        """Runs first on each session that this dialect's statements are run on."""
        ...

    @property
    def chunk_size(self) -> ChunkSize:
        """The size to begin with, and its limits, in what `next_bound` counts: rows or blocks."""
        ...

    @property
    def most_keys(self) -> int:
        """How many keys one `delete_keys` may take when the backlog is purged."""
        ...

    def next_bound(self, after: KeyValue | None, rows: int) -> Statement:
        """Selects the upper bound of a chunk of about so many rows; no row: it is the last."""
        ...

    def key_value(self, row: tuple[Any, ...]) -> KeyValue:
        """A row of `next_bound`, `next_key` or `differing_keys`, as a source would give it."""
        ...

    def copy_chunk(self, chunk: Chunk) -> Statement: ...
    def delete_keys(self, keys: Sequence[KeyValue]) -> Statement: ...
    def insert_keys(self, keys: Sequence[KeyValue]) -> Statement: ...

    def next_key(self, after: KeyValue | None, rows: int) -> Statement:
        """Like `next_bound`, always by key: verification walks both tables in key order."""
        ...

    def time_limit(self, seconds: float) -> Statement:
        """From now on a query of the session that lasts longer raises Conflict; 0: as it likes."""
        ...

    @property
    def not_compared(self) -> tuple[str, ...]:
        """Columns of the shadow that a checksum can't compare: new ones, odd conversions."""
        ...

    def checksum(self, span: Chunk) -> Statement:
        """One row, from one snapshot: rows and checksum of the original, then of the shadow."""
        ...

    def differing_keys(self, span: Chunk, most: int) -> Statement:
        """The keys in the span whose rows differ or exist on one side only."""
        ...


class Load(Protocol):
    """What makes the full shadow as good as the original: indexes, constraints, statistics."""

    def finish(self, purge: Callable[[], None], check: Callable[[], None]) -> None:
        """Called after the last chunk has committed, and again after a resume. `purge` deletes
        every key of the backlog from the shadow; it is called where the shadow must not hold a
        stale row (before unique indexes are built). When `check` raises, a build is broken off."""
        ...

    def complete(
        self, alone: Callable[[], AbstractContextManager[None]], check: Callable[[], None]
    ) -> bool:
        """Called when the tables are equal and the cut-over may begin: does what would have been in
        the way of acting on changes, and says whether there was any. A block of `alone` begins when
        all of them are acted on; while it lasts nobody acts on any, and so it is to be short."""
        ...

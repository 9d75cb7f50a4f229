"""Chunks that stay open for a while, so that rows change between their snapshot and their commit.

A chunk of 50 rows takes two milliseconds. Without this hardly a write falls into one, and a tool
that forgets such writes passes (as a planted one did).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from osc.engine import Engine, Ledger, Statement
from osc.model.chunk import Chunk
from osc.model.progress import Tracker
from tests.scenarios.runner import Paced

EVERY = 3
TRANSACTIONS = 4
PATIENCE_SECONDS = 0.1


class _Lingering:
    """A ledger that lets writers in as each third chunk is about to commit."""

    def __init__(self, ledger: Ledger, tracker: Paced) -> None:
        self._ledger, self._tracker = ledger, tracker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def chunk_copied(self, migration: int, chunk: Chunk, rows: int) -> Statement:
        """Called in the chunk's own transaction, after its rows were copied (rule 5)."""
        if self._tracker.writers and chunk.number % EVERY == 1:
            self._tracker.writers.let_in(TRANSACTIONS, PATIENCE_SECONDS)
        return self._ledger.chunk_copied(migration, chunk, rows)


def lingering(engine: Engine, tracker: Tracker) -> Engine:
    """The engine as it is, where nobody writes."""
    if not isinstance(tracker, Paced):
        return engine
    return replace(engine, ledger=cast(Ledger, _Lingering(engine.ledger, tracker)))

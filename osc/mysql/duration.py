"""How long it will take, told from a sample of the rows on the clone."""

from __future__ import annotations

import time
from collections.abc import Sequence

from osc.engine import Session, Statement
from osc.model.table import Table
from osc.mysql.trial import Answer, Trial

SAMPLE_ROWS = 20_000
SAMPLE_BYTES = 8_000_000
CAUTION = 2.0
"""A sort that fits into memory says little about one that doesn't."""
IN_PLACE_SECONDS = 10.0
"""What replicas may lag behind for one statement, and what work may be lost at the last lock."""
ALONE_FACTOR = 30
"""Without replicas it may take so many times longer."""


def in_place(trial: Trial, table: Table, statements: Sequence[tuple[str, Answer]]) -> float:
    """Seconds that they would take on the whole table, rather more than less."""
    rows, seconds = _timed(trial, statements, sample(table))
    if rows >= table.rows:
        return seconds
    _, fixed = _timed(trial, statements, 0)
    return fixed + CAUTION * max(0.0, seconds - fixed) * table.rows / max(1, rows)


def _timed(trial: Trial, statements: Sequence[tuple[str, Answer]], most: int) -> tuple[int, float]:
    """Rows, and seconds that it took on them."""
    rows = trial.fill(most)
    began = time.monotonic()
    for clauses, answer in statements:
        trial.alter(clauses, answer.modifiers(), checks=False)
    return rows, time.monotonic() - began


def sample(table: Table) -> int:
    """So many rows that reading them is no burden to anybody."""
    width = max(1, table.bytes // max(1, table.rows))
    return max(100, min(SAMPLE_ROWS, SAMPLE_BYTES // width))


def limit(session: Session) -> float:
    """Seconds that one statement may take here."""
    return IN_PLACE_SECONDS * (1 if replicas(session) else ALONE_FACTOR)


def replicas(session: Session) -> int:
    """Who reads the binlog: replicas, and others who are no worse for being counted."""
    rows = session.query(
        Statement(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'"
        )
    )
    return int(rows[0][0])

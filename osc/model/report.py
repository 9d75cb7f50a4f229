"""What a finished migration has to say for itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from osc.model.difference import UNCHANGED, CatalogDiff


@dataclass(frozen=True)
class Report:
    """Times in seconds; `phases` in the order they were entered."""

    migration: int
    table: str
    statement: str
    archive: str
    sync: str
    seconds: float
    rows_copied: int
    chunks_copied: int
    rows_verified: int
    changes_delivered: int
    changes_forgotten: int
    changes_applied: int
    conflicts: int
    cut_over_attempts: int
    lock_wait_seconds: float
    lock_held_seconds: float
    rows_repaired: int = 0
    not_compared: tuple[str, ...] = ()
    phases: dict[str, float] = field(default_factory=dict)
    diff: CatalogDiff = UNCHANGED

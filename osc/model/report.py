"""What a finished migration has to say for itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from osc.model.difference import UNCHANGED, CatalogDiff
from osc.model.ladder import Climbed, Way
from osc.model.lags import NO_LAGS, Lags
from osc.model.standstill import Standstills


@dataclass(frozen=True)
class Report:
    """Times in seconds; `phases` in the order they were entered; `steps` those of a way without a
    copy. Where there was nothing to do, the number is of the migration that did it once; 0 where
    none is known, and `because` says why, where it isn't that the table is altered already."""

    migration: int
    table: str
    statement: str
    archive: str
    sync: str
    seconds: float
    rows_copied: int = 0
    chunks_copied: int = 0
    rows_verified: int = 0
    changes_delivered: int = 0
    changes_forgotten: int = 0
    changes_applied: int = 0
    conflicts: int = 0
    cut_over_attempts: int = 0
    lock_wait_seconds: float = 0.0
    lock_held_seconds: float = 0.0
    allowed_by: str = ""
    forecast: str = ""
    lags: Lags = NO_LAGS
    standstills: Standstills = ()
    log_bytes: int = 0
    """What the server has written into its log meanwhile, for whomever; 0 where nobody knows."""
    rows_repaired: int = 0
    not_compared: tuple[str, ...] = ()
    phases: dict[str, float] = field(default_factory=dict)
    way: str = str(Way.COPY)
    steps: tuple[Climbed, ...] = ()
    diff: CatalogDiff = UNCHANGED
    because: str = ""

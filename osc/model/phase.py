"""The phases of a migration and who may follow whom."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a migration stands."""

    PLAN = "plan"  # reading catalogs, deciding
    PREFLIGHT = "preflight"  # looking for a reason to refuse
    SHADOW = "shadow"  # the new, empty table is made
    COPY = "copy"  # chunks flow, changes are followed
    LOAD = "load"  # indexes and statistics of the full shadow
    CATCH_UP = "catch-up"  # until the backlog is nearly empty
    VERIFY = "verify"  # checksums of both tables
    CUT_OVER = "cut-over"  # lock, drain, swap
    CLEANUP = "cleanup"  # the new table serves; what was ours goes
    DONE = "done"
    FAILED = "failed"


NEXT: dict[Phase, frozenset[Phase]] = {
    Phase.PLAN: frozenset({Phase.PREFLIGHT, Phase.FAILED}),
    Phase.PREFLIGHT: frozenset({Phase.SHADOW, Phase.DONE, Phase.FAILED}),
    Phase.SHADOW: frozenset({Phase.COPY, Phase.FAILED}),
    Phase.COPY: frozenset({Phase.LOAD, Phase.FAILED}),
    Phase.LOAD: frozenset({Phase.CATCH_UP, Phase.FAILED}),
    Phase.CATCH_UP: frozenset({Phase.VERIFY, Phase.CUT_OVER, Phase.FAILED}),
    Phase.VERIFY: frozenset({Phase.CATCH_UP, Phase.CUT_OVER, Phase.FAILED}),
    Phase.CUT_OVER: frozenset({Phase.CLEANUP, Phase.FAILED}),
    Phase.CLEANUP: frozenset({Phase.DONE, Phase.FAILED}),
    Phase.DONE: frozenset(),
    Phase.FAILED: frozenset(),
}

ORIGINAL_SERVES = frozenset(Phase) - {Phase.CLEANUP, Phase.DONE}
"""Safety gate: in these phases the original is untouched and everything of ours may be dropped."""

FINISHED = frozenset({Phase.DONE, Phase.FAILED})

"""The phases of a migration and who may follow whom."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a migration stands."""

    PLAN = "plan"  # reading catalogs, deciding
    PREFLIGHT = "preflight"  # looking for a reason to refuse
    NATIVE = "native"  # the server does it by itself, step by step
    SHADOW = "shadow"  # the new, empty table is made
    COPY = "copy"  # chunks flow, changes are followed
    LOAD = "load"  # indexes and statistics of the full shadow
    CATCH_UP = "catch-up"  # until the backlog is nearly empty
    VERIFY = "verify"  # checksums of both tables
    CUT_OVER = "cut-over"  # lock, drain, swap
    AFTERCARE = "aftercare"  # the new table serves; foreign keys are validated
    CLEANUP = "cleanup"  # the new table serves; what was ours goes
    RESUME = "resume"  # finding out where an earlier process or connection has left off
    STOPPED = "stopped"  # everything is kept for a resume
    DONE = "done"
    FAILED = "failed"


_GIVEN_UP = {Phase.STOPPED, Phase.FAILED}
_BROKEN_OFF = {Phase.RESUME, *_GIVEN_UP}
NEXT: dict[Phase, frozenset[Phase]] = {
    Phase.PLAN: frozenset({Phase.PREFLIGHT, *_BROKEN_OFF}),
    Phase.PREFLIGHT: frozenset({Phase.NATIVE, Phase.SHADOW, Phase.DONE, *_BROKEN_OFF}),
    Phase.NATIVE: frozenset({Phase.SHADOW, Phase.DONE, *_BROKEN_OFF}),
    Phase.SHADOW: frozenset({Phase.COPY, *_BROKEN_OFF}),
    Phase.COPY: frozenset({Phase.LOAD, *_BROKEN_OFF}),
    Phase.LOAD: frozenset({Phase.CATCH_UP, *_BROKEN_OFF}),
    Phase.CATCH_UP: frozenset({Phase.VERIFY, Phase.CUT_OVER, *_BROKEN_OFF}),
    Phase.VERIFY: frozenset({Phase.CATCH_UP, Phase.CUT_OVER, *_BROKEN_OFF}),
    Phase.CUT_OVER: frozenset({Phase.AFTERCARE, *_BROKEN_OFF}),
    Phase.AFTERCARE: frozenset({Phase.CLEANUP, *_BROKEN_OFF}),
    Phase.CLEANUP: frozenset({Phase.DONE, *_GIVEN_UP}),
    Phase.RESUME: frozenset(
        {Phase.RESUME, Phase.NATIVE, Phase.SHADOW, Phase.COPY, Phase.AFTERCARE, *_GIVEN_UP}
    ),
    Phase.STOPPED: frozenset(),
    Phase.DONE: frozenset(),
    Phase.FAILED: frozenset(),
}

BEFORE_THE_LOCK = frozenset({Phase.COPY, Phase.LOAD, Phase.CATCH_UP, Phase.VERIFY})
"""There are two tables, and the original is certain to be the one that serves."""

FINISHED = frozenset({Phase.STOPPED, Phase.DONE, Phase.FAILED})
"""Nothing follows in this process; what was stopped goes on in another."""

"""How long a session waits for a word of the server before its line counts as dead.

A line may die without a sign: a host loses its power, a proxy forgets whom it speaks for. TCP tells
us when nobody acknowledges any more; against a middleman who does that and passes nothing on, only
a limit on silence helps. It may not be shorter than an honest statement takes.
"""

from __future__ import annotations

KEEPALIVE_IDLE_SECONDS = 10
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_COUNT = 3
UNACKNOWLEDGED_SECONDS = 30
HANDSHAKE_SECONDS = 10
STREAM_SECONDS = 30
"""A change stream has a sign of life each second or two, when the table is idle, too."""
CLAIM_SECONDS = 60
"""The server frees the claim of a silent holder after this, and the transactions of all others."""

_CUT_OVER = 15.0
_OWN_TABLES = 60.0
"""Their commits may wait for a replica: `rpl_semi_sync_*_timeout` is 10 s unless it was raised."""

_OF_A_PURPOSE: dict[str, float | None] = {
    "cut-over": _CUT_OVER,
    "watchdog": _CUT_OVER,
    "sentry": _CUT_OVER,
    "backup": _CUT_OVER,
    "outcome": _CUT_OVER,
    "after the cut-over": _CUT_OVER,
    "blockers": _CUT_OVER,
    "end a blocker": _CUT_OVER,
    "trigger": _CUT_OVER,
    "foreign keys": _CUT_OVER,
    "gauge": 30.0,
    "claim": 30.0,
    "keeper": 30.0,
    "changelog": 60.0,
    "visibility": 30.0,
    "ledger": _OWN_TABLES,
    "board": _OWN_TABLES,
    "heartbeats": _OWN_TABLES,
    "marks": _OWN_TABLES,
    # These run as long as the table is large; keepalive watches over them.
    "index build": None,
    "native": None,
    "load": None,
    "rehearsal": None,
    "probe": None,
    "trial": None,
    "slot": None,
    "drop": None,
    "cleanup": None,
    "retire": None,
    "aftercare": None,
    "quiet": None,
}
_ANY_OTHER = 600.0


def seconds(purpose: str) -> float | None:
    """By the purpose's first words; None where only keepalive watches."""
    found = (limit for start, limit in _OF_A_PURPOSE.items() if purpose.startswith(start))
    return next(found, _ANY_OTHER)

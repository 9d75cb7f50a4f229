"""What operators and guards want of a run at the moment, and how strongly it may go on.

Copying is given up first, because it can wait. Acting on changes waits only for a lag that it makes
itself; who stops following altogether lets the server's log grow. Verification waits for both. The
cut-over waits for leave, and for whatever pauses the copy: whoever says pause wants peace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

OPERATOR = "operator"
"""The source of what somebody said by a word or by the option of that name."""
LEAST_SHARE = 1 / 16
"""Below this the copy is not slower but stands still."""
NEAR = 0.75
"""From this part of its limit on, a signal makes the copy slower: so it need not be stopped."""
FASTER_BY = 1 / 128
SLOWER_TO = 0.7


Reasons = tuple[tuple[str, str], ...]


def _with(reasons: Reasons, source: str, reason: str) -> Reasons:
    others = tuple(one for one in reasons if one[0] != source)
    return (*others, (source, reason)) if reason else others


@dataclass(frozen=True)
class Steering:
    """One reading of what was asked for.

    `share` is the part of the copy's connections and of a chunk's time that the signals leave us,
    0 < share ≤ 1; up to `fair`, half of what was too much the last time, it grows quickly.
    `held_by` and `following_held_by` say what the copy or the following stands still for, empty
    while it goes on. `pauses` and `postponements` are wishes of an operator, a file or a clock,
    each under the name of its source with its reason: one source's end is not another's.
    `cut_over_allowed_by` is who ended the last postponement, and how; empty while none has been.
    `attempting` says that a lock is being asked for: what is wished now holds for the next attempt.
    `threads` and `chunk_seconds` are an operator's limits, None as the run was started;
    `nice_ratio` is how long to rest after a chunk, in its own time; `latency_seconds` how long a
    commit of others may take: a chunk is in their way for as long as it lasts. `changed` are
    settings, by name, that an operator has changed since the run was started.
    """

    share: float = 1.0
    fair: float = 1.0
    held_by: str = ""
    following_held_by: str = ""
    pauses: Reasons = ()
    postponements: Reasons = ()
    threads: int | None = None
    chunk_seconds: float | None = None
    nice_ratio: float = 0.0
    latency_seconds: float = math.inf
    cut_over_allowed_by: str = ""
    attempting: bool = False
    changed: tuple[tuple[str, Any], ...] = ()

    def paused(self, source: str, reason: str) -> Steering:
        """With this source's wish to pause; without it where the reason is empty."""
        return replace(self, pauses=_with(self.pauses, source, reason))

    def postponed(self, source: str, reason: str, by: str = "") -> Steering:
        """The same for the cut-over; `by` is who or what ends the wish, for the record."""
        ended = not reason and any(held == source for held, _ in self.postponements)
        return replace(
            self,
            postponements=_with(self.postponements, source, reason),
            cut_over_allowed_by=(by or source) if ended else self.cut_over_allowed_by,
        )

    @property
    def paused_by(self) -> str:
        return "; ".join(reason for _, reason in self.pauses)

    @property
    def cut_over_waits_for(self) -> str:
        return "; ".join(reason for _, reason in (*self.pauses, *self.postponements))

    def beginning(self) -> Steering:
        """With an attempt under way, unless somebody holds it back at this very moment."""
        return replace(self, attempting=not self.cut_over_waits_for)

    def ending(self) -> Steering:
        return replace(self, attempting=False)

    @property
    def copy_waits_for(self) -> str:
        return self.paused_by or self.held_by

    @property
    def following_waits_for(self) -> str:
        return self.following_held_by

    @property
    def verification_waits_for(self) -> str:
        return self.paused_by or self.held_by or self.following_held_by

    @property
    def is_free(self) -> bool:
        """Nothing holds the copy back, and nobody has said how fast it is to go."""
        is_limited = self.copy_waits_for or self.nice_ratio or self.threads is not None
        return self.share == 1.0 and not is_limited

    def connections(self, most: int) -> int:
        """How many of the copy's connections may take another chunk."""
        if self.copy_waits_for:
            return 0
        return max(1, round(self.share * (self.threads or most)))

    def chunk_time(self, target_seconds: float) -> float:
        """Seconds a chunk should take: shorter ones let go of what they hold sooner. Below a
        quarter of the limit on others' commits, most of it would be its own commit."""
        wanted = (self.chunk_seconds or target_seconds) * max(self.share, LEAST_SHARE)
        return min(wanted, self.latency_seconds * max(self.share, 1 / 4))

    def rest(self, most: int, chunk_seconds: float) -> float:
        """Seconds to stand still after a chunk: for niceness, and because the share may be less
        than one connection's."""
        left = min(1.0, self.share * (self.threads or most))
        return chunk_seconds * (1 / left - 1 + self.nice_ratio)


def next_share(now: Steering, severity: float) -> Steering:
    """What the signals leave the copy after one more look at them: additive up, multiplicative
    down (Chiu and Jain, 1989, show why these two together settle at what is free). The steps up
    are small, 25 s from nothing to all at five looks a second, because each time that the limit is
    found again is felt by somebody; but up to half of what was too much it doubles, as TCP does
    after a loss (RFC 5681, section 3.1).

    `severity` is the worst signal's part of its limit, 1.0 where the limit is reached: then the
    copy stands still, and begins again with the least.
    """
    if severity >= 1.0:
        fair = now.fair if now.held_by else max(LEAST_SHARE, now.share / 2)
        return replace(now, share=LEAST_SHARE, fair=fair)
    if now.held_by:
        return now
    if severity >= NEAR:
        share = max(LEAST_SHARE, now.share * SLOWER_TO)
        return replace(now, share=share, fair=share)
    if now.share < now.fair:
        return replace(now, share=min(now.fair, now.share * 2))
    return replace(now, share=min(1.0, now.share + FASTER_BY))

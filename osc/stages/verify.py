"""Compares original and shadow, span by span; a difference that stays vetoes the swap (rule 8).

Each span's two checksums come from one statement, so from one snapshot; nothing is locked and no
transaction lasts longer than a span. The shadow is always a little behind, so that a difference is
rechecked: a key that was delivered since the comparison began is excused, because acting on it
makes it equal by construction; every other one that still differs after the source was drained is
real.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from osc import errors
from osc.engine import Dialect, Job, Session
from osc.model.change import KeyValue
from osc.model.chunk import Chunk, ChunkSize
from osc.model.controls import Controls
from osc.model.progress import Tracker
from osc.stages.sync import Follower

SPAN_SECONDS = 0.1
"""Short, because a few rows of the whole table are always on their way: a span that holds one of
them is read twice, and with short spans that is a small part of the table."""
ROUNDS = 3
SHOWN = 10
MOST_DIFFERENCES = 1_000


@dataclass
class Verifier:
    """Walks both tables in key order with one connection."""

    job: Job
    dialect: Dialect
    connect: Callable[[str], Session]
    follower: Follower
    tracker: Tracker
    controls: Controls
    target_seconds: float = SPAN_SECONDS

    def run(self) -> None:
        """VerificationFailed, naming keys, where the tables differ."""
        session = self.connect("verify")
        try:
            for setting in self.dialect.session_settings:
                session.execute(setting)
            self._walk(session)
        finally:
            session.close()

    def _walk(self, session: Session) -> None:
        size = ChunkSize(size=2_000, target_seconds=self.target_seconds, most=200_000)
        after: KeyValue | None = None
        number = 0
        while True:
            self.controls.check()
            number += 1
            started = time.monotonic()
            found = session.query(self.dialect.next_key(after, size.size))
            upper = self.dialect.key_value(found[0]) if found else None
            span = Chunk(number, after, upper)
            self._check(session, span)
            if span.is_last:
                return
            size, after = size.after(size.size, time.monotonic() - started), upper

    def _check(self, session: Session, span: Chunk) -> None:
        with self.follower.watching() as touched:
            ((rows, original, shadow_rows, shadow),) = session.query(self.dialect.checksum(span))
            if (rows, original) != (shadow_rows, shadow):
                self._recheck(session, span, touched)
        self.tracker.add(rows_verified=int(rows))

    def _recheck(self, session: Session, span: Chunk, touched: set[KeyValue]) -> None:
        """Keys that differ although no change of theirs has come in since the first look."""
        suspects = self._differing(session, span)
        for _ in range(ROUNDS):
            self.follower.settle()
            suspects -= touched
            if suspects:
                suspects &= self._differing(session, span)
            if not suspects:
                return
        self.tracker.add(differences=len(suspects))
        raise self._failed(suspects)

    def _differing(self, session: Session, span: Chunk) -> set[KeyValue]:
        rows = session.query(self.dialect.differing_keys(span, MOST_DIFFERENCES))
        return {self.dialect.key_value(row) for row in rows}

    def _failed(self, keys: set[KeyValue]) -> errors.VerificationFailed:
        shown = ", ".join(str(key) for key in sorted(keys, key=repr)[:SHOWN])
        more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        return errors.VerificationFailed(
            f"{self.job.original.name} and its shadow differ in the rows with "
            f"({', '.join(self.job.columns.key)}) = {shown}{more}",
            still_true=f"{self.job.original.name} still serves and is untouched; "
            "the shadow was not swapped in",
            todo=f"compare the rows with those of {self.job.shadow.name}, and report this",
        )

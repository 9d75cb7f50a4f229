"""Tells of a span of keys which rows of original and shadow really differ (rule 8).

The two checksums come from one statement, so from one snapshot; nothing is locked, and no statement
lasts longer than the session's time limit. The shadow is always a little behind, so that a span
whose checksums differ is looked at again:

    watch      from now on the follower tells which keys are delivered
    settle     all that had been committed before this is acted on
    look       the keys whose rows differ, in one snapshot
    settle     all that the look has seen is delivered by now

A key that differs in the look and has not been delivered since the watch began is real: a change
that the look saw, and that the shadow had not got yet, was committed after the first settling
began, so the watch has it. A key that was delivered is excused, because acting on it makes it equal
by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

from osc.engine import Dialect, Session
from osc.model.change import KeyValue
from osc.model.chunk import Chunk
from osc.stages.sync import Follower
from osc.stages.watch import Watch

MOST_DIFFERENCES = 1_000
"""How many keys one look tells; more than these are on their way after any bulk change."""


class TooMuch(Exception):
    """More rows of the span are on their way than a look can tell: it must be cut in two."""


@dataclass(frozen=True)
class Comparison:
    """Uses one session, and takes turns of the follower's."""

    session: Session
    dialect: Dialect
    follower: Follower

    def count(self, span: Chunk) -> tuple[int, bool]:
        """How many rows of the original the span has, and whether the checksums agree."""
        ((rows, original, in_shadow, shadow),) = self.session.query(self.dialect.checksum(span))
        return int(rows), (rows, original) == (in_shadow, shadow)

    def differing(self, span: Chunk) -> set[KeyValue]:
        """Keys that really differ: all of them, or some of very many. Raises TooMuch where none of
        very many is, which says nothing about the rest."""
        most = MOST_DIFFERENCES
        with self.follower.watching() as watch:
            self.follower.settle()
            look = self._look(span, most)
            if not look:
                return set()
            watch.only(look)
            real = self._settled(look, watch)
            is_whole = len(look) < most
            if real and is_whole:
                # Once more: a verdict that stops a migration is worth a second look.
                real = self._settled(real & self._look(span, most), watch)
        if not real and not is_whole:
            raise TooMuch
        return real

    def _settled(self, keys: set[KeyValue], watch: Watch) -> set[KeyValue]:
        """Those of the keys of which nothing has been delivered."""
        self.follower.settle()
        if watch.overflowed:
            raise TooMuch
        return keys - watch.seen()

    def _look(self, span: Chunk, most: int) -> set[KeyValue]:
        rows = self.session.query(self.dialect.differing_keys(span, most))
        return {self.dialect.key_value(row) for row in rows}

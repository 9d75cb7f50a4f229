"""What part of the copy is done, read from the chunks that have committed (rule 5).

Chunks are cut one after the other without a gap, and numbered so; they commit in any order:

    number    1        2        4              what is missing
    range  (–,40]  (40,95]  (130,160]          (95,130] was under way; after 160 nothing was begun

Bounds are compared for equality only, so that it does not matter who can order them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from osc.model.change import KeyValue
from osc.model.chunk import Chunk


@dataclass(frozen=True)
class Coverage:
    """`missing` lies before the `frontier`; from there on chunks are cut anew, from `next_number`,
    unless the last one has been (`reaches_the_end`)."""

    missing: tuple[Chunk, ...] = ()
    frontier: KeyValue | None = None
    next_number: int = 1
    reaches_the_end: bool = False

    @property
    def is_empty(self) -> bool:
        return self.next_number == 1

    @property
    def is_whole(self) -> bool:
        return self.reaches_the_end and not self.missing


def coverage(committed: Sequence[Chunk]) -> Coverage:
    """`committed` by number. A gap is copied as one chunk under the first number that is free in
    it, so that the next resume finds the bounds joined; it is never wider than what the copying
    threads had in hand."""
    if not committed:
        return Coverage()
    missing: list[Chunk] = []
    number, upper = 0, None
    for chunk in committed:
        if chunk.lower != upper:
            missing.append(Chunk(number + 1, upper, chunk.lower))
        number, upper = chunk.number, chunk.upper
    return Coverage(tuple(missing), upper, number + 1, upper is None)

"""Which rows of a changelog have been delivered: triggers write it, we read and delete.

A row's number is given when it is written and the row appears when its transaction commits, so a
low number may appear after a higher one. Nothing may be concluded from the highest number that was
read: what has been delivered is remembered row by row, until it has been acted on and is deleted.

    application A            application B            us
    row 1 written
                             row 2 written, COMMIT
                                                      2 delivered; newest is 2
    COMMIT
                                                      beyond 2 there is nothing: 1 would be lost

What is still in the table and has been delivered is compared block by block, by counting: only a
block whose count is another holds a row that was passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from osc.model.change import KeyValue, Position

BLOCK = 10_000
"""How many numbers are counted together."""


class Delivered:
    """Not thread-safe. A position counts deliveries; the rows of all deliveries up to it may go.

    Rows are remembered as runs of numbers, because a row that changes often fills the changelog
    for as long as its key can't be acted on.
    """

    def __init__(self, deliveries: int = 0) -> None:
        self._batches: deque[tuple[int, tuple[range, ...]]] = deque()
        self._blocks: dict[int, set[range]] = {}
        self._count = deliveries
        self.newest = 0
        """The highest number that was delivered: a look beyond it is cheap, but not complete."""

    def __len__(self) -> int:
        return sum(len(run) for runs in self._blocks.values() for run in runs)

    def __contains__(self, number: int) -> bool:
        if number > self.newest:
            return False
        return any(number in run for run in self._blocks.get(number // BLOCK, ()))

    @property
    def position(self) -> Position:
        return Position(str(self._count))

    def take(self, rows: Iterable[tuple[int, KeyValue]]) -> tuple[KeyValue, ...]:
        """The keys of those rows that have not been delivered yet; they are from now on."""
        new = {number: key for number, key in rows if number not in self}
        if new:
            runs = tuple(_runs(sorted(new)))
            self._count += 1
            self._batches.append((self._count, runs))
            for run in runs:
                self._blocks.setdefault(run[0] // BLOCK, set()).add(run)
            self.newest = max(self.newest, runs[-1][-1])
        return tuple(dict.fromkeys(new.values()))

    def incomplete(self, counts: Mapping[int, int]) -> list[int]:
        """The blocks that hold a row which was never delivered; `counts` says how many rows with
        numbers up to the newest each block has in the table."""
        return [
            block
            for block, count in sorted(counts.items())
            if count != sum(len(run) for run in self._blocks.get(block, ()))
        ]

    def confirmed(self, position: Position) -> tuple[int, ...]:
        """The numbers of the rows that may be deleted now; call `deleted` once they are."""
        return tuple(
            number
            for count, runs in self._batches
            if count <= int(position)
            for run in runs
            for number in run
        )

    def oldest(self, position: Position) -> tuple[Position, tuple[int, ...]] | None:
        """The same, one delivery at a time: its position and its numbers."""
        if not self._batches or self._batches[0][0] > int(position):
            return None
        count, runs = self._batches[0]
        return Position(str(count)), tuple(number for run in runs for number in run)

    def deleted(self, position: Position) -> None:
        """Forgets them: a row that is gone can't be met again."""
        while self._batches and self._batches[0][0] <= int(position):
            for run in self._batches.popleft()[1]:
                runs = self._blocks[run[0] // BLOCK]
                runs.discard(run)
                if not runs:
                    del self._blocks[run[0] // BLOCK]


def _runs(numbers: list[int]) -> Iterator[range]:
    """Sorted numbers as ranges without holes, none of which leaves its block."""
    first = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1 or number % BLOCK == 0:
            yield range(first, last + 1)
            first = number
        last = number
    yield range(first, last + 1)

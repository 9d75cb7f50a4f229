"""Which rows of a changelog have been delivered: triggers write it, we read and delete.

A row's number is given when it is written and the row appears when its transaction commits, so a
low number may appear after a higher one. Nothing may be concluded from the highest number that was
read: what has been delivered is remembered row by row, until it has been acted on and is deleted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from osc.model.change import KeyValue, Position


class Delivered:
    """Not thread-safe. A position counts deliveries; the rows of all deliveries up to it may go."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, tuple[int, ...]]] = deque()
        self._numbers: set[int] = set()
        self._count = 0
        self.newest = 0
        """The highest number that was delivered: a look beyond it is cheap, but not complete."""

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    @property
    def position(self) -> Position:
        return Position(str(self._count))

    def take(self, rows: Iterable[tuple[int, KeyValue]]) -> tuple[KeyValue, ...]:
        """The keys of those rows that have not been delivered yet; they are from now on."""
        new = [(number, key) for number, key in rows if number not in self._numbers]
        if new:
            numbers = tuple(number for number, _ in new)
            self._count += 1
            self._batches.append((self._count, numbers))
            self._numbers.update(numbers)
            self.newest = max(self.newest, *numbers)
        return tuple(dict.fromkeys(key for _, key in new))

    def confirmed(self, position: Position) -> tuple[int, ...]:
        """The numbers of the rows that may be deleted now; call `deleted` once they are."""
        return tuple(
            number
            for count, numbers in self._batches
            if count <= int(position)
            for number in numbers
        )

    def deleted(self, position: Position) -> None:
        """Forgets them: a row that is gone can't be met again."""
        while self._batches and self._batches[0][0] <= int(position):
            self._numbers.difference_update(self._batches.popleft()[1])

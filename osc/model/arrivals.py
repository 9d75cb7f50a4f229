"""When what waits came in, roughly: how old is the oldest of it."""

from __future__ import annotations

from collections import deque

GRAIN_SECONDS = 0.25
MOST_MARKS = 1_000


class Arrivals:
    """Things come with numbers that go up, and go in any order. A bounded number of times is
    remembered: what waits for long may be told as older than it is, never as younger by more than
    `GRAIN_SECONDS`."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque()

    def came(self, number: int, at: float) -> None:
        if not self._marks or at - self._marks[-1][1] >= GRAIN_SECONDS:
            self._marks.append((number, at))
        if len(self._marks) > MOST_MARKS:
            first, *others = self._marks
            self._marks = deque([first, *others[1::2]])

    def since(self, oldest: int) -> float | None:
        """When what has this number came; nothing older is asked for again. None where nobody has
        seen it come."""
        while len(self._marks) > 1 and self._marks[1][0] <= oldest:
            self._marks.popleft()
        return self._marks[0][1] if self._marks else None

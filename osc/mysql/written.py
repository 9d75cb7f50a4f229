"""How much the server writes into its binlog, whoever makes it do so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from osc.mysql import position

Place = tuple[str, int]


@dataclass
class Written:
    """`end` is where the binlog ends now, None where there is none; `files` are those that are
    there with their sizes: asked for only where another one has begun, since the server looks at
    each of them."""

    end: Callable[[], Place | None]
    files: Callable[[], dict[str, int]]
    _last: Place | None = None
    _bytes: int = 0

    def since_the_first_look(self) -> int | None:
        now = self.end()
        if now is None:
            return None
        if self._last is not None:
            self._bytes += self._between(self._last, now)
        self._last = now
        return self._bytes

    def _between(self, last: Place, now: Place) -> int:
        if last[0] == now[0]:
            return max(0, now[1] - last[1])
        if position.number(now[0]) < position.number(last[0]):
            return now[1]  # The log was begun anew.
        sizes = self.files()
        between = sum(
            size
            for file, size in sizes.items()
            if position.number(last[0]) < position.number(file) < position.number(now[0])
        )
        return max(0, sizes.get(last[0], 0) - last[1]) + between + now[1]

"""Those to whom rows of the new table would be missing, as long as they keep their snapshots."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from osc.model.blocker import Blocker


class Onlookers:
    """Takes note of who reads by a snapshot now, when the shadow is complete, and forgets each as
    soon as he is seen without it. Whoever takes one later sees every row.

    `look` tells who has one at the moment. Its keys are equal only while the snapshot is the same,
    as far as the server shows that.
    """

    def __init__(self, look: Callable[[], Mapping[Hashable, Blocker]]) -> None:
        self._look = look
        self._left = look()

    def left(self) -> list[Blocker]:
        """Looks again; nobody is asked for once there are none."""
        if self._left:
            now = self._look()
            self._left = {key: who for key, who in now.items() if key in self._left}
        return list(self._left.values())

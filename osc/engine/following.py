"""How changes of the original are learnt."""

from __future__ import annotations

from typing import Protocol

from osc.model.change import Delivery, Position


class ChangeSource(Protocol):
    """Tells which keys of the original changed (rule 1: it is open before the first chunk).

    `mark` may be called by any thread; `read` and `confirm` by one. Whatever the source can't
    understand raises: it never skips. It is opened anew, or again at a position that a source of
    the same migration has given: then PositionGone where that is no longer possible.
    """

    def mark(self) -> int:
        """Numbers this moment; a delivery's barrier reaches the number once all that had committed
        before the call is delivered and visible."""
        ...

    def read(self, timeout_seconds: float) -> Delivery | None:
        """The next delivery, or None when nothing came in time."""
        ...

    def confirm(self, position: Position) -> None:
        """Nothing before this position will be asked for again; the ledger has it already."""
        ...

    @property
    def position(self) -> Position:
        """Where the source was opened."""
        ...

    def close(self) -> None:
        """Hangs up. What keeps the changes for us on the server (a slot, triggers) stays, so that
        the source can be opened again: `Workshop.sweep` removes it."""
        ...

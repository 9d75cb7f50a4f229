"""What a change source delivers: keys, never rows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import NewType

KeyPart = int | str | bytes
KeyValue = tuple[KeyPart, ...]
"""A key's values in the order of the key's columns, in the form that the engine's dialect takes."""

Position = NewType("Position", str)
"""An opaque place in a change source; only the source that made it can read it."""


BYTES_OF_A_KEY = 150
"""Its tuple and its place in a dict, without its parts; measured."""
BYTES_OF_A_DELIVERY = 1_000_000


def bytes_of(key: KeyValue) -> int:
    """About how much memory it takes."""
    return BYTES_OF_A_KEY + sum(map(sys.getsizeof, key))


def fitting(key: KeyValue, most: int) -> int:
    """How many keys like this one a delivery should have: long ones are fewer."""
    return max(1, min(most, BYTES_OF_A_DELIVERY // bytes_of(key)))


@dataclass(frozen=True)
class Delivery:
    """Keys that changed, and how far the source has come.

    `barrier` is the number of the newest mark that has passed with this delivery: each transaction
    that had committed before `ChangeSource.mark()` returned that number has been delivered, and
    *every* key delivered so far, these included, is visible to a new snapshot (rule 2).
    0 means: no mark has passed, but all these keys are visible. None means: no mark has passed, the
    keys may not be visible yet and must wait.
    A source that is re-opened at `position` delivers everything that this one delivers from now on.
    """

    keys: tuple[KeyValue, ...]
    barrier: int | None
    position: Position

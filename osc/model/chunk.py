"""A range of the original that is copied in one transaction, and how large the next one is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from osc.model.change import KeyValue

FIRST_BYTES, LEAST_BYTES = 4 << 20, 256 << 10


@dataclass(frozen=True)
class Chunk:
    """The rows after `lower` up to and including `upper`; None is the end of the table.

    The bounds are key values, or one-element tuples of block numbers where the engine copies by
    blocks; only the dialect that cut them knows which.
    """

    number: int
    lower: KeyValue | None
    upper: KeyValue | None

    @property
    def is_last(self) -> bool:
        return self.upper is None


@dataclass(frozen=True)
class ChunkSize:
    """How many rows (or blocks) to take next, so that a chunk lasts `target_seconds`.

    It shrinks at once and grows by half at most, or by one: a chunk that is too long hurts the
    application, one that is too short only costs a little time.
    """

    size: int = 1_000
    target_seconds: float = 0.5
    least: int = 50
    most: int = 100_000

    def of_width(self, width: int) -> ChunkSize:
        """The same where a row (or block, with what it keeps elsewhere) has so many bytes, 0 if
        nobody knows: nothing has been timed before the first chunk, and 1,000 rows may be a
        gigabyte."""
        if not width:
            return self
        first, least = (max(1, bytes // width) for bytes in (FIRST_BYTES, LEAST_BYTES))
        return replace(self, size=min(self.size, first), least=min(self.least, least))

    def lasting(self, seconds: float) -> ChunkSize:
        """The same with another time target."""
        return replace(self, target_seconds=seconds)

    def after(self, size: int, seconds: float) -> ChunkSize:
        """The size to take after a chunk of `size` lasted `seconds`."""
        if size <= 0:
            return self
        fitting = size * self.target_seconds / max(seconds, 1e-4)
        most = max(self.size * 1.5, self.size + 1)
        wanted = min(fitting, most) if fitting > self.size else fitting
        return replace(self, size=int(max(self.least, min(self.most, wanted))))

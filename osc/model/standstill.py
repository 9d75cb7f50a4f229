"""How long a run has stood still, and for what: asked for where it took longer than foreseen."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Standstill:
    """`why` is a signal's name or somebody's wish; `worst` the reading that was furthest beyond its
    limit, in words, for a signal."""

    why: str
    seconds: float
    worst: str = ""
    severity: float = 0.0

    def longer(self, other: Standstill) -> Standstill:
        worse = other if other.severity > self.severity else self
        return replace(worse, seconds=self.seconds + other.seconds)


Standstills = tuple[Standstill, ...]


def with_one(so_far: Standstills, new: Standstill) -> Standstills:
    """With one more moment, in the order in which each reason came up first."""
    if all(one.why != new.why for one in so_far):
        return (*so_far, new)
    return tuple(one.longer(new) if one.why == new.why else one for one in so_far)

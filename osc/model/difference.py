"""What the ALTER changes, as the catalog tells it before and after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogDiff:
    """Lines of an engine's description of the table, in its own words, those of one side only."""

    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.removed or self.added)

    @property
    def lines(self) -> tuple[str, ...]:
        """As `diff` prints them."""
        removed = tuple(f"- {line}" for line in self.removed)
        return (*removed, *(f"+ {line}" for line in self.added))


UNCHANGED = CatalogDiff()


def between(before: Iterable[str], after: Iterable[str]) -> CatalogDiff:
    """Each in the order of its side."""
    before, after = tuple(before), tuple(after)
    had, has = set(before), set(after)
    return CatalogDiff(
        removed=tuple(line for line in before if line not in has),
        added=tuple(line for line in after if line not in had),
    )

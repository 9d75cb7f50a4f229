"""What a rule has found, and what the rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from osc.model.alter import Alter
from osc.model.table import Column, Table


class Severity(StrEnum):
    """How much it matters."""

    NOTE = "note"  # good to know
    WARNING = "warning"  # will hurt some day
    DANGER = "danger"  # breaks something when it is run


@dataclass(frozen=True)
class Finding:
    """`safer` is the way that has not this trouble."""

    rule: str
    severity: Severity
    message: str
    safer: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}" + (f"; {self.safer}" if self.safer else "")


@dataclass(frozen=True)
class Change:
    """A table before and after the ALTER, as two catalogs tell it.

    `fill` maps a column to how much of its range is used already (0 to 1), where it is a number
    that counts up. `users` are the views and such that use a column. `foreign_keys` are the new
    ones' columns, `indexes` the leading columns of what indexes there are afterwards.
    """

    before: Table
    after: Table
    alter: Alter
    fill: dict[str, float] = field(default_factory=dict)
    users: dict[str, tuple[str, ...]] = field(default_factory=dict)
    foreign_keys: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def added(self) -> tuple[Column, ...]:
        renamed = {self.alter.fold(new) for _, new in self.alter.renames}
        return tuple(
            column
            for column in self.after.columns
            if not self.before.has_column(column.name)
            and self.alter.fold(column.name) not in renamed
        )

    @property
    def dropped(self) -> tuple[Column, ...]:
        renamed = {self.alter.fold(old) for old, _ in self.alter.renames}
        return tuple(
            column
            for column in self.before.columns
            if not self.after.has_column(column.name)
            and self.alter.fold(column.name) not in renamed
        )

    @property
    def kept(self) -> tuple[tuple[Column, Column], ...]:
        """Each column that was there and still is, under its old name or its new one."""
        renamed = {self.alter.fold(new): old for old, new in self.alter.renames}
        pairs = []
        for column in self.after.columns:
            old = renamed.get(self.alter.fold(column.name), column.name)
            if self.before.has_column(old):
                pairs.append((self.before.column(old), column))
        return tuple(pairs)

    @property
    def touched(self) -> tuple[Column, ...]:
        """Columns that are new or have another type."""
        return (*self.added, *(new for old, new in self.kept if old.type != new.type))


Rule = Callable[[Change], Iterator[Finding]]


def looked_at(change: Change, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """What all the rules say, the worst first."""
    order = [Severity.DANGER, Severity.WARNING, Severity.NOTE]
    found = [finding for rule in rules for finding in rule(change)]
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))

"""What a rule of a reviewer has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


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


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    order = [Severity.DANGER, Severity.WARNING, Severity.NOTE]
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))

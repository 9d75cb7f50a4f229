"""What the demo found out: figures that were measured in it, and whether a write was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from osc.demo.journal import Journal, Waits
from osc.demo.twin import Comparison
from osc.errors import Bug, VerificationFailed
from osc.model.report import Report
from osc.ops.report import report_record
from osc.ops.units import aligned, count, duration


@dataclass(frozen=True)
class Verdict:
    """All of it; `before` and `during` are the writers' waits before and during the change."""

    server: str
    report: Report
    journals: tuple[Journal, ...]
    before: Waits
    during: Waits
    comparison: Comparison

    @property
    def failures(self) -> list[str]:
        return [failure for journal in self.journals for failure in journal.failures]

    @property
    def lost(self) -> int:
        return len(self.comparison.differing)

    def check(self) -> None:
        """Raises where the promise was broken."""
        if self.lost or not self.comparison.same_schema:
            raise VerificationFailed(
                f"{count(self.lost)} rows differ from the twin that the server altered itself"
                if self.lost
                else "the new schema is not the one that the server's own ALTER makes",
                todo=f"report it, please; the first ids are {self.comparison.differing[:10]}",
            )
        if self.failures:
            raise Bug(f"statements of the writers failed: {self.failures[0]}")

    def text(self) -> str:
        before, during = self.before, self.during
        compared, native = self.comparison, duration(self.comparison.native_seconds)
        return aligned(
            [
                ("server", self.server),
                ("rows", count(compared.rows)),
                ("duration", duration(self.report.seconds)),
                ("writes meanwhile", f"{count(during.count)}: {_kinds(during)}"),
                ("writes failed", self._failed()),
                ("writes lost", f"{count(self.lost)}, all rows compared one by one with the twin"),
                ("schema", "as the twin's" if compared.same_schema else "NOT as the twin's"),
                ("longest wait", f"{_waits(during)}"),
                ("  before that", f"{_waits(before)}"),
                ("lock held", duration(self.report.lock_held_seconds)),
                ("server's own ALTER", f"{native} on the idle twin; each write would have waited"),
            ]
        )

    def _failed(self) -> str:
        failures = self.failures
        return "0" if not failures else f"{count(len(failures))}; the first: {failures[0]}"

    def record(self) -> dict[str, Any]:
        return {
            "server": self.server,
            "rows": self.comparison.rows,
            "writes_meanwhile": self.during.count,
            "writes": self.during.kinds,
            "writes_failed": len(self.failures),
            "writes_lost": self.lost,
            "same_schema": self.comparison.same_schema,
            "longest_wait_seconds": round(self.during.longest_seconds, 6),
            "p99_wait_seconds": round(self.during.p99_seconds, 6),
            "longest_wait_before_seconds": round(self.before.longest_seconds, 6),
            "native_alter_seconds": round(self.comparison.native_seconds, 3),
            **report_record(self.report),
        }


def _kinds(waits: Waits) -> str:
    return ", ".join(f"{count(made)} {kind}s" for kind, made in sorted(waits.kinds.items()))


def _waits(waits: Waits) -> str:
    longest, p99, half = (
        duration(seconds)
        for seconds in (waits.longest_seconds, waits.p99_seconds, waits.median_seconds)
    )
    return f"{longest} (99 % of writes within {p99}, half within {half})"

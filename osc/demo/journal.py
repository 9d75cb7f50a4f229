"""What the writers did, and what each row that they touched must hold afterwards."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """One statement's end: when it came, and how long after the statement was due."""

    at: float
    waited_seconds: float
    kind: str


@dataclass
class Journal:
    """One writer's; nobody else writes it. The keys of two writers never meet.

    `rows` maps each touched key to the row that it must hold now, or to None where it must be gone.
    `uncertain` are keys of statements that broke off without an answer.
    """

    rows: dict[int, Row | None] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    uncertain: set[int] = field(default_factory=set)

    def answered(self, kind: str, due: float) -> None:
        now = time.monotonic()
        self.answers.append(Answer(now, now - due, kind))


@dataclass(frozen=True)
class Waits:
    """The statements of some time, and how long they waited from when they were due."""

    kinds: dict[str, int]
    median_seconds: float
    p99_seconds: float
    longest_seconds: float

    @property
    def count(self) -> int:
        return sum(self.kinds.values())


def answered(journals: list[Journal], since: float, until: float) -> Waits:
    """Of the statements answered in that time."""
    found = [
        answer for journal in journals for answer in journal.answers if since <= answer.at <= until
    ]
    seconds = sorted(answer.waited_seconds for answer in found) or [0.0]
    return Waits(
        kinds=dict(Counter(answer.kind for answer in found)),
        median_seconds=_at(seconds, 0.5),
        p99_seconds=_at(seconds, 0.99),
        longest_seconds=seconds[-1],
    )


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

"""What a fuzz run has tried and what came of it, by engine, sync mode and outcome."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """`word` is what is counted; `why` says more of a refusal."""

    word: str
    why: str = ""


@dataclass
class Tally:
    """Counts; a run that refuses everything proves nothing, and shows here."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    transactions: Counter[str] = field(default_factory=Counter)

    def add(self, where: str, outcome: Outcome, transactions: int) -> None:
        self.outcomes[where, outcome.word] += 1
        self.transactions[where] += transactions
        if outcome.why:
            self.reasons[where, f"{outcome.word}: {_without_names(outcome.why)}"] += 1

    def total(self, where: str) -> int:
        return sum(count for (at, _), count in self.outcomes.items() if at == where)

    def share(self, where: str, word: str) -> float:
        return self.outcomes[where, word] / max(1, self.total(where))

    def lines(self) -> Iterator[str]:
        for where in sorted(self.transactions):
            counts = ", ".join(
                f"{word} {count}"
                for (at, word), count in sorted(self.outcomes.items())
                if at == where
            )
            yield f"{where}: {self.total(where)} examples ({counts}), beside "
            yield f"    {self.transactions[where]} transactions of applications"
            for (at, why), count in self.reasons.most_common():
                if at == where:
                    yield f"    {count:4} × {why}"


def _without_names(sentence: str) -> str:
    """Quoted names and numbers vary from example to example; the reason does not."""
    first = sentence.splitlines()[0] if sentence else ""
    return re.sub(r"\d+", "N", re.sub(r"['\"`][^'\"`]*['\"`]", "…", first))[:150]

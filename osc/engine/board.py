"""What an operator says to a run, and what it shows of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Order:
    """Words for a run, from whatever host; `number` goes up."""

    number: int
    words: str
    by: str


@dataclass(frozen=True)
class Said:
    """Words that a run was told, and its answer; `at` is the server's clock."""

    words: str
    by: str
    at: str
    answer: str


class Board(Protocol):
    """Beside the ledger: what an operator says to a run, and what the run shows of itself. Any
    thread may ask; the tables are there once the ledger is prepared."""

    def order(self, migration: int, words: str, by: str) -> int:
        """Pins words up; their number."""
        ...

    def orders(self, migration: int) -> list[Order]:
        """Those without an answer, in the order they came."""
        ...

    def answer(self, number: int, text: str) -> None: ...
    def answered(self, number: int) -> str | None:
        """None while there is no answer."""
        ...

    def note(self, migration: int, words: str, by: str, answer: str) -> None:
        """Keeps words that came another way, for whoever asks later who said what."""
        ...

    def said(self, migration: int) -> list[Said]:
        """All that a run was told and has answered, in the order it came; kept for good."""
        ...

    def show(self, migration: int, record: str) -> None: ...
    def shown(self, migration: int) -> tuple[str, float] | None:
        """The newest record and its age in seconds."""
        ...

    def clear(self, migration: int) -> None:
        """Takes down what nobody has to read any more."""
        ...

    def close(self) -> None: ...

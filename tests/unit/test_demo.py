"""The demo's bookkeeping: what writers remember, and when the verdict is bad."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest

from osc.demo import writers
from osc.demo.journal import Answer, Journal, answered
from osc.demo.shop import SHOPS
from osc.demo.twin import Comparison
from osc.demo.verdict import Verdict
from osc.demo.writers import Writer
from osc.errors import Bug, OscError, VerificationFailed
from osc.model.report import Report

REPORT = Report(1, "shop.orders", "ALTER …", "old", "log", 9.0, 10, 1, 10, 0, 0, 0, 0, 1, 0.0, 0.01)
QUIET = answered([], 0, 1)


@dataclass
class Table:
    """Does what the writers' statements say to a dict; `refuses` makes each of them fail."""

    rows: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    refuses: bool = False
    rowcount: int = 0
    statements: int = 0
    enough: int = 1000
    stopped: threading.Event = field(default_factory=threading.Event)

    def cursor(self) -> Table:
        return self

    def close(self) -> None:
        pass

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        self.statements += 1
        if self.statements >= self.enough:
            self.stopped.set()
        if self.refuses:
            raise psycopg.OperationalError("the server is gone")
        self.rowcount = 1
        match sql.split()[0], tuple(parameters):
            case "INSERT", row:
                self.lastrowid = max(self.rows) + 1
                self.rows[self.lastrowid] = row
            case "DELETE", (key,):
                self.rowcount = 0 if self.rows.pop(key, None) is None else 1
            case "UPDATE", (*row, key) if len(parameters) == 4:
                self.rowcount = int(key in self.rows)
                self.rows[key] = tuple(row)
            case "UPDATE", (new, *row, key):
                self.rowcount = 0 if self.rows.pop(key, None) is None else 1
                self.rows[new] = tuple(row)


def written(table: Table, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """What a single writer remembers after having written to the table for a while."""
    monkeypatch.setattr(writers, "connect", lambda url: table)
    writer = Writer(SHOPS["mysql"], "mysql://", number=0, of=1, rows=100, rate=100_000)
    table.rows = dict.fromkeys(range(1, 101), ("as", "it", "was"))
    writer.run(table.stopped)
    return writer.journal


def test_the_journal_knows_what_each_touched_row_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()

    journal = written(table, monkeypatch)

    untouched = {key: ("as", "it", "was") for key in range(1, 101) if key not in journal.rows}
    there = {key: row for key, row in journal.rows.items() if row is not None}
    assert table.rows == untouched | there
    assert not journal.failures
    assert {answer.kind for answer in journal.answers} == set(writers.SHARES)


def test_a_statement_that_fails_is_counted_and_its_row_uncertain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = written(Table(refuses=True, enough=50), monkeypatch)

    assert len(journal.failures) == len(journal.answers) == 50
    assert "the server is gone" in journal.failures[0]
    assert journal.uncertain
    assert not journal.rows


def test_waits_are_those_of_the_time_that_is_asked_for() -> None:
    journal = Journal(answers=[Answer(at, at / 10, "update") for at in range(100)])

    waits = answered([journal], 10, 50)

    assert (waits.count, waits.longest_seconds, waits.median_seconds) == (41, 5.0, 3.0)
    assert waits.kinds == {"update": 41}


GOOD = Verdict(
    server="mysql 9.7",
    report=REPORT,
    journals=(Journal(),),
    before=QUIET,
    during=QUIET,
    comparison=Comparison(rows=10, differing=(), same_schema=True, native_seconds=1.0),
)


def test_a_good_verdict_raises_nothing() -> None:
    GOOD.check()

    assert "writes lost         0" in GOOD.text()
    assert GOOD.record()["writes_lost"] == 0


@pytest.mark.parametrize(
    ("verdict", "error"),
    [
        (replace(GOOD, comparison=replace(GOOD.comparison, differing=(7,))), VerificationFailed),
        (replace(GOOD, comparison=replace(GOOD.comparison, same_schema=False)), VerificationFailed),
        (replace(GOOD, journals=(Journal(failures=["update: gone"]),)), Bug),
    ],
)
def test_a_bad_verdict_is_an_error(verdict: Verdict, error: type[OscError]) -> None:
    with pytest.raises(error):
        verdict.check()

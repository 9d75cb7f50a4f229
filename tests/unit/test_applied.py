"""The same statement again: done before, or to be refused for what it is."""

from __future__ import annotations

import json
from dataclasses import dataclass

from osc.model import applied

ADD = "ALTER TABLE orders ADD note text"


@dataclass(frozen=True)
class Run:
    id: int
    statement: str = ADD
    phase: str = "done"
    result: str = json.dumps({applied.IDENTITY: "abc"})


def test_the_newest_run_of_the_same_words_has_applied_it() -> None:
    assert applied.by([Run(1), Run(2)], "ALTER TABLE orders\n ADD note text", "abc") == 2


def test_a_table_that_was_touched_since_is_looked_at_anew() -> None:
    assert applied.by([Run(1)], ADD, "another") is None
    assert applied.by([Run(1, result="")], ADD, "abc") is None
    assert applied.by([Run(1), Run(2, "ALTER TABLE orders DROP note")], ADD, "abc") is None


def test_a_run_that_came_to_nothing_has_applied_nothing() -> None:
    assert applied.by([Run(1, phase="failed")], ADD, "abc") is None
    assert applied.by([Run(1), Run(2, phase="failed")], ADD, "abc") == 1

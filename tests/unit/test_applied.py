"""The same statement again: done before, or to be refused for what it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

import pytest

from osc.model import alter, applied

ADD = "ALTER TABLE orders ADD note text"


@dataclass(frozen=True)
class Run:
    id: int
    statement: str = ADD
    phase: str = "done"
    result: str = json.dumps({applied.IDENTITY: "abc"})


by = partial(applied.by, same=partial(alter.same, mysql=True))


def test_the_newest_run_of_the_same_words_has_applied_it() -> None:
    assert by([Run(1), Run(2)], "ALTER TABLE orders\n ADD note text", "abc") == 2


def test_a_table_that_was_touched_since_is_looked_at_anew() -> None:
    assert by([Run(1)], ADD, "another") is None
    assert by([Run(1, result="")], ADD, "abc") is None
    assert by([Run(1), Run(2, "ALTER TABLE orders DROP note")], ADD, "abc") is None


def test_a_run_that_came_to_nothing_has_applied_nothing() -> None:
    assert by([Run(1, phase="failed")], ADD, "abc") is None
    assert by([Run(1), Run(2, phase="failed")], ADD, "abc") == 1


@pytest.mark.parametrize(
    ("again", "mysql", "is_same"),
    [
        ("alter table `shop`.`orders` add `Note`\n text;", True, True),
        ("ALTER TABLE orders /* ticket 7 */ ADD note TEXT -- at night", True, True),
        ("alter table orders add column note text", True, True),
        ("ALTER TABLE orders ADD note text COMMENT 'a'", True, False),
        ('alter table "orders" add "note" TEXT', False, True),
        ('ALTER TABLE orders ADD "Note" text', False, False),
        ("ALTER TABLE ONLY orders ADD note text", False, False),
    ],
)
def test_another_way_to_write_a_statement_is_the_same_statement(
    again: str, mysql: bool, is_same: bool
) -> None:
    same = partial(alter.same, mysql=mysql)

    assert (applied.by([Run(1)], again, "abc", same) == 1) is is_same


def test_a_text_is_compared_letter_by_letter() -> None:
    one, other = (f"ALTER TABLE t ALTER c SET DEFAULT '{text}'" for text in ("new", "New"))

    assert not alter.same(one, other, mysql=True)

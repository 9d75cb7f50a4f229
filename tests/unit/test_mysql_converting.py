"""Which conversions a copy can do as the server's own ALTER does them."""

from __future__ import annotations

import pytest

from osc.errors import Precondition
from osc.model.table import Column
from osc.mysql import converting


def turned(old: str, new: str) -> str:
    source, target = (Column("c", kind, nullable=True) for kind in (old, new))
    return converting.expression(source, target)


@pytest.mark.parametrize(
    ("old", "new"),
    [("float", "varchar(9)"), ("int(5) unsigned zerofill", "blob"), ("year", "json")],
)
def test_a_number_goes_into_a_text_as_its_own_text(old: str, new: str) -> None:
    assert turned(old, new) == "CAST(`c` AS CHAR)"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("varchar(9)", "bit(8)"),
        ("double", "bit(8)"),
        ("int", "enum('1')"),
        ("decimal(5,2)", "set('1')"),
        ("date", "year"),
        ("float", "time"),
    ],
)
def test_what_no_expression_can_repeat_is_refused(old: str, new: str) -> None:
    with pytest.raises(Precondition, match=r"'c' turns from"):
        turned(old, new)


@pytest.mark.parametrize(
    ("old", "new"), [("int", "bit(8)"), ("varchar(9)", "enum('a')"), ("date", "datetime(3)")]
)
def test_all_else_is_stored_as_it_is(old: str, new: str) -> None:
    assert turned(old, new) == "`c`"

"""Which key rows are told apart by, and what finds them in the altered table."""

from __future__ import annotations

import pytest

from osc.errors import Precondition
from osc.model.table import Column, Key, Table, TableName
from osc.mysql import attempt, keys, naming

TYPES = {
    "id": "int", "w": "int", "word": "varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
    "mood": "enum('sad','happy')",
}  # fmt: skip


def table(*of: tuple[str, ...], **types: str) -> Table:
    columns = tuple(Column(name, kind, nullable=False) for name, kind in {**TYPES, **types}.items())
    every = tuple(Key(f"k{n}", names, primary=n == 0) for n, names in enumerate(of))
    return Table(TableName("shop", "orders"), columns, every, "", uniques=every)


@pytest.mark.parametrize(
    ("before", "after", "chosen"),
    [
        ([("id",)], [("id",)], ("id",)),
        ([("id",)], [("id", "w")], ("id",)),
        ([("id", "w")], [("w", "id")], ("id", "w")),
        ([("id", "w")], [("id",)], ("id", "w")),
        ([("id",), ("w",)], [("w",)], ("w",)),
    ],
)
def test_the_shadow_needs_a_key_that_finds_the_rows(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]], chosen: tuple[str, ...]
) -> None:
    key, _ = keys.choose(table(*before), table(*after), {name: name for name in TYPES})

    assert key.columns == chosen


@pytest.mark.parametrize("after", [("w", "id"), ("w",)])
def test_a_key_that_begins_with_something_else_finds_nothing(after: tuple[str, ...]) -> None:
    with pytest.raises(Precondition, match="no usable key"):
        keys.choose(table(("id",)), table(after), {name: name for name in TYPES})


def test_a_key_whose_values_change_gives_way_to_one_whose_values_stay() -> None:
    utf8 = "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    found = {name: name for name in TYPES}

    key, _ = keys.choose(
        table(("word",), ("id",)), table(("word",), ("id",), word=utf8, id="decimal(20,0)"), found
    )

    assert key.columns == ("id",)
    with pytest.raises(Precondition, match="'word' turns from"):
        keys.choose(table(("word",)), table(("word",), word=utf8), found)


def test_members_may_be_added_at_the_end_only() -> None:
    found = {name: name for name in TYPES}
    longer = table(("mood",), mood="enum('sad','happy','new')")
    other = table(("mood",), mood="enum('happy','sad')")

    assert keys.choose(table(("mood",)), longer, found)[0].columns == ("mood",)
    with pytest.raises(Precondition, match="'mood' turns from"):
        keys.choose(table(("mood",)), other, found)


@pytest.mark.parametrize(
    ("clauses", "names"),
    [
        ("ADD CONSTRAINT few CHECK (a > 1)", True),
        ("ADD a INT CONSTRAINT `two words` CHECK (a > 1)", True),
        ("ADD CHECK (a > 1)", False),
        ("ADD CONSTRAINT u UNIQUE (a)", False),
        ("COMMENT 'CONSTRAINT a CHECK'", False),
    ],
)
def test_a_check_that_the_alter_names_is_seen(clauses: str, names: bool) -> None:
    assert naming.names_a_check(clauses) is names


def test_the_sequences_that_defaults_count_by_are_locked_too() -> None:
    counting = Column("no", "int", default="nextval(`shop`.`a``b`)")
    plain = Column("x", "int", default="'nextval'")

    of = Table(TableName("shop", "orders"), (counting, plain), (), "")

    assert attempt.sequences(of) == [TableName("shop", "a`b")]

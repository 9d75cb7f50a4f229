"""Two witnesses, the catalogs and the words of the ALTER, must tell one story."""

from __future__ import annotations

import pytest

from osc.errors import Precondition
from osc.model import alter, columns
from osc.model.table import Column, Key, Table, TableName


def table(*names: str, keys: tuple[Key, ...] = ()) -> Table:
    return Table(
        TableName("shop", "orders"), tuple(Column(name, "int") for name in names), keys, ""
    )


def sources(original: str, shadow: str, clauses: str, *, mysql: bool = True) -> dict[str, str]:
    said = alter.from_clauses("orders", clauses, mysql=mysql)
    return columns.sources(table(*original.split()), table(*shadow.split()), said)


@pytest.mark.parametrize(
    ("original", "clauses", "shadow", "expected"),
    [
        ("a b", "MODIFY a BIGINT", "a b", {"a": "a", "b": "b"}),
        ("a b", "MODIFY a INT AFTER b", "b a", {"b": "b", "a": "a"}),
        ("a", "ADD b INT", "a b", {"a": "a"}),
        ("a b", "DROP b", "a", {"a": "a"}),
        ("a b", "CHANGE b c INT", "a c", {"a": "a", "c": "b"}),
        ("a b", "RENAME COLUMN a TO b, RENAME COLUMN b TO a", "b a", {"b": "a", "a": "b"}),
        ("a b", "CHANGE a b INT, CHANGE b a INT", "b a", {"b": "a", "a": "b"}),
        ("a b", "DROP b, ADD b TEXT", "a b", {"a": "a"}),
        ("a b", "DROP b, CHANGE a b INT", "b", {"b": "a"}),
        ("a b", "CHANGE b c INT, ADD b TEXT", "a c b", {"a": "a", "c": "b"}),
        ("a b c", "CHANGE a b INT, CHANGE b c INT, CHANGE c a INT", "b c a",
         {"b": "a", "c": "b", "a": "c"}),
        ("Id Name", "CHANGE ID id INT, MODIFY NAME TEXT", "id Name", {"id": "Id", "Name": "Name"}),
        ("Name", "DROP nAME, ADD x INT", "x", {}),
        ("a b", "ADD COLUMN IF NOT EXISTS b INT, ADD IF NOT EXISTS c INT", "a b c",
         {"a": "a", "b": "b"}),
        ("a", "ADD period INT, ADD COLUMN system INT, ADD PERIOD FOR p (a, c)", "a period system",
         {"a": "a"}),
    ],
)  # fmt: skip
def test_each_column_is_filled_from_the_one_it_was(
    original: str, clauses: str, shadow: str, expected: dict[str, str]
) -> None:
    assert sources(original, shadow, clauses) == expected


def test_postgres_tells_names_apart_by_their_case() -> None:
    found = sources("a A", "A b", "DROP a, ADD b int", mysql=False)

    assert found == {"A": "A"}


@pytest.mark.parametrize(
    ("original", "clauses", "shadow", "names"),
    [
        ("a", "MODIFY a INT", "a b", "'b' appears"),
        ("a b", "MODIFY a INT", "a", "'b' is missing"),
        ("a b", "MODIFY a INT", "a c", "'c' appears"),
        ("a b", "DROP b", "a b", "'b' appears"),
        ("a b", "ADD b INT", "a b", "'b' is missing"),
        ("a b", "CHANGE b c INT", "a b c", "'b' appears"),
        ("a", "CHANGE z b INT", "a b", "'b' appears"),
    ],
)
def test_witnesses_that_disagree_are_a_refusal(
    original: str, clauses: str, shadow: str, names: str
) -> None:
    with pytest.raises(Precondition, match=names):
        sources(original, shadow, clauses)


def test_a_dropped_column_does_not_excuse_one_that_differs_by_case() -> None:
    with pytest.raises(Precondition, match="'A' is missing"):
        sources("a A b", "b", "DROP a", mysql=False)


PRIMARY = Key("PRIMARY", ("id",), primary=True)
CODE = Key("code", ("code",))
PAIR = Key("pair", ("a", "b"))


def common(
    original: tuple[Key, ...], shadow: tuple[Key, ...], found: dict[str, str]
) -> tuple[Key, Key]:
    return columns.common_key(table("id", keys=original), table("id", keys=shadow), found)


SAME = {name: name for name in ("id", "code", "a", "b")}


def test_the_best_key_that_both_sides_have_is_taken() -> None:
    assert common((PRIMARY, CODE), (PRIMARY, CODE), SAME) == (PRIMARY, PRIMARY)


def test_where_the_best_key_is_dropped_the_next_one_serves() -> None:
    assert common((PRIMARY, CODE), (CODE,), SAME) == (CODE, CODE)


def test_a_key_is_followed_through_a_rename() -> None:
    number = Key("PRIMARY", ("number",), primary=True)

    assert common((PRIMARY,), (number,), {"number": "id"}) == (PRIMARY, number)


def test_a_key_whose_name_stays_but_whose_column_is_another_is_not_the_same() -> None:
    with pytest.raises(Precondition, match=r"no usable key of shop\.orders is left"):
        common((PRIMARY,), (PRIMARY,), {"id": "code"})


def test_a_key_over_a_new_column_is_not_the_same() -> None:
    with pytest.raises(Precondition, match="no usable key"):
        common((PRIMARY,), (Key("PRIMARY", ("new",), primary=True),), {"id": "id"})


def test_the_order_of_a_keys_columns_may_differ() -> None:
    turned = Key("other", ("b", "a"))

    assert common((PAIR,), (turned,), SAME) == (PAIR, turned)


def test_a_wider_key_is_not_the_same() -> None:
    with pytest.raises(Precondition, match="no usable key"):
        common((CODE,), (Key("code", ("code", "a")),), SAME)


def test_a_table_without_a_key_is_refused() -> None:
    with pytest.raises(Precondition, match="no primary key and no unique key"):
        common((), (), SAME)

"""Names of ours: short enough, told apart, and sorted as the swap needs them."""

from __future__ import annotations

from itertools import islice

import pytest

from osc.errors import Precondition
from osc.model.table import TableName
from osc.mysql import naming

NAMES = ["orders", "a", "Z", "zebra", "ünïcode", "x" * 40, "with space", "z~", "_private", "1"]


def table(name: str) -> TableName:
    return TableName("shop", name)


def test_where_the_order_does_not_matter_names_are_those_that_others_use() -> None:
    assert naming.Beside(table("orders"), False).shadow == table("_orders_new")
    assert next(naming.Beside(table("orders"), False).archives) == table("_orders_old")


@pytest.mark.parametrize("name", NAMES)
def test_where_the_order_matters_every_name_of_ours_sorts_after_the_originals(name: str) -> None:
    ours = [naming.Beside(table(name), True).shadow]
    ours += naming.Beside(table(name), True).archives

    assert all(name.encode() < one.name.encode() for one in ours)


@pytest.mark.parametrize("original_first", [True, False])
@pytest.mark.parametrize("length", [1, 55, 56, 57, 58, 59, 60, 63, 64])
def test_no_name_is_longer_than_the_server_allows(length: int, original_first: bool) -> None:
    name = "ü" * length if not original_first else "A" * length
    ours = [naming.Beside(table(name), original_first).shadow]
    ours += naming.Beside(table(name), original_first).archives

    assert max(len(one.name) for one in ours) <= 64


def test_archives_are_told_apart() -> None:
    names = list(naming.Beside(table("x" * 64), False).archives)

    assert len(set(names)) == len(names) == 99


def test_long_names_that_begin_alike_are_told_apart() -> None:
    one, two = (naming.Beside(table("x" * 63 + end), False).shadow for end in "ab")

    assert one != two


def test_a_long_name_keeps_its_beginning() -> None:
    name = naming.Beside(table("customer_orders_" * 4), False).shadow.name

    assert name.startswith("_customer_orders_customer")
    assert name.endswith("_new")


def test_a_long_name_that_would_sort_before_gets_one_that_sorts_last() -> None:
    for letter, last in {"z": "~", "~": "\uffee", "ü": "\uffee"}.items():
        original = table(letter * 64)

        name = naming.Beside(original, True).shadow.name

        assert original.name < name
        assert name.startswith(f"{last}osc_new_")


def test_a_name_for_which_none_of_ours_sorts_after_it_is_refused() -> None:
    with pytest.raises(Precondition, match="too long") as refusal:
        _ = naming.Beside(table("\uffff" * 64), True).shadow

    assert "at most 56 characters" in refusal.value.todo


def test_a_rehearsal_has_a_name_that_nobody_else_would_choose() -> None:
    name = naming.Beside(table("x" * 64), False).rehearsal.name

    assert name.startswith("_osc_try_")
    assert len(name) <= 64
    assert naming.Beside(table("a"), False).rehearsal != naming.Beside(table("b"), False).rehearsal


def test_ours_are_in_the_tables_own_database() -> None:
    ours = [naming.Beside(table("a"), False).rehearsal, naming.Beside(table("a"), True).shadow]
    ours += islice(naming.Beside(table("a"), False).archives, 2)

    assert {one.schema for one in ours} == {"shop"}


def test_named_checks_need_a_place_apart_and_other_constraints_do_not() -> None:
    named = "CREATE TABLE `t` (\n  `v` int,\n  CONSTRAINT `positive` CHECK ((`v` > 0))\n)"
    other = "CREATE TABLE `t` (\n  `v` int COMMENT 'CONSTRAINT `a` CHECK ',\n  PRIMARY KEY (`v`)\n)"

    assert naming.needs_a_place_apart(named)
    assert not naming.needs_a_place_apart(other)


def test_apart_every_table_has_the_originals_name_in_a_database_of_ours() -> None:
    place = naming.Apart(table("orders"))
    ours = [place.shadow, place.rehearsal, *islice(place.archives, 2)]

    assert {one.name for one in ours} == {"orders"}
    assert len({one.schema for one in ours}) == 4
    assert all(one.schema.startswith(naming.OURS) for one in ours)


@pytest.mark.parametrize("original_first", [True, False])
def test_what_a_replica_makes_for_itself_has_no_name_that_its_source_uses(
    original_first: bool,
) -> None:
    def names(here: str) -> set[str]:
        beside = naming.Beside(table("orders"), original_first, here)
        apart = naming.Apart(table("orders"), here)
        every = {naming.asking(table("orders"), here)}
        for place in (beside, apart):
            every |= {str(name) for name in (place.shadow, place.rehearsal, *place.archives)}
        return every

    assert not names("at7") & (names("") | names("at8"))

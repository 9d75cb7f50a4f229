"""Chunks through the leaves of a partitioned table: every block once, whatever is resumed."""

from __future__ import annotations

import pytest

from osc.model.chunk import Chunk
from osc.model.table import Table, TableName
from osc.postgres import blocks

LEAVES = tuple(TableName("public", name) for name in ("a", "b", "c"))
TREE = Table(TableName("public", "t"), (), (), "", leaves=LEAVES)
A, B, C = ('ONLY "public"."a"', 'ONLY "public"."b"', 'ONLY "public"."c"')


@pytest.mark.parametrize(
    ("lower", "upper", "read"),
    [
        (None, (0, 9), [f"{A} WHERE ctid < '(10,0)'"]),
        ((0, 9), (0, 19), [f"{A} WHERE ctid >= '(10,0)' AND ctid < '(20,0)'"]),
        ((0, 19), (1, -1), [f"{A} WHERE ctid >= '(20,0)'"]),
        ((1, -1), (2, -1), [B]),
        ((2, -1), None, [C]),
        (None, None, [A, B, C]),
        ((0, 9), (2, 4), [f"{A} WHERE ctid >= '(10,0)'", B, f"{C} WHERE ctid < '(5,0)'"]),
        ((1, 4), None, [f"{B} WHERE ctid >= '(5,0)'", C]),
    ],
)
def test_a_chunk_reads_what_lies_between_its_bounds_and_nothing_else(
    lower: tuple[int, int] | None, upper: tuple[int, int] | None, read: list[str]
) -> None:
    assert list(blocks.within(TREE, Chunk(1, lower, upper))) == read


def test_behind_the_last_block_of_a_leaf_the_next_leaf_begins() -> None:
    statement = blocks.next_bound(TREE, (0, 9), 10)

    assert statement.sql.endswith("UNION ALL SELECT $1::int + 1, -1 LIMIT 1")
    assert statement.parameters == (0, 19, '"public"."a"')


def test_nothing_comes_behind_the_last_leaf() -> None:
    statement = blocks.next_bound(TREE, (2, 9), 10)

    assert "UNION" not in statement.sql
    assert statement.parameters == (2, 19, '"public"."c"')


def test_rows_of_heirs_are_not_the_tables_own_and_those_of_partitions_are() -> None:
    assert blocks.only(TREE) == ""
    assert blocks.only(Table(TableName("public", "t"), (), (), "")) == "ONLY "

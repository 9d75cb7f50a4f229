"""The statements of one migration, for a key of one column and for one of two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from osc.engine import Job, Statement
from osc.model.chunk import Chunk
from osc.model.columns import ColumnMap, Pair
from osc.model.table import Column, Key, Table
from osc.mysql import comparison
from osc.mysql.dialect import MySQLDialect
from tests.fakes import JOB, ORDERS

TEXT = "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
SINGLE = MySQLDialect(JOB)


def two_columns(first: str = "int", second: str = TEXT) -> Job:
    """The key's second column is renamed from `b` to `c`."""
    key = Key("by pair", ("a", "b"))

    def table(name: str) -> Table:
        columns = (Column("a", first), Column(name, second), Column("note", "text"))
        return Table(ORDERS.name, columns, (key,), "")

    return replace(
        JOB,
        original=table("b"),
        shadow=replace(table("c"), name=JOB.shadow.name),
        key=key,
        columns=ColumnMap(
            (Pair("a", "a", "`a`"), Pair("c", "b", "`b`"), Pair("note", "note", "`note`")),
            ("a", "b"),
            ("a", "c"),
        ),
    )


PAIR = MySQLDialect(two_columns())


def test_the_bound_of_a_first_chunk() -> None:
    assert SINGLE.next_bound(None, 1000) == Statement(
        "SELECT `id` FROM `shop`.`orders` FORCE INDEX (`PRIMARY`) WHERE TRUE "
        "ORDER BY `id` LIMIT 1 OFFSET 999"
    )


def test_the_bound_of_a_later_chunk() -> None:
    assert SINGLE.next_bound((7,), 1).sql == (
        "SELECT `id` FROM `shop`.`orders` FORCE INDEX (`PRIMARY`) WHERE `id` > 7 "
        "ORDER BY `id` LIMIT 1 OFFSET 0"
    )


def test_a_composite_bound_is_compared_column_by_column() -> None:
    assert PAIR.next_bound((7, b"x"), 10).sql == (
        "SELECT `a`, CAST(`b` AS BINARY) FROM `shop`.`orders` FORCE INDEX (`by pair`) "
        "WHERE `a` >= 7 AND ((`a` > 7) OR (`a` = 7 AND `b` > _utf8mb4 X'78')) "
        "ORDER BY `a`, `b` LIMIT 1 OFFSET 9"
    )


def test_a_walk_for_verification_is_by_key_too() -> None:
    assert SINGLE.next_key((7,), 5) == SINGLE.next_bound((7,), 5)


def test_a_chunk_is_copied_by_one_plain_insert() -> None:
    assert SINGLE.copy_chunk(Chunk(1, (7,), (9,))).sql == (
        "INSERT INTO `shop`.`_orders_new` (`id`, `note`) "
        "SELECT id, note FROM `shop`.`orders` FORCE INDEX (`PRIMARY`) WHERE `id` > 7 AND `id` <= 9"
    )


def test_the_only_chunk_is_the_whole_table() -> None:
    assert SINGLE.copy_chunk(Chunk(1, None, None)).sql.endswith("WHERE TRUE AND TRUE")


def test_a_composite_chunk_has_both_its_bounds() -> None:
    assert PAIR.copy_chunk(Chunk(1, (7, b"x"), (9, b"y"))).sql == (
        "INSERT INTO `shop`.`_orders_new` (`a`, `c`, `note`) "
        "SELECT `a`, `b`, `note` FROM `shop`.`orders` FORCE INDEX (`by pair`) "
        "WHERE `a` >= 7 AND ((`a` > 7) OR (`a` = 7 AND `b` > _utf8mb4 X'78')) "
        "AND `a` <= 9 AND ((`a` < 9) OR (`a` = 9 AND `b` <= _utf8mb4 X'79'))"
    )


def test_keys_are_deleted_from_the_shadow_by_its_own_columns() -> None:
    assert SINGLE.delete_keys([(1,), (2,)]).sql == (
        "DELETE FROM `shop`.`_orders_new` WHERE `id` IN (1, 2)"
    )
    assert PAIR.delete_keys([(1, b"x"), (2, b"y")]).sql == (
        "DELETE FROM `shop`.`_orders_new` "
        "WHERE (`a` = 1 AND `c` = _utf8mb4 X'78') OR (`a` = 2 AND `c` = _utf8mb4 X'79')"
    )


def test_keys_are_inserted_from_the_original_by_its_columns() -> None:
    assert PAIR.insert_keys([(1, b"x")]).sql == (
        "INSERT INTO `shop`.`_orders_new` (`a`, `c`, `note`) "
        "SELECT `a`, `b`, `note` FROM `shop`.`orders` FORCE INDEX (`by pair`) "
        "WHERE (`a` = 1 AND `b` = _utf8mb4 X'78')"
    )


def test_a_checksum_reads_both_sides_in_one_statement() -> None:
    sql = PAIR.checksum(Chunk(1, (7, b"x"), None)).sql

    assert sql.count("SELECT COUNT(*)") == 2
    assert "FROM `shop`.`orders` WHERE `a` >= 7" in sql
    assert "FROM `shop`.`_orders_new` WHERE `a` >= 7" in sql
    assert "`a` = 7 AND `b` > " in sql
    assert "`a` = 7 AND `c` > " in sql


def test_differing_keys_are_named_by_the_originals_values() -> None:
    sql = PAIR.differing_keys(Chunk(1, None, None), 10).sql

    assert sql.startswith("SELECT k0, k1 FROM (SELECT `a` k0, CAST(`b` AS BINARY) k1, CRC32(")
    assert "UNION ALL SELECT `a` k0, CAST(`c` AS BINARY) k1, CRC32(" in sql
    assert sql.endswith("GROUP BY k0, k1, hashed HAVING COUNT(*) <> 2 LIMIT 20")


def test_a_row_becomes_a_key() -> None:
    assert PAIR.key_value((7, bytearray(b"x"))) == (7, b"x")


def test_sessions_are_set_to_utc_where_a_timestamp_is_in_the_key() -> None:
    timestamp = MySQLDialect(two_columns("timestamp"))

    assert timestamp.session_settings == (Statement("SET SESSION time_zone = '+00:00'"),)
    assert PAIR.session_settings == ()


def test_names_with_quotes_stay_names() -> None:
    job = replace(JOB, original=replace(ORDERS, name=replace(ORDERS.name, name="a`b")))

    assert "`shop`.`a``b`" in MySQLDialect(job).next_bound(None, 1).sql


def test_values_of_a_row_are_joined_by_bytes_that_no_text_holds() -> None:
    joined = comparison._joined(["a", "b"])

    assert joined == "CONCAT_WS(X'00FF00' COLLATE `binary`, a, b)"
    with pytest.raises(UnicodeDecodeError):
        bytes.fromhex("00FF00").decode()

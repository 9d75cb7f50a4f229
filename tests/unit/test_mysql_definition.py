"""A MySQL table described line by line."""

from __future__ import annotations

from osc.model.difference import between
from osc.model.relations import ForeignKey
from osc.model.table import TableName
from osc.mysql.definition import as_made, describe

ORDERS, REGION = TableName("shop", "orders"), TableName("shop", "region")
KEY = ForeignKey(ORDERS, "fk", ("region",), REGION, ("id",), " ON DELETE CASCADE")
BEFORE = """CREATE TABLE `orders` (
  `id` int NOT NULL,
  `region` int DEFAULT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `fk` FOREIGN KEY (`region`) REFERENCES `region` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB COMMENT='old'"""


def test_what_an_alter_changes_is_told_in_the_server_s_words() -> None:
    after = BEFORE.replace("`id` int", "`id` bigint").replace("'old'", "'new'")

    diff = between(describe(BEFORE, [KEY]), describe(after, [KEY]))

    assert diff.removed == ("`id` int NOT NULL", ") ENGINE=InnoDB COMMENT='old'")
    assert diff.added == ("`id` bigint NOT NULL", ") ENGINE=InnoDB COMMENT='new'")


def test_a_foreign_key_is_told_apart_from_the_definition() -> None:
    diff = between(describe(BEFORE, [KEY]), describe(BEFORE, []))

    assert diff.removed == (
        "foreign key fk of shop.orders to shop.region (region) (id) ON DELETE CASCADE",
    )
    assert diff.added == ()


def test_a_column_that_only_moves_changes_the_order() -> None:
    first, second = "  `id` int NOT NULL,\n", "  `region` int DEFAULT NULL,\n"
    after = BEFORE.replace(first + second, second + first)

    diff = between(describe(BEFORE), describe(after))

    assert diff.removed == ("order of the columns: id, region",)
    assert diff.added == ("order of the columns: region, id",)


def test_nothing_that_changes_is_no_difference() -> None:
    assert not between(describe(BEFORE, [KEY]), describe(BEFORE, [KEY]))


def test_bytes_that_are_no_text_can_be_written_down() -> None:
    """MariaDB prints the DEFAULT of a binary column byte by byte."""
    bytes_ = b"\xfe'".decode("utf-8", "surrogateescape")

    (told,) = between(describe(BEFORE), describe(BEFORE.replace("old'", "ü" + bytes_))).added

    assert told.encode() == r") ENGINE=InnoDB COMMENT='ü\xfe'".encode()


def test_a_collation_that_is_the_table_s_is_not_said_again() -> None:
    shown = """CREATE TABLE `t` (
  `id` int NOT NULL,
  `a ``b` varchar(9) COLLATE latin1_bin DEFAULT ' COLLATE latin1_bin',
  `k` enum('x) COLLATE latin1_bin','it''s') COLLATE latin1_bin COMMENT 'COLLATE latin1_bin',
  `other` text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `said` text CHARACTER SET latin1 COLLATE latin1_bin
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_bin"""

    lines = as_made(shown).splitlines()

    assert lines[2] == "  `a ``b` varchar(9) DEFAULT ' COLLATE latin1_bin',"
    assert lines[3] == "  `k` enum('x) COLLATE latin1_bin','it''s') COMMENT 'COLLATE latin1_bin',"
    assert lines[:2] + lines[4:] == shown.splitlines()[:2] + shown.splitlines()[4:]

"""A MySQL table described line by line."""

from __future__ import annotations

from osc.model.difference import between
from osc.model.relations import ForeignKey
from osc.model.table import TableName
from osc.mysql.definition import describe

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

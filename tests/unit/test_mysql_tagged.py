"""Columns of ours that bear the old key in a shadow."""

from __future__ import annotations

from osc.mysql import tagged

PLAIN = "CREATE TABLE `t` (\n  `id` int,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB"
TAGGED = PLAIN.replace("`id` int,\n", "`id` int,\n  `_osc_tag_0` int INVISIBLE,\n").replace(
    "(`id`)\n", "(`id`),\n  UNIQUE KEY `_osc_tag` (`_osc_tag_0`)\n"
)


def test_a_definition_is_told_without_the_tags_that_are_ours() -> None:
    assert tagged.without(TAGGED, ("_osc_tag_0",)) == PLAIN


def test_it_is_told_without_our_index_over_columns_of_its_own() -> None:
    indexed = PLAIN.replace("(`id`)\n", "(`id`),\n  UNIQUE KEY `_osc_tag_key` (`id`)\n")

    assert tagged.without(indexed, ("id",)) == PLAIN


def test_columns_of_the_application_that_are_called_like_ours_are_its_own() -> None:
    assert tagged.without(TAGGED, ("id",)) == TAGGED

"""Which indexes may be built after the copy, read from SHOW CREATE TABLE."""

from __future__ import annotations

from osc.mysql.indexes import plain_keys


def definition(*lines: str) -> str:
    return "CREATE TABLE `t` (\n" + ",\n".join(f"  {line}" for line in lines) + "\n) ENGINE=InnoDB"


def test_plain_indexes_are_built_later_with_their_whole_definition() -> None:
    found = plain_keys(
        definition(
            "`id` int NOT NULL",
            "PRIMARY KEY (`id`)",
            "KEY `a` (`a`,`b` DESC) COMMENT 'x, y'",
            "KEY `p` (`a`(10)) /*!80000 INVISIBLE */",
            "KEY `e` ((lower(`a`)))",
        )
    )

    assert found == {
        "a": "KEY `a` (`a`,`b` DESC) COMMENT 'x, y'",
        "p": "KEY `p` (`a`(10)) /*!80000 INVISIBLE */",
        "e": "KEY `e` ((lower(`a`)))",
    }


def test_unique_and_special_indexes_are_there_from_the_first_row_on() -> None:
    found = plain_keys(
        definition(
            "UNIQUE KEY `u` (`a`)",
            "FULLTEXT KEY `f` (`a`)",
            "SPATIAL KEY `s` (`a`)",
            "CONSTRAINT `c` FOREIGN KEY (`a`) REFERENCES `b` (`a`)",
        )
    )

    assert found == {}


def test_the_index_of_an_auto_increment_column_stays() -> None:
    found = plain_keys(
        definition(
            "`n` int NOT NULL AUTO_INCREMENT",
            "`a` int",
            "PRIMARY KEY (`a`)",
            "KEY `by n` (`n`)",
            "KEY `a, n` (`a`,`n`)",
        )
    )

    assert list(found) == ["a, n"]


def test_what_stands_before_an_index_that_stays_keeps_its_place() -> None:
    found = plain_keys(
        definition(
            "KEY `a` (`a`)", "SPATIAL KEY `s` (`g`)", "KEY `b` (`b`)", "FULLTEXT KEY `f` (`c`)"
        )
    )

    assert list(found) == ["b"]


def test_a_name_with_backticks_is_unquoted() -> None:
    assert list(plain_keys(definition("KEY `a``b` (`a`)"))) == ["a`b"]


def test_a_column_that_is_called_key_is_no_index() -> None:
    assert plain_keys(definition("`KEY` int", "`a` varchar(9) DEFAULT 'KEY `x` '")) == {}

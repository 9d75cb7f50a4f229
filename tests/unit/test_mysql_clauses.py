"""Where one subcommand of an ALTER ends, and what must not be asked of a clone."""

from __future__ import annotations

import pytest

from osc import errors
from osc.model import alter
from osc.mysql import clauses, rungs
from osc.mysql.clauses import Clauses
from osc.mysql.trial import Answer


def _read(text: str) -> Clauses:
    return clauses.read(alter.parse(f"ALTER TABLE t {text}", mysql=True))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ADD a INT, DROP b", ("ADD a INT", "DROP b")),
        ("ADD (a INT, b ENUM('x,y'))", ("ADD (a INT, b ENUM('x,y'))",)),
        ("DROP PARTITION p, q", ("DROP PARTITION p, q",)),
        ("TRUNCATE PARTITION p, q", ("TRUNCATE PARTITION p, q",)),
        ("ORDER BY a, b", ("ORDER BY a, b",)),
        ("COMMENT = 'x' PARTITION BY HASH (a)", ("COMMENT = 'x' PARTITION BY HASH (a)",)),
        ("NOWAIT ADD a INT", ("ADD a INT",)),
        ("WAIT 5 ADD a INT", ("ADD a INT",)),
        ("ADD a INT, ALGORITHM=INPLACE, LOCK = NONE", ("ADD a INT",)),
        ("ALGORITHM=COPY PARTITION BY HASH (a)", ("PARTITION BY HASH (a)",)),
        ("ADD a INT, LOCK=SHARED PARTITION BY KEY (a)", ("ADD a INT PARTITION BY KEY (a)",)),
        ("ADD a INT, LOCK SHARED REMOVE PARTITIONING", ("ADD a INT REMOVE PARTITIONING",)),
    ],
)
def test_a_subcommand_ends_where_the_server_says(text: str, parts: tuple[str, ...]) -> None:
    assert _read(text).parts == parts


@pytest.mark.parametrize("text", ["RENAME TO z", "RENAME z", "RENAME AS s.z"])
def test_a_new_name_of_the_table_stands_apart(text: str) -> None:
    found = _read(f"ADD a INT, {text}, RENAME COLUMN b TO c, RENAME INDEX i TO j")

    assert found.rename == text
    assert found.parts == ("ADD a INT", "RENAME COLUMN b TO c", "RENAME INDEX i TO j")


@pytest.mark.parametrize("text", ["ADD a INT, ALGORITHM = QUICK", "ADD a INT, LOCK none_at_all"])
def test_a_way_that_no_server_knows_is_refused(text: str) -> None:
    with pytest.raises(errors.Precondition, match="there is no"):
        _read(text)


def test_the_algorithm_that_was_asked_for_is_kept() -> None:
    assert _read("ADD a INT, ALGORITHM = inplace").algorithm == "INPLACE"
    assert _read("ADD a INT, ALGORITHM = DEFAULT").algorithm == ""


@pytest.mark.parametrize(
    "text",
    [
        "EXCHANGE PARTITION p WITH TABLE z",
        "CONVERT TABLE z TO PARTITION p VALUES LESS THAN (9)",
        "CONVERT PARTITION p TO TABLE z",
        "DISCARD TABLESPACE",
        "IMPORT TABLESPACE",
    ],
)
def test_what_changes_another_table_never_runs_on_a_clone(text: str) -> None:
    assert clauses.reaches_out(text)


def test_a_change_of_the_character_set_reaches_no_other_table() -> None:
    assert not clauses.reaches_out("CONVERT TO CHARACTER SET utf8mb4")


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("AUTO_INCREMENT=9", True),
        ("COMMENT 'x' auto_increment 9", True),
        ("MODIFY id INT AUTO_INCREMENT", False),
        ("MODIFY id INT AUTO_INCREMENT COMMENT '= 9'", False),
        ("ADD COLUMN `AUTO_INCREMENT` INT", False),
    ],
)
def test_the_counter_is_set_among_the_options(text: str, sets: bool) -> None:
    assert clauses.sets_the_counter(text) is sets


def test_parents_are_named_otherwise_wherever_they_stand() -> None:
    text = "ADD x INT REFERENCES p (id), ADD FOREIGN KEY (y) REFERENCES `s`.`q` (`references`)"

    renamed = clauses.with_parents(text, lambda parent: f"<{parent.schema}|{parent.name}>")

    assert renamed == (
        "ADD x INT REFERENCES <None|p> (id), ADD FOREIGN KEY (y) REFERENCES <s|q> (`references`)"
    )


def test_added_columns_and_indexes_are_taken_back_and_nothing_else_is_promised() -> None:
    before = "CREATE TABLE `t` (\n  `a` int,\n  KEY `i` (`a`)\n) ENGINE=InnoDB COMMENT='x, y'"
    after = (
        "CREATE TABLE `t` (\n  `a` int,\n  `b``c` int,\n  KEY `i` (`a`),\n  KEY `j` (`b``c`)\n"
        ") ENGINE=InnoDB COMMENT='it''s'"
    )
    narrower = before.replace("`a` int", "`a` bigint")

    assert rungs.undoing(before, after, is_mariadb=False) == (
        "ALGORITHM=INPLACE, LOCK=NONE, DROP INDEX `j`, COMMENT = 'x, y'",
        "ALGORITHM=INSTANT, DROP COLUMN `b``c`",
    )
    assert rungs.undoing(after, before, is_mariadb=False) == ()
    assert rungs.undoing(before, narrower, is_mariadb=False) == ()


def test_the_last_row_version_can_still_be_taken() -> None:
    answer = Answer("INSTANT", versions=1)

    assert rungs.has_row_versions(63, answer)
    assert not rungs.has_row_versions(64, answer)
    assert rungs.has_row_versions(64, Answer("INSTANT"))

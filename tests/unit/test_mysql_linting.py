"""What a careful colleague says about an ALTER on MySQL, told from the two definitions."""

from __future__ import annotations

import pytest

from osc.model import alter as alters
from osc.model.table import Column, Table, TableName
from osc.mysql import linting, shown

NAME = TableName("shop", "orders")
UTF8 = " CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"


def _definition(*lines: str) -> str:
    return "CREATE TABLE `orders` (\n  " + ",\n  ".join(lines) + "\n) ENGINE=InnoDB"


def _table(definition: str) -> Table:
    columns = tuple(
        _column(name, specification)
        for name, specification in shown.read(definition).columns.items()
    )
    return Table(NAME, columns, (), "")


def _column(name: str, specification: str) -> Column:
    said = shown.attributes(specification)
    kind = specification.split(" NOT NULL")[0].split(" DEFAULT")[0].split(" COMMENT")[0]
    kind = kind.split(" AUTO_INCREMENT")[0]
    is_text = kind.startswith(("varchar", "text", "char", "mediumtext", "enum"))
    return Column(
        name=name,
        type=kind + UTF8 if is_text and "CHARACTER SET" not in kind else kind,
        nullable="NOT NULL" not in said,
        default=said.get("DEFAULT"),
    )


def _found(
    old: tuple[str, ...], new: tuple[str, ...], clauses: str, counter: int | None = None
) -> dict[str, str]:
    before, after = _definition(*old), _definition(*new)
    change = linting.Change(
        before=_table(before),
        after=_table(after),
        old=shown.read(before),
        new=shown.read(after),
        alter=alters.parse(f"ALTER TABLE orders {clauses}", mysql=True),
        counter=counter,
    )
    return {
        finding.rule: f"{finding.message}; {finding.safer}" for finding in linting.findings(change)
    }


ID = "`id` int NOT NULL AUTO_INCREMENT"
KEY = "PRIMARY KEY (`id`)"


@pytest.mark.parametrize(
    ("old", "new", "clauses", "rule", "said"),
    [
        pytest.param(
            ("`c` int NOT NULL DEFAULT '7' COMMENT 'how many'",), ("`c` bigint DEFAULT NULL",),
            "MODIFY c BIGINT", "lost-attributes", "COMMENT 'how many', NOT NULL, DEFAULT '7'",
            id="what MODIFY does not say again is gone",
        ),
        pytest.param(
            ("`c` varchar(9) CHARACTER SET latin1 COLLATE latin1_bin",), ("`c` varchar(10)",),
            "MODIFY c VARCHAR(10)", "lost-collation", "CHARACTER SET latin1 COLLATE latin1_bin",
            id="a collation that is not said again is the table's",
        ),
        pytest.param(
            (ID,), (ID, "`t` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP"), "ADD t TIMESTAMP",
            "implicit-timestamp", "CURRENT_TIMESTAMP", id="a TIMESTAMP gets what nobody asked for",
        ),
        pytest.param(
            (ID,), (ID, "`n` int NOT NULL"), "ADD n INT NOT NULL", "not-null-without-default",
            "INSERTs that don't name it", id="NOT NULL without a default",
        ),
        pytest.param(
            (ID,), (ID, "`n` int DEFAULT '1'"), "ADD n INT DEFAULT 1", "insert-without-names",
            "there are 2 columns, not 1", id="who names no columns counts them",
        ),
        pytest.param(
            (ID, "`n` int", "`m` int"), (ID, "`m` int", "`n` int"), "MODIFY m INT AFTER id",
            "moved-columns", "into others than before", id="columns that change places",
        ),
        pytest.param(
            (ID,), (ID, "`n` int DEFAULT NULL"), "ADD n INT", "nullable", "may be NULL",
            id="a new column that is NULL everywhere",
        ),
        pytest.param(
            (ID,), (ID, "`n` varchar(36) DEFAULT (uuid())"), "ADD n VARCHAR(36) DEFAULT (uuid())",
            "volatile-default", "of its own", id="a default that differs from row to row",
        ),
        pytest.param(
            ("`c` bigint",), ("`c` int",), "MODIFY c INT", "narrowing", "the range is smaller",
            id="fewer numbers",
        ),
        pytest.param(
            ("`c` varchar(90)",), ("`c` varchar(80)",), "MODIFY c VARCHAR(80)", "narrowing",
            "less room", id="fewer letters",
        ),
        pytest.param(
            ("`c` int",), ("`c` int NOT NULL",), "MODIFY c INT NOT NULL", "narrowing",
            "NULL has no place", id="no NULL any more",
        ),
        pytest.param(
            (ID,), (ID, "`n` varchar(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin"),
            "ADD n VARCHAR(9) CHARACTER SET utf8", "utf8mb3", "emoji", id="letters of three bytes",
        ),
        pytest.param(
            (ID,), (ID, "`price` double NOT NULL"), "ADD price DOUBLE NOT NULL", "float-money",
            "DECIMAL", id="money that rounds",
        ),
        pytest.param(
            (ID, "`c` int"), (ID, "`c` int", "UNIQUE KEY `u` (`c`)"), "ADD UNIQUE u (c)",
            "new-unique", "duplicates", id="a new unique key",
        ),
        pytest.param(
            ("`c` int",), ("`d` int",), "RENAME COLUMN c TO d", "rename", "fails at once",
            id="a name that running code still says",
        ),
        pytest.param(
            (ID, "`c` int"), (ID,), "DROP COLUMN c", "drop", "are gone", id="a column that goes",
        ),
        pytest.param(
            ("`c` text",), ("`c` mediumtext",), "CONVERT TO CHARACTER SET utf8mb4", "widened-text",
            "text → mediumtext", id="CONVERT widens TEXT",
        ),
        pytest.param(
            (ID, "`c` int", "KEY `one` (`c`,`id`)"),
            (ID, "`c` int", "KEY `one` (`c`,`id`)", "KEY `two` (`c`)"), "ADD KEY two (c)",
            "duplicate-index", "leave two out", id="an index that begins another",
        ),
        pytest.param(
            (ID, "`c` int"),
            (ID, "`c` int", "KEY `f` (`c`)",
             "CONSTRAINT `f` FOREIGN KEY (`c`) REFERENCES `p` (`id`)"),
            "ADD CONSTRAINT f FOREIGN KEY (c) REFERENCES p (id)", "foreign-key-without-index",
            "no index on `c`", id="a foreign key that the server adds an index for",
        ),
        pytest.param(
            ("`c` enum('a','b')",), ("`c` enum('z','a','b')",), "MODIFY c ENUM('z','a','b')",
            "renumbered-enum", "at the end", id="members in the middle of an ENUM",
        ),
    ],
)  # fmt: skip
def test_it_is_said_and_what_is_safer(
    old: tuple[str, ...], new: tuple[str, ...], clauses: str, rule: str, said: str
) -> None:
    assert said in _found(old, new, clauses)[rule]


def test_a_counter_near_its_end_is_told_while_there_is_time() -> None:
    found = _found((ID, KEY), (ID, KEY, "KEY `k` (`id`,`id`)"), "ADD KEY k (id, id)", 1_900_000_000)

    assert "1,900,000,000 of 2,147,483,647" in found["key-near-its-end"]


def test_nobody_counts_a_column_that_is_invisible() -> None:
    new = "`n` int DEFAULT '1' COMMENT 'INVISIBLE' /*!80023 INVISIBLE */"

    assert "insert-without-names" not in _found((ID,), (ID, new), "ADD n INT INVISIBLE DEFAULT 1")


def test_a_change_that_says_all_of_it_is_passed_in_silence() -> None:
    old = "`c` int NOT NULL DEFAULT '7' COMMENT 'how many'"
    new = "`c` bigint NOT NULL DEFAULT '7' COMMENT 'how many'"

    assert not _found((old,), (new,), "MODIFY c BIGINT NOT NULL DEFAULT 7 COMMENT 'how many'")

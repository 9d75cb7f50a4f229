"""What is read from the words of an ALTER: renames, additions, drops, USING, refusals."""

from __future__ import annotations

import pytest

from osc.errors import Usage
from osc.model import alter
from osc.model.alter import Alter


def mysql(clauses: str) -> Alter:
    return alter.from_clauses("orders", clauses, mysql=True)


def postgres(clauses: str) -> Alter:
    return alter.from_clauses("orders", clauses, mysql=False)


@pytest.mark.parametrize(
    ("text", "schema", "table"),
    [
        ("orders", None, "orders"),
        ("Orders", None, "Orders"),
        ("shop.orders", "shop", "orders"),
        ("`shop`.`orders`", "shop", "orders"),
        ("`my shop`.`the orders`", "my shop", "the orders"),
        ("`shop.orders`", None, "shop.orders"),
        ("`a``b`", None, "a`b"),
        ("shop . orders", "shop", "orders"),
        ("/* which */ orders", None, "orders"),
        ('"my ""orders"', None, 'my "orders'),
        ("IF EXISTS orders", None, "orders"),
    ],
)
def test_the_table_of_a_mysql_statement(text: str, schema: str | None, table: str) -> None:
    found = alter.parse(f"ALTER TABLE {text} ADD COLUMN x INT", mysql=True)

    assert (found.schema, found.table, found.clauses) == (schema, table, "ADD COLUMN x INT")


@pytest.mark.parametrize(
    ("text", "schema", "table"),
    [
        ("orders", None, "orders"),
        ("Orders", None, "orders"),
        ('"Orders"', None, "Orders"),
        ('Shop."The Orders"', "shop", "The Orders"),
        ('"a.b"."c""d"', "a.b", 'c"d'),
        ("ONLY orders", None, "orders"),
        ("IF EXISTS ONLY orders *", None, "orders"),
    ],
)
def test_the_table_of_a_postgres_statement(text: str, schema: str | None, table: str) -> None:
    found = alter.parse(f"ALTER TABLE {text} ADD COLUMN x int", mysql=False)

    assert (found.schema, found.table, found.clauses) == (schema, table, "ADD COLUMN x int")


def test_the_clauses_are_kept_word_for_word() -> None:
    found = alter.parse("alter  table t  add x int /* why */ default '%s' ;", mysql=True)

    assert found.on("`s`.`t2`") == "ALTER TABLE `s`.`t2` add x int /* why */ default '%s'"


def test_alter_online_table_is_mariadbs_way_to_say_it() -> None:
    assert alter.parse("ALTER ONLINE TABLE t FORCE", mysql=True).clauses == "FORCE"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("ALTER TABLE a ADD x INT; DROP TABLE b", "one ALTER TABLE"),
        ("ALTER IGNORE TABLE a ADD UNIQUE (x)", "IGNORE"),
        ("alter online ignore table a add unique (x)", "IGNORE"),
        ("DROP TABLE a", "only ALTER TABLE"),
        ("ALTER VIEW a AS SELECT 1", "only ALTER TABLE"),
        ("ALTER TABLE", "names no table"),
        ("", "only ALTER TABLE"),
        ("ALTER TABLE a", "says nothing"),
        ("ALTER TABLE a.b.c ADD x INT", "names no table"),
        ("ALTER TABLE 'a' ADD x INT", "names no table"),
        ("ALTER TABLE a /*!80000 ADD x INT */", "can't be read"),
        ("ALTER TABLE a ADD", "ends"),
        ("ALTER TABLE a DROP COLUMN", "ends"),
        ("ALTER TABLE a CHANGE", "ends"),
        ("ALTER TABLE a CHANGE b", "ends"),
        ("ALTER TABLE a CHANGE COLUMN b", "ends"),
        ("ALTER TABLE a RENAME COLUMN", "ends"),
    ],
)
def test_a_mysql_statement_that_is_no_single_alter_is_refused(statement: str, says: str) -> None:
    with pytest.raises(Usage, match=says):
        alter.parse(statement, mysql=True)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("ALTER TABLE a ADD x int; DROP TABLE b", "one ALTER TABLE"),
        ("ALTER TABLE a ALTER", "ends"),
        ("ALTER TABLE a ALTER x TYPE int USING", "ends"),
    ],
)
def test_a_postgres_statement_that_is_no_single_alter_is_refused(statement: str, says: str) -> None:
    with pytest.raises(Usage, match=says):
        alter.parse(statement, mysql=False)


def test_a_semicolon_in_a_string_or_at_the_end_is_harmless() -> None:
    assert alter.parse("ALTER TABLE a COMMENT = 'x; y';", mysql=True).clauses == "COMMENT = 'x; y'"


@pytest.mark.parametrize(
    ("clauses", "renames"),
    [
        ("RENAME COLUMN a TO b", [("a", "b")]),
        ("rename column `a a` to `b``b`", [("a a", "b`b")]),
        ("CHANGE a b INT", [("a", "b")]),
        ("CHANGE COLUMN a b INT", [("a", "b")]),
        ("cHaNgE Column `A` `b.c` INT NOT NULL", [("A", "b.c")]),
        ("CHANGE COLUMN IF EXISTS a b INT", [("a", "b")]),
        ("RENAME COLUMN IF EXISTS a TO b", [("a", "b")]),
        ("CHANGE `column` b INT", [("column", "b")]),
        ("CHANGE a a BIGINT", []),
        ('CHANGE "a ""a" "b" INT COMMENT "c"', [('a "a', "b")]),
        ("CHANGE 5a $b INT DEFAULT 1e5", [("5a", "$b")]),
        ("RENAME COLUMN a TO b, RENAME COLUMN b TO a", [("a", "b"), ("b", "a")]),
        ("CHANGE /* RENAME x TO y */ a b INT COMMENT 'CHANGE c d'", [("a", "b")]),
        ("ADD x DECIMAL(10,2), CHANGE a b INT", [("a", "b")]),
        ("RENAME INDEX a TO b", []),
        ("RENAME KEY a TO b", []),
        ("RENAME TO other", []),
        ("RENAME AS other", []),
        ("RENAME other", []),
        ("MODIFY a BIGINT", []),
    ],
)
def test_every_form_of_a_rename_on_mysql(clauses: str, renames: list[tuple[str, str]]) -> None:
    assert mysql(clauses).renames == tuple(renames)


@pytest.mark.parametrize("wait", ["WAIT 3", "NOWAIT"])
def test_how_long_mariadb_is_to_wait_is_no_clause(wait: str) -> None:
    found = mysql(f"{wait} ADD COLUMN z INT, DROP y")

    assert (found.added, found.dropped, len(found.verbs)) == (("z",), ("y",), 2)


@pytest.mark.parametrize(
    ("statement", "parts"),
    [
        ("/*!50100 PARTITION BY HASH (id) PARTITIONS 4 */", "PARTITION BY HASH (id) PARTITIONS 4"),
        ("MODIFY a /*!BIGINT*/ COMMENT '/*!50000 */' /*!40000 , ADD b INT */",
         "MODIFY a    BIGINT   COMMENT '/*!50000 */' | ADD b INT"),
        ("CHANGE a b INT /*!50100 COMMENT '*/' */", "CHANGE a b INT          COMMENT '*/'"),
    ],
)  # fmt: skip
def test_what_a_comment_of_old_versions_holds_is_a_part_of_the_statement(
    statement: str, parts: str
) -> None:
    assert mysql(statement).parts == tuple(parts.split(" | "))


@pytest.mark.parametrize("mark", ["/*!50701 ", "/*!80023 ", "/*!100100 ", "/*M! ", "/*!80000"])
def test_what_only_some_servers_execute_is_refused(mark: str) -> None:
    with pytest.raises(Usage, match="can't be read"):
        alter.parse(f"ALTER TABLE a ADD x INT {mark}, ADD y INT */", mysql=True)


def test_an_executable_comment_that_is_never_closed_is_refused() -> None:
    with pytest.raises(Usage, match="can't be read"):
        alter.parse("ALTER TABLE a ADD x INT /*!50100 , ADD y INT", mysql=True)


@pytest.mark.parametrize(
    ("clauses", "renames"),
    [
        ("RENAME COLUMN a TO b", [("a", "b")]),
        ("RENAME a TO b", [("a", "b")]),
        ('RENAME A TO "B"', [("a", "B")]),
        ("RENAME CONSTRAINT a TO b", []),
        ("RENAME TO b", []),
    ],
)
def test_every_form_of_a_rename_on_postgres(clauses: str, renames: list[tuple[str, str]]) -> None:
    assert postgres(clauses).renames == tuple(renames)


@pytest.mark.parametrize(
    ("clauses", "added", "dropped"),
    [
        ("ADD a INT", ["a"], []),
        ("ADD COLUMN a INT FIRST, add column `b` INT AFTER a", ["a", "b"], []),
        ("ADD COLUMN IF NOT EXISTS a INT", ["a"], []),
        ("ADD COLUMN (a INT, b DECIMAL(10,2))", ["a", "b"], []),
        ("ADD (a INT, b INT, KEY k (a))", ["a", "b"], []),
        ("ADD INDEX i (a), ADD KEY (b), ADD UNIQUE (c), ADD PRIMARY KEY (d)", [], []),
        ("ADD FULLTEXT (a), ADD SPATIAL INDEX (b), ADD CONSTRAINT c CHECK (d > 0)", [], []),
        ("ADD CHECK (a > 0), ADD FOREIGN KEY (a) REFERENCES b (c)", [], []),
        ("ADD `key` INT, ADD `index` INT", ["key", "index"], []),
        ("DROP a", [], ["a"]),
        ("DROP COLUMN a, drop column if exists `B`", [], ["a", "B"]),
        ("DROP INDEX i, DROP KEY k, DROP PRIMARY KEY, DROP FOREIGN KEY f", [], []),
        ("DROP CHECK c, DROP CONSTRAINT d, DROP PARTITION p", [], []),
        ("DROP `primary`", [], ["primary"]),
        ("DROP COLUMN a, ADD COLUMN a TEXT", ["a"], ["a"]),
        ("ADD a INT DEFAULT (IF(1, 2, 3)) COMMENT 'DROP b, ADD c'", ["a"], []),
        ("ALTER COLUMN a SET DEFAULT 5, ALTER b DROP DEFAULT", [], []),
    ],
)
def test_columns_that_mysql_adds_and_drops(
    clauses: str, added: list[str], dropped: list[str]
) -> None:
    found = mysql(clauses)

    assert (list(found.added), list(found.dropped)) == (added, dropped)


@pytest.mark.parametrize(
    ("clauses", "added", "dropped"),
    [
        ('ADD A int, ADD COLUMN IF NOT EXISTS "B" int', ["a", "B"], []),
        ('DROP A, DROP COLUMN IF EXISTS "B" CASCADE', [], ["a", "B"]),
        ("ADD EXCLUDE USING gist (a WITH =), ADD CONSTRAINT n NOT NULL a", [], []),
        ("DROP CONSTRAINT IF EXISTS c RESTRICT", [], []),
        ("DROP COLUMN a, ADD COLUMN a text[] DEFAULT ARRAY['x', 'y']", ["a"], ["a"]),
        ("ALTER COLUMN a DROP NOT NULL, ALTER b ADD GENERATED ALWAYS AS IDENTITY", [], []),
    ],
)
def test_columns_that_postgres_adds_and_drops(
    clauses: str, added: list[str], dropped: list[str]
) -> None:
    found = postgres(clauses)

    assert (list(found.added), list(found.dropped)) == (added, dropped)


@pytest.mark.parametrize(
    ("clauses", "using"),
    [
        ("ALTER a TYPE int USING a::int", {"a": "a::int"}),
        ('ALTER COLUMN "A" SET DATA TYPE int USING length( "A" )', {"A": 'length( "A" )'}),
        (
            "ALTER a TYPE int USING (a || ', USING')::int, ALTER b TYPE text USING b::text",
            {"a": "(a || ', USING')::int", "b": "b::text"},
        ),
        ('ALTER A TYPE numeric(10, 2) COLLATE "C" USING f(a, 2)', {"a": "f(a, 2)"}),
        ("ALTER a TYPE bigint", {}),
        ("ADD x int, ADD EXCLUDE USING gist (a WITH =)", {}),
    ],
)
def test_the_expression_of_a_type_change(clauses: str, using: dict[str, str]) -> None:
    assert postgres(clauses).using == using


def test_the_columns_that_a_type_is_told_for() -> None:
    found = postgres(
        "ALTER a TYPE int, ALTER COLUMN b SET DATA TYPE int, ALTER c SET DEFAULT 'TYPE',"
        " ALTER type SET NOT NULL, ALTER type TYPE text"
    )

    assert found.typed == ("a", "b", "type")


def test_the_first_words_of_each_clause_are_kept_for_refusals() -> None:
    found = mysql("drop partition `p`, RENAME TO x")

    assert found.verbs == (("DROP", "PARTITION", "`p`"), ("RENAME", "TO", "X"))


def test_mysql_folds_the_case_of_column_names_and_postgres_does_not() -> None:
    assert mysql("FORCE").fold("Name") == "name"
    assert postgres("ADD x int").fold("Name") == "Name"

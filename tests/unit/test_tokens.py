"""SQL in tokens: no word in a string or a comment is taken for a keyword."""

from __future__ import annotations

import pytest

from osc.errors import Usage
from osc.model.tokens import Kind, split, tokens


def texts(sql: str, *, mysql: bool) -> list[str]:
    return [token.text for token in tokens(sql, mysql=mysql)]


MYSQL = [
    ("a -- comment, with ; and '\nb", ["a", "b"]),
    ("a # comment ; '\nb", ["a", "b"]),
    ("a /* ; ' */ b", ["a", "b"]),
    ("a--b", ["a", "-", "-", "b"]),
    ("a /* last */", ["a"]),
    ("a -- last", ["a"]),
    (r"'it\'s' 'it''s'", [r"'it\'s'", "'it''s'"]),
    ('"a string; here"', ['"a string; here"']),
    ("`a``b`.`c d`", ["`a``b`", ".", "`c d`"]),
    ("decimal(10,2)", ["decimal", "(", "10", ",", "2", ")"]),
    ("größe $x _y 5a 1e5", ["größe", "$x", "_y", "5a", "1e5"]),
    ("1.5", ["1.5"]),
]
POSTGRES = [
    ("a -- comment\nb", ["a", "b"]),
    ("a--b\nc", ["a", "c"]),
    ("a /* out /* in */ still out */ b", ["a", "b"]),
    ("'it''s; ' \"a\"\"b\"", ["'it''s; '", '"a""b"']),
    (r"e'it\'s;' b", [r"e'it\'s;'", "b"]),
    (r"'back\' , b", ["'back\\'", ",", "b"]),
    ("$$ it's; $$ a", ["$$ it's; $$", "a"]),
    ("$x$ $$ ; $x$ a", ["$x$ $$ ; $x$", "a"]),
    ("a::int", ["a", ":", ":", "int"]),
    ("a # b", ["a", "#", "b"]),
]


@pytest.mark.parametrize(("sql", "expected"), MYSQL)
def test_mysql_text_is_cut_into_tokens(sql: str, expected: list[str]) -> None:
    assert texts(sql, mysql=True) == expected


@pytest.mark.parametrize(("sql", "expected"), POSTGRES)
def test_postgres_text_is_cut_into_tokens(sql: str, expected: list[str]) -> None:
    assert texts(sql, mysql=False) == expected


@pytest.mark.parametrize(
    ("sql", "mysql"),
    [
        ("a 'open", True),
        ("a `open", True),
        ('a "open', True),
        ("a 'open", False),
        ('a "open', False),
        ("a /* open /* */", False),
        ("a /*! ALTER */", True),
        ("a /*!50100 PARTITION BY HASH (a) */", True),
        ("a /*M! b */", True),
        ("a /*M!100100 b */", True),
    ],
)
def test_text_that_is_open_or_executable_is_refused(sql: str, mysql: bool) -> None:
    with pytest.raises(Usage):
        tokens(sql, mysql=mysql)


def test_the_refusal_shows_where_the_reading_stopped() -> None:
    with pytest.raises(Usage, match="'open quote"):
        tokens("ADD COLUMN 'open quote", mysql=True)


def test_a_quoted_identifier_has_its_value_without_quotes() -> None:
    (mysql,) = tokens("`a``b.c d`", mysql=True)
    (postgres,) = tokens('"a""b.c d"', mysql=False)

    assert (mysql.kind, mysql.value) == (Kind.QUOTED, "a`b.c d")
    assert (postgres.kind, postgres.value) == (Kind.QUOTED, 'a"b.c d')


def test_a_quoted_word_is_a_name_but_no_keyword() -> None:
    (quoted,) = tokens("`index`", mysql=True)
    (word,) = tokens("index", mysql=True)

    assert quoted.is_name
    assert not quoted.is_word("INDEX")
    assert word.is_name
    assert word.is_word("INDEX")


def test_a_string_is_no_name() -> None:
    (string,) = tokens("'a'", mysql=True)

    assert not string.is_name


def test_a_token_knows_where_it_stands() -> None:
    sql = "ADD /* x */ COLUMN"

    _, column = tokens(sql, mysql=True)

    assert sql[column.start : column.end] == "COLUMN"


def test_commas_in_parentheses_and_brackets_do_not_split() -> None:
    parts = split(tokens("a numeric(10, 2), b int[1, 2], c", mysql=False))

    assert [part[0].text for part in parts] == ["a", "b", "c"]


def test_parentheses_may_be_nested() -> None:
    parts = split(tokens("CHECK ((a, b) IN ((1, 2))), c", mysql=True))

    assert [part[0].text for part in parts] == ["CHECK", "c"]


def test_a_comma_in_a_string_does_not_split() -> None:
    assert len(split(tokens("ENUM('a,b', '(')", mysql=True))) == 1
